"""`set_learning_rate` at any time, keeping moments and iterations."""

import keras
import numpy as np
import pytest
from keras import optimizers as opt
from models import Applied, applied, classifier, flowers, ones, rate_meter

import keras_lr as klr

VALUES = {
    "number": 0.5,
    "schedule": klr.Table([9.0] * 4 + [4.0, 3.0, 2.0, 1.0]),
    "Keras' own": keras.optimizers.schedules.ExponentialDecay(8.0, 1, 0.5, staircase=True),
}
EXPECTED = {"number": [0.5] * 4, "schedule": [4.0, 3.0, 2.0, 1.0], "Keras' own": [0.5, 0.25, 0.125, 0.0625]}
every_value = pytest.mark.parametrize("after", VALUES)


def fit(model, callbacks=(), **options):
    model.fit(*ones(4), batch_size=1, verbose=0, callbacks=[*callbacks], **options)


@every_value
@pytest.mark.parametrize("before", [1.0, klr.Constant(1.0)], ids=["number", "schedule"])
@pytest.mark.parametrize("scheduled", [False, True])
def test_after_training(before, after, scheduled):
    """A trained model goes on with the new rate at its own step, whatever the rate was."""
    optimizer = opt.SGD(before)
    if scheduled:
        klr.scheduled(optimizer, weight_decay=0.0)
    model, seen = rate_meter(optimizer), Applied()
    fit(model)
    np.testing.assert_allclose(applied(model), 4.0, rtol=1e-6)
    klr.set_learning_rate(model, VALUES[after])
    fit(model, [seen])
    np.testing.assert_allclose(seen.rates, EXPECTED[after], rtol=1e-6)
    assert int(model.optimizer.iterations) == 8


@every_value
def test_from_a_callback(after):
    """Set between two epochs of one `fit`, the rate holds from the next step on."""

    class Switch(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                klr.set_learning_rate(self.model, VALUES[after])

    for before in (1.0, klr.Constant(1.0)):
        model, seen = rate_meter(opt.SGD(before)), Applied()
        fit(model, [Switch(), seen], epochs=2)
        np.testing.assert_allclose(seen.rates, [1.0] * 4 + EXPECTED[after], rtol=1e-6)


@every_value
@pytest.mark.parametrize("before", [0.01, klr.Constant(0.01)], ids=["number", "schedule"])
def test_moments_stay(before, after, tmp_path):
    """Moments and iterations are kept, and the changed model is saved and loaded whole."""
    model = classifier(opt.Adam(before))
    model.fit(*flowers(), batch_size=4, verbose=0)
    slots = {v.path: keras.ops.convert_to_numpy(v) for v in model.optimizer.variables if "rate" not in v.name}
    klr.set_learning_rate(model, VALUES[after])
    kept = [v for v in model.optimizer.variables if "rate" not in v.name]
    assert {v.path for v in kept} == set(slots)
    for variable in kept:
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(variable), slots[variable.path])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert int(loaded.optimizer.iterations) == 16
    for one in (model, loaded):
        one.fit(*flowers(), batch_size=4, shuffle=False, verbose=0)
    for a, b in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("through", [None, 5.0], ids=["at once", "through a number"])
def test_what_a_plateau_left_is_over(through):
    """A rate that is set is the rate: the factor of earlier reductions does not go on to multiply it."""
    model = rate_meter(opt.SGD(klr.Constant(1.0)))
    reducer = klr.PlateauReducer("loss", factor=0.5, patience=1, threshold=9.0)
    fit(model, [reducer], epochs=3)
    assert reducer.total_factor < 1
    if through is not None:
        klr.set_learning_rate(model, through)
    klr.set_learning_rate(model, klr.Constant(2.0))
    seen = Applied()
    fit(model, [seen])
    np.testing.assert_allclose(seen.rates, [2.0] * 4, rtol=1e-5)


def test_optimizer_before_training():
    """An optimizer alone can be given another rate before it is used."""
    optimizer = opt.SGD(klr.Constant(1.0))
    klr.set_learning_rate(optimizer, 2.0)
    model = rate_meter(optimizer)
    fit(model)
    np.testing.assert_allclose(applied(model), 8.0, rtol=1e-6)


@pytest.mark.parametrize("change", [klr.set_learning_rate, lambda one, rate: klr.scheduled(one, learning_rate=rate)])
def test_optimizer_after_training(change):
    """The compiled steps of all models that were trained with it are renewed."""
    model = rate_meter(keras.optimizers.SGD(1.0))
    other = keras.Model(model.inputs, model.outputs)
    other.compile(model.optimizer, loss=model.loss)
    for one in (model, other):
        one.fit(*ones(1), batch_size=1, verbose=0)
    change(model.optimizer, klr.Constant(0.25))
    for one in (model, other):
        before = applied(model)
        one.fit(*ones(2), batch_size=1, verbose=0)
        assert applied(model) - before == 0.5


def test_nested_optimizers():
    """All optimizers inside get the rate."""
    model = rate_meter(opt.LossScaleOptimizer(opt.SGD(klr.Constant(1.0))))
    klr.set_learning_rate(model, 2.0)
    fit(model)
    np.testing.assert_allclose(applied(model), 8.0, rtol=1e-6)


def test_refusals():
    """What is no rate, or no compiled model, is refused, and nothing is changed."""
    model = rate_meter(opt.SGD(1.0))
    for value in (-1.0, float("nan"), 1e39, "x", None, lambda: 0.1):
        with pytest.raises((TypeError, ValueError), match="`value` of `set_learning_rate` must be"):
            klr.set_learning_rate(model, value)
    fit(model)
    np.testing.assert_allclose(applied(model), 4.0, rtol=1e-6)
    for target in (keras.Sequential([keras.Input([1])]), "model", None):
        with pytest.raises(TypeError, match="`model_or_optimizer` of `set_learning_rate` must be a compiled model"):
            klr.set_learning_rate(target, 0.1)
