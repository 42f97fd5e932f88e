"""An interruption at any line of a call leaves a model as it was before, or as it is after.

With `EVERY_LINE=1` in the environment, calls are interrupted at each line, which takes minutes, instead of at four.
"""

import os

import keras
import numpy as np
import pytest
from interruptions import interrupt_at, lines_of

import keras_lr as klr

X, Y = np.linspace(-1, 1, 24, dtype="float32").reshape(8, 3), np.linspace(0, 1, 8, dtype="float32").reshape(8, 1)
RATE = klr.Linear(0.25, 0.0, steps=40)


def trained(make_optimizer, fits=1):
    keras.utils.clear_session(free_memory=False)  # for the same names
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input([3]), keras.layers.Dense(2), keras.layers.Dense(1)])
    optimizer = make_optimizer(model)
    model.compile(optimizer=optimizer, loss="mse")
    for _ in range(fits):
        fit(model)
    return model


def fit(model, callbacks=()):
    model.fit(X, Y, batch_size=4, shuffle=False, verbose=0, callbacks=list(callbacks))


def after(model):
    """What a model does from here on, and what its optimizers say."""
    inner = klr.optimizers.inspection.inner_optimizers(model.optimizer)
    said = [str(keras.saving.serialize_keras_object(one)["config"]) for one in inner]
    said += [len(one.variables) for one in inner]
    fit(model)
    return said, [keras.ops.convert_to_numpy(weight) for weight in model.weights]


def sgd(model):
    return keras.optimizers.SGD(0.1, momentum=0.5)


def scheduled_adam(model):
    return klr.scheduled(keras.optimizers.Adam(RATE), beta_1=True)


def adam(model):
    return keras.optimizers.Adam(RATE)


def prodigy(model):
    return klr.scheduled(adam(model), learning_rate=klr.Prodigy(RATE, initial=0.01))


def by_layer(model):
    return klr.layerwise(model, keras.optimizers.SGD(0.1, momentum=0.5), decay=0.5)


def bound(model):
    return keras.optimizers.SGD(klr.Linear(0.25, 0.0, steps=klr.epochs(20)).bind(steps_per_epoch=4))


def bind_again(model):
    """What `BindSpans` does when a `fit` with shorter epochs begins."""
    callback = klr.BindSpans(steps_per_epoch=2)
    callback.set_params({"epochs": 1, "steps": 2})
    callback.set_model(model)
    callback.on_train_begin()


CALLS = {
    "scheduled": (sgd, lambda model: klr.scheduled(model, momentum=klr.AdaptiveMomentum(), weight_decay=RATE)),
    "scheduled, several": (by_layer, lambda model: klr.scheduled(model, learning_rate=RATE, momentum=True)),
    "to a schedule": (sgd, lambda model: klr.set_learning_rate(model, RATE)),
    "to a number": (scheduled_adam, lambda model: klr.set_learning_rate(model, 0.0625)),
    "to a rule": (adam, lambda model: klr.set_learning_rate(model, klr.Prodigy(RATE, initial=0.01))),
    "from a rule": (prodigy, lambda model: klr.set_learning_rate(model, 0.0625)),
    "several to a schedule": (by_layer, lambda model: klr.set_learning_rate(model, RATE)),
    "resume_at": (scheduled_adam, lambda model: klr.resume_at(model, epoch=3, steps_per_epoch=2)),
    "BindSpans": (bound, bind_again),
    "set_model": (by_layer, lambda model: klr.PlateauReducer("loss").set_model(model)),
    "ramp": (by_layer, lambda model: klr.AdaptiveMomentumRamp().set_model(model)),
}


def same(one, other):
    return one[0] == other[0] and all(np.array_equal(a, b) for a, b in zip(one[1], other[1], strict=True))


QUICK = ("scheduled", "to a schedule", "BindSpans")
EVERY_LINE = bool(os.environ.get("EVERY_LINE"))


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in CALLS]
)
def test_interrupted(name):
    make, call = CALLS[name]
    if make is by_layer and not hasattr(keras.optimizers, "MultiOptimizer"):
        pytest.skip("Keras is older than 3.15 and has no `MultiOptimizer`")
    untouched = after(trained(make))
    changed = trained(make)
    lines = lines_of(lambda: call(changed), sample=None if EVERY_LINE else 4)
    changed = after(changed)
    assert not same(untouched, changed)
    for line in lines:
        model = trained(make)
        place = interrupt_at(line, lambda model=model: call(model))
        result = after(model)
        assert same(result, untouched) or same(result, changed), place
    print(f"{name}: {len(lines)} lines")
