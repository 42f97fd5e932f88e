"""Values that are looked up."""

from __future__ import annotations

from dataclasses import KW_ONLY
from typing import Any

import numpy as np

from . import arguments
from .arguments import Lengths, Numbers
from .base import Schedule, schedule
from .formulas import half_wave
from .spans import in_steps
from .step import Step


@schedule
class Table(Schedule):
    """A value for each step: `values[t]`, then the last one.

    >>> Table([0.1, 0.1, 0.01, 0.01]).values(6)
    array([0.1 , 0.1 , 0.01, 0.01, 0.01, 0.01])

    Args:
        values: Numbers >= 0, at least one. Ten million are fine.
    """

    values: Numbers

    def prepare(self) -> None:
        self._store("_table", self.values.array)

    def at(self, step: Step) -> Any:
        return step.take(self._table)


@schedule
class Intervals(Schedule):
    """A value for each interval of time: `values[i]`, with i the number of boundaries <= t.

    >>> rate = Intervals([2, 4], [0.1, 0.01, 0.001])
    >>> rate.values(6)
    array([0.1  , 0.1  , 0.01 , 0.01 , 0.001, 0.001])

    In epochs, 0.1 in epochs 0-19, 0.01 in 20-59 and so on:

    >>> from keras_lr import epochs
    >>> rate = Intervals(epochs(20, 60, 100), [0.1, 0.01, 0.001, 0.0001])
    >>> rate.bind(steps_per_epoch=225).values([4499, 4500])
    array([0.1 , 0.01])

    A boundary is the first step with the new value, as in torch and optax. In Keras' `PiecewiseConstantDecay` it is
    the last step with the old value.

    Args:
        boundaries: Strictly increasing integers > 0 or spans.
        values: Numbers >= 0, one more than `boundaries`.
    """

    boundaries: Lengths
    values: Numbers

    def check(self) -> None:
        require_one_more(self)

    def prepare(self) -> None:
        self._store("_times", times(self.boundaries))
        self._store("_table", self.values.array)

    def at(self, step: Step) -> Any:
        return step.take(self._table, step.index(self._times))


@schedule
class Knots(Schedule):
    """Interpolation: `values[0]` at t = 0, `values[i]` at `boundaries[i - 1]`, then the last one.

    >>> Knots([2, 6], [0.0, 0.4, 0.0]).values(8)
    array([0. , 0.2, 0.4, 0.3, 0.2, 0.1, 0. , 0. ])

    Args:
        boundaries: Strictly increasing integers > 0 or spans.
        values: Numbers >= 0, one more than `boundaries`.
        interpolation: `"linear"`, `"cosine"` for half a wave between two values, or `"constant"` for the value before.
    """

    boundaries: Lengths
    values: Numbers
    _: KW_ONLY
    interpolation: str = "linear"

    def check(self) -> None:
        require_one_more(self)

    def prepare(self) -> None:
        ends, values = times(self.boundaries), self.values.array
        self._store("_table", values)
        starts = np.append(0.0, ends[:-1])
        self._store("_boundaries", (starts[1:].copy(), ends))  # a copy, since torch can't compile views
        if self.boundaries:
            self._store("_intervals", np.stack([starts, ends, values[:-1], values[1:]], axis=-1))

    def at(self, step: Step) -> Any:
        if self.interpolation == "constant" or not self.boundaries:
            return step.take(self._table, step.index(self._boundaries[1]))
        rows = step.take(self._intervals, step.index(self._boundaries[0]))
        start, end, before, after = step.ops.columns(rows, 4)
        done, left = (step.ops.clip(time / (end - start), 0.0, 1.0) for time in (step.time - start, end - step.time))
        if self.interpolation == "cosine":
            done, left = half_wave(step.ops, done), half_wave(step.ops, left)
        return before * left + after * done


def times(boundaries: tuple) -> np.ndarray:
    """Boundaries as an array of steps."""
    return np.array([float(in_steps(boundary)) for boundary in boundaries])


def require_one_more(table: Any) -> None:
    """Require that there is one more of `values` than of `boundaries`."""
    if len(table.values) != len(table.boundaries) + 1:
        rule = f"one more than the {len(table.boundaries)} `boundaries`"
        arguments.reject(table, "values", rule, table.values)
