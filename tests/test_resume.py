"""Save, load, go on: the weights of the run that was never interrupted, bit for bit."""

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from models import BATCHES, applied, classifier, flowers, ones, rate_meter

import keras_lr as klr

EPOCHS = 4
OPTIMIZERS = {
    "SGD": lambda rate: keras.optimizers.SGD(rate, momentum=0.9, nesterov=True),
    "Adagrad": keras.optimizers.Adagrad,
    "Adadelta": keras.optimizers.Adadelta,
    "RMSprop": keras.optimizers.RMSprop,
    "Adam": keras.optimizers.Adam,
    "AdamW": keras.optimizers.AdamW,
    "Nadam": keras.optimizers.Nadam,
    "Adamax": keras.optimizers.Adamax,
    "Lion": keras.optimizers.Lion,
    "Lamb": keras.optimizers.Lamb,
    "Ftrl": keras.optimizers.Ftrl,
    "Adafactor": keras.optimizers.Adafactor,
    "Muon": lambda rate: keras.optimizers.Muon(rate),
    "ScheduleFreeAdamW": lambda rate: keras.optimizers.ScheduleFreeAdamW(rate),
    "SGD, accumulating": lambda rate: keras.optimizers.SGD(rate, momentum=0.9, gradient_accumulation_steps=3),
    "AdamW, averaging": lambda rate: keras.optimizers.AdamW(rate, use_ema=True),
    "LossScaleOptimizer": lambda rate: keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(rate)),
}
SCHEDULES = {
    "intervals": klr.Intervals(klr.epochs(1, 2.5), [0.05, 0.02, 0.01]),
    "warmup, cosine": klr.warmup_cosine(0.05, steps=klr.fraction(1.0)),
}


def train(model, initial_epoch, epochs, callbacks=()):
    model.fit(
        *flowers(),
        batch_size=4,
        shuffle=False,
        initial_epoch=initial_epoch,
        epochs=epochs,
        callbacks=[*callbacks],
        verbose=0,
    )


def assert_same(a, b):
    for x, y in zip(a.get_weights(), b.get_weights(), strict=True):
        np.testing.assert_array_equal(x, y)
    for x, y in zip(a.optimizer.variables, b.optimizer.variables, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(x), keras.ops.convert_to_numpy(y))


class SaveAndStop(keras.callbacks.Callback):
    """Saves after two epochs of a run that was to be longer, and ends it there."""

    def __init__(self, path, weights_only=False):
        super().__init__()
        self.path, self.weights_only = path, weights_only

    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:
            (self.model.save_weights if self.weights_only else self.model.save)(self.path)
            self.model.stop_training = True


def on_every_keras(name):
    cls, version = name.split(",")[0], tuple(int(part) for part in keras.__version__.split(".")[:2])
    # Keras' Muon can't be loaded on TensorFlow before 3.13: it asks a `ResourceVariable` for its `path`.
    missing = not hasattr(keras.optimizers, cls) or (cls == "Muon" and version < (3, 13))
    return pytest.param(name, id=name, marks=[pytest.mark.skip(f"no {cls} in this Keras")] if missing else [])


@pytest.mark.slow
@pytest.mark.parametrize("name", [on_every_keras(name) for name in OPTIMIZERS])
def test_every_optimizer_goes_on(name, tmp_path):
    """With each optimizer that Keras has, a saved and loaded model goes on as if nothing had happened."""
    make, rate = OPTIMIZERS[name], SCHEDULES["intervals" if len(name) % 2 else "warmup, cosine"]
    whole = classifier(make(rate))
    train(whole, 0, EPOCHS, [klr.BindSpans()])
    part = classifier(make(rate))
    train(part, 0, EPOCHS, [klr.BindSpans(), SaveAndStop(tmp_path / "model.keras")])
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    train(loaded, 2, EPOCHS)
    assert_same(whole, loaded)
    updates = BATCHES * EPOCHS // (3 if "accumulating" in name else 1)
    assert int(whole.optimizer.iterations) == updates


@pytest.mark.parametrize("rate", SCHEDULES.values(), ids=SCHEDULES.keys())
def test_killed_and_restarted(rate, tmp_path):
    """`BackupAndRestore` in a run that was killed ends with the weights of the uninterrupted run."""
    whole = classifier(keras.optimizers.Adam(rate))
    train(whole, 0, EPOCHS, [klr.BindSpans()])

    class Kill(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        backup = keras.callbacks.BackupAndRestore(str(tmp_path / "backup"))
        train(classifier(keras.optimizers.Adam(rate)), 0, EPOCHS, [backup, klr.BindSpans(), Kill()])
    restarted = classifier(keras.optimizers.Adam(rate))
    backup = keras.callbacks.BackupAndRestore(str(tmp_path / "backup"))
    train(restarted, 0, EPOCHS, [klr.BindSpans(), backup])
    assert_same(whole, restarted)


def test_weights_file(tmp_path):
    """A weights file brings the step back into a model that is compiled with the same schedule and built."""
    rate = SCHEDULES["intervals"]
    whole = classifier(keras.optimizers.RMSprop(rate))
    train(whole, 0, EPOCHS, [klr.BindSpans()])
    part = classifier(keras.optimizers.RMSprop(rate))
    train(part, 0, EPOCHS, [klr.BindSpans(), SaveAndStop(tmp_path / "model.weights.h5", weights_only=True)])
    other = classifier(keras.optimizers.RMSprop(rate))
    other.optimizer.build(other.trainable_variables)
    other.load_weights(tmp_path / "model.weights.h5")
    train(other, 2, EPOCHS, [klr.BindSpans()])
    assert_same(whole, other)


def test_reductions_in_a_weights_file(tmp_path):
    """A weights file brings back the reductions of a schedule, also into an optimizer that no reducer has seen yet."""

    def new_model():
        return rate_meter(klr.scheduled(keras.optimizers.SGD(klr.Constant(1.0))))

    def reduce(model):
        reducer = klr.PlateauReducer("loss", factor=0.5, patience=1, threshold=9)
        model.fit(*ones(1), epochs=3, callbacks=[reducer], verbose=0)

    def load(model, name):
        model.optimizer.build(model.trainable_variables)
        model.load_weights(tmp_path / name)
        before = applied(model)
        model.fit(*ones(1), verbose=0)
        return applied(model) - before

    model = new_model()
    model.optimizer.build(model.trainable_variables)
    model.save_weights(tmp_path / "initial.weights.h5")
    reduce(model)
    model.save_weights(tmp_path / "reduced.weights.h5")
    assert load(new_model(), "reduced.weights.h5") == 0.5
    trained = new_model()
    trained.fit(*ones(1), verbose=0)  # its step has traced no reductions
    assert load(trained, "reduced.weights.h5") == 0.5
    assert load(model, "initial.weights.h5") == 1.0


def test_another_process_goes_on(tmp_path):
    """A fresh process that only imports keras_lr loads the model and goes on at the same step."""
    whole = classifier(keras.optimizers.SGD(SCHEDULES["intervals"], momentum=0.9))
    train(whole, 0, 2, [klr.BindSpans()])
    whole.save(tmp_path / "model.keras")
    np.savez(tmp_path / "data.npz", *flowers())
    code = (
        "import sys, keras, numpy as np, keras_lr\n"
        "folder = sys.argv[1]\n"
        "model = keras.saving.load_model(folder + '/model.keras')\n"
        "data = np.load(folder + '/data.npz')\n"
        "model.fit(data['arr_0'], data['arr_1'], batch_size=4, shuffle=False, epochs=1, verbose=0)\n"
        "model.save(folder + '/on.keras')\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code, str(tmp_path)], check=True, capture_output=True)
    train(whole, 2, 3)
    assert_same(whole, keras.saving.load_model(tmp_path / "on.keras"))


@pytest.mark.slow
def test_kills():
    """A run that is killed and restarted ends as the one that was not; docs/resuming.md has the figures of many."""
    script = Path(__file__).parents[1] / "benchmarks" / "kills.py"
    done = subprocess.run([sys.executable, script, "4"], capture_output=True, text=True)
    assert done.returncode == 0 and ": 0 failed or diverged" in done.stdout, done.stdout + done.stderr[-3000:]
