"""What a schedule costs: as ratios to a constant rate, Keras' own beside ours, in one run.

    python benchmarks/schedules.py [rounds]

Rounds are interleaved and the ratio is of medians, since absolute times mean
nothing on a shared machine. The first row against itself shows the noise.
"""

import statistics
import sys
import time

import keras
import numpy as np

import keras_lr as klr

BATCHES = 400
KERAS = keras.optimizers.schedules
BOUNDARIES = list(range(10, 1010, 10))
VALUES = np.linspace(0.1, 0.01, len(BOUNDARIES) + 1).tolist()
RATES = {
    "constant": 0.01,
    "constant, again": 0.01,
    "klr.Cosine": klr.Cosine(0.01, 0.0, steps=10**6),
    "Keras CosineDecay": KERAS.CosineDecay(0.01, 10**6),
    "klr.warmup_cosine": klr.warmup_cosine(0.01, steps=10**6),
    "Keras CosineDecay with warmup": KERAS.CosineDecay(0.0, 9 * 10**5, warmup_target=0.01, warmup_steps=10**5),
    "klr.Intervals of 101": klr.Intervals(BOUNDARIES, VALUES),
    "Keras PiecewiseConstantDecay of 101": KERAS.PiecewiseConstantDecay(BOUNDARIES, VALUES),
    "klr.Exponential, stairs": klr.Exponential(0.01, 0.96, steps=1000, staircase=True),
    "Keras ExponentialDecay, stairs": KERAS.ExponentialDecay(0.01, 1000, 0.96, staircase=True),
}


def training(rate, optimizer):
    """A function that trains for `BATCHES` steps; its first call, which traces, is made here."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input([16]), *(keras.layers.Dense(16, activation="relu") for _ in range(4))])
    model.compile(optimizer=optimizer(rate), loss="mse")
    x = np.ones([BATCHES * 4, 16], "float32")
    run = lambda: model.fit(x, x, batch_size=4, verbose=0)  # noqa: E731
    began = time.process_time()
    run()
    return run, time.process_time() - began


def medians(runs, rounds):
    """The median time of each run, the rounds of all of them interleaved."""
    times = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            began = time.process_time()
            run()
            times[name].append(time.process_time() - began)
    return {name: statistics.median(seconds) for name, seconds in times.items()}


def table(title, columns, rows):
    print(f"\n{title}\n{'':38}" + "".join(f"{column:>16}" for column in columns))
    for name, numbers in rows.items():
        print(f"{name:38}" + "".join(f"{number:16.3g}" for number in numbers))


def steps(rounds):
    """Ratios of the training step, and of tracing it, to those with a constant rate."""
    columns, rows = [], {name: [] for name in RATES}
    optimizers = {
        "SGD": keras.optimizers.SGD,
        "AdamW": lambda rate: keras.optimizers.AdamW(rate, weight_decay=0.01),
        "AdamW, scheduled": lambda rate: klr.scheduled(keras.optimizers.AdamW(rate, weight_decay=0.01)),
    }
    for label, optimizer in optimizers.items():
        bar = keras.utils.Progbar(len(RATES), stateful_metrics=[], unit_name=label)
        runs, first = {}, {}
        for name, rate in RATES.items():
            runs[name], first[name] = training(rate, optimizer)
            bar.add(1)
        step = medians(runs, rounds)
        columns += [label, "first fit"]
        for name in RATES:
            rows[name] += [step[name] / step["constant"], first[name] / first["constant, again"]]
    table("Processor time of a step and of the first fit, 1 = constant rate", columns, rows)


def bulk(rounds):
    """Ratios of a million values to the same formula in float64 numpy."""
    t, boundaries = np.arange(10**6), np.array(BOUNDARIES)
    pairs = {
        "Cosine": (klr.Cosine(0.1, 0.0, steps=10**6), lambda: 0.1 * np.sin(np.pi / 2 * (10**6 - t) / 10**6) ** 2),
        "Intervals": (RATES["klr.Intervals of 101"], lambda: np.take(VALUES, np.searchsorted(boundaries, t, "right"))),
        "Exponential": (klr.Exponential(0.1, 0.96, steps=1000), lambda: 0.1 * 0.96 ** (t / 1000)),
        "Polynomial": (klr.Polynomial(0.1, 0.0, steps=10**6, power=1.5), lambda: 0.1 * ((10**6 - t) / 10**6) ** 1.5),
        "one_cycle": (klr.one_cycle(0.1, steps=10**6), lambda: 0.1 * np.sin(np.pi / 2 * (10**6 - t) / 10**6) ** 2),
    }
    rows = {}
    for name, (schedule, formula) in pairs.items():
        times = medians({"ours": lambda s=schedule: s.values(10**6), "numpy": formula}, 3 * rounds)
        rows[name] = [times["ours"] / times["numpy"]]
    table("A million values, 1 = one numpy formula", ["ratio"], rows)


if __name__ == "__main__":
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    print(f"Keras {keras.__version__} on {keras.backend.backend()}, {rounds} rounds of {BATCHES} steps")
    steps(rounds)
    bulk(rounds)
