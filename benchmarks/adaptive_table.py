"""Reads the results of `adaptive.py`: which setting was chosen, and the tables in Markdown."""

from typing import Any

import numpy as np
from measure import table

SEEDS, TUNING_SEEDS = range(5), range(5, 7)
CALIBRATED, CANDIDATES = "calibrated", ("AdamW, wcos", "NAdamW, wcos")


def peak_of(power: str) -> float:
    return 10 ** (int(power) / 2)


def score(runs: dict[str, Any]) -> float | None:
    """The mean on the validation data of the seeds to tune with; `None` if they have not all run."""
    seeds = [runs.get(str(seed)) for seed in TUNING_SEEDS]
    return None if None in seeds else float(np.mean([run[0] for run in seeds]))


def best_powers(cell: dict[str, Any]) -> list[str]:
    """The powers of the peaks with the best score: one, but where no peak leads anywhere."""
    scores = {power: value for power, runs in cell.items() if (value := score(runs)) is not None}
    return sorted((power for power in scores if scores[power] == max(scores.values())), key=int)


def calibrated(results: dict[str, Any]) -> tuple[str, str] | None:
    """The candidate row and the power of its peak with the best mean rank over all tasks and budgets."""
    settings = [(name, str(power)) for name in CANDIDATES for power in range(-6, -3)]
    ranks = []
    for task in results.values():
        for steps in task.get(CANDIDATES[0], {}):
            cells = [task.get(name, {}).get(steps, {}).get(power, {}) for name, power in settings]
            scores = [score(cell) for cell in cells]
            if None not in scores:
                ranks.append([sum(other > one for other in scores) + scores.count(one) / 2 for one in scores])
    return settings[int(np.mean(ranks, axis=0).argmin())] if ranks else None


def cells(results: dict[str, Any], names: Any) -> dict[tuple[str, str, str], tuple[np.ndarray, int, str]]:
    """By row, task and budget: the results on the test data, how many runs failed, and the power of the peak."""
    found = {}
    setting = calibrated(results)
    for name in names:
        stored, fixed = setting if name == CALIBRATED and setting else (name, None)
        for task, rows in results.items():
            for steps, cell in rows.get(stored, {}).items():
                power = fixed or ("-" if "-" in cell else next(iter(best_powers(cell)), None))
                runs = [cell.get(power, {}).get(str(seed)) for seed in SEEDS]
                if None not in runs:
                    found[name, task, steps] = np.array([r[1] for r in runs]), sum(r[2] for r in runs), power
    return found


def shown(cell: Any) -> str:
    """Mean and deviation, and after a dagger the runs that failed."""
    if cell is None:
        return ""
    tests, failed, power = cell
    peak = "" if power == "-" else f" @{peak_of(power):.2g}"
    return f"{tests.mean():.1f} ± {tests.std(ddof=1):.1f}{peak}" + (f" †{failed}" if failed else "")


def difference(one: np.ndarray, other: np.ndarray) -> tuple[float, bool]:
    """How much better `one` is, in points, and whether that is within noise: two standard errors."""
    error = np.sqrt((one.var(ddof=1) + other.var(ddof=1)) / len(one))
    gap = float(one.mean() - other.mean())
    return gap, abs(gap) <= 2 * error


def summary(found: dict[Any, Any], families: dict[str, str], tuned: set[str]) -> list[list[Any]]:
    """Of each row, how it stands beside the best tuned row of its family, and beside the calibrated one."""
    rows, budgets = [], sorted({key[2] for key in found}, key=int)
    for name, family in families.items():
        own = {key[1:]: cell for key, cell in found.items() if key[0] == name}
        if not own:
            continue
        rivals = [other for other in tuned if families[other] == family]
        gaps = {}
        for place, (tests, _, _) in own.items():
            best = max((found[(r, *place)][0] for r in rivals if (r, *place) in found), key=np.mean, default=tests)
            gaps[place] = difference(tests, best)
        beside = [
            difference(tests, found[(CALIBRATED, *place)][0])
            for place, (tests, _, _) in own.items()
            if (CALIBRATED, *place) in found
        ]
        better, level = sum(not noise and gap > 0 for gap, noise in beside), sum(noise for _, noise in beside)
        by_budget = [[gap for (_, steps), (gap, _) in gaps.items() if steps == budget] for budget in budgets]
        row = [name, *(f"{np.mean(some):+.1f} ({np.median(some):+.1f})" if some else "" for some in by_budget)]
        row.append(f"{min(gap for gap, _ in gaps.values()):+.1f}")
        row.append(f"{sum(noise or gap > 0 for gap, noise in gaps.values())} of {len(gaps)}")
        row.append(f"{better} / {level} / {len(beside) - better - level}")
        rows.append([*row, sum(failed for _, failed, _ in own.values())])
    return rows


def print_tables(results: dict[str, Any], families: dict[str, str], tuned: set[str]) -> None:
    """A table for each budget, and the summary."""
    setting = calibrated(results)
    families = families | {CALIBRATED: "Adam"}
    found = cells(results, families)
    names = sorted(results)
    for steps in sorted({key[2] for key in found}, key=int):
        some = [name for name in families if any(key[0] == name and key[2] == steps for key in found)]
        lines = [[name, *(shown(found.get((name, task, steps))) for task in names)] for name in some]
        table(f"{steps} steps; test results in points, mean and deviation of {len(SEEDS)} seeds, @ peak", names, lines)
    deviations = [tests.std(ddof=1) for tests, _, _ in found.values()]
    if setting:
        others = [calibrated({name: results[name] for name in names if name != left_out}) for left_out in names]
        same = f"it is the same in {others.count(setting)} of {len(names)} cases where one task is left out"
        print(f"\nThe calibrated setting is `{setting[0]}` with the peak {peak_of(setting[1]):.2g}; {same}.")
    print(f"The deviation over seeds is {np.median(deviations):.2f} points in the median. † is runs that failed.")
    columns = [f"mean (median) gap, {steps} steps" for steps in sorted({key[2] for key in found}, key=int)]
    columns += ["worst gap", "level or better", "better / level / worse than calibrated", "failed runs"]
    table(
        "Summary; gaps to the best tuned row of the family, in points; level is within two standard errors",
        columns,
        summary(found, families, tuned),
    )
