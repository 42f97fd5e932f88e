"""`PlateauReducer` on numbers and schedules, through fits, restarts and reloads."""

import keras
import numpy as np
import pytest
from keras import optimizers as opt
from models import Applied, applied, ones, rate_meter

import keras_lr as klr

# What the metric is in each epoch, and the rate that each epoch then trains with (patience 2, factor 0.5).
SERIES = [5.0, 4.0, 4.0, 4.0, 3.0, 3.0, 3.0, 3.0, 3.0]
RATES = [1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25, 0.25]


class Report(keras.callbacks.Callback):
    """Puts a metric into `logs`, in the place of a real one."""

    def __init__(self, series, name="loss"):
        super().__init__()
        self.series, self.name = series, name

    def on_epoch_end(self, epoch, logs=None):
        if self.series[epoch] is None:
            logs.pop(self.name, None)
        else:
            logs[self.name] = self.series[epoch]


def run(model, series, begin=0, end=None, extra=(), **options):
    options = {"factor": 0.5, "patience": 2} | options
    seen = Applied()
    callbacks = [Report(series), klr.PlateauReducer("loss", **options), seen, *extra]
    end = len(series) if end is None else end
    model.fit(*ones(1), batch_size=1, initial_epoch=begin, epochs=end, callbacks=callbacks, verbose=0)
    return seen.rates


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: opt.SGD(1.0),
        lambda: opt.SGD(klr.Constant(1.0)),
        lambda: opt.SGD(keras.optimizers.schedules.ExponentialDecay(1.0, 1, 1.0)),
        lambda: opt.LossScaleOptimizer(opt.SGD(klr.Constant(1.0))),
        lambda: klr.scheduled(opt.SGD(klr.Constant(1.0)), weight_decay=0.0),
    ],
    ids=["number", "schedule", "Keras' own", "nested", "scheduled"],
)
def test_it_reduces_any_rate(optimizer):
    """The rates that were applied are those of the rule, for numbers and for schedules."""
    np.testing.assert_allclose(run(rate_meter(optimizer()), SERIES), RATES, rtol=1e-5)


def test_it_multiplies_a_schedule():
    """The schedule goes on under the factor."""
    rate = klr.Linear(9.0, 0.0, steps=9)
    np.testing.assert_allclose(run(rate_meter(opt.SGD(rate)), SERIES), rate.values(9) * RATES, rtol=1e-5)


@pytest.mark.parametrize("rate", [1.0, klr.Constant(1.0)], ids=["number", "schedule"])
def test_many_fits_are_one(rate, tmp_path):
    """n fits of k epochs, with new callbacks, and saved and loaded between, are one fit of n * k."""
    model = rate_meter(opt.SGD(rate))
    rates = [value for begin in range(0, 9, 3) for value in run(model, SERIES, begin, begin + 3)]
    np.testing.assert_allclose(rates, RATES, rtol=1e-5)
    rates, loss = [], model.loss
    model = rate_meter(opt.SGD(rate))
    for begin in range(9):
        rates += run(model, SERIES, begin, begin + 1)
        model.compile(optimizer=model.optimizer, loss="mse")
        model.save(tmp_path / "model.keras")
        model = keras.saving.load_model(tmp_path / "model.keras")
        model.compile(optimizer=model.optimizer, loss=loss)
    np.testing.assert_allclose(rates, RATES, rtol=1e-5)


@pytest.mark.parametrize("rate", [1.0, klr.Constant(1.0)], ids=["number", "schedule"])
@pytest.mark.parametrize("first", [True, False])
def test_backup_and_restore(rate, first, tmp_path):
    """Killed and restarted from a backup, wherever that callback stands, the run is the uninterrupted one."""

    class Kill(keras.callbacks.Callback):
        def __init__(self, epoch):
            super().__init__()
            self.epoch = epoch

        def on_epoch_begin(self, epoch, logs=None):
            if epoch == self.epoch:
                raise KeyboardInterrupt

    for killed in (3, 6, None):
        model, seen = rate_meter(opt.SGD(rate)), Applied()
        backup = keras.callbacks.BackupAndRestore(str(tmp_path / "backup"))
        reducer = klr.PlateauReducer("loss", factor=0.5, patience=2)
        callbacks = [Report(SERIES), *([backup, reducer] if first else [reducer, backup])]
        try:
            callbacks += [Kill(killed), seen]
            model.fit(*ones(1), batch_size=1, epochs=9, callbacks=callbacks, verbose=0)
        except KeyboardInterrupt:
            continue
    np.testing.assert_allclose(applied(model), sum(RATES), rtol=1e-5)
    np.testing.assert_allclose(seen.rates[-3:], RATES[-3:], rtol=1e-4)


@pytest.mark.parametrize(
    ("series", "options", "expected"),
    [
        ([1.0] * 6, {"cooldown": 2}, [1, 1, 1, 0.5, 0.5, 0.5]),
        ([1.0] * 8, {"cooldown": 2}, [1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25]),
        ([1.0] * 4, {"patience": 1}, [1, 1, 0.5, 0.25]),
        ([1.0] * 6, {"patience": 1, "minimum": 0.25}, [1, 1, 0.5, 0.25, 0.25, 0.25]),
        ([1.0] * 6, {"patience": 1, "minimum": 0.3}, [1, 1, 0.5, 0.3, 0.3, 0.3]),
        ([1.0] * 7, {"patience": 1, "growth": 2.0}, [1, 1, 0.5, 0.5, 0.25, 0.25, 0.25]),
        ([1.0, 0.95, 0.95, 0.95], {"threshold": 0.1}, [1, 1, 1, 0.5]),
        ([1.0, 0.85, 0.85, 0.85], {"threshold": 0.1}, [1, 1, 1, 1]),
        ([-1.0, -0.95, -0.95, -0.95], {"threshold": 0.1}, [1, 1, 1, 0.5]),
        ([-1.0, -1.2, -1.2, -1.2], {"threshold": 0.1}, [1, 1, 1, 1]),
        ([10.0, 9.5, 9.0, 8.5], {"threshold": 0.4, "relative": False}, [1, 1, 1, 1]),
        ([10.0, 9.5, 9.4, 9.3], {"threshold": 0.4, "relative": False}, [1, 1, 1, 1]),
        ([1.0, 2.0, 3.0, 4.0], {"mode": "max"}, [1, 1, 1, 1]),
        ([4.0, 3.0, 2.0, 1.0], {"mode": "max"}, [1, 1, 1, 0.5]),
        ([float("nan"), 1.0, 0.5, 0.25], {}, [1, 1, 1, 1]),
        ([1.0, float("nan"), float("nan"), 0.5], {}, [1, 1, 1, 0.5]),
        ([1.0, 3.0, 0.5, 3.0], {"smoothing": 2, "patience": 1}, [1, 1, 0.5, 0.25]),
    ],
)
def test_the_rule(series, options, expected):
    """When exactly it reduces, worked out by hand."""
    np.testing.assert_allclose(run(rate_meter(opt.SGD(klr.Constant(1.0))), series, **options), expected, rtol=1e-4)


def test_epochs_without_a_validation_do_not_count():
    """Checks are counted, not epochs, so `validation_freq` works without a warning."""
    model, seen = rate_meter(opt.SGD(1.0)), Applied()
    series = [1.0, None, 1.0, None, 1.0, None]
    reducer = klr.PlateauReducer("val_loss", factor=0.5, patience=2)
    callbacks = [Report(series, "val_loss"), reducer, seen]
    x, y = ones(1)
    model.fit(x, y, epochs=6, validation_data=(x, y), validation_freq=2, callbacks=callbacks, verbose=0)
    np.testing.assert_allclose(seen.rates, [1.0] * 5 + [0.5], rtol=1e-5)


def test_it_can_end_the_training():
    """With `stop_at_minimum` the training ends when the rate can't be reduced any more."""
    options = {"patience": 1, "minimum": 0.25, "stop_at_minimum": True}
    assert len(run(rate_meter(opt.SGD(1.0)), [1.0] * 9, **options)) == 4


def test_the_ratios_of_several_optimizers_stay():
    """Every optimizer inside is reduced by the same factor."""
    if not hasattr(opt, "MultiOptimizer"):
        pytest.skip("this Keras has no MultiOptimizer")
    optimizer = opt.MultiOptimizer(opt.OptimizerMap(opt.SGD(1.0), {".*nothing.*": opt.SGD(klr.Constant(0.1))}))
    run(rate_meter(optimizer), [1.0] * 4)
    np.testing.assert_allclose([float(part.learning_rate) for part in optimizer.optimizers], [0.05, 0.5], rtol=1e-6)


def test_early_refusals():
    """What can't work is refused before training, or after the first epoch at the latest."""
    model = rate_meter(opt.SGD(1.0))
    with pytest.raises(ValueError, match="watches `val_loss`, and there is no validation data"):
        model.fit(*ones(1), callbacks=[klr.PlateauReducer()], verbose=0)
    with pytest.raises(ValueError, match="both set `learning_rate`"):
        model.fit(*ones(1), callbacks=[klr.PlateauReducer("loss"), keras.callbacks.ReduceLROnPlateau()], verbose=0)
    assert applied(model) == 0.0
    with pytest.raises(ValueError, match="watches `accuracy`, which is none of the metrics: loss"):
        model.fit(*ones(1), callbacks=[klr.PlateauReducer("accuracy")], verbose=0)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"factor": 1.0}, "factor"),
        ({"factor": 0}, "factor"),
        ({"patience": 0}, "patience"),
        ({"patience": 1.5}, "patience"),
        ({"cooldown": -1}, "cooldown"),
        ({"threshold": -1e-4}, "threshold"),
        ({"minimum": -1}, "minimum"),
        ({"minimum": 0.2, "maximum": 0.1}, "maximum"),
        ({"smoothing": 0}, "smoothing"),
        ({"growth": 0.5}, "growth"),
        ({"relative": 1}, "relative"),
        ({"mode": "down"}, "mode"),
        ({"monitor": "my_score"}, "mode"),
        ({"monitor": "val_los"}, "monitor"),
        ({"monitor": None}, "monitor"),
        ({"monitor": ["loss"]}, "monitor"),
        ({"increase": 1.0}, "increase"),
        ({"increase_patience": 0}, "increase_patience"),
        ({"increase_cooldown": -1}, "increase_cooldown"),
        ({"maximum": 0}, "maximum"),
        ({"atol": -1}, "atol"),
        ({"restart": 1}, "restart"),
        ({"verbose": 3}, "verbose"),
    ],
)
def test_bad_arguments(arguments, name):
    """Arguments are checked at construction, the mode of a metric whose name does not tell it, too."""
    with pytest.raises((TypeError, ValueError), match=f"`{name}` of `PlateauReducer` must be"):
        klr.PlateauReducer(**arguments)


def test_hints():
    """A misspelt metric and the argument names of Keras get a hint."""
    with pytest.raises(ValueError, match=r"Did you mean `val_loss`\? Received: monitor='val_los'"):
        klr.PlateauReducer("val_los")
    with pytest.raises(ValueError, match=r"watches `losss`, which is none of the metrics: loss. Did you mean `loss`\?"):
        rate_meter(opt.SGD(1.0)).fit(*ones(1), callbacks=[klr.PlateauReducer("losss", mode="min")], verbose=0)
    for name, ours in {"min_lr": "minimum", "max_lr": "maximum", "min_delta": "threshold"}.items():
        with pytest.raises(TypeError, match=f"has no argument `{name}`. Pass `{ours}`"):
            klr.PlateauReducer(**{name: 0.1})


def test_what_it_says(capsys):
    """With `verbose` it prints a line for each change; the rate is in `logs`, before other callbacks read them."""
    model, seen = rate_meter(opt.SGD(1.0)), []
    spy = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(logs["learning_rate"]))
    run(model, [1.0, 1.0, 1.0], patience=1, verbose=1, extra=[spy])
    assert capsys.readouterr().out.split("\n")[1::2] == [
        "Epoch 2: PlateauReducer reducing learning rate to 0.5.",
        "Epoch 3: PlateauReducer reducing learning rate to 0.25.",
    ]
    assert seen == [1.0, 1.0, 0.5]


def test_modes_told_by_the_name():
    """The usual names tell their mode."""
    for name, mode in {
        "val_loss": "min",
        "val_accuracy": "max",
        "mae": "min",
        "val_auc": "max",
        "top_5_accuracy": "max",
    }.items():
        assert klr.PlateauReducer(name).mode == mode
