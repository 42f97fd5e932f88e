"""What a schedule adds to a TensorFlow graph: nodes, and the time to trace them.

    python benchmarks/graph.py [--rounds 7] [--tensors 2 20 100]

A constant rate is a variable that is read. Nodes are counted with those of the functions inside. What is traced is
new each time, so that nothing is left from the time before. The second table is the whole training step of AdamW
with weight decay, of a chain of dense layers with that many weight tensors: as Keras makes it, and by
`klr.scheduled`, which evaluates a schedule once per step.
"""

import argparse
import os
import pickle

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf
from measure import above, interleaved, network, ratio, table
from rates import RATES, check

import keras_lr as klr

IN_A_STEP = ["Cosine", "warmup_cosine from 0", "Intervals of 101"]


def nodes(concrete):
    graph = concrete.graph.as_graph_def()
    return len(graph.node) + sum(len(inner.node_def) for inner in graph.library.function)


def traced(rate, count):
    """The graph of the value of a rate: of a schedule at a count of steps, of a number as Keras keeps it."""
    return tf.function(lambda: tf.identity(rate(count) if callable(rate) else rate)).get_concrete_function()


def copied(rate):
    """A schedule as after loading: what it prepares at the first call is not there yet."""
    return pickle.loads(pickle.dumps(rate)) if isinstance(rate, klr.Schedule) else rate


def alone(rounds):
    """Each schedule by itself."""
    rates = {}
    for name, rate in RATES.items():
        check(name)
        rates[name] = rate.schedule
        if rate.keras is not None:
            rates[f"{name}: {of_keras(rate)}"] = rate.keras
    count, constant = keras.Variable(7, dtype="int64"), keras.Variable(0.1)
    least = nodes(traced(constant, count))
    runs = {"constant": lambda _: traced(constant, count), **{name: lambda rate: traced(rate, count) for name in rates}}
    prepare = lambda name: copied(rates.get(name))  # noqa: E731
    interleaved(runs, 1, prepare)  # TensorFlow has first times of its own
    times = interleaved(runs, rounds, prepare)
    rows, over = [], []
    for name, rate in rates.items():
        more, ms = nodes(traced(rate, count)) - least, above(times[name], times["constant"])
        rows.append((name, more, f"{ms:.1f}", f"{ratio(times[name], times['constant'])[0]:.1f}"))
        if name in RATES and (more > 20 or ms > 15):
            over.append(f"{name} ({more}, {ms:.0f} ms)")
    columns = ["nodes above a constant", "ms of tracing above it", "tracing, 1 = constant"]
    table("A schedule in a TensorFlow graph", columns, rows)
    print(f"\nMore than 20 nodes or 15 ms above a constant: {', '.join(over) or 'none'}.")


def steps(tensors, rounds):
    """Whole training steps with `rounds` of tracing each."""
    kinds, rows = {"constant": (0.1, False), "constant, scheduled": (0.1, True)}, {}
    for name in IN_A_STEP:
        rate = RATES[name]
        kinds |= {name: (rate.schedule, False), f"{name}, scheduled": (rate.schedule, True)}
        if rate.keras is not None:
            kinds[f"{name}: {of_keras(rate)}"] = (rate.keras, False)
    for n in tensors:
        # Keras' graph of a piecewise rate takes minutes, with a thousand nodes for each tensor
        feasible = {name: kind for name, kind in kinds.items() if n <= 10 or "Piecewise" not in name}
        runs = {name: train_step(*kind, n) for name, kind in feasible.items()}
        size = {name: nodes(run()) for name, run in runs.items()}
        times = interleaved(runs, rounds)
        for name in kinds:
            cells = rows.setdefault(name, [])
            if name not in runs:
                cells += ["-"] * 3
                continue
            said = ratio(times[name], times["constant"])[0]
            ms = above(times[name], times["constant"])
            cells += [f"{size[name] - size['constant']:,}" if name != "constant" else f"({size[name]:,})"]
            cells += [f"{ms:.0f}", f"{said:.2f}"]
    columns = [f"{n} tensors: {what}" for n in tensors for what in ("nodes above", "ms above", "tracing, 1 = constant")]
    table("A training step of AdamW with weight decay", columns, [(name, *cells) for name, cells in rows.items()])


def train_step(rate, scheduled, tensors):
    """A function that traces the training step of a model."""
    optimizer = keras.optimizers.AdamW(rate, weight_decay=0.01)
    model = network(tensors)
    model.compile(klr.scheduled(optimizer) if scheduled else optimizer, loss="mse")
    x = tf.zeros([4, 16])
    model.test_on_batch(x, x)  # builds the metrics
    optimizer.build(model.trainable_variables)
    return lambda: tf.function(model.train_step).get_concrete_function((x, x))


def of_keras(rate):
    return f"Keras' {type(rate.keras).__name__}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="of each schedule alone")
    parser.add_argument("--tensors", type=int, nargs="*", default=[2, 20, 100], help="of the training step")
    parser.add_argument("--step-rounds", type=int, default=3)
    options = parser.parse_args()
    print(f"Keras {keras.__version__}, TensorFlow {tf.__version__}")
    alone(options.rounds)
    steps(options.tensors, options.step_rounds)
