"""What callbacks cost: epochs of 1,000 tiny steps with them, as ratios to epochs without, in one run.

    python benchmarks/callbacks.py [--builds 8] [--rounds 3] [--rows all | few | loggers]

The models of all rows are built anew for each build, in random order, and so are the epochs of a round. A cell is the
mean over the builds of the median ratio of processor times to the epoch without callbacks, and two standard errors of
it; for a `Monitor` beside a logger, the ratio to the epoch with the logger. The second row is the first once more,
which shows the noise. It runs on any `KERAS_BACKEND`.
"""

import argparse
import random
import statistics
import tempfile
from pathlib import Path

import keras
import numpy as np
from measure import interleaved, ratio, table

import keras_lr as klr

BATCHES = 1000
FOLDER = Path(tempfile.mkdtemp())
RATE = klr.Cosine(0.01, 0.0, steps=10**7)


class RateOfEachBatch(keras.callbacks.Callback):
    """What tutorials do, and Keras' `LearningRateScheduler` for each epoch: the rate is set before each batch."""

    def on_train_batch_begin(self, batch, logs=None):
        self.model.optimizer.learning_rate = 0.01 / (1 + batch)


class Logger(keras.callbacks.Callback):
    """A logger of batches, which reads their `logs`."""

    def on_train_batch_end(self, batch, logs=None):
        self.last = logs


TWIN = {"EpochSchedule": lambda: klr.EpochSchedule(lambda epoch: 1e-4, "weight_decay")}
OURS = {
    "BindSpans": klr.BindSpans,
    "Monitor": klr.Monitor,
    "EpochIntervalSwitcher": lambda: klr.EpochIntervalSwitcher([1], [1e-4, 1e-5], "weight_decay"),
    "PlateauReducer": lambda: klr.PlateauReducer("loss", patience=10**6),
    "LiveControl": lambda: klr.LiveControl(FOLDER / "control.json"),
}
AS_ASKED = {
    "Monitor, log_dir": lambda: klr.Monitor(log_dir=FOLDER),
    "PlateauReducer, every=100": lambda: klr.PlateauReducer("loss", patience=10**6, every=100),
    "LiveControl, every=100": lambda: klr.LiveControl(FOLDER / "control.json", every=100),
    "AdaptiveMomentumRamp": klr.AdaptiveMomentumRamp,
}
ROWS = {
    "none": (RATE, []),
    "none, again": (RATE, []),
    "a Callback without hooks": (RATE, [keras.callbacks.Callback]),
    **{name: (RATE, [make]) for name, make in (OURS | TWIN).items()},
    "these but EpochSchedule, together": (RATE, [*OURS.values()]),
    **{name: (RATE, [make]) for name, make in AS_ASKED.items()},
    "all together": (RATE, [*OURS.values(), klr.AdaptiveMomentumRamp]),
    "none, the rate a number": (0.01, []),
    "Keras LearningRateScheduler": (0.01, [lambda: keras.callbacks.LearningRateScheduler(lambda epoch: 0.01)]),
    "the rate set at each batch": (0.01, [RateOfEachBatch]),
    "a logger of batches": (RATE, [Logger]),
    "a logger of batches, Monitor": (RATE, [Logger, klr.Monitor]),
    "a logger of batches, the rate a number": (0.01, [Logger]),
    "a logger of batches, Monitor, the rate a number": (0.01, [Logger, klr.Monitor]),
}


SOME = {
    "all": list(ROWS),
    "few": ["none", "none, again", "Monitor", "these but EpochSchedule, together"],
    "loggers": ["none", "none, the rate a number", *(name for name in ROWS if "logger" in name)],
}


def training(rate, makers):
    """A function that trains for an epoch; its first call, which traces, is made here."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input([16]), *(keras.layers.Dense(16, activation="relu") for _ in range(4))])
    model.compile(optimizer=keras.optimizers.SGD(rate, momentum=0.9, weight_decay=1e-4), loss="mse")
    x = np.ones([BATCHES * 4, 16], "float32")
    callbacks = [make() for make in makers]
    run = lambda: model.fit(x, x, batch_size=4, callbacks=callbacks, verbose=0)  # noqa: E731
    run()
    return run


def beside(name):
    """The row without callbacks that a row is compared with."""
    if "Monitor" in name and "logger" in name:
        return name.replace(", Monitor", "")
    return "none, the rate a number" if ROWS[name][0] is not RATE else "none"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--builds", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3, help="of each build")
    parser.add_argument("--rows", default="all", choices=[*SOME])
    options = parser.parse_args()
    names = SOME[options.rows]
    print(f"Keras {keras.__version__} on {keras.backend.backend()}, {options.builds} builds, {BATCHES} steps an epoch")
    bar, ratios = keras.utils.Progbar(options.builds, unit_name="build"), {name: [] for name in names}
    for _ in range(options.builds):
        keras.backend.clear_session()
        runs = {name: training(*ROWS[name]) for name in random.sample(names, len(names))}
        times = interleaved(runs, options.rounds)
        for name in names:
            ratios[name].append(ratio(times[name], times[beside(name)])[0])
        bar.add(1)
    rows = []
    for name, each in ratios.items():
        error = 2 * statistics.stdev(each) / len(each) ** 0.5
        rows.append((name, f"{statistics.mean(each):.3f} ± {error:.3f}"))
    table("Processor time of an epoch, 1 = without callbacks", ["ratio"], rows)


if __name__ == "__main__":
    main()
