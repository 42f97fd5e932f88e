"""Callbacks that set the same thing: what raises at the start of `fit`, and what works together."""

import keras
import numpy as np
import pytest
from keras import optimizers
from models import Applied, applied, ones, rate_meter
from test_plateau_reducer import Report

import keras_lr as klr

TWICE = {
    "reducer": lambda path: klr.PlateauReducer("loss"),
    "switcher": lambda path: klr.EpochIntervalSwitcher([1], [0.1, 0.2]),
    "function": lambda path: klr.EpochSchedule(lambda epoch: 0.1),
    "ramp": lambda path: klr.AdaptiveMomentumRamp(),
    "monitor": lambda path: klr.Monitor(),
    "spans": lambda path: klr.BindSpans(),
    "control": lambda path: klr.LiveControl(path / "control.json"),
}
SCHEDULE = klr.Linear(1.0, 0.5, steps=100)


def raises(model, message, *callbacks):
    """`fit` with these callbacks raises before the first step."""
    with pytest.raises(ValueError, match=message):
        model.fit(*ones(2), batch_size=1, callbacks=list(callbacks), verbose=0)
    assert int(model.optimizer.iterations) == 0 and applied(model) == 0.0


@pytest.mark.parametrize("make", TWICE.values(), ids=TWICE)
def test_the_same_instance_twice(make, tmp_path):
    """A callback that is there twice would act twice, so it raises."""
    one = make(tmp_path)
    message = rf"`callbacks` of `fit` must have each callback once.*Received: the same `{type(one).__name__}` twice"
    raises(rate_meter(optimizers.SGD(0.1, momentum=0.5)), message, one, Applied(), one)


def test_two_ramps():
    """Two that set the momentum raise, as two that set the rate do."""
    model = rate_meter(optimizers.SGD(0.1, momentum=0.5))
    raises(model, "both set `momentum`", klr.AdaptiveMomentumRamp(), klr.AdaptiveMomentumRamp(peak=0.95))


@pytest.mark.parametrize("ours", [klr.BindSpans, klr.Monitor, lambda: klr.PlateauReducer("loss")])
@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("rate", [SCHEDULE, optimizers.schedules.CosineDecay(1.0, 100)], ids=["ours", "Keras' own"])
def test_a_callback_of_keras_and_a_schedule(ours, order, rate):
    """Keras' callbacks would fail at their first change, epochs later: with any of ours it is said at the start."""
    theirs = keras.callbacks.ReduceLROnPlateau("loss", patience=50)
    message = "`ReduceLROnPlateau` can't set .* follows a schedule. `keras_lr.PlateauReducer` works on top of any"
    raises(rate_meter(optimizers.SGD(rate)), message, *[ours(), theirs][::order])
    theirs = keras.callbacks.LearningRateScheduler(lambda epoch: 0.1)
    message = "`LearningRateScheduler` can't set .* follows a schedule. Compile with a number"
    raises(rate_meter(optimizers.SGD(rate)), message, *[ours(), theirs][::order])


@pytest.mark.parametrize("order", [1, -1])
def test_a_callback_of_keras_and_one_of_ours(order):
    """Two that set the rate raise in either order; Keras' own alone, and one that records, do not."""
    theirs = keras.callbacks.LearningRateScheduler(lambda epoch: 0.5)
    for ours in (klr.PlateauReducer("loss"), klr.EpochSchedule(lambda epoch: 0.1)):
        raises(rate_meter(optimizers.SGD(0.1)), "both set `learning_rate`", *[ours, theirs][::order])
    model = rate_meter(optimizers.SGD(0.1, momentum=0.0))
    model.fit(*ones(2), batch_size=1, callbacks=[klr.Monitor(), theirs, klr.BindSpans()], verbose=0)
    np.testing.assert_allclose(applied(model), 1.0, rtol=1e-5)


@pytest.mark.parametrize("rate", [1.0, klr.Constant(1.0)], ids=["number", "schedule"])
def test_two_reducers(rate, tmp_path):
    """Reducers of different metrics multiply, each with its own counts, also when the run is saved and loaded."""
    series = {"loss": [1.0, 1.0, 0.5, 0.5, 0.5, 0.5], "mae": [1.0, 1.0, 1.0, 1.0, 0.5, 0.5]}
    expected = [1.0, 1.0, 1.0, 0.25, 0.25, 0.125]  # `mae` stalls for epochs 1 and 2, `loss` for epochs 3 and 4

    def fit(model, begin, end):
        seen = Applied()
        reducers = [
            klr.PlateauReducer("loss", factor=0.5, patience=2),
            klr.PlateauReducer("mae", factor=0.25, patience=2),
        ]
        reports = [Report(values, name) for name, values in series.items()]
        callbacks = [*reports, *reducers, seen]
        model.fit(*ones(1), batch_size=1, initial_epoch=begin, epochs=end, callbacks=callbacks, verbose=0)
        return seen.rates

    np.testing.assert_allclose(fit(rate_meter(optimizers.SGD(rate)), 0, 6), expected, rtol=1e-4)
    rates, model = [], rate_meter(optimizers.SGD(rate))
    loss = model.loss
    for begin in (0, 2, 4):
        rates += fit(model, begin, begin + 2)
        model.compile(optimizer=model.optimizer, loss="mse")
        model.save(tmp_path / "model.keras")
        model = keras.saving.load_model(tmp_path / "model.keras")
        model.compile(optimizer=model.optimizer, loss=loss)
    np.testing.assert_allclose(rates, expected, rtol=1e-4)


def test_two_reducers_of_one_metric():
    """They would share their counts, so they raise."""
    reducers = klr.PlateauReducer("loss"), klr.PlateauReducer("loss", every=1)
    raises(rate_meter(optimizers.SGD(1.0)), "Two `PlateauReducer`s watch `loss`", *reducers)


@pytest.mark.parametrize("name", ["reducer", "switcher", "function"])
def test_a_rate_that_is_a_function(name, tmp_path):
    """Keras takes a function as the rate, which nobody can set: that raises at once, not at the first change."""
    message = "can't set a learning rate that is a function. Compile with a number, or with a schedule. Received: learn"
    raises(rate_meter(optimizers.SGD(lambda: 0.1)), message, TWICE[name](tmp_path))
