"""What a table of a million rates costs: `schedule.values(10**6)` beside the numpy formula written by hand.

    python benchmarks/bulk.py [--rounds 9] [--steps 1000000]

All ratios are to the numpy formula in float64, in rates.py, its `np.arange` included. Keras' own schedules are given
the steps as one array, where they take that, and one by one; torch's schedulers are stepped; both of these for a
hundred steps, from which the million is reckoned.
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from measure import interleaved, ratio, table
from rates import RATES, N, check

FEW = 100  # of a loop over steps


def of_torch():
    """Functions that step one of torch's schedulers a number of times, by the row they belong to."""
    try:
        import torch
    except ImportError:
        return {}
    lr = torch.optim.lr_scheduler
    makers = {
        "Cosine": lambda optimizer: lr.CosineAnnealingLR(optimizer, N),
        "Exponential": lambda optimizer: lr.ExponentialLR(optimizer, 0.96**1e-4),
        "multi_step": lambda optimizer: lr.MultiStepLR(optimizer, [N // 3, N // 2]),
        "one_cycle": lambda optimizer: lr.OneCycleLR(optimizer, 0.1, N),
        "sgdr, growing": lambda optimizer: lr.CosineAnnealingWarmRestarts(optimizer, 1000, 2),
    }

    def stepped(maker):
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 0.1, momentum=0.9)
        scheduler = maker(optimizer)

        def run():
            rates = []
            for _ in range(FEW):
                rates.append(scheduler.get_last_lr()[0])
                optimizer.step()
                scheduler.step()
            return np.array(rates)

        return run

    return {name: stepped(maker) for name, maker in makers.items()}


def takes_arrays(schedule):
    t = np.arange(10)
    try:
        return keras.ops.convert_to_numpy(schedule(keras.ops.convert_to_tensor(t))).shape == t.shape
    except Exception:  # which it is depends on the backend
        return False


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, default=N)
    options = parser.parse_args()
    t, torch_runs, rows, over = np.arange(options.steps), of_torch(), [], []
    print(f"Keras {keras.__version__} on {keras.backend.backend()}, numpy {np.__version__}")
    bar = keras.utils.Progbar(len(RATES))
    for name, rate in RATES.items():
        check(name)
        runs = {
            "numpy": lambda: rate.formula(np.arange(options.steps)),  # noqa: B023
            "values": lambda: rate.schedule.values(options.steps),  # noqa: B023
        }
        times = interleaved(runs, options.rounds + 1)
        times = {key: seconds[1:] for key, seconds in times.items()}  # the first prepares tables
        ours, spread = ratio(times["values"], times["numpy"])
        few = options.steps / FEW
        loops = {}
        if rate.keras is not None:
            whole = keras.ops.convert_to_tensor(t)
            if takes_arrays(rate.keras):
                loops["array"] = lambda: np.asarray(keras.ops.convert_to_numpy(rate.keras(whole)))  # noqa: B023
            loops["loop"] = lambda: [float(rate.keras(step)) for step in range(FEW)]  # noqa: B023
        if name in torch_runs:
            loops["torch"] = torch_runs[name]
        slow = interleaved(loops, 2)
        typical = np.median(times["numpy"])
        others = {key: np.median(seconds) / typical * (1 if key == "array" else few) for key, seconds in slow.items()}
        said = [f"{others[key]:,.3g}" if key in others else "" for key in ("array", "loop", "torch")]
        if rate.keras is not None and "array" not in others:
            said[0] = "refused"
        ms = [f"{1e3 * np.median(times[key]):.1f}" for key in ("numpy", "values")]
        rows.append((name, *ms, f"{ours:.2f} ± {spread:.2f}", *said))
        if ours > 1:
            over.append(f"{name} ({ours:.2f})")
        bar.add(1)
    columns = ["numpy, ms", "ours, ms", "ours, times", "Keras, array", "Keras, one by one", "torch, stepped"]
    table(f"Values of {options.steps:,} steps, 1 = the numpy formula", columns, rows)
    print(f"\nMore than the numpy formula: {', '.join(over) or 'none'}.")


if __name__ == "__main__":
    main()
