"""Where a `fit` begins in the schedules: the warnings of `BindSpans`, and its `restart`."""

import keras
import numpy as np
import pytest
from keras import optimizers
from models import Applied, classifier, flowers, ones, rate_meter

import keras_lr as klr


def rates(model, batches=4, callback=None, **fit):
    """The rates that a `fit` of one-example batches applies."""
    seen = Applied()
    model.fit(*ones(batches), batch_size=1, callbacks=[callback or klr.BindSpans(), seen], verbose=0, **fit)
    return seen.rates


SCHEDULES = {
    "epochs": klr.warmup_cosine(0.1, steps=klr.epochs(2)),
    "fraction": klr.Linear(0.1, 0.0, steps=klr.fraction(1.0)),
    "steps": klr.Linear(0.1, 0.0, steps=8),
    "examples": klr.Sequence([klr.Linear(0.1, 0.2, steps=4), klr.Linear(0.2, 0.0, steps=klr.examples(4))], [4]),
    "several waves": klr.CosineWaves(0.1, 0.0, waves=2.5, steps=8),
}


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
def test_a_schedule_that_is_over(schedule):
    """A second `fit` past the end says so, with the counts and the remedies, and both of these train as the first."""
    model = rate_meter(optimizers.SGD(schedule))
    first = rates(model, epochs=2)
    message = (
        r"`learning_rate` is over: it has 8 updates, and the optimizer has made 8. .* last value, 0, so nothing will "
        r"be trained. .*`BindSpans\(restart=True\)` or call `keras_lr.resume_at\(model, epoch=0, steps_per_epoch=4\)`"
    )
    with pytest.warns(UserWarning, match=message):
        assert rates(model, epochs=2) == [0.0] * 8
    np.testing.assert_allclose(rates(model, callback=klr.BindSpans(restart=True), epochs=2), first, atol=1e-6)
    klr.resume_at(model, epoch=0, steps_per_epoch=4)
    np.testing.assert_allclose(rates(model, epochs=2), first, atol=1e-6)


def test_a_last_value_above_zero():
    """It is warned of, too, unless `initial_epoch` says that so many epochs are done."""
    model = rate_meter(optimizers.SGD(klr.Intervals(klr.epochs(1), [2.0, 1.0])))
    assert rates(model, epochs=2) == [2.0] * 4 + [1.0] * 4
    assert rates(model, initial_epoch=2, epochs=3) == [1.0] * 4
    with pytest.warns(UserWarning, match="it has 4 updates, and the optimizer has made 12. .* last value, 1. To"):
        assert rates(model) == [1.0] * 4


@pytest.mark.parametrize(
    ("schedule", "updates"),
    [
        (klr.one_cycle(0.1, 8), 8),  # epochs were meant
        (klr.Cosine(0.1, 0.0, steps=klr.epochs(4)), 16),
        (klr.Exponential(0.1, 0.01, steps=8), 13),
    ],
)
def test_a_rate_that_is_almost_0_too_early(schedule, updates):
    """A rate that is almost 0 for a large part of a `fit` is warned of at its start, with the numbers."""
    message = rf"almost 0 after {updates} of the 32 updates of this `fit`: .* pass `keras_lr.epochs\(...\)`"
    with pytest.warns(UserWarning, match=message):
        seen = rates(rate_meter(optimizers.SGD(schedule)), epochs=8)
    assert max(seen[updates:]) < 1e-3 * max(seen) <= seen[updates - 1]


@pytest.mark.parametrize(
    "schedule",
    [
        klr.one_cycle(0.1, klr.epochs(7)),  # the usual few last epochs
        klr.multi_step(0.1, 0.1, [2, 4, 6]),
        klr.Warmup(0.1, steps=4),
        klr.sgdr(0.1, 4),
    ],
)
def test_a_rate_that_falls_as_usual(schedule):
    """Neither a small last value, nor a thousandth of the first, nor cycles are warned of."""
    assert len(rates(rate_meter(optimizers.SGD(schedule)), epochs=8)) == 32


def test_another_fit_inside_the_schedule():
    """There is no warning where values still change, now or later, or where a cycle begins again."""
    model = rate_meter(optimizers.SGD(klr.Intervals(klr.epochs(1, 2, 3), [4.0, 2.0, 1.0, 0.5])))
    for rate in (4.0, 2.0, 1.0):
        assert rates(model) == [rate] * 4
    model = rate_meter(optimizers.SGD(klr.Repeat(klr.Linear(1.0, 0.0, steps=4), 4)))
    for _ in range(3):
        np.testing.assert_allclose(rates(model), [1.0, 0.75, 0.5, 0.25], rtol=1e-5)


def test_other_hyperparameters_and_updates_of_several_batches():
    """Momentum is named, and updates are counted under gradient accumulation."""
    momentum = klr.Linear(0.9, 0.5, steps=klr.epochs(2))
    model = rate_meter(klr.scheduled(optimizers.SGD(0.1, gradient_accumulation_steps=2), momentum=momentum))
    rates(model, epochs=2)
    with pytest.warns(UserWarning, match="`momentum` is over: it has 4 updates, and the optimizer has made 4"):
        rates(model)


def test_a_rate_of_zero():
    """A rate that is 0 in the whole `fit` is warned of, not one that is 0 for a part."""
    with pytest.warns(UserWarning, match="learning rate is 0 in all updates of this `fit`"):
        rates(rate_meter(optimizers.SGD(klr.Intervals([4], [0.0, 1.0]))))
    assert rates(rate_meter(optimizers.SGD(klr.Intervals([3], [0.0, 1.0])))) == [0.0] * 3 + [1.0]


def test_the_work_is_bounded():
    """The end of a schedule of a billion steps is found exactly, by few values."""
    model = rate_meter(optimizers.SGD(klr.Linear(1.0, 0.0, steps=1_234_567_890)))
    klr.resume_at(model, epoch=2_000_000_000, steps_per_epoch=1)
    with pytest.warns(UserWarning, match="it has 1234567890 updates, and the optimizer has made 2000000000"):
        rates(model)


@pytest.mark.parametrize("change", ["batch size", "more data"])
def test_the_position_moves(change):
    """Other numbers of batches move the position: it is said, and either remedy continues at the epoch."""
    model = rate_meter(optimizers.SGD(klr.Linear(0.8, 0.0, steps=klr.epochs(8))))

    def fit(callback=None):
        seen = Applied()
        data = {"batch size": (*ones(8), 1), "more data": (*ones(16), 2)}[change]
        options = {"initial_epoch": 4, "epochs": 8, "callbacks": [callback or klr.BindSpans(), seen], "verbose": 0}
        model.fit(*data[:2], batch_size=data[2], **options)
        return seen.rates

    rates(model, epochs=4)
    message = (
        r"`learning_rate` moves: `epochs\(8\)` is 64 updates now and was 32 before, and the optimizer has made 16. To "
        r"continue where epoch 4 begins, .*`BindSpans\(restart=True\)` .*resume_at\(model, epoch=4, steps_per_epoch=8\)"
    )
    with pytest.warns(UserWarning, match=message):
        np.testing.assert_allclose(fit()[0], 0.6, rtol=1e-4)
    expected = np.linspace(0.4, 0.0, 32, endpoint=False)
    np.testing.assert_allclose(fit(klr.BindSpans(restart=True)), expected, rtol=1e-3)
    klr.resume_at(model, epoch=4, steps_per_epoch=8)
    np.testing.assert_allclose(fit(), expected, rtol=1e-3)


def test_a_run_that_becomes_longer():
    """`fraction` of more epochs moves the position as `initial_epoch` asks for, without a warning."""
    model = rate_meter(optimizers.SGD(klr.Linear(0.8, 0.0, steps=klr.fraction(1.0))))
    rates(model, epochs=2)
    np.testing.assert_allclose(rates(model, initial_epoch=2, epochs=4)[0], 0.4, rtol=1e-4)


def test_restart_keeps_moments_and_weights():
    """A restart changes `iterations` alone: with SGD, training continues as with the schedule from its start."""
    schedule = klr.Linear(0.5, 0.1, steps=klr.epochs(1))
    model, other = (classifier(optimizers.SGD(schedule, momentum=0.9)) for _ in range(2))
    options = {"batch_size": 4, "shuffle": False, "verbose": 0}
    for one in (model, other):
        one.fit(*flowers(), callbacks=[klr.BindSpans()], **options)
    model.fit(*flowers(), callbacks=[klr.BindSpans(restart=True)], **options)
    klr.set_learning_rate(other, klr.Delay(schedule.bind(steps_per_epoch=16), 16))
    other.fit(*flowers(), **options)
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("backup_first", [True, False])
def test_restart_and_a_backup(backup_first, tmp_path):
    """A `fit` that is killed and restored continues at its own epoch."""

    class Kill(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    for last in (False, True):
        model, seen = rate_meter(optimizers.SGD(klr.Linear(4.0, 0.0, steps=klr.epochs(4)))), Applied()
        pair = [keras.callbacks.BackupAndRestore(str(tmp_path / "backup")), klr.BindSpans(restart=True)]
        callbacks = [*(pair if backup_first else pair[::-1]), seen, *([] if last else [Kill()])]
        try:
            model.fit(*ones(1), batch_size=1, epochs=4, callbacks=callbacks, verbose=0)
        except KeyboardInterrupt:
            continue
    np.testing.assert_allclose(seen.rates[-1], 1.0, rtol=1e-5)
    assert int(model.optimizer.iterations) == 4


def test_restart_at_an_epoch_of_unknown_length():
    """It asks for the number of batches, before the first step."""

    def batches():
        yield from (part[None] for part in np.ones([3, 1], "float32"))

    model = rate_meter(optimizers.SGD(klr.Linear(4.0, 0.0, steps=8)))
    data = ((x, x) for x in batches())
    with pytest.raises(ValueError, match=r"begins at epoch 1. Pass `fit\(steps_per_epoch=...\)`"):
        model.fit(data, shuffle=False, initial_epoch=1, epochs=2, callbacks=[klr.BindSpans(restart=True)], verbose=0)
    assert int(model.optimizer.iterations) == 0
    with pytest.raises(TypeError, match="`restart` of `BindSpans` must be True or False"):
        klr.BindSpans(restart=1)


def test_no_warning_without_a_cause():
    """A first `fit`, constants, numbers and schedules of Keras are silent; pytest makes errors of warnings."""
    for rate in (0.5, klr.Constant(0.5), optimizers.schedules.CosineDecay(0.5, 2)):
        model = rate_meter(optimizers.SGD(rate))
        for _ in range(2):
            rates(model, epochs=2)
    rates(rate_meter(optimizers.SGD(SCHEDULES["epochs"])), epochs=2)
