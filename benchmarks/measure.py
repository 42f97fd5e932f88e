"""What the benchmarks have in common: rounds that are interleaved, ratios that are paired, tables in Markdown.

On a shared machine a time means nothing by itself. What is compared runs in turn, in a new random order each round;
its processor time is divided by that of the yardstick in the same round, and the median of these ratios is told.
"""

import logging
import random
import statistics
import time

import keras
import numpy as np

logging.getLogger("tensorflow").setLevel("ERROR")  # it warns of tracing, which is what is measured


def interleaved(runs, rounds, prepare=None, clock=time.process_time):
    """The seconds of each run in each round; what `prepare(name)` makes of it is given to it."""
    times = {name: [] for name in runs}
    order = list(runs)
    for _ in range(rounds):
        random.shuffle(order)
        for name in order:
            given = [prepare(name)] if prepare else []
            began = clock()
            runs[name](*given)
            times[name].append(clock() - began)
    return times


def ratio(times, to):
    """The median of the paired ratios, and two standard errors of it, from their quartiles."""
    low, middle, high = statistics.quantiles(np.array(times) / np.array(to), n=4)
    return middle, 2 * 0.93 * (high - low) / len(times) ** 0.5


def above(times, to):
    """The median of the paired differences, in milliseconds."""
    return 1e3 * float(np.median(np.array(times) - np.array(to)))


def table(title, columns, rows):
    """Print a table that can be pasted into a page: of each row the first cell is its name."""
    print(f"\n{title}\n\n| | {' | '.join(columns)} |\n| --- |{' ---: |' * len(columns)}")
    for name, *cells in rows:
        print(f"| {name} | {' | '.join(map(str, cells))} |", flush=True)


def network(tensors, width=16):
    """A chain of small dense layers with that many weight tensors, an even number."""
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(width, activation="tanh") for _ in range(tensors // 2)]
    return keras.Sequential([keras.Input([width]), *layers])
