"""The time that a formula is evaluated at, and what formulas ask of it."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from .exact import Ratio
from .ops import NUMPY
from .spans import Length, in_steps

# Relative; what a few operations in float64 may be off by. Among them are divisions by constants, which XLA and
# TensorFlow's graph optimizer turn into products: 49 * (1 / 49) is below 1.
ROUNDING = 2.0**-48


class Step:
    """A time `t` in steps, t = 0 for the first update: an array or tensor of any shape, float64, never below 0.

    Inside cycles and stretched schedules t may be any real number; elsewhere it is
    whole. Boundaries and lengths are exact fractions, so the third boundary of 14/3
    steps is reached at step 14.

    >>> step = Step(np.array([0.0, 5.0, 9.0, 10.0, 99.0]))
    >>> step.left(10)
    array([1. , 0.5, 0.1, 0. , 0. ])
    >>> step.since(9).time
    array([ 0.,  0.,  0.,  1., 90.])
    >>> step.count(4)
    array([ 0.,  1.,  2.,  2., 24.])

    Args:
        axis: Numbers that `t` is computed from: `t = max((axis - start) / scale, first)`.
        ops: The functions for them, numpy's by default.
        start: Where `t` is 0; 0 by default.
        scale: The length of a step of `t`, > 0; 1 by default.
        first: The smallest `t`, >= 0; 0 by default.
        is_whole: Whether all numbers of `axis` are integers.
    """

    def __init__(
        self,
        axis: Any,
        ops: Any = NUMPY,
        start: Ratio | None = None,
        scale: Ratio | None = None,
        first: Ratio | None = None,
        is_whole: bool = True,
    ):
        self.ops, self._axis, self._is_whole = ops, axis, is_whole
        # No defaults in the signature, since torch can't compile those that are objects.
        self._start = Ratio(0) if start is None else start
        self._scale = Ratio(1) if scale is None else scale
        self._first = Ratio(0) if first is None else first

    @property
    def time(self) -> Any:
        """The time t."""
        time = self._since_start if self._scale.real == 1 else self._since_start / self._scale.real
        return self.ops.maximum(time, self._first.real) if self._is_held else time

    @property
    def _since_start(self) -> Any:
        return self._axis - self._start.real if self._start.sign else self._axis

    @property
    def _is_held(self) -> bool:
        """Whether there are times at which `t` has not begun and is held at `first`."""
        return (self._start + self._first * self._scale).sign > 0

    def done(self, steps: Length) -> Any:
        """The fraction of `steps` that is done: `t / steps`, at most 1."""
        length = _ratio(steps)
        done = self._since_start / (length * self._scale).real
        if self._is_held:
            done = self.ops.maximum(done, (self._first / length).real)
        return self.ops.minimum(done, 1.0)

    def left(self, steps: Length) -> Any:
        """The fraction of `steps` that is left: `1 - t / steps`, at least 0, exact near the end."""
        length = _ratio(steps)
        left = ((self._start + length * self._scale).real - self._axis) / (length * self._scale).real
        if self._is_held:
            left = self.ops.minimum(left, (Ratio(1) - self._first / length).real)
        return self.ops.maximum(left, 0.0)

    def elapsed(self, steps: Length, staircase: bool = False) -> Any:
        """`t / steps`, rounded down if `staircase`."""
        return self.count(steps) if staircase else self.time / _ratio(steps).real

    def reached(self, boundary: Length) -> Any:
        """Whether `t >= boundary`."""
        begin = _ratio(boundary)
        if (begin - self._first).sign <= 0:
            return self._axis >= 0.0
        begin = self._start + begin * self._scale
        return self._axis >= (float(begin.ceil) if self._is_whole else begin.real * (1 - ROUNDING))

    def index(self, boundaries: np.ndarray) -> Any:
        """How many of the increasing `boundaries`, an array of steps, are reached."""
        if self._is_axis:
            return self.ops.searchsorted(boundaries, self._axis)
        start, on_axis = self._start.real, boundaries * self._scale.real
        on_axis = start + on_axis - ROUNDING * (abs(start) + on_axis)
        return self.ops.searchsorted(np.where(boundaries <= self._first.real, 0.0, on_axis), self._axis)

    def take(self, table: Any, index: Any = None) -> Any:
        """The entry of `table`, an array of numbers, at `index`: `floor(t)` by default, at most the last entry."""
        table = table if isinstance(table, np.ndarray) else table.array
        return self.ops.take(table, self.whole(len(table) - 1) if index is None else index)

    def since(self, boundary: Length) -> Step:
        """The step of a schedule that begins at `boundary`: `max(t - boundary, 0)`."""
        begin = _ratio(boundary)
        first = self._first - begin
        return self._moved(self._start + begin * self._scale, first if first.sign > 0 else Ratio(0))

    def ahead(self, steps: Length) -> Step:
        """The step `t + steps`."""
        length = _ratio(steps)
        return self._moved(self._start - length * self._scale, self._first + length)

    def _moved(self, start: Ratio, first: Ratio) -> Step:
        return Step(self._axis, self.ops, start, self._scale, first, self._is_whole)

    def stretched(self, ratio: int | Fraction) -> Step:
        """The step `t / ratio`, of a schedule that takes `ratio` times as long."""
        scale, first = self._scale * _ratio(ratio), self._first / _ratio(ratio)
        return Step(self._axis, self.ops, self._start, scale, first, self._is_whole)

    def count(self, period: Length) -> Any:
        """How many whole periods are over: `floor(t / period)`."""
        return self._periods(period)[0]

    def count_up(self, period: Length) -> Any:
        """How many periods have begun after their start: `ceil(t / period)`."""
        return -self.ops.floor(self.time * ((ROUNDING - 1) / _ratio(period).real))

    def cycle(self, period: Length, cycles: int | None = None) -> tuple[Any, Step]:
        """Which period it is, 0 for the first, and the step inside it; the last one of `cycles` does not end."""
        count, ticks, length, scale = self._periods(period)
        count = count if cycles is None else self.ops.minimum(count, float(cycles - 1))
        inside = self.ops.maximum(ticks - count * length, 0.0)
        return count, Step(inside, self.ops, scale=scale, is_whole=self._is_whole)

    def staircase(self, period: Length) -> Step:
        """The step at which the current period began: `period * floor(t / period)`."""
        count, _, length, scale = self._periods(period)
        return Step(count * length, self.ops, scale=scale, is_whole=self._is_whole)

    def _periods(self, period: Length) -> tuple[Any, Any, float, Ratio]:
        """How many periods are over, the time and the period in ticks, and how many ticks a step has.

        Ticks are so short that whole numbers of them make a period, and a step of `axis`.
        """
        length = _ratio(period) * self._scale
        per_axis = Ratio(Ratio(self._start.denominator, length.denominator).numerator * length.denominator)
        ticks = self._axis * per_axis.real if per_axis.real > 1 else self._axis
        ticks = ticks - (self._start * per_axis).real if self._start.sign else ticks
        if self._is_held:
            ticks = self.ops.maximum(ticks, (self._first * self._scale * per_axis).real)
        length_in_ticks = (length * per_axis).real
        count = self.ops.floor(ticks * ((1 + ROUNDING) / length_in_ticks))
        return count, ticks, length_in_ticks, self._scale * per_axis

    def whole(self, last: int) -> Any:
        """`floor(t)`, at most `last`, as an integer."""
        return self.ops.integer(self.ops.minimum(self._axis if self._is_axis else self.count(1), float(last)))

    @property
    def _is_axis(self) -> bool:
        """Whether `t` is `axis`, and whole."""
        return self._is_whole and not self._start.sign and self._scale.real == 1

    def at(self, time: Any, is_whole: bool = False) -> Step:
        """A step at another time, of the same shape."""
        return Step(time, self.ops, is_whole=is_whole)

    def full(self, value: float) -> Any:
        """`value` at every step."""
        return self.ops.full_like(self._axis, value)


def _ratio(length: Length) -> Ratio:
    return Ratio.of(in_steps(length))
