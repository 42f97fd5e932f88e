"""`resume_at`: schedules go on where an epoch begins, by the rates that the weights show."""

import keras
import numpy as np
import pytest
from keras import optimizers
from models import Applied, classifier, flowers, ones, rate_meter

import keras_lr as klr

FALLING = klr.Linear(8.0, 0.0, steps=8)
OPTIMIZERS = {
    "plain": lambda: optimizers.SGD(FALLING),
    "nested": lambda: optimizers.LossScaleOptimizer(optimizers.SGD(FALLING)),
    "scheduled": lambda: klr.scheduled(optimizers.SGD(FALLING), weight_decay=0.0),
}


@pytest.mark.parametrize("fitted", [False, True], ids=["new", "fitted"])
@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_it_goes_on_at_the_epoch(make, fitted):
    """`fit(initial_epoch=...)` applies the rates of that epoch, with a new optimizer and with a used one."""
    model, seen = rate_meter(make()), Applied()
    if fitted:
        model.fit(*ones(1), batch_size=1, verbose=0)
    klr.resume_at(model, epoch=2, steps_per_epoch=2)
    assert int(model.optimizer.iterations) == 4
    model.fit(*ones(2), batch_size=1, initial_epoch=2, epochs=4, callbacks=[seen], verbose=0)
    np.testing.assert_allclose(seen.rates, [4, 3, 2, 1], rtol=1e-5)
    klr.resume_at(model, epoch=0, steps_per_epoch=2)
    assert int(model.optimizer.iterations) == 0


def test_weights_alone(tmp_path):
    """SGD whose weights alone were restored ends with the weights of the run that was never interrupted."""
    rate = klr.Linear(0.5, 0.0, steps=64)
    options = {"batch_size": 4, "shuffle": False, "verbose": 0}
    whole = classifier(optimizers.SGD(rate))
    whole.fit(*flowers(), epochs=2, **options)
    model = classifier(optimizers.SGD(rate))
    model.set_weights(whole.get_weights())
    klr.resume_at(model, epoch=2, steps_per_epoch=16)
    for one in (whole, model):
        one.fit(*flowers(), initial_epoch=2, epochs=4, **options)
    for a, b in zip(whole.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_batches_under_accumulation():
    """Batches are counted, and the schedule of updates sees updates."""
    optimizer = klr.scheduled(optimizers.SGD(1.0, gradient_accumulation_steps=2), learning_rate=FALLING)
    model, seen = rate_meter(optimizer), Applied()
    klr.resume_at(model, epoch=1, steps_per_epoch=4)
    assert int(model.optimizer.iterations) == 2
    model.fit(*ones(4), batch_size=1, initial_epoch=1, epochs=2, callbacks=[seen], verbose=0)
    np.testing.assert_allclose(seen.rates, [0, 6, 0, 5], rtol=1e-5)


def test_several_optimizers():
    """All optimizers inside are set, and the one around them."""
    if not hasattr(optimizers, "MultiOptimizer"):
        pytest.skip("this Keras has no MultiOptimizer")
    parts = optimizers.SGD(FALLING), optimizers.SGD(FALLING)
    model = rate_meter(optimizers.MultiOptimizer(optimizers.OptimizerMap(parts[0], {".*bias": parts[1]})))
    klr.resume_at(model, epoch=2, steps_per_epoch=3)
    assert [int(part.iterations) for part in (model.optimizer, *model.optimizer.optimizers)] == [6, 6, 6]
    assert [float(part.learning_rate) for part in model.optimizer.optimizers] == [2.0, 2.0]


def test_the_optimizer_is_built(tmp_path):
    """A weights file that is loaded afterwards finds the slots of the optimizer, where Keras would skip them."""
    model = classifier(optimizers.Adam(0.01))
    model.fit(*flowers(), verbose=0)
    model.save_weights(tmp_path / "model.weights.h5")
    new = classifier(optimizers.Adam(0.01))
    klr.resume_at(new, epoch=0, steps_per_epoch=1)
    new.load_weights(tmp_path / "model.weights.h5")
    for a, b in zip(model.optimizer.variables, new.optimizer.variables, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(a), keras.ops.convert_to_numpy(b))


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"epoch": -1}, "epoch"),
        ({"epoch": 1.0}, "epoch"),
        ({"epoch": True}, "epoch"),
        ({"epoch": 2**62}, "epoch"),
        ({"steps_per_epoch": 0}, "steps_per_epoch"),
        ({"steps_per_epoch": None}, "steps_per_epoch"),
        ({"model": "adam"}, "model"),
        ({"model": keras.Sequential([keras.layers.Dense(1)])}, "model"),
        ({"model": keras.Sequential([keras.Input([1]), keras.layers.Dense(1)])}, "model"),
    ],
)
def test_bad_arguments(arguments, name):
    """Arguments are checked before anything is changed."""
    model = rate_meter(optimizers.SGD(FALLING))
    with pytest.raises((TypeError, ValueError), match=f"`{name}` of `resume_at` must be"):
        klr.resume_at(**({"model": model, "epoch": 1, "steps_per_epoch": 2} | arguments))
    assert int(model.optimizer.iterations) == 0
