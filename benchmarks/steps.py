"""What a schedule costs in a training step, on the backend that KERAS_BACKEND names: ratios to a constant rate.

    python benchmarks/steps.py [--networks dense conv] [--tensors 2 20 100] [--executions 1 50]
        [--optimizers SGD AdamW scheduled] [--rates all] [--jit] [--builds 6] [--rounds 20] [--wall]

What is timed are calls of the compiled step on one batch over and over. The network `dense` is a chain of tiny layers,
with `--tensors` weight tensors, so that next to nothing is there but the optimizer; `conv`, two convolutions on 32
images of 28 x 28, has a step of some milliseconds, as the smallest networks in use have. All models of a column are
there at once and have turns of some 10 ms in random order; the median of the ratios to the plain optimizer with a
number, round by round, is taken. Equal models differ by some percent, by where in memory they are. So all are built
anew several times: a cell is the mean of these medians, and two standard errors of it. The row `noise` shows what is
left of it: three equal models, each by the others. `scheduled` is AdamW by `klr.scheduled`. AdamW has a weight decay.
The `few` rates are `Intervals` and a cosine with a warmup. Only TensorFlow makes one call of several steps.
"""

import argparse
import functools
import itertools
import os
import random
import statistics
import time
from typing import Any, NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from measure import interleaved, network, ratio, table
from rates import RATES, check

import keras_lr as klr

FEW = ["warmup_cosine from 0", "Intervals of 101"]
ALL = [
    *FEW,
    "Cosine",
    "one_cycle",
    "Exponential, stairs of examples",
    "Knots of 101",
    "triangular",
    "sgdr, growing",
]
OWN = ": Keras' own"
NUMBER, NOISE, TIME = "a number", "noise: a number, three times", "milliseconds of a step with a number"
COPIES = 3
WARM, TURN = 100, 0.01  # steps before anything is timed; seconds


def adamw(rate):
    return keras.optimizers.AdamW(rate, weight_decay=0.01)


OPTIMIZERS = {"SGD": keras.optimizers.SGD, "AdamW": adamw, "scheduled": lambda rate: klr.scheduled(adamw(rate))}


class Task(NamedTuple):
    """A network and the one batch that it is trained on."""

    title: str
    network: Any  # a function that makes it
    tensors: int  # of its weights
    batch: tuple  # one for all models: JAX copies arrays or not, by where in the memory they are


def convolutional():
    """Two convolutions and a dense layer: 20,000 weights."""
    keras.utils.set_random_seed(0)
    layers = [
        keras.layers.Conv2D(16, 3, activation="relu"),
        keras.layers.MaxPooling2D(),
        keras.layers.Conv2D(32, 3, activation="relu"),
        keras.layers.MaxPooling2D(),
        keras.layers.Flatten(),
        keras.layers.Dense(10, activation="softmax"),
    ]
    return keras.Sequential([keras.Input([28, 28, 1]), *layers])


def dense_task(tensors):
    return Task(f"A step with {tensors} weight tensors", lambda: network(tensors), tensors, batch([4, 16], [4, 16]))


def conv_task():
    return Task("A step of two convolutions", convolutional, 6, batch([32, 28, 28, 1], [32, 10]))


def batch(*shapes):
    random = np.random.default_rng(0)
    return tuple(keras.ops.convert_to_tensor(random.normal(size=shape), "float32") for shape in shapes)


def training(optimizer, task, execution, jit):
    """A function that makes calls of the compiled training step and returns the loss of the last one."""
    model, backend = task.network(), keras.backend.backend()
    jit = jit if backend == "tensorflow" else "auto"
    model.compile(optimizer, loss="mse", steps_per_execution=execution, jit_compile=jit)
    model.test_on_batch(*task.batch)  # builds the metrics
    model.optimizer.build(model.trainable_variables)
    model.make_train_function()
    step, state = model.train_function, ()
    if backend == "tensorflow":
        import tensorflow as tf

        data = iter(tf.data.Dataset.from_tensors(task.batch).repeat())
    elif backend == "torch":
        model.train()
        data = [task.batch]
    else:
        data = itertools.repeat(task.batch)
        variables = "trainable_variables", "non_trainable_variables", "optimizer", "metrics_variables"
        kinds = [getattr(model, name) for name in variables]
        state = [[v.value for v in getattr(kind, "variables", kind)] for kind in kinds]

    def run(calls):
        nonlocal state
        for _ in range(calls):
            if backend == "jax":
                logs, state = step(state, data)
            else:
                logs = step(data)
        return float(keras.ops.convert_to_numpy(logs["loss"]))  # waits for the device

    return run


def rates_of(names, tensors):
    """The rates by the names of their rows, ours beside Keras' own."""
    rates = {NUMBER: 0.1}
    for name in names:
        rates[name] = RATES[name].schedule
        # Of many tensors, its nodes are too many to wait for.
        if RATES[name].keras is not None and not (name.startswith("Intervals") and tensors > 2):
            rates[f"{name}{OWN}"] = RATES[name].keras
    return rates


def column(kind, rates, task, execution, options):
    """The ratios of one column, by row."""
    ratios = [once(kind, rates, task, execution, options) for _ in range(options.builds)]
    said = {}
    for name in rates:
        each = [ratio_of[name] for ratio_of in ratios]
        said[name] = f"{statistics.mean(each):.3f} ± {2 * statistics.stdev(each) / len(each) ** 0.5:.3f}"
    equal = [statistics.mean(ratio_of[n] for ratio_of in ratios) for n in range(COPIES)]
    milliseconds = statistics.median(ratio_of[TIME] for ratio_of in ratios)
    return {TIME: f"{milliseconds:.3f}", NOISE: f"{min(equal):.3f} to {max(equal):.3f}", **said}


def once(kind, rates, task, execution, options):
    """The ratios of one build, by row, those of the equal models, by number, and the time of a step."""
    keras.backend.clear_session()
    plain = adamw if kind == "scheduled" else OPTIMIZERS[kind]
    makers = {name: functools.partial(OPTIMIZERS[kind], rate) for name, rate in rates.items()}
    copies = [f"copy {n}" for n in range(COPIES)]
    makers |= {name: functools.partial(plain, 0.1) for name in copies}
    makers = dict(random.sample(list(makers.items()), len(makers)))
    fits = {name: training(maker(), task, execution, options.jit) for name, maker in makers.items()}
    losses = {name: fit(max(1, WARM // execution)) for name, fit in fits.items()}
    same = [(NUMBER, name) for name in copies]
    same += [(name, f"{name}{OWN}") for name in rates if f"{name}{OWN}" in rates]
    for first, second in same:  # what has the same values has trained the same
        np.testing.assert_allclose(losses[first], losses[second], rtol=1e-3, err_msg=f"{kind}: {second}")
    began = time.process_time()
    fits[copies[0]](10)
    calls = max(1, round(TURN / (time.process_time() - began) * 10))
    runs = {name: functools.partial(fit, calls) for name, fit in fits.items()}
    clock = time.perf_counter if options.wall else time.process_time
    times = interleaved(runs, options.rounds, clock=clock)
    times = {name: np.array(seconds) for name, seconds in times.items()}
    yardstick = np.mean([times[name] for name in copies], axis=0)
    others = {n: (COPIES * yardstick - times[name]) / (COPIES - 1) for n, name in enumerate(copies)}
    equal = {n: ratio(times[copies[n]], other)[0] for n, other in others.items()}
    ratios = {name: ratio(times[name], yardstick)[0] for name in rates}
    return {TIME: 1e3 * float(np.median(yardstick)) / calls / execution, **equal, **ratios}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="*", default=["dense"], choices=["dense", "conv"])
    parser.add_argument("--tensors", type=int, nargs="*", default=[2], help="weight tensors of the network `dense`")
    parser.add_argument("--executions", type=int, nargs="*", default=[1, 50], help="steps per execution")
    parser.add_argument("--optimizers", nargs="*", default=list(OPTIMIZERS), choices=list(OPTIMIZERS))
    parser.add_argument("--rates", default="all", choices=["all", "few"])
    parser.add_argument("--jit", action="store_true", help="on TensorFlow, which else runs the graph as it is")
    parser.add_argument("--builds", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=20, help="of each build")
    parser.add_argument("--wall", action="store_true", help="wall time instead of processor time")
    options = parser.parse_args()
    names = ALL if options.rates == "all" else FEW
    if keras.backend.backend() != "tensorflow":
        options.executions = [1]
    for name in names:
        check(name)
    print(f"Keras {keras.__version__} on {keras.backend.backend()}{', jit' * options.jit}, {options.builds} builds")
    tasks = [dense_task(tensors) for tensors in options.tensors] if "dense" in options.networks else []
    if "conv" in options.networks:
        tasks.append(conv_task())
    for task in tasks:
        rates = rates_of(names, task.tensors)
        columns = {}
        for kind, execution in itertools.product(options.optimizers, options.executions):
            title = f"{kind}, {execution} a call" if len(options.executions) > 1 else kind
            columns[title] = column(kind, rates, task, execution, options)
        rows = [(name, *(cells[name] for cells in columns.values())) for name in (TIME, NOISE, *rates)]
        table(f"{task.title}, 1 = a number as the rate", columns, rows)


if __name__ == "__main__":
    main()
