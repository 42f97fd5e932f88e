"""The result of a range test: losses, suggestions and how they are shown."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..schedules import arguments
from ..schedules.readers import several
from .loss_curve import find_end, smooth
from .recommendation import Recommendation, recommend
from .suggestions import RULES, Suggestions, suggest

BARS = "▁▂▃▄▅▆▇█"


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class RangeTest:
    """The result of `find_learning_rate`: the losses at rising values of a hyperparameter, and what they suggest.

    >>> import numpy as np, keras_lr as klr
    >>> rates = np.geomspace(1e-5, 10, 100)
    >>> losses = 2 - 1.5 / (1 + (0.01 / rates) ** 1.5) + (rates / 2) ** 4  # falls about 0.01, then explodes
    >>> found = klr.RangeTest.of(rates, [losses])
    >>> found.recommended.peak, found.recommended.constant, found.recommended.reliability
    (0.066, 0.027, 'fair')

    Attributes:
        rates: The values of the hyperparameter, an array.
        losses: The loss at each value, before the update; the mean if there are several sweeps.
        smoothed: The smoothed losses.
        runs: The losses of each sweep, an array of sweeps by rates, with NaN after the end of a sweep.
        recommended: `Recommendation`: the `peak` of a policy, a `constant` rate, their `reliability` and the `reason`.
        suggestions: `Suggestions` of other rules: `steepest`, `valley`, `slide`, `minimum`, `lowest`.
        hyperparameter: The name of the hyperparameter.
        stopped: Why the test ended before the last value; an empty string if it did not.
    """

    rates: np.ndarray
    runs: np.ndarray
    hyperparameter: str = "learning_rate"
    stopped: str = ""

    @classmethod
    def of(cls, rates: Any, runs: Any, hyperparameter: str = "learning_rate") -> RangeTest:
        """A test from the losses of sweeps, each an array as long as `rates` or shorter; truncated where they diverge.

        Args:
            rates: The values of the hyperparameter.
            runs: The losses of each sweep.
            hyperparameter: Its name.

        Returns:
            A `RangeTest`.
        """
        truncated, stopped = [], ""
        rates = _read("rates", "numbers, at least one", _numbers, rates)
        losses = _read(
            "runs", "arrays of numbers, at least one, each at most as long as `rates`", several(_numbers), runs
        )
        if not isinstance(hyperparameter, str):
            arguments.reject("RangeTest.of", "hyperparameter", "a name", hyperparameter, error=TypeError)
        if max(map(len, losses)) > len(rates):
            arguments.reject("RangeTest.of", "runs", "at most as long as `rates`", runs)
        for run in losses:
            end = find_end(run)
            truncated.append(run if end is None else run[: end[0] + 1])
            if end is not None:
                stopped = f"the loss {end[1]} at {rates[end[0]]:.3g}"
            elif len(run) < len(rates):
                stopped = "the data ran out"
        longest = max(map(len, truncated))
        padded = np.full((len(truncated), longest), np.nan)
        for row, run in zip(padded, truncated, strict=True):
            row[: len(run)] = run
        return cls(rates[:longest], padded, hyperparameter, stopped)

    @functools.cached_property
    def losses(self) -> np.ndarray:
        known = ~np.isnan(self.runs)
        with np.errstate(invalid="ignore"):
            return np.where(known, self.runs, 0.0).sum(axis=0) / np.where(known.any(axis=0), known.sum(axis=0), np.nan)

    @functools.cached_property
    def smoothed(self) -> np.ndarray:
        return smooth(self.losses)

    @functools.cached_property
    def suggestions(self) -> Suggestions:
        return suggest(self.rates, [run[: _length(run)] for run in self.runs], self.hyperparameter)

    @functools.cached_property
    def recommended(self) -> Recommendation:
        return recommend(self.rates, self.smoothed, self.suggestions, self.hyperparameter, self.stopped)

    def plot(self, **options: Any) -> Any:
        """Draw losses, smoothed losses and suggestions, and return the Axes; see `plotting.plot_range_tests`."""
        from ..plotting import plot_range_tests

        return plot_range_tests(self, **options)

    def __repr__(self) -> str:
        count, sweeps = len(self.rates), len(self.runs)
        if not count:
            return f"RangeTest of {self.hyperparameter}: no losses"
        lines = [
            f"RangeTest of {self.hyperparameter}: {self.rates[0]:.3g} to {self.rates[-1]:.3g} in {count} steps"
            + f", {sweeps} sweeps" * (sweeps > 1)
            + f"; {self.stopped}" * bool(self.stopped)
        ]
        if np.isfinite(self.smoothed).any():
            lines.append(f"  loss      {_sparkline(self.smoothed)}")
        lines += [f"  {line}" for line in str(self.recommended).splitlines()]
        for name in RULES:
            value = getattr(self.suggestions, name)
            text = f"none: {self.suggestions.reasons.get(name)}" if value is None else f"{value:.3g}"
            if name in self.suggestions.spread:
                text += "  ({:.3g} to {:.3g})".format(*self.suggestions.spread[name])
            lines.append(f"  {name:<9} {text}")
        return "\n".join(lines)

    def _repr_html_(self) -> str | None:
        from ..plotting.style import as_html

        return as_html(self.plot, repr(self)) if len(self.rates) else None


def _read(name: str, rule: str, read: Callable[[Any], Any], value: Any) -> Any:
    try:
        stored = read(value)
    except TypeError:
        arguments.reject("RangeTest.of", name, rule, value, error=TypeError)
    if stored is None:
        arguments.reject("RangeTest.of", name, rule, value)
    return stored


def _numbers(values: Any) -> np.ndarray | None:
    try:
        array = np.asarray(values)
    except Exception:  # rows of different lengths, or symbolic tensors
        raise TypeError from None
    if array.ndim != 1 or (array.dtype.kind not in "iuf" and len(array)):
        raise TypeError
    return array.astype("float64") if len(array) else None


def _length(run: np.ndarray) -> int:
    """The number of losses without the padding. Only the last loss can be NaN, so one NaN after the others is kept."""
    known = np.flatnonzero(~np.isnan(run))
    return min(len(run), int(known[-1]) + 2) if len(known) else len(run)


def _sparkline(values: np.ndarray) -> str:
    finite = values[np.isfinite(values)]
    points = np.interp(np.linspace(0, len(finite) - 1, min(len(finite), 60)), np.arange(len(finite)), finite)
    height = np.ptp(points)
    levels = (points - points.min()) / height if height else np.zeros(len(points))
    return "".join(BARS[round(level * (len(BARS) - 1))] for level in levels)
