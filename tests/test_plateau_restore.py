"""`PlateauReducer(restore_best=True)`: a reduction goes back to the weights of the best check."""

import keras
import numpy as np
import pytest
from keras import optimizers as opt
from models import flowers
from test_plateau_reducer import Report

import keras_lr as klr


def network(optimizer):
    """A small network with weights that are not trained but change: the averages of its normalization."""
    layers = [keras.layers.Dense(4), keras.layers.BatchNormalization(), keras.layers.Dense(3, activation="softmax")]
    model = keras.Sequential([keras.Input([4]), *layers])
    model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy")
    return model


class Weights(keras.callbacks.Callback):
    """Records all weights at the end of each epoch, before and after the reducer saw it."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append([np.array(weight) for weight in self.model.get_weights()])


def run(model, series, reducer=None, begin=0, **options):
    options = {"factor": 0.5, "patience": 2, "restore_best": True} | options
    before, after = Weights(), Weights()
    reducer = reducer or klr.PlateauReducer("loss", **options)
    callbacks = [Report(series), before, reducer, after]
    keywords = {"batch_size": 8, "initial_epoch": begin, "epochs": len(series), "verbose": 0}
    model.fit(*flowers(), callbacks=callbacks, **keywords)
    return before.seen, after.seen


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("rate", [0.1, klr.Constant(0.1)], ids=["number", "schedule"])
def test_a_reduction_goes_back(rate):
    """All weights and moments are those of the best epoch; iterations go on; other epochs are left alone."""
    model = network(opt.SGD(rate, momentum=0.9))
    moments = []
    model.optimizer.build(model.trainable_variables)

    class Moments(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            moments.append(np.array(keras.ops.convert_to_numpy(self.model.optimizer.momentums[0])))

    series = [2.0, 1.0, 3.0, 3.0, 0.5, 1.0]
    before, after = run(model, series)
    assert [same(a, b) for a, b in zip(before, after, strict=True)] == [True, True, True, False, True, True]
    assert same(after[3], before[1]) and not same(before[1], before[3])
    assert int(model.optimizer.iterations) == 6 * 8
    model, parts = network(opt.SGD(rate, momentum=0.9)), [Moments(), Moments()]
    reducer = klr.PlateauReducer("loss", patience=1, restore_best=True)
    callbacks = [Report([1.0, 2.0]), parts[0], reducer, parts[1]]
    moments.clear()
    model.fit(*flowers(), batch_size=8, epochs=2, callbacks=callbacks, verbose=0)
    np.testing.assert_array_equal(moments[3], moments[0])
    assert not np.array_equal(moments[2], moments[0])


def test_training_goes_on_from_there():
    """What comes after a reduction is what comes after the best weights, with the reduced rate."""
    series = [1.0, 2.0, 3.0]
    model = network(opt.SGD(0.25))
    run(model, series, patience=1, factor=0.5)
    other = network(opt.SGD(0.25))
    other.set_weights(model.get_weights())  # those of epoch 0, restored in the last epoch
    model.fit(*flowers(), batch_size=8, shuffle=False, verbose=0)
    other.optimizer.learning_rate = 0.0625
    other.fit(*flowers(), batch_size=8, shuffle=False, verbose=0)
    assert same(model.get_weights(), other.get_weights())


def test_inside_an_epoch():
    """With `every`, a reduction in the middle of an epoch goes back to the weights at the best check."""
    model, seen = network(opt.SGD(0.5)), []

    class Batches(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            seen.append([np.array(weight) for weight in self.model.get_weights()])

    reducer = klr.PlateauReducer("loss", mode="max", patience=1, threshold=100.0, every=3, restore_best=True)
    model.fit(*flowers(), batch_size=8, callbacks=[reducer, Batches()], verbose=0)
    assert same(seen[6], seen[3]) and not same(seen[5], seen[3])


def test_at_the_minimum():
    """Where the rate can't be reduced any more, training is not held at the best; its end goes back."""
    series = [1.0, 2.0, 2.0, 2.0]
    before, after = run(network(opt.SGD(0.1)), series, patience=1, minimum=0.1)
    assert all(same(a, b) for a, b in zip(before, after, strict=True))
    before, after = run(network(opt.SGD(0.1)), series, patience=1, minimum=0.1, stop_at_minimum=True)
    assert len(after) == 2 and same(after[1], before[0])


def test_many_fits_and_a_restart():
    """The copy outlives a `fit`, with the callback; without it, a reduction restores nothing."""
    for again in (True, False):
        model = network(opt.SGD(klr.Constant(0.1)))
        reducer = klr.PlateauReducer("loss", patience=2, restore_best=True)
        first, _ = run(model, [1.0, 2.0], reducer)
        before, after = run(model, [0, 0, 2.0], reducer if again else None, begin=2)
        assert same(after[0], first[0]) is again and same(after[0], before[0]) is not again


def test_the_weights_of_another_model():
    """A callback that is used for another model does not bring the weights of the first."""
    one, other = network(opt.SGD(0.1)), network(opt.SGD(0.1))
    reducer = klr.PlateauReducer("loss", patience=1, restore_best=True)
    run(other, [0.5], patience=1)
    run(one, [1.0], reducer)
    weights = one.get_weights()
    before, after = run(other, [0, 2.0], reducer, begin=1)
    assert same(after[0], before[0])
    one.set_weights([weight + 1 for weight in weights])
    run(other, [0, 0, 2.0], reducer, begin=2)
    assert same(one.get_weights(), [weight + 1 for weight in weights])


def test_an_interrupted_restore(monkeypatch):
    """Ctrl-C in the middle of it leaves all weights of the best, not a half."""
    model = network(opt.SGD(0.1))
    reducer = klr.PlateauReducer("loss", patience=1, restore_best=True)
    before, _ = run(model, [1.0], reducer)
    weight, pressed = model.weights[2], []
    assign = type(weight).assign

    def interrupted(self, value):
        if self is weight and reducer._best._copy[1] and np.shape(value) and not pressed and is_copy(value):
            pressed.append(True)
            raise KeyboardInterrupt
        return assign(self, value)

    def is_copy(value):
        return any(value is kept for _, kept in reducer._best._copy[1])

    monkeypatch.setattr(type(weight), "assign", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(model, [0, 2.0], reducer, begin=1)
    assert pressed and same(model.get_weights(), before[0])


RULE = klr.AdaptiveMomentum()
OPTIMIZERS = {
    "momentum": lambda: opt.SGD(0.1, momentum=0.9),
    "Adam": lambda: opt.Adam(0.01),
    "averages": lambda: opt.Adam(0.01, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=3),
    "accumulation": lambda: opt.SGD(0.1, momentum=0.9, gradient_accumulation_steps=3),
    "scheduled": lambda: klr.scheduled(opt.Adam(klr.Constant(0.01)), beta_1=True),
    "rule": lambda: klr.scheduled(opt.SGD(0.1), momentum=RULE),
    "loss scale": lambda: opt.LossScaleOptimizer(opt.SGD(0.1, momentum=0.9)),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_after_a_batch_with_nan(name):
    """Training goes on: weights, moments, averages, accumulated gradients and the loss scale are finite again."""
    model, (x, y) = network(OPTIMIZERS[name]()), flowers()
    reducer = klr.PlateauReducer("loss", patience=1, restore_best=True)
    keywords = {"batch_size": 8, "callbacks": [reducer], "verbose": 0}
    model.fit(x, y, **keywords)
    bad = x.copy()
    bad[-1] = np.nan
    weights = model.get_weights()
    model.set_weights(weights)  # a bug of Keras on JAX: after a fit with averages, weights share their buffers
    model.fit(bad, y, **keywords)
    assert same(model.get_weights(), weights)
    model.set_weights(weights)
    model.fit(x, y, **keywords)
    arrays = [keras.ops.convert_to_numpy(variable) for variable in model.optimizer.variables]
    assert all(np.isfinite(array).all() for array in [*model.get_weights(), *arrays])
    assert not same(model.get_weights(), weights)
    if name == "loss scale":
        assert float(keras.ops.convert_to_numpy(model.optimizer.dynamic_scale)) == 2.0**15
