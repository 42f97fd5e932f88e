"""The rule of `PlateauReducer` as a pure function: from a value of the metric to the next state and what is due."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

LAYOUT = -math.inf  # the first number of a saved state; 0.1.0 began with the best value, which is never that
MOST = 10**12  # no count of checks is larger


@dataclasses.dataclass(frozen=True)
class PlateauState:
    """What a reducer remembers of the checks so far. Nothing in it depends on its arguments but the mode.

    Attributes:
        best: The best value, where smaller is better; infinite before the first one.
        bad: How many checks were no improvement since the last one that was, or since the last change.
        good: How many checks were improvements, likewise.
        cooldown: How many more checks do not count.
        reductions: How many reductions were due.
        values: The last values of the metric, where smaller is better.
    """

    best: float = math.inf
    bad: int = 0
    good: int = 0
    cooldown: int = 0
    reductions: int = 0
    values: tuple[float, ...] = ()


def after_check(rule: Any, state: PlateauState, value: float) -> tuple[PlateauState, str]:
    """The state after a check, and what is due: `"reduction"`, `"increase"` or nothing.

    `value` is that of the metric, where smaller is better. `rule` has the arguments of `PlateauReducer` as attributes.
    """
    values = (*state.values, value)[-rule.smoothing :]
    mean, best = sum(values) / len(values), state.best
    margin = rule.atol + rule.threshold * (abs(best) if rule.relative else 1.0)
    is_better = math.isfinite(mean) and (math.isinf(best) or mean < best - margin)
    best = mean if is_better else best
    bad, good = (0, state.good + 1) if is_better else (state.bad + 1, 0)
    cooldown = min(state.cooldown, max(rule.cooldown, rule.increase_cooldown))
    if cooldown:
        return PlateauState(best, 0, 0, cooldown - 1, state.reductions, values), ""
    if bad > patience(rule, state.reductions) - 1:  # as `bad >= floor(patience)`, which may be infinite
        return PlateauState(best, 0, 0, rule.cooldown, state.reductions + 1, values), "reduction"
    if rule.increase is not None and good >= rule.increase_patience:
        return PlateauState(best, 0, 0, rule.increase_cooldown, state.reductions, values), "increase"
    return PlateauState(best, bad, good, 0, state.reductions, values), ""


def patience(rule: Any, reductions: int) -> float:
    """The patience after so many reductions, not rounded."""
    with np.errstate(over="ignore"):
        return float(rule.patience * np.float64(rule.growth) ** reductions)


def to_array(rule: Any, state: PlateauState) -> np.ndarray:
    """A state as it is saved."""
    sign = 1.0 if rule.mode == "min" else -1.0
    counts = (state.bad, state.good, state.cooldown, state.reductions)
    return np.array([LAYOUT, sign, state.best, *counts, *state.values], "float64")


def from_array(rule: Any, array: Any) -> PlateauState:
    """A state that was saved.

    Raises:
        ValueError: It is damaged, or for the other mode; the message says which.
    """
    sign = 1.0 if rule.mode == "min" else -1.0
    array = np.asarray(array)
    if array.ndim != 1 or array.dtype.kind != "f" or len(array) < 4:
        raise ValueError("it is damaged")
    numbers = [float(number) for number in array]
    if numbers[0] == LAYOUT and len(numbers) >= 7:
        _, saved_sign, best, bad, good, cooldown, reductions, *values = numbers
        if saved_sign == -sign:
            raise ValueError(f"it is for the other mode, and `mode` is {rule.mode!r}")
    else:  # of 0.1.0, with the patience as it had grown
        best, bad, cooldown, grown, *values = numbers
        saved_sign, good = sign, 0.0
        grew = rule.growth > 1 and math.isfinite(grown) and grown > rule.patience
        reductions = float(round(math.log(grown / rule.patience) / math.log(rule.growth))) if grew else 0.0
    counts = [bad, good, cooldown, reductions]
    if saved_sign != sign or not _is_best(best) or any(not _is_count(count) for count in counts):
        raise ValueError("it is damaged")
    return PlateauState(best, int(bad), int(good), int(cooldown), int(reductions), tuple(values))


def _is_best(value: float) -> bool:
    return math.isfinite(value) or value == math.inf


def _is_count(value: float) -> bool:
    return 0 <= value <= MOST and value == int(value)
