"""`EpochIntervalSwitcher` through a compiled `fit`, by the weights it leads to."""

import re

import keras
import numpy as np
import pytest
from models import Applied, applied, classifier, flowers, ones, rate_meter

import keras_lr as klr


def switcher():
    return klr.EpochIntervalSwitcher(boundaries=[1, 3], values=[4.0, 2.0, 1.0])


def fit(model, epochs, initial_epoch=0, callbacks=None, batches=5):
    callbacks = [switcher()] if callbacks is None else callbacks
    x, y = ones(batches)
    return model.fit(
        x, y, batch_size=1, initial_epoch=initial_epoch, epochs=epochs, callbacks=callbacks, verbose=0
    ).history


def test_rates_that_were_applied():
    """Each epoch trains with the value of its interval."""
    model, seen = rate_meter(keras.optimizers.SGD(9.0)), Applied()
    history = fit(model, epochs=4, callbacks=[switcher(), seen])
    np.testing.assert_allclose(seen.rates, [4.0] * 5 + [2.0] * 10 + [1.0] * 5, rtol=1e-6)
    assert history["learning_rate"] == [4.0, 2.0, 2.0, 1.0]


def test_225_steps_an_epoch():
    """The update with index 4499 has 0.1 and that with 4500 has 0.01, as with `Intervals`."""
    callback = klr.EpochIntervalSwitcher(klr.epochs(20, 60, 100), [0.1, 0.01, 0.001, 0.0001])
    model, seen = rate_meter(keras.optimizers.SGD(0.1)), Applied()
    fit(model, initial_epoch=19, epochs=21, callbacks=[callback, seen], batches=225)
    np.testing.assert_allclose(seen.rates[223:227], [0.1, 0.1, 0.01, 0.01], rtol=1e-4)


def test_initial_epoch():
    """With `initial_epoch` the value of that epoch is set at once."""
    model = rate_meter(keras.optimizers.SGD(9.0))
    fit(model, initial_epoch=2, epochs=4)
    np.testing.assert_allclose(applied(model), 5 * (2 + 1), rtol=1e-6)


def test_restart(tmp_path):
    """Saved, loaded and gone on with is the same as never interrupted, bit for bit."""

    def run(model, initial_epoch, epochs):
        x, y = flowers()
        callback = klr.EpochIntervalSwitcher([1, 3], [0.4, 0.2, 0.1])
        keywords = {"initial_epoch": initial_epoch, "epochs": epochs, "shuffle": False, "verbose": 0}
        model.fit(x, y, batch_size=4, callbacks=[callback], **keywords)

    whole = classifier(keras.optimizers.SGD(9.0, momentum=0.9))
    run(whole, 0, 4)
    part = classifier(keras.optimizers.SGD(9.0, momentum=0.9))
    run(part, 0, 2)
    part.save(tmp_path / "model.keras")
    part = keras.saving.load_model(tmp_path / "model.keras")
    run(part, 2, 4)
    for a, b in zip(whole.get_weights(), part.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_nested_optimizers():
    """The rate is set inside `LossScaleOptimizer` and in every part of a `MultiOptimizer`."""
    model = rate_meter(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(9.0)))
    fit(model, epochs=4)
    np.testing.assert_allclose(applied(model), 5 * (4 + 2 + 2 + 1), rtol=1e-6)
    if not hasattr(keras.optimizers, "MultiOptimizer"):
        return
    parts = keras.optimizers.OptimizerMap(keras.optimizers.SGD(9.0), {".*nothing.*": keras.optimizers.SGD(9.0)})
    optimizer = keras.optimizers.MultiOptimizer(parts)
    model = rate_meter(optimizer)
    fit(model, epochs=4)
    np.testing.assert_allclose(applied(model), 5 * (4 + 2 + 2 + 1), rtol=1e-6)
    assert [float(part.learning_rate) for part in optimizer.optimizers] == [1.0, 1.0]


def test_mixed_precision():
    """Under mixed_float16 the rate reaches the optimizer inside the wrapper that Keras adds."""
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = classifier(keras.optimizers.SGD(9.0))
        x, y = flowers()
        model.fit(x, y, batch_size=16, epochs=2, callbacks=[switcher()], verbose=0)
        assert float(model.optimizer.learning_rate) == 2.0
    finally:
        keras.config.set_dtype_policy("float32")


def test_a_schedule_is_refused_before_training():
    """On an optimizer that follows a schedule, `fit` says who owns the rate and changes nothing."""
    for rate in (klr.Constant(9.0), keras.optimizers.schedules.ExponentialDecay(9.0, 5, 0.5)):
        model = rate_meter(keras.optimizers.SGD(rate))
        with pytest.raises(ValueError, match=r"follows a schedule.*`SGD\(0.1\)`.*`keras_lr.Intervals`"):
            fit(model, epochs=4)
        assert applied(model) == 0.0 and model.optimizer._learning_rate is rate


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0, 1], [3, 2, 1]), "`boundaries` of `EpochIntervalSwitcher` must be strictly increasing integers > 0"),
        (([3, 1], [3, 2, 1]), "must be strictly increasing"),
        (([klr.epochs(1), 1], [3, 2, 1]), "must be strictly increasing"),
        ((klr.epochs(0.5), [2, 1]), "must be whole numbers of epochs"),
        ((klr.examples(100), [2, 1]), "must be whole numbers of epochs.*`Intervals` takes any span"),
        (([1, 3], [2, 1]), "`values` of `EpochIntervalSwitcher` must be one more than the 2 `boundaries`"),
        (([1], [2, -1]), "`values` of `EpochIntervalSwitcher` must be finite numbers >= 0"),
        (
            ([1], [0.9, 1.0], "momentum"),
            "`values` of `EpochIntervalSwitcher` must be numbers >= 0 and < 1 for `momentum`",
        ),
        (([1], [2, 1], "lr"), "`hyperparameter` of `EpochIntervalSwitcher` must be one of .*learning_rate, momentum"),
    ],
)
def test_bad_arguments(arguments, message):
    """Arguments are checked at construction."""
    with pytest.raises(ValueError, match=re.sub(r"([>()])", r"\\\1", message)):
        klr.EpochIntervalSwitcher(*arguments)
