"""Does `tune_learning_rate` find the peak that a grid finds? On the tasks of `adaptive.py`, with SGD and AdamW.

    KERAS_BACKEND=jax python benchmarks/tuner.py [--tasks arm digits] [--budgets 1000] [--truth folder]
    KERAS_BACKEND=jax python benchmarks/tuner.py --table

The yardstick are the rows "SGD, one-cycle" and "AdamW, wcos" of `adaptive.py`, in the folder `--truth`: the best peak
of a grid by whole trainings. For each task, optimizer and number of updates the peak is tuned from two initial weights,
and the whole policy is trained with each of the peaks, from three other seeds, which are compared with the same seeds
of the best peak of the grid. Results are kept in `tuner.json` in the folder `--results`.
"""

import argparse
import os
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "jax")
import keras
import numpy as np
from adaptive import DEBIAN
from adaptive_rows import adamw, sgd
from adaptive_runs import Runner, Store
from adaptive_table import best_powers, peak_of
from adaptive_tasks import tasks
from measure import table

import keras_lr as klr

BUDGETS, TUNERS, SEEDS = (100, 300, 1000), (20, 21), range(3)


def warmup_cosine(peak, steps):
    return klr.warmup_cosine(peak, steps, warmup=0.1)


ROWS = {"SGD, one-cycle": (sgd, klr.one_cycle), "AdamW, wcos": (adamw, warmup_cosine)}


def tuned(task, make, policy, steps, seed):
    """The peak, what it cost, and how reliable it is said to be; and what the range test alone recommends."""
    model = task.model(seed)
    model.compile(make(0.01), task.loss)
    found = klr.tune_learning_rate(
        model,
        *task.data[0],
        validation_data=task.data[1],
        batch_size=task.batch,
        schedule=policy,
        epochs=1,
        steps_per_epoch=steps,
        verbose=0,
    )
    trials = {f"{trial.peak:.3g}": trial.loss if np.isfinite(trial.loss) else None for trial in found.trials}
    alone = found.range_test.recommended
    return {"peak": found.peak, "cost": found.cost, "doubts": found.doubts, "trials": trials, "sweep": alone.peak}


def complete(store, runner, name, steps, seed):
    """Tune a peak, and train with it."""
    (make, policy), path = ROWS[name], (runner.task.name, name, str(steps))
    pick = store.get((*path, str(seed)), lambda: tuned(runner.task, make, policy, steps, seed))
    schedule = policy(pick["peak"], steps)
    for test in SEEDS:
        key = (*path, f"{pick['peak']}", str(test))
        store.get(key, lambda test=test: runner.run(make, schedule, steps, test))
    print(*path, pick, store.at(*path, f"{pick['peak']}"), flush=True)
    store.save()


def rows_of(store, truth):
    """The lines of the table, and the differences to the best of the grid by budget."""
    lines, differences, costs, factors = [], {}, {}, []
    for name in ROWS:
        for task in store:
            for steps, cell in store[task].get(name, {}).items():
                grid = truth[task][name][steps]
                power = best_powers(grid)[0]
                best = np.array([grid[power][str(seed)][1] for seed in SEEDS])
                picks = [cell[str(seed)] for seed in TUNERS if str(seed) in cell]
                if not picks:
                    continue
                reached = np.array([[cell[f"{p['peak']}"][str(seed)][1] for seed in SEEDS] for p in picks])
                noise = np.std([grid[power][str(seed)][1] for seed in range(5)], ddof=1)
                difference, cost = (reached - best).mean(), np.mean([pick["cost"] for pick in picks])
                differences.setdefault(int(steps), []).append((difference, difference / max(noise, 0.05)))
                costs.setdefault(int(steps), []).append(cost)
                factors += [np.log10(pick["sweep"] / peak_of(power)) for pick in picks if pick["sweep"]]
                peaks = ", ".join(f"{pick['peak']:g}" + "?" * bool(pick["doubts"]) for pick in picks)
                points = [f"{best.mean():.1f} ± {noise:.1f}", f"{reached.mean():.1f}", f"{difference:+.1f}"]
                lines.append([f"{task}, {name}", steps, f"{peak_of(power):.2g}", peaks, *points, f"{cost:.2f}"])
    return lines, differences, costs, factors


def print_table(store, truth):
    lines, differences, costs, factors = rows_of(store, truth)
    columns = ["updates", "best peak", "tuned, two seeds", "points of the best", "of the tuned", "difference", "cost"]
    table("A question mark: the result says that it is unsure.", columns, lines)
    for steps, values in sorted(differences.items()):
        points, in_noise = np.array(values).T
        print(
            f"{steps} updates: {points.mean():+.2f} points on average, {np.median(points):+.2f} in the median, "
            f"{points.min():+.1f} at worst; {np.mean(in_noise > -2):.0%} within two deviations of a run; "
            f"cost {np.mean(costs[steps]):.2f}"
        )
    factors = np.abs(factors)
    print(
        f"The range test alone: within a factor of {10 ** np.median(factors):.1f} of the best peak in the median, "
        f"{10 ** np.quantile(factors, 0.9):.1f} in 9 of 10."
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    here = Path(__file__).parent / "results"
    parser.add_argument("--fashion-mnist", type=Path, default=DEBIAN, help="the folder with its four .gz files")
    parser.add_argument("--truth", type=Path, default=here)
    parser.add_argument("--results", type=Path, default=here)
    parser.add_argument("--tasks", nargs="*")
    parser.add_argument("--budgets", nargs="*", type=int, default=BUDGETS, help="updates")
    parser.add_argument("--table", action="store_true", help="run nothing, print the results in Markdown")
    options = parser.parse_args()
    store, truth = Store(options.results / "tuner.json"), Store(options.truth / "adaptive.json").all
    if options.table:
        return print_table(store.all, truth)
    for task in tasks(options.fashion_mnist, options.tasks).values():
        runner = Runner(task, max(BUDGETS))
        for name in ROWS:
            for steps in options.budgets:
                for seed in TUNERS:
                    complete(store, runner, name, steps, seed)
    print_table(store.all, truth)


if __name__ == "__main__":
    keras.utils.disable_interactive_logging()
    main()
