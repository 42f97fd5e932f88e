"""The unit in which a plot shows time: steps, or that of the spans of schedules that are not bound to steps yet."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from ..schedules.base import Schedule

SMALL = 0.002  # of the largest value: a mean difference that a plot doesn't show


class TimeAxis(NamedTuple):
    """Schedules bound to steps for a plot, how many of these steps make a unit of the axis, and its label."""

    schedules: list[Schedule]
    steps: int
    label: str


class Unit(NamedTuple):
    """How a plot shows time in a unit of spans: its label, steps per unit, and the numbers to bind with."""

    label: str
    steps: int
    known: Callable[[int], dict[str, Any]]


UNITS = {
    # 840 steps, since halves to eighths of an epoch are whole numbers of these
    "epochs": Unit("epoch", 840, lambda steps: {"steps_per_epoch": steps}),
    "fraction": Unit("fraction of the run", 840, lambda steps: {"steps_per_epoch": steps, "epochs": 1}),
    "examples": Unit("examples", 1, lambda steps: {"batch_size": Fraction(1, steps)}),
}


def time_axis(schedules: list[Schedule], length: Callable[[list[Schedule]], int]) -> TimeAxis:
    """Bind schedules that all count time in one unit, for a plot in that unit; `length` is how many steps it shows.

    Raises:
        ValueError: They count in several units, so the plot depends on numbers that `bind` needs.
    """
    unbound = [span for schedule in schedules for span in schedule.spans if span.steps is None]
    units = {unit for span in unbound for unit in span.amounts}
    if not unbound:
        return TimeAxis(schedules, 1, "step")
    if len(units) == 1:
        unit = UNITS[units.pop()]
        # In twice as many steps they look the same, unless a length is in steps.
        once, twice = ([one.bind(**unit.known(n * unit.steps)) for one in schedules] for n in (1, 2))
        shown = np.linspace(0, length(once) - 1, 1000).astype("int64")
        if all(_look_alike(a.values(shown), b.values(2 * shown)) for a, b in zip(once, twice, strict=True)):
            return TimeAxis(once, unit.steps, unit.label)
    raise ValueError(unbound[0].how_to_bind())


def _look_alike(one: np.ndarray, other: np.ndarray) -> bool:
    return bool(np.abs(one - other).mean() <= SMALL * np.abs(one).max())
