"""How the cost of a schedule grows: with boundaries, weight tensors, hyperparameters, steps, and what a table holds.

    python benchmarks/growth.py [folder for the picture growth.png]

Graphs are TensorFlow's. An evaluation is one of 1,000 in a loop inside the graph, above reading a variable. The
optimizer is AdamW with weight decay, its update alone, without a model.
"""

import argparse
import os
import tempfile
import time
import tracemalloc
from pathlib import Path

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from graph import nodes, traced
from measure import above, interleaved, ratio, table
from rates import KERAS, RATES, N

import keras_lr as klr

BOUNDARIES = [3, 10, 30, 100, 300, 1000, 5000]
TENSORS = [2, 10, 30, 100, 1000]
STEPS = [10**3, 10**4, 10**5, 10**6]
MOST_OF_KERAS = 300  # boundaries: 5,000 take its graph a minute
TURNS = 1000


def by_boundaries(rounds=5):
    """Rows of kind, boundaries, nodes, ms of tracing, µs of an evaluation, and ms to make the schedule."""
    count, constant, rows = keras.Variable(7, dtype="int64"), keras.Variable(0.1), []
    kinds = {
        "Intervals": lambda at, values: klr.Intervals(at, values),
        "Knots": lambda at, values: klr.Knots(at, values),
        "Repeat, a length for each cycle": lambda at, _: klr.Repeat(klr.Cosine(0.1, 0.0, 10), np.diff([0, *at])),
        "Keras' PiecewiseConstantDecay": lambda at, values: KERAS.PiecewiseConstantDecay(at, values),
    }
    for kind, maker in kinds.items():
        for n in BOUNDARIES:
            if "Keras" in kind and n > MOST_OF_KERAS:
                continue
            at = np.cumsum(10 + np.arange(n) % 7).tolist()
            values = np.linspace(0.1, 0.01, n + 1).tolist()
            rate = maker(at, values)
            more = nodes(traced(rate, count)) - nodes(traced(constant, count))
            runs = {"rate": lambda new: traced(new, count), "constant": lambda _: traced(constant, count)}
            times = interleaved(runs, 2 if "Keras" in kind else rounds, lambda name: maker(at, values))  # noqa: B023
            made = interleaved({kind: lambda: maker(at, values)}, 2)[kind]  # noqa: B023
            loops = {"rate": looped(rate, count), "constant": looped(constant, count)}
            interleaved(loops, 1)
            microseconds = 1e3 / TURNS * above(*interleaved(loops, 11).values())
            rows.append((kind, n, more, above(times["rate"], times["constant"]), microseconds, 1e3 * min(made)))
    return rows


def looped(rate, count):
    """A function that evaluates a rate many times in the graph."""

    @tf.function
    def loop():
        total = tf.constant(0.0)
        for turn in tf.range(TURNS):
            count.assign(tf.cast(turn, "int64"))
            total += rate(count) if callable(rate) else rate.value
        return total

    return loop


def update(tensors, scheduled, rate, **hyperparameters):
    """A function that updates that many weights once."""
    optimizer = keras.optimizers.AdamW(rate, weight_decay=0.01, clipnorm=1.0, epsilon=1e-7)
    if scheduled:
        klr.scheduled(optimizer, **hyperparameters)
    weights = [keras.Variable(np.ones([4])) for _ in range(tensors)]
    optimizer.build(weights)
    gradients = [tf.ones([4]) for _ in weights]
    return tf.function(lambda: optimizer.apply(gradients))


def by_tensors():
    """Rows of kind, tensors, nodes, seconds of tracing, and the ratio of an update where it is measured."""
    cosine, rows = RATES["warmup_cosine from 0"], []
    kinds = {
        "a number": (False, 0.1),
        "klr.warmup_cosine": (False, cosine.schedule),
        "klr.warmup_cosine, scheduled": (True, cosine.schedule),
        "Keras' CosineDecay with warmup": (False, cosine.keras),
    }
    for n in TENSORS:
        runs, results = {}, {}
        for kind, (scheduled, rate) in kinds.items():
            if n > 300 and "Keras" in kind:
                continue
            runs[kind] = update(n, scheduled, rate)
            began = time.process_time()
            size = nodes(runs[kind].get_concrete_function())
            results[kind] = size, time.process_time() - began
        ratios = {}
        if n <= 100:
            interleaved(runs, 3)
            times = interleaved(runs, max(40, 2000 // n))
            ratios = {kind: ratio(times[kind], times["a number"])[0] for kind in runs}
        rows += [(kind, n, *result, ratios.get(kind)) for kind, result in results.items()]
    return rows


def by_hyperparameters(tensors=20, rounds=60):
    """Rows of the number of hyperparameters that follow a schedule: nodes, tracing and an update above a number."""
    lines = {
        "learning_rate": klr.Cosine(0.1, 0.0, N),
        "weight_decay": klr.Cosine(0.01, 0.0, N),
        "beta_1": klr.Linear(0.85, 0.95, N),
        "beta_2": klr.Linear(0.99, 0.999, N),
        "clipnorm": klr.Linear(1.0, 0.5, N),
        "epsilon": klr.Linear(1e-7, 1e-8, N),
    }
    runs = {0: update(tensors, False, 0.1)}
    runs |= {n: update(tensors, True, 0.1, **dict(list(lines.items())[:n])) for n in range(1, len(lines) + 1)}
    update(tensors, False, 0.1).get_concrete_function()  # Keras has first times of its own
    size, tracing = {}, {}
    for n, run in runs.items():
        began = time.process_time()
        size[n] = nodes(run.get_concrete_function())
        tracing[n] = 1e3 * (time.process_time() - began)
    interleaved(runs, 3)
    times = interleaved(runs, rounds)
    names = ["none", *lines]
    said = {n: "{:.2f} ± {:.2f}".format(*ratio(times[n], times[0])) for n in runs}
    return [(f"{n}: and {names[n]}", size[n] - size[0], f"{tracing[n] - tracing[0]:.0f}", said[n]) for n in runs if n]


def by_steps(names=("Cosine", "one_cycle", "Intervals of 101", "sgdr, growing"), rounds=9):
    """Rows of schedule, steps, nanoseconds a value, and those of its numpy formula."""
    rows = []
    for name in names:
        for n in STEPS:
            few = max(1, 10**5 // n)
            runs = {
                "ours": lambda: [RATES[name].schedule.values(n) for _ in range(few)],  # noqa: B023
                "numpy": lambda: [RATES[name].formula(np.arange(n)) for _ in range(few)],  # noqa: B023
            }
            interleaved(runs, 1)
            times = interleaved(runs, rounds)
            rows.append((name, n, *(1e9 * np.median(times[key]) / n / few for key in runs)))
    return rows


def memory():
    """Rows of the values of a Table: MB of it, of a graph, of a saved model."""
    rows = []
    for n in (10**4, 10**6, 10**7):
        values = np.linspace(0.1, 0.0, n)
        tracemalloc.start()
        rate = klr.Table(values)
        held = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        graph = traced(rate, keras.Variable(7, dtype="int64")).graph.as_graph_def().ByteSize()
        model = keras.Sequential([keras.Input([1]), keras.layers.Dense(1)])
        model.compile(keras.optimizers.SGD(rate), loss="mse")
        with tempfile.TemporaryDirectory() as folder:
            model.save(Path(folder) / "model.keras")
            file = (Path(folder) / "model.keras").stat().st_size
        said = [f"{size / 1e6:,.1f} ({size / n:.1f})" for size in (values.nbytes, held, graph, file)]
        rows.append((f"{n:,}", *said))
    return rows


def draw(folder, boundaries, tensors, steps):
    from keras_lr.plotting.style import as_png, new_figure, style_of, tidy

    figure = new_figure(figsize=(11, 6.4))
    axes = figure.subplots(2, 3).flat
    panels = [
        (boundaries, 2, "Nodes of a schedule", "boundaries"),
        (boundaries, 3, "ms of tracing it", "boundaries"),
        (boundaries, 4, "µs of an evaluation in the graph", "boundaries"),
        (tensors, 2, "Nodes of an update by AdamW", "weight tensors"),
        (tensors, 3, "s of tracing it", "weight tensors"),
        (steps, 2, "ns a value, in bulk", "steps"),
    ]
    for ax, (rows, column, title, label) in zip(axes, panels, strict=True):
        for index, kind in enumerate(dict.fromkeys(row[0] for row in rows)):
            points = [(row[1], row[column]) for row in rows if row[0] == kind]
            ax.plot(*zip(*points, strict=True), label=kind, markersize=4, **style_of(index))
        ax.set(title=title, xlabel=label, xscale="log", yscale="log")
        tidy(ax)
        if column == 2:
            low, high = ax.get_ylim()
            ax.set_ylim(low, high * 8)  # room for the legend
            ax.legend(frameon=False, fontsize=7, loc="upper left")
    path = Path(folder) / "growth.png"
    path.write_bytes(as_png(figure))
    print(f"\n{path}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", help="where to draw the curves")
    options = parser.parse_args()
    print(f"Keras {keras.__version__}, TensorFlow {tf.__version__}")
    boundaries = by_boundaries()
    rows = [
        (f"{kind}, {n:,}", f"{more:,}", f"{ms:.1f}", f"{us:.2f}", f"{made:.1f}")
        for kind, n, more, ms, us, made in boundaries
    ]
    columns = ["nodes", "ms of tracing", "µs of an evaluation", "ms to make it, once"]
    table("Boundaries, above a constant", columns, rows)
    steps = by_steps()
    rows = [(f"{name}, {n:,}", f"{ours:.0f}", f"{theirs:.0f}") for name, n, ours, theirs in steps]
    table("Steps, in bulk", ["ns a value", "numpy formula"], rows)
    table("Hyperparameters scheduled, above none", ["nodes", "ms of tracing", "update, 1 = none"], by_hyperparameters())
    columns = ["float64 array", "schedule", "graph", "saved model"]
    table("A table of so many values: MB, and bytes a value", columns, memory())
    tensors = by_tensors()
    rows = [
        (f"{kind}, {n:,}", f"{size:,}", f"{seconds:.2f}", "-" if as_number is None else f"{as_number:.2f}")
        for kind, n, size, seconds, as_number in tensors
    ]
    table("Weight tensors, an update by AdamW", ["nodes", "s of tracing", "update, 1 = a number"], rows)
    if options.folder:
        draw(options.folder, boundaries, tensors, steps)


if __name__ == "__main__":
    main()
