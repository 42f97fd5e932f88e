"""The state of `PlateauReducer` is for one run continued: how it begins anew, and when it warns."""

import math
import warnings

import keras
import numpy as np
import pytest
from keras import optimizers as opt
from models import Applied, ones, rate_meter
from test_plateau_reducer import RATES, SERIES, Report, run

import keras_lr as klr


def fold(model, series, **options):
    """A run with the initial weights; the rates of its epochs."""
    model.set_weights([np.zeros_like(weight) for weight in model.get_weights()])
    return run(model, series, restart=True, **options)


@pytest.mark.parametrize("rate", [0.3, klr.Constant(0.3)], ids=["number", "schedule"])
def test_folds(rate):
    """With `restart` the second fold is judged by itself and has the rates of the first, bit for bit."""
    model = rate_meter(opt.SGD(rate))
    first = fold(model, SERIES, factor=0.1)
    np.testing.assert_allclose(first, 0.3 * np.array([1, 1, 1, 1, 0.1, 0.1, 0.1, 0.01, 0.01]), rtol=1e-4)
    np.testing.assert_array_equal(fold(model, [value + 1 for value in SERIES], factor=0.1), first)
    klr.set_learning_rate(model, 0.5)  # another rate is no reduction, and is left alone
    np.testing.assert_allclose(fold(model, [1.0]), [0.5])


def test_several_reducers():
    """Each takes back what it did itself, exactly."""
    model = rate_meter(opt.SGD(0.3))

    def train(restart):
        one = klr.PlateauReducer("loss", factor=0.1, patience=1, restart=restart)
        other = klr.PlateauReducer("mae", factor=0.7, patience=1)
        reports = [Report([1.0] if restart else [1.0] * 3), Report([1.0, 1.0], "mae")]
        model.fit(*ones(1), epochs=1 if restart else 2, callbacks=[*reports, one, other], verbose=0)

    train(restart=False)
    np.testing.assert_allclose(float(model.optimizer.learning_rate), 0.3 * 0.1 * 0.7, rtol=1e-6)
    train(restart=True)
    np.testing.assert_allclose(float(model.optimizer.learning_rate), 0.3 * 0.7 * 0.7, rtol=1e-6)
    assert fold(model, [1.0], factor=0.1) == pytest.approx([0.3 * 0.7 * 0.7], rel=1e-6)


def test_what_is_hardly_meant():
    """It warns where the weights are those that the state began with, or the optimizer has counted no step."""
    model = rate_meter(opt.SGD(1.0))
    run(model, SERIES[:4])
    run(model, SERIES, begin=4, end=5)  # a run continued
    model.set_weights([np.zeros_like(weight) for weight in model.get_weights()])
    with pytest.warns(UserWarning, match=r"the weights are those with which.* `PlateauReducer\(restart=True\)`"):
        run(model, [1.0])
    klr.resume_at(model, epoch=0, steps_per_epoch=1)
    with pytest.warns(UserWarning, match="the optimizer has counted no step"):
        run(model, [1.0])
    still = rate_meter(opt.SGD(0.0))  # weights that never change are no reason
    for begin in range(2):
        run(still, [1.0, 1.0], begin, begin + 1)


def test_new_arguments_win():
    """A later reducer has its own patience, cooldown and mode, whatever grew or began before."""
    model = rate_meter(opt.SGD(1.0))
    run(model, [1.0] * 3, patience=1, growth=50.0, cooldown=9)  # now 50 checks, after 9 that do not count
    np.testing.assert_allclose(run(model, [1.0] * 5, begin=3, patience=1), [0.5, 0.25], rtol=1e-5)
    with pytest.warns(UserWarning, match="is dropped, because it is for the other mode, and `mode` is 'max'"):
        run(model, [1.0] * 6, begin=5, mode="max")


@pytest.mark.parametrize("rate", [1.0, klr.Constant(1.0)], ids=["number", "schedule"])
def test_damaged_states(rate):
    """It warns of a state that can't be one, and begins anew."""
    model = rate_meter(opt.SGD(rate))
    run(model, [1.0])
    saved = model.optimizer._managed.callback_state
    for array in (np.array([math.nan] * 9), np.array([1.0]), np.array([1.0, -5.0, 0.0, 2.0])):
        saved["plateau.loss"] = array
        with pytest.warns(UserWarning, match="saved state of `loss` is dropped, because it is damaged"):
            run(model, [9.0])
    if isinstance(rate, klr.Schedule):
        for factor in (math.nan, -1.0, 1e30):
            model.optimizer._managed.variables["factor"].assign(factor)
            with pytest.warns(UserWarning, match="factor of the schedule is dropped"):
                np.testing.assert_allclose(run(model, [1.0]), [1.0], rtol=1e-4)
    saved["plateau_rate"] = np.array([math.nan, 1.0])
    with warnings.catch_warnings():
        warnings.filterwarnings("error", category=UserWarning)
        assert all(math.isfinite(value) for value in fold(model, [1.0]))


@pytest.mark.parametrize("order", [1, -1])
def test_a_restore_continues(order, tmp_path):
    """With `restart`, a run that was killed still continues, wherever `BackupAndRestore` stands."""

    class Kill(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 6 and not killed:
                killed.append(True)
                raise KeyboardInterrupt

    killed = []
    for _ in range(2):
        model, seen = rate_meter(opt.SGD(klr.Constant(1.0))), Applied()
        reducer = klr.PlateauReducer("loss", factor=0.5, patience=2, restart=True)
        pair = [keras.callbacks.BackupAndRestore(str(tmp_path / "backup")), reducer][::order]
        try:
            model.fit(*ones(1), epochs=9, callbacks=[Report(SERIES), *pair, Kill(), seen], verbose=0)
        except KeyboardInterrupt:
            continue
    np.testing.assert_allclose(seen.rates, RATES[6:], rtol=1e-4)


def test_increases():
    """An increase raises the rate, at most to `maximum`."""
    for rate in (1.0, klr.Constant(1.0)):
        options = {"increase": 2.0, "increase_patience": 2, "maximum": 3.0}
        rates = run(rate_meter(opt.SGD(rate)), [9.0, 8.0, 7.0, 6.0, 5.0, 5.0, 5.0, 5.0], **options)
        np.testing.assert_allclose(rates, [1, 1, 2, 2, 3, 3, 3, 1.5], rtol=1e-5)
