"""What callbacks cost: epochs of 1,000 tiny steps with them, as ratios to epochs without, in one run.

    python benchmarks/callbacks.py [rounds]

Rounds are interleaved, and the ratio is the median of those to the epoch without
callbacks of the same round, since absolute times mean nothing on a shared machine.
The first row against itself shows the noise. It runs on any `KERAS_BACKEND`.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

import keras
import numpy as np

import keras_lr as klr

BATCHES = 1000
FOLDER = Path(tempfile.mkdtemp())
RATE = klr.Cosine(0.01, 0.0, steps=10**7)


class RateOfEachBatch(keras.callbacks.Callback):
    """What tutorials do, and Keras' `LearningRateScheduler` for each epoch: the rate is set before each batch."""

    def on_train_batch_begin(self, batch, logs=None):
        self.model.optimizer.learning_rate = 0.01 / (1 + batch)


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


def times_of(runs, rounds):
    """The processor times of each run, the rounds of all of them interleaved."""
    bar = keras.utils.Progbar(rounds, unit_name="round")
    times = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            began = time.process_time()
            run()
            times[name].append(time.process_time() - began)
        bar.add(1)
    return times


if __name__ == "__main__":
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    print(f"Keras {keras.__version__} on {keras.backend.backend()}, {rounds} rounds of {BATCHES} steps")
    bar = keras.utils.Progbar(len(ROWS), unit_name="traced")
    runs = {}
    for name, (rate, makers) in ROWS.items():
        runs[name] = training(rate, makers)
        bar.add(1)
    times = times_of(runs, rounds)
    print(f"\nProcessor time of an epoch, 1 = without callbacks\n{'':38}{'median':>12}{'quartiles':>16}")
    for name, seconds in times.items():
        beside = "none, the rate a number" if ROWS[name][0] is not RATE else "none"
        ratios = [a / b for a, b in zip(seconds, times[beside], strict=True)]
        low, _, high = statistics.quantiles(ratios, n=4)
        print(f"{name:38}{statistics.median(ratios):12.3f}{low:9.3f}{high:7.3f}")
