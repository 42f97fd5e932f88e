"""Reports a comparison: a table, a recommendation in one sentence, and the numbers as JSON."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import statistics
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ..plotting import Curves
from .experiment import Reload, Run, Settings


@dataclasses.dataclass(frozen=True)
class Row:
    """A policy over its seeds; a spread is a standard deviation, 0 with one seed."""

    policy: str
    accuracy: float
    spread: float
    epochs: float
    seconds: float


def default_target(runs: list[Run]) -> float:
    """One percentage point below the final accuracy of the best policy."""
    best = max(statistics.fmean(run.final for run in group) for group in _by_policy(runs).values())
    return round(max(best - 0.01, 0.0), 3)


def rows(runs: list[Run], target: float) -> list[Row]:
    """One row per policy, the best first."""
    found = []
    for policy, group in _by_policy(runs).items():
        finals = [run.final for run in group]
        found.append(
            Row(
                policy,
                accuracy=statistics.fmean(finals),
                spread=statistics.stdev(finals) if len(finals) > 1 else 0.0,
                epochs=statistics.median(_epochs_to(target, run) for run in group),
                seconds=statistics.median(run.seconds for run in group),
            )
        )
    return sorted(found, key=lambda row: -row.accuracy)


def table(found: list[Row], target: float, seeds: int) -> str:
    """The rows as text, with a legend."""
    cells = [("policy", "final accuracy", f"epochs to {_percent(target)} %", "seconds a run")]
    spreads = [f" ± {_percent(row.spread)}" if seeds > 1 else "" for row in found]
    widest = max(map(len, spreads))
    for row, spread in zip(found, spreads, strict=True):
        epochs = "-" if math.isinf(row.epochs) else f"{row.epochs:g}"
        cells.append((row.policy, f"{_percent(row.accuracy)} %{spread:<{widest}}", epochs, f"{row.seconds:.1f}"))
    widths = [max(len(line[column]) for line in cells) for column in range(4)]
    lines = [
        f"{line[0]:<{widths[0]}}   "
        + "   ".join(f"{cell:>{width}}" for cell, width in zip(line[1:], widths[1:], strict=True))
        for line in cells
    ]
    lines.insert(1, "-" * len(lines[0]))
    over = f"the mean over {seeds} seeds ± their standard deviation" if seeds > 1 else "of one seed"
    lines.append(
        f"Accuracy is on the validation data, {over};\nepochs and seconds are medians, "
        "- where half the runs or more never got there."
    )
    return "\n".join(lines)


def answer(found: list[Row], seeds: int) -> str:
    """Which policy to use, and whether its advantage over the constant rate exceeds the spread."""
    best, others = found[0], found[1:]
    if not others:
        return f"Only {best.policy} was trained: there is nothing to compare it with."
    against = next((row for row in others if row.policy == "constant"), others[0])
    points = _percent(best.accuracy - against.accuracy)
    if best.policy == "constant":
        text = f"Keep constant: it is the best here, {points} points above {against.policy}"
    else:
        text = f"Use {best.policy}: {_percent(best.accuracy)} %, {points} points above {against.policy}"
    if seeds == 1:
        return f"{text}; but with one seed nobody knows how much of that is chance: take --seeds 3."
    if not _differ(best, against):
        return f"{text}, which is within the spread over the seeds: here it makes no difference that can be told."
    alike = [row.policy for row in others if row is not against and not _differ(best, row)]
    also = f" ({_join(alike)} can't be told from it)" if alike else ""
    return f"{text}, more than the spread over the seeds{also}."


def curves(runs: list[Run]) -> list[Curves]:
    """The curves of each policy for the plot."""
    return [
        Curves(
            policy,
            rate=np.array(group[0].rate),
            loss=np.array([run.loss for run in group]),
            accuracy=np.array([run.val_accuracy for run in group]),
        )
        for policy, group in _by_policy(runs).items()
    ]


def reload_line(reload: Reload, path: Path) -> str:
    """Whether the best model, saved and loaded, continues as if it had never been saved."""
    what = f"{path} ({reload.policy}, seed {reload.seed}), loaded and trained one epoch further,"
    if reload.different:
        first = ", ".join(reload.different[:3])
        return (
            f"{what} DIFFERS from going on without the reload in {len(reload.different)} of "
            f"{reload.compared} variables: {first}"
        )
    return (
        f"{what} equals going on without the reload bit for bit: all {reload.compared} variables of model "
        f"and optimizer, in an epoch that moved weights by up to {reload.moved:.2g}."
    )


def write_json(path: Path, settings: Settings, runs: list[Run], reload: Reload | None = None, **more: Any) -> None:
    """Write all numbers so far; the file is complete at every moment."""
    content = {
        "keras": keras.__version__,
        "backend": keras.backend.backend(),
        "settings": dataclasses.asdict(settings),
        **more,
        "reload": dataclasses.asdict(reload) if reload else None,
        "runs": [dataclasses.asdict(run) for run in runs],
    }
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(_no_nan(content), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    os.replace(part, path)


def _by_policy(runs: list[Run]) -> dict[str, list[Run]]:
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(run.policy, []).append(run)
    return groups


def _epochs_to(target: float, run: Run) -> float:
    reached = (epoch for epoch, accuracy in enumerate(run.val_accuracy, start=1) if accuracy >= target)
    return next(reached, math.inf)


def _differ(best: Row, other: Row) -> bool:
    return best.accuracy - best.spread > other.accuracy + other.spread


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.1f}"


def _join(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _no_nan(value: Any) -> Any:
    # JSON has no NaN: the loss of a run that diverged is null.
    if isinstance(value, dict):
        return {key: _no_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_no_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
