"""Training on several devices and in several processes: the weights are those of one device with the joint batches."""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import workers
from backends import NAME
from keras import layers
from keras import optimizers as opt
from models import flowers

import keras_lr as klr

EPOCHS, BATCHES = 4, 4


def new_model(optimizer):
    """A model and its optimizer, which `optimizer` makes, perhaps for the model."""
    keras.utils.set_random_seed(7)
    dense = layers.Dense(8, activation="tanh", name="dense")
    model = keras.Sequential([keras.Input([4]), dense, layers.Dense(4, activation="softmax", name="dense_1")])
    model.compile(optimizer(model), loss="sparse_categorical_crossentropy")
    return model


def fit(model, epochs=EPOCHS, size=16, count=BATCHES * 16, callbacks=(), **options):
    x, y = flowers(count)
    return model.fit(x, y, batch_size=size, epochs=epochs, shuffle=False, verbose=0, callbacks=[*callbacks], **options)


def reducer():
    """A reduction that is due in every second epoch."""
    return klr.PlateauReducer("loss", factor=0.5, patience=1, threshold=9.0)


def schedule_and_rule(model, folder):
    """A bound schedule, a momentum that follows a rule; saved, loaded and trained on, also by the weights alone."""
    binds = [klr.BindSpans()]
    fit(model, 2, callbacks=binds)
    model.save(folder / "model.keras")
    model.save_weights(folder / "model.weights.h5")
    assert model.optimizer.get_config()
    loaded = keras.saving.load_model(folder / "model.keras")
    for one in (model, loaded):
        fit(one, initial_epoch=2, callbacks=binds)
    close(model.get_weights(), loaded.get_weights())
    model.load_weights(folder / "model.weights.h5")
    fit(model, initial_epoch=2, callbacks=binds)


def reduced_schedule(model, folder):
    """Reductions of a schedule, in a training that is killed and resumed."""

    class Kill(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    backup = keras.callbacks.BackupAndRestore
    with pytest.raises(KeyboardInterrupt):
        fit(model, callbacks=[reducer(), backup(folder / "backup"), Kill()])
    fit(model, callbacks=[reducer(), backup(folder / "backup")])
    # Reductions of 0.5 that are due at the ends of epochs 1 and 3, and of epoch 2 in the weights.
    np.testing.assert_allclose(current(model), 0.5**3 * 0.5 * (1 - 16 / 99), rtol=1e-5)


def ramp_without_momentum(model, folder):
    """A ramp with windows of the loss on an SGD compiled without momentum, reductions of a number, a monitor."""
    history = fit(model, 3, size=4, count=160, callbacks=[klr.AdaptiveMomentumRamp(), reducer(), klr.Monitor()]).history
    assert history["momentum"][-1] > 0 and history["learning_rate"][-1] < 0.02


def managed_at_once(model, folder):
    """What makes variables or sets the step before the first `fit`; numbers that become schedules and back."""
    klr.resume_at(model, epoch=1, steps_per_epoch=BATCHES)
    klr.scheduled(model, weight_decay=0.01)
    fit(model, 1)
    klr.set_learning_rate(model, klr.Linear(0.5, 0.0, steps=20))
    fit(model, 1)
    klr.set_learning_rate(model, 0.05)
    fit(model, 1)


def layers_and_finder(model, folder):
    """Layer-wise rates, after a sweep and a tuning that change nothing."""
    before, batches = model.get_weights(), {"batch_size": 16, "shuffle": False, "verbose": 0}
    found = klr.find_learning_rate(model, *flowers(64), minimum=1e-3, maximum=1.0, steps=9, **batches)
    tuned = klr.tune_learning_rate(model, *flowers(256), epochs=20, validation_data=flowers(64), **batches)
    np.save(folder / "losses.npy", [*found.losses, *(trial.loss for trial in tuned.trials)])
    for weight, value in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, value)
    assert not model.optimizer.built
    model.compile(klr.layerwise(model, model.optimizer, decay=0.5), loss=model.loss)
    fit(model, 2)


SGD = {"momentum": 0.9}
CELLS = {
    "schedule and rule": (
        lambda model: klr.scheduled(opt.SGD(klr.one_cycle(0.5, klr.epochs(4)), **SGD), momentum=klr.AdaptiveMomentum()),
        schedule_and_rule,
    ),
    "rule of the rate": (
        lambda model: klr.scheduled(
            opt.Adam(), learning_rate=klr.Prodigy(klr.Linear(1.0, 0.0, steps=klr.epochs(4)), initial=1e-2)
        ),
        schedule_and_rule,
    ),
    "reduced schedule": (lambda model: opt.SGD(klr.Linear(0.5, 0.0, steps=99), **SGD), reduced_schedule),
    "ramp without momentum": (lambda model: opt.SGD(0.02), ramp_without_momentum),
    "managed at once": (lambda model: opt.AdamW(0.01), managed_at_once),
    "layers and finder": (lambda model: opt.SGD(0.1, **SGD), layers_and_finder),
}


def current(model):
    return float(keras.ops.convert_to_numpy(model.optimizer.learning_rate))


def close(first, second):
    for a, b in zip(first, second, strict=True):
        np.testing.assert_allclose(a, b, atol=3e-6)


def check(cell, folder, scope, inside):
    """Train on one device and in the scope; `inside` also call `fit` in it."""
    optimizer, work = CELLS[cell]
    (folder / "one").mkdir(parents=True), (folder / "several").mkdir()
    reference = new_model(optimizer)
    work(reference, folder / "one")
    with scope():
        model = new_model(optimizer)
    with scope() if inside else contextlib.nullcontext():
        work(model, folder / "several")
    for variable in [*model.weights, *model.optimizer.variables]:
        replicas = getattr(variable.value, "values", [])  # of a mirrored variable
        for replica in replicas:
            np.testing.assert_array_equal(replica.numpy(), replicas[0].numpy())
    close(model.get_weights(), reference.get_weights())
    if work is layers_and_finder:
        np.testing.assert_allclose(*(np.load(folder / name / "losses.npy") for name in ("one", "several")), rtol=1e-3)


def mirrored():
    import tensorflow as tf

    devices = [device.name for device in tf.config.list_logical_devices("CPU")]
    # Without collective operations, which have the same keys in each strategy of a process, as in those of `docs/`.
    return tf.distribute.MirroredStrategy(devices, tf.distribute.ReductionToOneDevice())


@pytest.mark.slow
@pytest.mark.tensorflow
@pytest.mark.parametrize(
    "cell, inside",
    [
        ("schedule and rule", True),
        ("rule of the rate", True),
        ("managed at once", False),
        pytest.param("reduced schedule", True, marks=pytest.mark.slow),
        pytest.param("ramp without momentum", False, marks=pytest.mark.slow),
        pytest.param("layers and finder", True, marks=pytest.mark.slow),
    ],
)
def test_mirrored_strategy(cell, inside, tmp_path):
    """TensorFlow's `MirroredStrategy` on two devices, with everything inside its scope, or the creation alone."""
    check(cell, tmp_path, mirrored().scope, inside)


@pytest.mark.tensorflow
def test_an_optimizer_outside_of_the_scope_is_refused():
    """There, Keras counts each update twice on two devices, so that a schedule would run at double speed."""
    optimizer = opt.SGD(klr.Linear(0.5, 0.0, steps=9))
    with mirrored().scope():
        model = new_model(lambda model: optimizer)
    with pytest.raises(ValueError, match="must be created in the scope of the strategy"):
        fit(model, callbacks=[klr.BindSpans()])


def jax_scope(kind):
    """The scope of a distribution of the batches, or of the weights, over two devices."""
    devices = keras.distribution.list_devices()
    if kind == "data":
        mesh = keras.distribution.DeviceMesh([2], ["batch"], devices)
        return keras.distribution.DataParallel(mesh).scope
    mesh = keras.distribution.DeviceMesh([1, 2], ["batch", "model"], devices)
    layouts = keras.distribution.LayoutMap(mesh)
    layouts["dense.*/kernel"], layouts["dense.*/bias"] = (None, "model"), ("model",)
    return keras.distribution.ModelParallel(layout_map=layouts, batch_dim_name="batch").scope


@pytest.mark.skipif(NAME != "jax", reason="a distribution of JAX")
def test_devices_of_jax(tmp_path):
    """`DataParallel` and `ModelParallel` on two devices, which JAX has to have from the start of its process."""
    flags = "--xla_force_host_platform_device_count=2"
    cells = [
        ["schedule and rule", "model"],
        ["rule of the rate", "model"],
        ["rule of the rate", "data"],
        ["ramp without momentum", "data"],
    ]
    command = [sys.executable, __file__, str(tmp_path), json.dumps(cells)]
    run = subprocess.run(command, env=os.environ | {"XLA_FLAGS": flags}, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr[-3000:]


@pytest.mark.slow
def test_two_processes_train_as_one():
    """Each has its part of every batch: by `fit` on JAX, by a loop with `MultiWorkerMirroredStrategy` and with
    `DistributedDataParallel`. Schedules in examples count those of both, and both reduce the rate at the same time.
    """
    alone, (first, second) = workers.train(), workers.train_in_two()
    assert first == second  # to the bit
    weights = [[np.array(weight) for weight in one.pop("weights")] for one in (alone, first)]
    close(*weights)
    assert alone == pytest.approx(first, rel=1e-5)
    assert alone["factor"] == 0.5**3 and alone["steps"] == workers.EPOCHS * workers.BATCHES


if __name__ == "__main__":  # the process of `test_devices_of_jax`
    for number, (cell, kind) in enumerate(json.loads(sys.argv[2])):
        check(cell, Path(sys.argv[1]) / str(number), jax_scope(kind), inside=True)
