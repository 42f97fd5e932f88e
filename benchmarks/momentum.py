"""What `AdaptiveMomentum` is worth beside fixed momentums: one table, and a picture of its paths.

    python benchmarks/momentum.py [--data FOLDER] [--picture momentum.png] [--quick]

Full batch: steps until the loss is a millionth of what it was at the start.
Small batches: test accuracy on Fashion-MNIST, from the four files of Debian's
package `dataset-fashion-mnist` or a folder with such files. One momentum that is
right everywhere does not exist among the fixed ones; the last column is the rule's
result beside the best of them.
"""

import argparse
import gzip
import sys
from pathlib import Path

import keras
import numpy as np

import keras_lr as klr

FIXED = (0.0, 0.5, 0.9, 0.99)
CONDITIONS = (10, 100, 1000, 10_000)
RATES = (0.005, 0.02, 0.1)
SIZE, CHUNK, LIMIT, CLOSE = 20, 250, 3000, 1e-6
TRAINING, BATCH, EPOCHS = 20_000, 128, 12


class Valley(keras.layers.Layer):
    """A loss of the layer's own weights, and how many updates it took to be close to the minimum."""

    def __init__(self, size, loss):
        super().__init__()
        self.function = loss
        self.w = self.add_weight(shape=[size], name="w")
        variable = {"trainable": False, "initializer": "zeros"}
        self.curvature = self.add_weight(shape=[size], name="curvature", **variable)
        self.noise, self.goal, self.count, self.there = (
            self.add_weight(shape=[], name=name, **variable) for name in ("noise", "goal", "count", "there")
        )
        self.random = keras.random.SeedGenerator(0)

    def call(self, x):
        ops = keras.ops
        w = ops.convert_to_tensor(self.w)
        loss = self.function(w, self.curvature)
        self.there.assign(ops.maximum(self.there, ops.cast(loss <= self.goal, "float32")))
        self.count.assign_add(1.0 - self.there)
        gradient = ops.stop_gradient(self.curvature * w)  # of the quadratic; Rosenbrock's valley has no noise
        share = self.noise / float(np.sqrt(w.shape[0])) * keras.random.normal(w.shape, seed=self.random)
        return 0.0 * x + loss + ops.sum(w * ops.stop_gradient(share * ops.norm(gradient)))


def quadratic(w, curvature):
    return 0.5 * keras.ops.sum(curvature * w * w)


def rosenbrock(w, curvature):
    return (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2


class Training:
    """A model that is compiled once, and trained from a new start for each momentum, rate and seed."""

    def __init__(self, model, adaptive, **options):
        optimizer = keras.optimizers.SGD(0.1, momentum=0.9)
        self.adaptive, self.model = adaptive, model
        klr.scheduled(optimizer, momentum=klr.AdaptiveMomentum() if adaptive else True)
        model.compile(optimizer=optimizer, **options)
        optimizer.build(model.trainable_variables)
        self.start = [keras.ops.convert_to_numpy(v) for v in optimizer.variables]

    def reset(self, rate, momentum, seed):
        keras.utils.set_random_seed(seed)
        optimizer = self.model.optimizer
        for variable, value in zip(optimizer.variables, self.start, strict=True):
            variable.assign(value)
        optimizer._managed.callback_state.clear()
        optimizer.learning_rate = rate
        if not self.adaptive:
            optimizer.momentum = momentum


class StopThere(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if keras.ops.convert_to_numpy(self.model.layers[-1].there.value):
            self.model.stop_training = True


class Paths(keras.callbacks.Callback):
    """Records the momentum of each update."""

    def __init__(self):
        super().__init__()
        self.values = []

    def on_train_batch_end(self, batch, logs=None):
        self.values.append(float(self.model.optimizer.momentum))


def descent(size, function, adaptive, chunk=CHUNK):
    inputs = keras.Input([1])
    valley = Valley(size, function)
    training = Training(
        keras.Model(inputs, valley(inputs)), adaptive, loss=lambda y, p: keras.ops.mean(p), steps_per_execution=chunk
    )
    return training, valley


def steps(training, valley, rate, momentum, curvature, start, noise, seed, limit=LIMIT, callbacks=()):
    """Updates until the loss is `CLOSE` times what it was; `limit` if it never is."""
    training.reset(rate, momentum, seed)
    valley.w.assign(start)
    valley.curvature.assign(curvature)
    valley.noise.assign(noise)
    valley.count.assign(0.0)
    valley.there.assign(0.0)
    valley.random.state.assign([seed, 0])
    valley.goal.assign(CLOSE * float(valley.function(np.float32(start), np.float32(curvature))))
    ones = np.ones([CHUNK, 1], "float32")
    training.model.fit(
        ones, ones, batch_size=1, epochs=limit // CHUNK, callbacks=[StopThere(), *callbacks], shuffle=False, verbose=0
    )
    return float(keras.ops.convert_to_numpy(valley.count.value))


def spectra():
    return {
        "even": lambda condition: np.linspace(1 / condition, 1, SIZE),
        "log": lambda condition: np.geomspace(1 / condition, 1, SIZE),
    }


def network():
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input([784]),
            layers.Dense(128, activation="relu"),
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )


def fashion(folder):
    def read(name, offset):
        with gzip.open(Path(folder) / name) as file:
            return np.frombuffer(file.read(), np.uint8, offset=offset)

    x, y, x_test, y_test = (
        read("train-images-idx3-ubyte.gz", 16),
        read("train-labels-idx1-ubyte.gz", 8),
        read("t10k-images-idx3-ubyte.gz", 16),
        read("t10k-labels-idx1-ubyte.gz", 8),
    )
    x, x_test = (images.reshape(-1, 784).astype("float32") / 255 for images in (x, x_test))
    return x[:TRAINING], y[:TRAINING].astype("int32"), x_test, y_test.astype("int32")


def accuracy(training, data, rate, momentum, seed, epochs=EPOCHS, callbacks=()):
    training.reset(rate, momentum, seed)
    training.model.set_weights(network().get_weights())
    x, y, x_test, y_test = data
    training.model.fit(x, y, batch_size=BATCH, epochs=epochs, callbacks=[*callbacks], verbose=0)
    right = training.model.predict(x_test, batch_size=2000, verbose=0).argmax(1) == y_test
    return 100.0 * float(right.mean())


class Bar:
    """A line on the error stream: how many of the runs are done."""

    def __init__(self, total):
        self.total, self.done = total, 0

    def tick(self, name):
        self.done += 1
        filled = 30 * self.done // self.total
        print(f"\r[{'=' * filled:30}] {self.done}/{self.total} {name:32}", end="", file=sys.stderr, flush=True)


def row(name, results, more_is_better=False, limit=LIMIT):
    """A line of the table, as Markdown: the mean of each fixed momentum, of the rule, and how they compare."""
    means = [np.mean(result) for result in results]
    if more_is_better:
        said = [f"{mean:.1f} ± {np.std(r):.1f}" for mean, r in zip(means, results, strict=True)]
        compared = f"{means[-1] - max(means[:-1]):+.1f}"
    else:
        said = [f"{mean:,.0f}" if mean < limit else f"> {limit:,}" for mean in means]
        compared = f"x {means[-1] / min(means[:-1]):.2f}"
    print(f"| {name} | {' | '.join(said)} | {compared} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="/usr/share/datasets/fashion-mnist", help="folder of the Fashion-MNIST files")
    parser.add_argument("--picture", help="where to draw the paths of the momentum, as PNG")
    parser.add_argument("--quick", action="store_true", help="one seed, two conditions, one rate, two epochs")
    options = parser.parse_args()
    data = fashion(options.data)
    seeds = range(1 if options.quick else 5)
    conditions, rates = (CONDITIONS[1:3], RATES[1:2]) if options.quick else (CONDITIONS, RATES)
    momentums = [*FIXED, None]
    kinds = [(spectrum, noise) for spectrum in spectra() for noise in (0.0, 0.5)]
    runs = sum(len(seeds) if noise else 1 for _, noise in kinds) * len(conditions) + 1 + len(rates) * len(seeds)
    bar = Bar(runs * len(momentums) + len(rates) * len(seeds))
    print("| | " + " | ".join(str(m) for m in FIXED) + " | adaptive | beside the best |")
    print("| --- " * (len(momentums) + 2) + "|")

    valleys = {adaptive: descent(SIZE, quadratic, adaptive) for adaptive in (False, True)}
    for spectrum, noise in kinds:
        for condition in conditions:
            name = f"{spectrum} spectrum, condition {condition:,}" + ", noise 50 %" * bool(noise)
            results = []
            for momentum in momentums:
                results.append([])
                for seed in seeds if noise else [0]:
                    training, valley = valleys[momentum is None]
                    curvature = spectra()[spectrum](condition)
                    found = steps(training, valley, 1.0, momentum, curvature, np.ones(SIZE), noise, seed)
                    results[-1].append(found)
                    bar.tick(name)
            row(name, results)
    results = []
    for momentum in momentums:
        training, valley = descent(2, rosenbrock, momentum is None)
        results.append([steps(training, valley, 1e-3, momentum, np.ones(2), [-1.2, 1.0], 0.0, 0, limit=12_000)])
        bar.tick("Rosenbrock")
    row("Rosenbrock, rate 0.001", results, limit=12_000)

    scce = "sparse_categorical_crossentropy"
    learners = {
        adaptive: Training(network(), adaptive, loss=scce, steps_per_execution=13) for adaptive in (False, True)
    }
    for rate in rates:
        name = f"Fashion-MNIST, rate {rate}"
        results = []
        for momentum, callback in [(m, False) for m in momentums] + [(None, True)]:
            results.append([])
            for seed in seeds:
                epochs = 2 if options.quick else EPOCHS
                callbacks = [klr.AdaptiveMomentumRamp()] if callback else []
                training = learners[momentum is None]
                results[-1].append(accuracy(training, data, rate, momentum, seed, epochs, callbacks))
                bar.tick(name)
        row(name, results[:-1], more_is_better=True)
        row(f"{name}, by the callback", [*results[:-2], results[-1]], more_is_better=True)
    print(file=sys.stderr)
    if options.picture:
        draw(options.picture, data, rates, conditions, epochs)


def draw(path, data, rates, conditions, epochs):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    training, valley = descent(SIZE, quadratic, True, chunk=1)
    widths = (7, 5, 3, 1)  # where paths are one, each is seen beneath the next
    for condition, width in zip(conditions, widths, strict=False):
        paths = Paths()
        curvature = spectra()["even"](condition)
        count = steps(training, valley, 1.0, None, curvature, np.ones(SIZE), 0.0, 0, callbacks=[paths])
        left.plot(np.arange(count) + 1, paths.values[: int(count)], label=f"condition {condition:,}", linewidth=width)
    left.set(title="Full batch: quadratics", xlabel="update", ylabel="momentum", ylim=(0, 1), xscale="log")
    training = Training(network(), True, loss="sparse_categorical_crossentropy")
    for rate, width in zip(rates, widths[1:], strict=False):
        paths = Paths()
        accuracy(training, data, rate, None, 0, epochs, callbacks=[paths])
        right.plot(np.arange(len(paths.values)) + 1, paths.values, label=f"rate {rate}", linewidth=width)
    right.set(title="Batches of 128: Fashion-MNIST", xlabel="update", xscale="log")
    for axes in (left, right):
        axes.legend(frameon=False, loc="lower right")
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=100, metadata={"Software": None})


if __name__ == "__main__":
    main()
