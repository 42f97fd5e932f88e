"""`Monitor`: what was applied is what `logs` and the record show."""

import copy

import keras
import numpy as np
import pytest
from backends import NAME
from keras import optimizers as opt
from models import Applied, classifier, flowers, ones, rate_meter

import keras_lr as klr

RATE = klr.Linear(8.0, 0.0, steps=8)
HOOKS = ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end")


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
    assert history["learning_rate_body"] == history["learning_rate"] == [0.5]  # the default one
    np.testing.assert_allclose(history["learning_rate_biases"], RATE.values([3]))


def test_layerwise():
    """The names end in the factors, the plain ones are those of factor 1 or else of the largest. It has the layers."""
    if not hasattr(opt, "MultiOptimizer"):
        pytest.skip("this Keras has no MultiOptimizer")
    opt.SGD(0.1)  # so that the next one is called `sgd_1`
    for factors, rates, layers in (
        ({"dense": 0.1}, {"": 8.0, "_1": 8.0, "_0.1": 0.8}, {"": [1], "_1": [1], "_0.1": [0]}),
        ({"dense_1": 10.0}, {"": 8.0, "_1": 8.0, "_10": 80.0}, {"": [0], "_1": [0], "_10": [1]}),
        ({"dense": 0.25, "dense_1": 0.5}, {"": 4.0, "_0.25": 2.0, "_0.5": 4.0}, {"": [1], "_0.25": [0], "_0.5": [1]}),
    ):
        keras.utils.clear_session(free_memory=False)
        model, monitor = classifier(opt.SGD(0.0)), klr.Monitor()
        model.compile(optimizer=klr.layerwise(model, opt.SGD(RATE), factors), loss=model.loss)
        history = model.fit(*flowers(4), batch_size=4, callbacks=[monitor], verbose=0).history
        assert {name: value[0] for name, value in history.items() if name != "loss"} == pytest.approx(
            {"learning_rate" + ending: rate for ending, rate in rates.items()}
        )
        assert set(monitor.steps) == set(monitor.layers) == set(history) - {"loss"}
        assert {name.removeprefix("learning_rate"): layers for name, layers in monitor.layers.items()} == {
            ending: tuple(f"dense{'_1' * (n > 0)}" for n in which) for ending, which in layers.items()
        }
        assert "dense" in repr(monitor).splitlines()[2]


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
    """With `log_dir`, TensorBoard gets every value of every step, also of later fits, by the batch from 1."""
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
    np.testing.assert_allclose(rates, [*enumerate(RATE.values(9), start=1)])
    assert [value for _, name, value in read if name == "weight_decay"] == [0.5] * 9
    with pytest.raises(TypeError, match="`log_dir` of `Monitor` must be a path"):
        klr.Monitor(log_dir=3)


def test_beside_tensorboard(tmp_path, monkeypatch):
    """It follows Keras' callback: its folder, its count of batches, anew in each fit. Without one it writes nothing."""
    written = []

    class Record:
        def __init__(self, folder):
            self.folder = folder

        def write(self, series):
            written.append((self.folder, {name: (begin, len(values)) for name, (begin, values) in series.items()}))

        def close(self):
            pass

    class Board(keras.callbacks.TensorBoard):  # TensorBoard, which it needs to write, may not be installed
        set_model = keras.callbacks.Callback.set_model
        on_train_begin = on_train_end = on_train_batch_begin = on_train_batch_end = on_epoch_begin = on_epoch_end = (
            lambda self, *_, **__: None
        )

    monkeypatch.setattr("keras_lr.callbacks.monitor.Events", Record)
    model, monitor = rate_meter(opt.SGD(1.0)), klr.Monitor()
    for update_freq, begin in (("batch", 1), ("batch", 1), ("epoch", 7)):
        board = Board(str(tmp_path), update_freq=update_freq)
        model.fit(*ones(3), batch_size=1, callbacks=[monitor, board], verbose=0)
        assert written.pop() == (str(tmp_path / "train"), {"learning_rate": (begin, 3)})
    for one, callbacks in ((monitor, []), (klr.Monitor(log_dir=None), [Board(str(tmp_path))])):
        model.fit(*ones(3), callbacks=[one, *callbacks], verbose=0)
        assert written == []
    model.fit(*ones(3), callbacks=[klr.Monitor(log_dir="auto"), Board(str(tmp_path))], verbose=0)
    assert written.pop()[0] == str(tmp_path / "train")


@pytest.mark.parametrize("takes", ["arrays", "tensors", "numbers"])
def test_another_library(takes):
    """A schedule that takes no arrays, or takes them wrongly, is called with each step, and rightly."""

    class Theirs(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            if takes == "numbers" and NAME != "torch":
                step = np.asarray(step).item() if not hasattr(step, "value") else step
            step = keras.ops.cast(step, "float32")
            if takes == "tensors" and len(step.shape):
                return step * 0.0  # wrong, in silence
            return 1.0 / (step + 1.0)

    from keras_lr.schedules.foreign import Foreign

    np.testing.assert_allclose(Foreign(Theirs()).values(12), 1 / np.arange(1, 13), rtol=1e-6)


def test_no_hook_on_batches():
    """Without a logger it has no per-batch hook, which on JAX would cost a synchronisation at every step."""
    monitor, found = klr.Monitor(), []
    look = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: found.extend({*HOOKS} & vars(monitor).keys())
    )
    rate_meter(opt.SGD(RATE)).fit(*ones(1), callbacks=[monitor, look, klr.PlateauReducer("loss", every=1)], verbose=0)
    assert found == []
    for hook in HOOKS:
        assert getattr(klr.Monitor, hook) is getattr(keras.callbacks.Callback, hook)


class Logger(keras.callbacks.Callback):
    """Keeps the logs of batches, as the loggers of Comet, MLflow or W&B do."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(logs)


class Halving(keras.callbacks.Callback):
    def on_train_batch_begin(self, batch, logs=None):
        if batch == 1:
            self.model.optimizer.learning_rate = 0.5


class TwoUpdates(keras.Model):
    """A `rate_meter` that makes two updates a batch."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")

    def call(self, x):
        return self.dense(x)

    def train_step(self, *args):
        if NAME == "jax":
            _, state = super().train_step(*args)
            return super().train_step(state, *args[1:])
        super().train_step(*args)
        return super().train_step(*args)


@pytest.mark.parametrize(
    ("optimizer", "extra"),
    [
        (lambda: opt.SGD(RATE), None),
        (lambda: opt.SGD(1.0), Halving),
        (lambda: opt.SGD(RATE, gradient_accumulation_steps=2), klr.BindSpans),
        (lambda: opt.SGD(RATE), lambda: klr.PlateauReducer("loss", factor=0.5, patience=1, threshold=1e9, every=1)),
        (lambda: klr.scheduled(opt.SGD(RATE), momentum=0.0), None),
        (lambda: opt.LossScaleOptimizer(opt.SGD(RATE)), None),
    ],
    ids=["schedule", "assigned", "accumulation", "reduced", "a number beside it", "loss scale"],
)
def test_logs_of_batches(optimizer, extra):
    """A logger of batches finds what each batch was trained with, before or after `Monitor` in the list."""
    model, monitor, logger, seen = rate_meter(optimizer()), klr.Monitor(), Logger(), Applied()
    callbacks = [logger, seen, monitor, *([extra()] if extra else [])]
    model.fit(*ones(3), batch_size=1, epochs=2, callbacks=callbacks, verbose=0)
    logged = [logs["learning_rate"] for logs in logger.seen]
    assert len(logged) == 6 and all(type(value) is float for value in logged)
    if model.optimizer.gradient_accumulation_steps:
        assert logged == [8.0, 8.0, 7.0, 7.0, 6.0, 6.0]
    else:
        np.testing.assert_allclose(logged, seen.rates, rtol=1e-5)
    assert not set(HOOKS) & vars(monitor).keys()


@pytest.mark.skipif(NAME == "torch", reason="Keras takes one step at a time on torch")
def test_logs_of_several_steps():
    """Where several steps are one call, a logger gets the value of the last."""
    model, logger = rate_meter(opt.SGD(RATE), steps_per_execution=3), Logger()
    model.fit(*ones(4), batch_size=1, epochs=2, callbacks=[logger, klr.Monitor()], verbose=0)
    np.testing.assert_allclose([logs["learning_rate"] for logs in logger.seen], RATE.values([2, 3, 6, 7]))


def test_logs_of_skipped_steps():
    """A batch that a loss scale skips has the value of the last update."""
    model, logger, (x, y) = rate_meter(opt.LossScaleOptimizer(opt.SGD(RATE))), Logger(), ones(3)
    x[1] = np.inf
    model.fit(x, y, batch_size=1, shuffle=False, callbacks=[logger, klr.Monitor()], verbose=0)
    assert [logs["learning_rate"] for logs in logger.seen] == [8.0, 8.0, 7.0]


def test_logs_of_frozen_layers():
    """An optimizer whose layers are all frozen makes no step, and has no value."""
    if not hasattr(opt, "MultiOptimizer"):
        pytest.skip("this Keras has no MultiOptimizer")
    model, logger = classifier(opt.SGD(0.0)), Logger()
    optimizer = klr.layerwise(model, opt.SGD(RATE), {model.layers[0].name: 0.1})
    model.layers[0].trainable = False
    model.compile(optimizer, loss=model.loss)
    model.fit(*flowers(8), batch_size=4, callbacks=[logger, klr.Monitor()], verbose=0)
    assert [logs["learning_rate"] for logs in logger.seen] == [8.0, 7.0]
    assert "learning_rate_0.1" not in logger.seen[1]


def test_logs_of_own_steps():
    """A training step that makes several updates has the value of the last; a copy in the middle of it has no hook."""
    model, logger, monitor, copies = TwoUpdates(), Logger(), klr.Monitor(), []
    model.compile(opt.SGD(RATE), loss=lambda y, p: keras.ops.mean(p))
    take = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: copies.append(copy.deepcopy(monitor)))
    model.fit(*ones(2), batch_size=1, callbacks=[logger, monitor, take], verbose=0)
    np.testing.assert_allclose([logs["learning_rate"] for logs in logger.seen], RATE.values([1, 3]))
    assert not set(HOOKS) & vars(copies[0]).keys()


def test_what_it_shows():
    """The record in a few lines, and in a notebook as a picture beside them."""
    model, monitor = rate_meter(klr.scheduled(opt.SGD(RATE), weight_decay=0.5)), klr.Monitor()
    assert "no records yet" in repr(monitor) and monitor._repr_html_() is None
    model.fit(*ones(3), batch_size=1, epochs=2, callbacks=[monitor], verbose=0)
    first, head, rate, decay, last = repr(monitor).splitlines()
    assert first == "Monitor: 2 epochs, 6 steps" and head.split() == ["first", "last", "lowest", "highest"]
    assert rate.split() == ["learning_rate", "8", "3", "3", "8"] and decay.split()[0] == "weight_decay"
    assert "monitor.plot()" in last
    pytest.importorskip("matplotlib")
    shown = monitor._repr_html_()
    assert shown.startswith('<img src="data:image/png;base64,') and first in shown
