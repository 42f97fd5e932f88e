"""What works on several devices and in several processes? The table of `docs/distribution.md`, for the chosen backend.

    KERAS_BACKEND=tensorflow python benchmarks/distribution.py

Each cell trains a small model on one device and on two, and compares the weights: the largest difference is printed, or
what is raised. The last row is two processes.
"""

import os
import sys
from pathlib import Path
from tempfile import mkdtemp

os.environ.setdefault("XLA_FLAGS", "--xla_force_host_platform_device_count=2")  # before JAX starts
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import conftest  # noqa: F401 - two devices for TensorFlow
import keras
import numpy as np
import test_distribution as cells
import workers
from keras import optimizers as opt
from test_distribution import fit, reducer

import keras_lr as klr

BACKEND = keras.backend.backend()


def decay():
    return klr.Linear(0.5, 0.0, steps=16)


def live(model, folder):
    (folder / "commands.json").write_text('{"learning_rate": {"set": 0.05}}')
    fit(model, callbacks=[klr.LiveControl(folder / "commands.json")])


def checkpoint(model, folder):
    import tensorflow as tf

    klr.scheduled(model, momentum=klr.Linear(0.9, 0.5, steps=16))
    fit(model, 2)
    saved = tf.train.Checkpoint(model=model, optimizer=model.optimizer)
    path = saved.save(folder / "checkpoint")
    fit(model, 1)
    saved.restore(path)
    fit(model, 2)


def average(model, folder):
    klr.scheduled(model, ema_momentum=klr.Linear(0.5, 0.9, steps=8))
    fit(model)


def accumulate(model, folder):
    fit(model, callbacks=[klr.BindSpans()])


MORE = {
    "reduced number, restore_best": (
        lambda model: opt.SGD(0.1, momentum=0.9),
        lambda model, folder: fit(model, callbacks=[klr.PlateauReducer("loss", patience=1, restore_best=True)]),
    ),
    "reducer inside an epoch": (
        lambda model: opt.SGD(decay()),
        lambda model, folder: fit(model, callbacks=[klr.PlateauReducer("loss", every=2, patience=2, threshold=9.0)]),
    ),
    "EpochSchedule of momentum": (
        lambda model: opt.SGD(0.1, momentum=0.9),
        lambda model, folder: fit(
            model, callbacks=[klr.EpochSchedule(lambda epoch: 0.9 - 0.1 * epoch, hyperparameter="momentum")]
        ),
    ),
    "AdaptiveMomentumRamp on Adam": (
        lambda model: opt.Adam(0.01),
        lambda model, folder: fit(model, callbacks=[klr.AdaptiveMomentumRamp()]),
    ),
    "loss scale, reduced": (
        lambda model: opt.LossScaleOptimizer(opt.SGD(decay())),
        lambda model, folder: fit(model, callbacks=[reducer()]),
    ),
    "layerwise schedule, reduced": (
        lambda model: klr.layerwise(model, opt.SGD(decay()), decay=0.5),
        lambda model, folder: fit(model, callbacks=[reducer()]),
    ),
    "exponential average, scheduled": (lambda model: opt.AdamW(0.01, use_ema=True), average),
    "LiveControl": (lambda model: opt.SGD(0.1), live),
    "gradient accumulation": (
        lambda model: opt.SGD(klr.Linear(0.5, 0.0, klr.epochs(4)), gradient_accumulation_steps=2),
        accumulate,
    ),
    "gradient accumulation, Keras alone": (
        lambda model: opt.SGD(0.1, gradient_accumulation_steps=2),
        lambda model, folder: fit(model),
    ),
}
if BACKEND == "tensorflow":
    MORE["tf.train.Checkpoint"] = (lambda model: opt.SGD(0.1, momentum=0.9), checkpoint)


def scopes():
    """The ways to distribute, by name: the scope, and whether `fit` is called in it."""
    if BACKEND == "tensorflow":
        scope = cells.mirrored().scope
        return {"fit outside the scope": (scope, False), "fit inside the scope": (scope, True)}
    if BACKEND == "jax":
        return {"DataParallel": (cells.jax_scope("data"), True), "ModelParallel": (cells.jax_scope("model"), True)}
    return {}


def difference(cell, scope, inside):
    """What a cell of the table says."""
    largest = []

    def close(first, second):
        largest.append(max(float(np.abs(a - b).max()) for a, b in zip(first, second, strict=True)))

    cells.close, before = close, cells.close
    try:
        cells.check(cell, Path(mkdtemp()), scope, inside)
    except BaseException as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0][:90]}"
    finally:
        cells.close = before
    return f"{max(largest):.0e}"


def main():
    cells.CELLS |= MORE
    columns = scopes()
    if columns:
        print("| what |", *(f"{name} |" for name in columns))
        print("| --- |", *("--- |" for _ in columns))
    for cell in cells.CELLS if columns else []:
        print(f"| {cell} |", *(f"{difference(cell, *columns[name])} |" for name in columns), flush=True)
    alone, both = workers.train(), workers.train_in_two()
    weights = [[np.array(weight) for weight in result["weights"]] for result in (alone, both[0])]
    largest = max(float(np.abs(a - b).max()) for a, b in zip(*weights, strict=True))
    print(f"| two processes | {largest:.0e}, the same on both: {both[0] == both[1]} |")


if __name__ == "__main__":
    main()
