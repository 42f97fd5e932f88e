"""What a rule costs in a training step, on the backend that KERAS_BACKEND names: ratios to a constant rate.

    python benchmarks/rules.py [--tensors 2 20 100] [--widths 16 256] [--builds 3] [--rounds 15] [--no-jit]

The networks are chains of dense layers with so many weight tensors, on batches of 128, and `conv`, two convolutions on
32 images. Steps are timed as in `steps.py`. TensorFlow compiles them by XLA, as Keras does by default.
"""

import argparse
import functools
import os
import random
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
from measure import interleaved, network, ratio, table
from steps import Task, batch, conv_task, training

import keras_lr as klr

TURN = 0.05  # seconds
CONSTANT = "a number"


def optimizers():
    """The optimizers to time, by the plain one that each is compared with."""

    def ruled(optimizer, rule):
        return lambda: klr.scheduled(optimizer(), learning_rate=rule)

    adam, sgd = keras.optimizers.Adam, keras.optimizers.SGD
    momentum = lambda: klr.scheduled(sgd(0.01, momentum=0.9), momentum=klr.AdaptiveMomentum())  # noqa: E731
    return {
        "Adam": {CONSTANT: adam, "DAdaptation": ruled(adam, klr.DAdaptation()), "Prodigy": ruled(adam, klr.Prodigy())},
        "SGD": {CONSTANT: sgd, "DoWG": ruled(sgd, klr.DoWG())},
        "SGD with momentum": {CONSTANT: lambda: sgd(0.01, momentum=0.9), "AdaptiveMomentum": momentum},
    }


def once(makers, task, options):
    """The ratios of one build, and the milliseconds of a step with a number."""
    keras.backend.clear_session()
    makers = dict(random.sample(list(makers.items()), len(makers)))
    fits = {name: training(make(), task, 1, not options.no_jit) for name, make in makers.items()}
    for fit in fits.values():
        fit(20)
    began = time.process_time()
    fits[CONSTANT](10)
    calls = max(1, round(TURN / (time.process_time() - began) * 10))
    runs = {name: functools.partial(fit, calls) for name, fit in fits.items()}
    times = interleaved(runs, options.rounds)
    milliseconds = 1e3 * statistics.median(times[CONSTANT]) / calls
    return {name: ratio(seconds, times[CONSTANT])[0] for name, seconds in times.items()}, milliseconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tensors", type=int, nargs="*", default=[2, 20, 100])
    parser.add_argument("--widths", type=int, nargs="*", default=[16, 256])
    parser.add_argument("--builds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--no-jit", action="store_true", help="TensorFlow without XLA")
    options = parser.parse_args()
    print(f"Keras {keras.__version__} on {keras.backend.backend()}")
    tasks = [conv_task()]
    for width in options.widths:
        for tensors in options.tensors:
            make = functools.partial(network, tensors, width)
            tasks.append(Task(f"{tensors} x {width}", make, tensors, batch([128, width], [128, width])))
    for task in tasks:
        rows = []
        for kind, makers in optimizers().items():
            results = [once(makers, task, options) for _ in range(options.builds)]
            cells = {name: statistics.mean(result[name] for result, _ in results) for name in makers}
            rows.append((kind, f"{statistics.mean(ms for _, ms in results):.2f} ms"))
            rows += [(name, f"{cells[name]:.3f}") for name in makers if name != CONSTANT]
        table(task.title, ["a step with a number, and ratios to it"], rows)


if __name__ == "__main__":
    main()
