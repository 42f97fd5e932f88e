"""Which self-adapting learning rates earn their place? Each beside tuned schedules, on seven small tasks.

    KERAS_BACKEND=jax python benchmarks/adaptive.py [--tasks arm digits] [--rows "SGD, constant"] [--budgets 100]
    KERAS_BACKEND=jax python benchmarks/adaptive.py --budgets 3000 --rows "NAdamW, wcos" "Prodigy, cosine, on NAdamW"
    KERAS_BACKEND=jax python benchmarks/adaptive.py --table
    KERAS_BACKEND=jax python benchmarks/adaptive.py --verify

A tuned row searches its peak on a grid of powers of sqrt(10): three peaks, then further ones while the best is at the
edge; the validation data and two seeds decide. Test data and five other seeds are reported; a seed decides the initial
weights and the order of the batches. The calibrated row has one setting for all tasks and budgets: of the candidates,
that with the best mean rank on the validation data. Run it after all tuned rows.

Results are kept in `adaptive.json` in the folder `--results`, so that a run that was interrupted goes on, and rows can
be added. Several processes may run, each with tasks of its own.
"""

import argparse
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")
import keras
import numpy as np
from adaptive_rows import Row, baselines, rules
from adaptive_runs import Runner, Store
from adaptive_table import CALIBRATED, SEEDS, TUNING_SEEDS, best_powers, calibrated, peak_of, print_tables
from adaptive_tasks import tasks

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
BUDGETS = (100, 300, 1000)  # steps
LARGEST = 4  # powers of sqrt(10) from the middle of the grid to its last peak


def complete(store: Store, runner: Runner, name: str, row: Row, steps: int, power: str | None = None) -> None:
    """Run what is missing of a row with a budget; with the peak of `power`, or with the one that is found."""
    budget = store.at(runner.task.name, name, str(steps))

    def run(power: str, seeds: Any) -> None:
        for seed in seeds:
            key = (runner.task.name, name, str(steps), power, str(seed))
            store.get(key, lambda seed=seed: runner.run(row.make, row.schedule(steps, power), steps, seed))

    wanted = [] if row.middle is None or power else range(row.middle - 1, row.middle + 2)
    while wanted:
        for one in wanted:
            run(str(one), TUNING_SEEDS)
        around = {int(one) + side for one in best_powers(budget) for side in (-1, 1)}
        wanted = [one for one in sorted(around) if str(one) not in budget and abs(one - row.middle) <= LARGEST]
    chosen = power or ("-" if row.middle is None else best_powers(budget)[0])
    run(chosen, SEEDS)
    store.save()
    tests = [budget[chosen][str(seed)][1] for seed in SEEDS]
    setting = "" if chosen == "-" else f"  peak {peak_of(chosen):.2g}"
    result = f"{np.mean(tests):>8.2f} ± {np.std(tests, ddof=1):.2f}"
    print(f"{runner.task.name:14}{name:34}{steps:>6}{result}{setting}", flush=True)


def verify(all_tasks: dict[str, Any], rows: dict[str, Row]) -> None:
    """Print how far the weights are from those of `Model.fit` after 50 steps."""
    for task in all_tasks.values():
        runner = Runner(task, 50)
        for name, row in rows.items():
            schedule = row.schedule(50, "-" if row.middle is None else str(row.middle - 1))
            print(f"{task.name:14}{name:34}{runner.difference_to_fit(row.make, schedule, 50):10.1e}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fashion-mnist", type=Path, default=DEBIAN, help="the folder with its four .gz files")
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results")
    parser.add_argument("--tasks", nargs="*")
    parser.add_argument("--rows", nargs="*", help="names of rows, or how they begin")
    parser.add_argument("--budgets", nargs="*", type=int, default=BUDGETS, help="steps")
    parser.add_argument("--table", action="store_true", help="run nothing, print the results in Markdown")
    parser.add_argument("--verify", action="store_true", help="compare with `Model.fit`")
    options = parser.parse_args()
    store = Store(options.results / "adaptive.json")
    rows = baselines() | rules()
    if options.table:
        tuned = {name for name, row in rows.items() if row.middle is not None}
        return print_tables(store.all, {name: row.family for name, row in rows.items()}, tuned)
    chosen = [n for n in [*rows, CALIBRATED] if not options.rows or n.startswith(tuple(options.rows))]
    all_tasks = tasks(options.fashion_mnist, options.tasks)
    if options.verify:
        return verify(all_tasks, {name: rows[name] for name in chosen if name != CALIBRATED})
    for task in all_tasks.values():
        runner = Runner(task, max(*options.budgets, *BUDGETS))
        for name in chosen:
            for steps in options.budgets:
                if name != CALIBRATED:
                    complete(store, runner, name, rows[name], steps)
                elif setting := calibrated(store.all):
                    complete(store, runner, setting[0], rows[setting[0]], steps, power=setting[1])


if __name__ == "__main__":
    keras.utils.disable_interactive_logging()
    main()
