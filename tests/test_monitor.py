"""`Monitor`: what was applied is what `logs` and the record show."""

import keras
import numpy as np
import pytest
from backends import NAME
from keras import optimizers as opt
from models import Applied, classifier, flowers, ones, rate_meter

import keras_lr as klr

RATE = klr.Linear(8.0, 0.0, steps=8)


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: opt.SGD(RATE),
        lambda: klr.scheduled(opt.SGD(RATE), weight_decay=0.0),
        lambda: opt.LossScaleOptimizer(opt.SGD(RATE)),
        lambda: opt.SGD(keras.optimizers.schedules.PolynomialDecay(8.0, 8, 0.0)),
        lambda: opt.SGD(2.0),
    ],
    ids=["schedule", "scheduled", "nested", "Keras' own", "number"],
)
def test_what_was_applied(optimizer):
    """The record has the rate that each step used, and `logs` that of the last step of the epoch."""
    model, monitor, seen = rate_meter(optimizer()), klr.Monitor(), Applied()
    history = model.fit(*ones(3), batch_size=1, epochs=2, callbacks=[seen, monitor], verbose=0).history
    np.testing.assert_allclose(monitor.steps["learning_rate"], seen.rates, rtol=1e-5)
    np.testing.assert_allclose(history["learning_rate"], [seen.rates[2], seen.rates[5]], rtol=1e-5)
    assert all(type(value) is float for value in history["learning_rate"])
    assert set(history) - {"weight_decay"} == {"loss", "learning_rate"}


def test_every_hyperparameter():
    """Hyperparameters that follow a schedule or are set by a callback are shown, too."""
    ramp = klr.Linear(0.0, 0.8, steps=8)
    model = classifier(klr.scheduled(opt.SGD(0.5, momentum=0.9), momentum=ramp))
    decay = klr.EpochSchedule(lambda epoch: 0.25 * epoch, hyperparameter="weight_decay")
    monitor = klr.Monitor()
    history = model.fit(*flowers(16), batch_size=4, epochs=2, callbacks=[decay, monitor], verbose=0).history
    np.testing.assert_allclose(monitor.steps["momentum"], ramp.values(8))
    np.testing.assert_allclose(history["momentum"], ramp.values([3, 7]))
    assert history["weight_decay"] == [0.0, 0.25] and history["learning_rate"] == [0.5, 0.5]


def test_several_optimizers():
    """With several optimizers each value has the name of its own."""
    if not hasattr(opt, "MultiOptimizer"):
        pytest.skip("this Keras has no MultiOptimizer")
    parts = opt.OptimizerMap(opt.SGD(0.5, name="body"), {".*bias.*": opt.Adam(RATE, name="biases")})
    model = classifier(opt.MultiOptimizer(parts))
    history = model.fit(*flowers(16), batch_size=4, callbacks=[klr.Monitor()], verbose=0).history
    assert history["learning_rate_body"] == [0.5]
    np.testing.assert_allclose(history["learning_rate_biases"], RATE.values([3]))


def test_whatever_the_order(tmp_path):
    """Callbacks before it in the list find the values in `logs`, as numbers."""
    model, seen = rate_meter(opt.SGD(RATE)), []
    spy = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(logs["learning_rate"]))
    csv = keras.callbacks.CSVLogger(str(tmp_path / "log.csv"))
    model.fit(*ones(2), batch_size=1, callbacks=[spy, csv, klr.Monitor()], verbose=0)
    assert seen == [7.0] and "7.0" in (tmp_path / "log.csv").read_text()


@pytest.mark.skipif(NAME == "torch", reason="Keras takes one step at a time on torch")
def test_several_steps_per_execution():
    """The record has every step, also where several are one call."""
    model, monitor = rate_meter(opt.SGD(RATE), steps_per_execution=3), klr.Monitor()
    model.fit(*ones(4), batch_size=1, callbacks=[monitor], verbose=0)
    np.testing.assert_allclose(monitor.steps["learning_rate"], RATE.values(4))


def test_tensorboard(tmp_path):
    """With `log_dir`, TensorBoard gets every value of every step, also of later fits."""
    model = rate_meter(klr.scheduled(opt.SGD(RATE), weight_decay=0.5))
    for epochs in (2, 1):
        monitor = klr.Monitor(log_dir=tmp_path / "logs")
        model.fit(*ones(3), batch_size=1, epochs=epochs, callbacks=[monitor], verbose=0)
    import tensorflow as tf  # late, since it takes seconds

    read = []
    for path in sorted((tmp_path / "logs").iterdir()):
        version, *events = (tf.compat.v1.Event.FromString(r.numpy()) for r in tf.data.TFRecordDataset(str(path)))
        assert version.file_version == "brain.Event:2" and ".tfevents." in path.name
        read += [(event.step, shown.tag, shown.simple_value) for event in events for shown in event.summary.value]
    rates = [(step, value) for step, name, value in read if name == "learning_rate"]
    np.testing.assert_allclose(rates, [*enumerate(RATE.values(9))])
    assert [value for _, name, value in read if name == "weight_decay"] == [0.5] * 9
    with pytest.raises(TypeError, match="`log_dir` of `Monitor` must be a path"):
        klr.Monitor(log_dir=3)


def test_no_hook_on_batches():
    """It has no per-batch hook, which on JAX would cost a synchronisation at every step."""
    for hook in ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end"):
        assert getattr(klr.Monitor, hook) is getattr(keras.callbacks.Callback, hook)
