"""Does the finder find a rate that trains? On Fashion-MNIST, untuned, against the best tuned constant rate.

    python benchmarks/finder.py [folder with the four .gz files of Fashion-MNIST] [--seeds 5]

The folder is that of Debian's package dataset-fashion-mnist unless told; without it the digits of scikit-learn
are taken. First the constant rates are tuned: the one with the highest accuracy at the end is what is to be
beaten. Then, for each seed, the rate is found from the fresh model and used as the peak of a one-cycle with a momentum
twin over half of those epochs, once for each suggestion. Last, what a sweep of 100 steps costs: a ratio to 100 plain
steps, interleaved.
"""

import argparse
import gzip
import statistics
import time
from pathlib import Path

import keras
import numpy as np

import keras_lr as klr

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
CONSTANTS = [0.01, 0.02, 0.05]
RULES = ("valley", "steepest", "lowest")
BATCH = 128


def fashion_mnist(folder):
    def read(name, offset):
        with gzip.open(folder / name) as file:
            return np.frombuffer(file.read(), "uint8", offset=offset)

    sets = []
    for part in ("train", "t10k"):
        x = read(f"{part}-images-idx3-ubyte.gz", 16).reshape(-1, 784).astype("float32") / 255
        sets.append((x, read(f"{part}-labels-idx1-ubyte.gz", 8).astype("int32")))
    (x, y), (x_test, y_test) = sets
    mean, deviation = x.mean(), x.std()
    return ((x[:20_000] - mean) / deviation, y[:20_000]), ((x_test - mean) / deviation, y_test), 0.863, 10


def digits():
    from keras_lr.compare.inputs import digits

    x, y = digits()
    order = np.random.default_rng(0).permutation(len(x))
    x, y, x_val, y_val = x[order[:1200]], y[order[:1200]], x[order[1200:]], y[order[1200:]]
    return (x.reshape(-1, 64), y), (x_val.reshape(-1, 64), y_val), 0.96, 20


def model_of(size, rate, momentum, seed):
    keras.utils.set_random_seed(seed)
    relu = {"activation": "relu"}
    hidden = [keras.layers.Dense(128, **relu), keras.layers.Dense(64, **relu)]
    model = keras.Sequential([keras.Input([size]), *hidden, keras.layers.Dense(10, activation="softmax")])
    optimizer = keras.optimizers.SGD(rate, momentum=0.9)
    if momentum is not None:
        klr.scheduled(optimizer, momentum=momentum)
    model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def accuracies(model, train, val, epochs):
    callbacks = [klr.BindSpans()]
    return model.fit(
        *train, validation_data=val, batch_size=BATCH, epochs=epochs, callbacks=callbacks, verbose=0
    ).history["val_accuracy"]


def first(reached, target):
    """The epoch, from 1 on, in which the accuracy is first at the target; infinity if never."""
    return next((epoch for epoch, value in enumerate(reached, 1) if value >= target), float("inf"))


def cost(train, rounds=7):
    """The time of a sweep of 100 steps over that of a plain `fit` of 100 steps, both with their tracing."""
    times = {"sweep": [], "fit": []}
    x, y = (np.resize(array, (BATCH * 100, *array.shape[1:])) for array in train)  # over and over, if it is short
    for seed in range(rounds):
        model = model_of(x.shape[1], 0.01, None, seed)
        began = time.process_time()
        klr.find_learning_rate(model, x, y, maximum=0.1, batch_size=BATCH, verbose=0)
        times["sweep"].append(time.process_time() - began)
        model = model_of(x.shape[1], 0.01, None, seed)
        began = time.process_time()
        model.fit(x, y, batch_size=BATCH, steps_per_epoch=len(x) // BATCH, verbose=0)
        times["fit"].append(time.process_time() - began)
    return statistics.median(times["sweep"]) / statistics.median(times["fit"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=DEBIAN)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    there = (options.folder / "train-images-idx3-ubyte.gz").exists()
    train, val, target, most = fashion_mnist(options.folder) if there else digits()
    size = train[0].shape[1]
    bar = keras.utils.Progbar(options.seeds * (len(CONSTANTS) + len(RULES)))
    rows = {}
    for rate in CONSTANTS:
        runs = []
        for seed in range(options.seeds):
            runs.append(accuracies(model_of(size, rate, None, seed), train, val, most))
            bar.add(1)
        rows[f"constant {rate:g}"] = runs
    ends = {name: statistics.median(run[-1] for run in runs) for name, runs in rows.items()}
    best, half = max(ends, key=ends.get), most // 2
    found = {name: [] for name in RULES}
    for seed in range(options.seeds):
        model = model_of(size, 0.01, None, seed)
        suggestions = klr.find_learning_rate(model, *train, batch_size=BATCH, verbose=0).suggestions
        for name in RULES:
            found[name].append(getattr(suggestions, name))
            bar.add(1)
            if found[name][-1] is not None:
                cycle = klr.one_cycle(peak=found[name][-1], steps=klr.epochs(half))
                twin = klr.Sequence(
                    [klr.Cosine(0.95, 0.85, klr.epochs(0.3 * half)), klr.Cosine(0.85, 0.95, klr.epochs(0.7 * half))],
                    boundaries=[klr.epochs(0.3 * half)],
                )
                runs = rows.setdefault(f"found, {name}", [])
                runs.append(accuracies(model_of(size, cycle, twin, seed), train, val, half))
    data = "Fashion-MNIST, 20,000 images" if there else "the digits of scikit-learn"
    print(f"\n{data}; target {target:.1%}; {options.seeds} seeds; medians")
    print(f"{'':20}{'rate':>10}{'epochs':>8}{'to target':>11}{'accuracy at the end':>21}")
    for name, runs in rows.items():
        rates = [rate for rate in found.get(name.removeprefix("found, "), []) if rate is not None]
        rate = f"{statistics.median(rates):.2g}" if rates else name.removeprefix("constant ")
        epochs, reached = statistics.median(first(run, target) for run in runs), statistics.median(r[-1] for r in runs)
        print(f"{name:20}{rate:>10}{len(runs[0]):>8}{epochs:>11g}{reached:>21.2%}")
    for rule in RULES:
        end = statistics.median(run[-1] for run in rows[f"found, {rule}"])
        verdict = "reaches" if end >= ends[best] else "does not reach"
        print(f"`{rule}` {verdict} in {half} epochs the {ends[best]:.2%} of the best {best} after {most}: {end:.2%}")
    print(f"A sweep of 100 steps costs {cost(train):.2f} times what 100 plain steps cost.")


if __name__ == "__main__":
    main()
