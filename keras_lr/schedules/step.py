"""The time at which a formula is evaluated, a float64, and what formulas ask of it."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from .ops import NUMPY
from .spans import Length, in_steps

ROUNDING = 2.0**-48  # the relative error that a few operations in float64 may add up to


class Step:
    """A time `t` in steps, t = 0 for the first update: a float64 array or tensor of any shape, never below 0.

    Inside cycles and stretched schedules t is any real number; elsewhere it is whole. A boundary counts as reached
    where t misses it by no more than `ROUNDING`, so that the third boundary of 14/3 steps falls on step 14.

    >>> step = Step(np.array([0.0, 5.0, 9.0, 10.0, 99.0]))
    >>> step.left(10)
    array([1. , 0.5, 0.1, 0. , 0. ])
    >>> step.since(9).time
    array([ 0.,  0.,  0.,  1., 90.])
    >>> step.count(4)
    array([ 0.,  1.,  2.,  2., 24.])

    Args:
        time: The time of the outermost schedule.
        ops: The functions to compute with, by default those of numpy.
        start: Where `t` begins, on the axis of `time`.
        scale: The length of a step of `t`, on the axis of `time`.
        first: The smallest `t`.
    """

    def __init__(self, time: Any, ops: Any = NUMPY, start: float = 0.0, scale: float = 1.0, first: float = 0.0):
        # t = max((time - start) / scale, first). Boundaries are compared with `time`, which has fewer rounding errors.
        self.ops, self._time, self._start, self._scale, self._first = ops, time, start, scale, first

    @property
    def time(self) -> Any:
        """The time t."""
        time = self._time - self._start if self._start else self._time
        time = time / self._scale if self._scale != 1 else time
        return self.ops.maximum(time, self._first) if self._is_held else time

    @property
    def _is_held(self) -> bool:
        """Whether there are times before `t` begins, at which it is held at `first`."""
        return self._start + self._first * self._scale > 0

    def done(self, steps: Length) -> Any:
        """The fraction of `steps` that is done: `t / steps`, at most 1."""
        length = _float(steps)
        done = (self._time - self._start if self._start else self._time) / (length * self._scale)
        if self._is_held:
            done = self.ops.maximum(done, self._first / length)
        return self.ops.minimum(done, 1.0)

    def left(self, steps: Length) -> Any:
        """The fraction of `steps` that is left: `1 - t / steps`, at least 0, without rounding errors near the end."""
        length = _float(steps)
        left = (self._start + length * self._scale - self._time) / (length * self._scale)
        if self._is_held:
            left = self.ops.minimum(left, 1.0 - self._first / length)
        return self.ops.maximum(left, 0.0)

    def reached(self, boundary: Length) -> Any:
        """Whether `t >= boundary`."""
        begin = _float(boundary)
        if begin <= self._first:
            return self._time >= 0.0
        return self._time >= (self._start + begin * self._scale) * (1 - ROUNDING)

    def index(self, boundaries: np.ndarray) -> Any:
        """The number of reached boundaries, of an increasing array of them in steps."""
        if self._first:
            return self.ops.searchsorted(boundaries * (1 - ROUNDING), self.time)
        return self.ops.searchsorted((self._start + boundaries * self._scale) * (1 - ROUNDING), self._time)

    def take(self, table: Any, index: Any = None) -> Any:
        """The entry of `table`, an array of numbers, at `index`; by default at `floor(t)`, or the last entry."""
        table = table if isinstance(table, np.ndarray) else table.array
        return self.ops.take(table, self.whole(len(table) - 1) if index is None else index)

    def since(self, boundary: Length) -> Step:
        """The step of a schedule that begins at `boundary`: `t - boundary`, at least 0."""
        begin = _float(boundary)
        return self._moved(self._start + begin * self._scale, max(self._first - begin, 0.0))

    def ahead(self, steps: Length) -> Step:
        """The step `t + steps`."""
        length = _float(steps)
        return self._moved(self._start - length * self._scale, self._first + length)

    def _moved(self, start: float, first: float) -> Step:
        return Step(self._time, self.ops, start, self._scale, first)

    def stretched(self, ratio: float) -> Step:
        """The step `t / ratio`, for a schedule that takes `ratio` times as long."""
        return Step(self._time, self.ops, self._start, self._scale * ratio, self._first / ratio)

    def elapsed(self, steps: Length, staircase: bool = False) -> Any:
        """`t / steps`, rounded down if `staircase`."""
        return self.count(steps) if staircase else self.time / _float(steps)

    def count(self, period: Length) -> Any:
        """The number of whole periods that are over: `floor(t / period)`."""
        # Not a division: XLA and TensorFlow's graph optimizer turn it into a product, and 49 * (1 / 49) is below 1.
        return self.ops.floor(self.time * ((1 + ROUNDING) / _float(period)))

    def count_up(self, period: Length) -> Any:
        """The number of periods that are over, with the current one: `ceil(t / period)`."""
        return -self.ops.floor(self.time * ((ROUNDING - 1) / _float(period)))

    def cycle(self, period: Length, cycles: int | None = None) -> tuple[Any, Step]:
        """The index of the period, 0 for the first, and the step inside it; the last one of `cycles` does not end."""
        steps, denominator = _ratio(period)
        count = self.count(period)
        count = count if cycles is None else self.ops.minimum(count, float(cycles - 1))
        # Multiplied before the subtraction, which is exact for a whole t.
        inside = self.time * denominator - count * steps if denominator > 1 else self.time - count * steps
        inside = inside / denominator if denominator > 1 else inside
        return count, self.at(self.ops.maximum(inside, 0.0))

    def whole(self, last: int) -> Any:
        """`floor(t)`, at most `last`, as an integer."""
        return self.ops.integer(self.ops.minimum(self.time * (1 + ROUNDING), float(last)))

    def at(self, time: Any) -> Step:
        """A step at another time, of the same shape."""
        return Step(time, self.ops)

    def full(self, value: float) -> Any:
        """`value` at every step."""
        return self.ops.full_like(self._time, value)


def _float(length: Length) -> float:
    return float(in_steps(length))


def _ratio(length: Length) -> tuple[float, float]:
    steps = in_steps(length)
    return (float(steps.numerator), float(steps.denominator)) if isinstance(steps, Fraction) else (float(steps), 1.0)
