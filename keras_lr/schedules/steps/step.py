"""The step that a schedule is evaluated at, and the exact arithmetic a formula needs on it."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from ..shared import Shared
from ..spans import Length, in_steps
from ..values import Values
from .exact_step import ExactStep
from .native import cast, gather, is_scalar, is_tensor, real_numbers
from .row import Row
from .segments import Pace, Ratios, Segments, unstretched


class Step(ExactStep):
    """An integer array >= 0 of any shape: the index of the update.

    A formula is written once, in terms of a `Step` and of the functions in
    `ops`: they are `keras.ops` in the graph (float32) and numpy in
    `Schedule.values` (float64). Steps stay integers until the last division,
    since float32 can't tell 2**24 from 2**24 + 1; shares are computed from the
    end they are small at, since `1 - done` has no correct digits near the end.

    >>> step = Step(np.array([0, 5, 9, 10, 99]), np)
    >>> step.left(10)
    array([1. , 0.5, 0.1, 0. , 0. ])
    >>> step.since(9).value
    array([ 0,  0,  0,  1, 90])
    >>> step.count(4).value
    array([ 0,  1,  2,  2, 24])
    """

    @functools.cached_property
    def value(self) -> Any:
        """The step as integers."""
        return self._whole if self._pace is None else self.count(1).value

    @property
    def real(self) -> Any:
        """The step as a float."""
        real = self._place(self._whole)
        return real if self._pace is None else real / self._float(1)

    def done(self, steps: Length) -> Any:
        """The share of `steps` that is over: 0 at the start, 1 from `steps` on."""
        done = self._place(self._given) / self._float(steps)
        if self._has_begun and self.ops is not np:  # by numpy, `clip` is faster
            return self.ops.minimum(done, self.constant(1.0))
        return self.ops.clip(done, 0.0, 1.0)

    def left(self, steps: Length) -> Any:
        """The share of `steps` that is to come: 1 at the start, 0 from `steps` on."""
        whole, part, denominator = self._from_offset(self._exact(steps))
        # `whole - t` must not pass the last integer where t is below 0.
        near = isinstance(whole, int) and whole < self._last // 2
        left = self._floats(whole - (self._given if near else self._whole))
        if denominator > 1:
            left = left + self._floats(part) / denominator
        length = self._float(steps)
        if isinstance(length, float) and length > self._last:  # the integers stop at the last of them
            left = left + (length - self._last)
        left = left / length
        if self._has_begun and self.ops is not np:
            return self.ops.maximum(left, self.constant(0.0))
        return self.ops.clip(left, 0.0, 1.0)

    def since(self, boundary: Length) -> Step:
        """The step of a schedule that starts at `boundary`; 0 before it."""
        before = self._last_before(boundary)
        first = (self.ops.clip(before, -1, self._last - 1) if is_tensor(before) else min(before, self._last - 1)) + 1
        return Step(self._whole - first, self.ops, pace=self._pace)

    def ahead(self, steps: Length) -> Step:
        """The step of a schedule that is `steps` ahead."""
        length = self._exact(steps)
        part, offset, denominator = self._aligned(length.part, length.denominator)
        together = part + offset
        whole = self.ops.clip(self._given, 0, self._last - length.whole - 1) + length.whole + together // denominator
        return Step(whole, self.ops, (together % denominator, denominator), self._pace, has_begun=True)

    def chosen(self, boundaries: tuple[Length, ...], values: Shared | Values) -> Any:
        """The one of `values` whose interval the step is in: as many of the increasing `boundaries` are reached."""
        if not self.is_plain:
            return self.take(values, self.index(boundaries))
        return self.row([math.ceil(in_steps(boundary)) - 1 for boundary in boundaries]).entry(values)

    def reached(self, boundary: Length) -> Any:
        """Whether the step is at `boundary` or past it."""
        return self._given > self._last_before(boundary)

    def index(self, boundaries: tuple[Length, ...]) -> Any:
        """How many of the increasing `boundaries` have been reached."""
        lengths = tuple(in_steps(boundary) for boundary in boundaries)
        if self.is_plain:
            return self.row([math.ceil(length) - 1 for length in lengths]).index
        pace = self._pace or unstretched()
        table = pace.ratios.of(lengths, self.dtype)
        table = table if pace.index is not None else table.column(None)
        last_before = self._before(self._picked(table, pace.index), wide=True)
        return self.ops.sum(cast(self._given[..., None] > last_before, self.ops, "int32"), axis=-1)

    def row(self, lasts: Shared | Sequence[int]) -> Row:
        """The row of some tables that holds at the step, each up to one of `lasts`; one more holds from there on."""
        return Row(self._given, lasts, self.ops, self.dtype)

    def count(self, period: Length) -> Step:
        """How many whole periods are over, as a step to count on with.

        Period k ends at the first step at or past `k * period`, also where the
        period is not a whole number of steps.
        """
        periods = self._periods(period)
        return Step(periods.count(), self.ops, has_begun=True)

    def inside(self, period: Length) -> Step:
        """The step inside the period that goes on."""
        whole, *offset = self._periods(period).inside()
        return Step(whole, self.ops, tuple(offset), self._pace, has_begun=True)

    def stair(self, steps: Length) -> Step:
        """The step at which the present period of `steps` began, which may be between two integers."""
        whole, *offset = self._periods(steps).start()
        return Step(whole, self.ops, tuple(offset), self._pace, has_begun=True)

    def both(self, steps: Length) -> tuple[Any, Any]:
        """How many of `steps` are over, and how many are to come."""
        length = in_steps(steps)
        if self.is_plain and isinstance(length, int) and length <= self._last:
            if self.ops is np and length < 2**53:
                over = self.ops.clip(self._floats(self._given), 0.0, float(length))
                return over, length - over
            over = self._held(length)
            return self._floats(over), self._floats(length - over)
        return self.done(steps) * float(length), self.left(steps) * float(length)

    def ticks(self, per_step: int, until: Length, room: int = 0) -> Any:
        """How many ticks are over, at most those of `until`, as integers.

        `None` where these can't be integers, or would have no `room` above them.
        """
        end = Fraction(in_steps(until)) * per_step
        whole = math.ceil(end / per_step)
        if not self.is_plain or whole * per_step + room > self._last:
            return None
        ticks = self._held(whole) * per_step if per_step > 1 else self._held(whole)
        return ticks if whole * per_step == end else self._at_most(ticks, int(end))

    def blocks(self, size: int, most: int, stair: Length = 1) -> tuple[Any, Any]:
        """How many whole blocks of `size` stairs are over, at most `most`, and the stairs since, as a float.

        The first is `None` where no step is past the first block, the second
        where it is always 0.
        """
        stair = in_steps(stair)
        # In integers, not fractions: where torch compiles, `size` may be a symbol.
        ticks, per_stair = stair.denominator, stair.numerator
        length, rest = size * per_stair // ticks, size * per_stair % ticks
        if not self.is_plain and stair == 1:
            return self.ops.clip(self.count(size).value, 0, most), self.inside(size).real
        if not self.is_plain or rest > 0 or (ticks > 1 and length * ticks > self._last):
            return self.count(stair).blocks(size, most)
        if length > self._last:
            block, within = None, self._whole
        else:
            held = self._held(min(length * most, self._last))
            block = held // length if length > 1 else held
            if size == 1:
                return block, None
            within = held % length
        if stair != 1:
            within = (within * ticks if ticks > 1 else within) // per_stair
        return block, self._floats(within)

    def segment(self, segments: Segments) -> tuple[Step, Step]:
        """Which of the segments the step is in, and the step inside it, stretched as the segment is."""
        index = cast(self.index(segments.starts[1:]), self.ops, self.dtype)
        outer = self._pace or unstretched()
        combined = index if outer.index is None else outer.index * len(segments.ratios) + index
        ratios = outer.ratios.times(segments.ratios)
        start = self._picked(outer.ratios.of(segments.starts, self.dtype).column(None), combined)
        part, offset, common = self._aligned(start.part, start.denominator)
        late = self._one_if(part > offset)
        value = self._whole - start.whole - late
        pace = None if set(ratios.ratios) == {1} else Pace(combined, ratios)
        inside = Step(value, self.ops, (late * common + offset - part, common), pace, has_begun=True)
        return Step(index, self.ops, has_begun=True), inside

    def stretched(self, ratios: Ratios) -> Step:
        """The same step of a schedule whose lengths are `ratios` times as long, all by one ratio."""
        pace = self._pace
        pace = Pace(None, ratios) if pace is None else Pace(pace.index, pace.ratios.times(ratios.ratios))
        return Step(self._given, self.ops, self._offset, pace, self._has_begun)

    def where(self, here: np.ndarray) -> Step:
        """The steps where `here` is true, for numpy."""
        part, denominator = self._offset
        offset = part[here] if isinstance(part, np.ndarray) else part, denominator
        pace = self._pace
        if pace is not None and pace.index is not None:
            pace = Pace(pace.index[here], pace.ratios)
        return Step(self._given[here], self.ops, offset, pace, self._has_begun)

    @property
    def shape(self) -> Any:
        """The shape of the values."""
        return self._given.shape

    def take(self, table: np.ndarray | Shared | Values, index: Any = None) -> Any:
        """The entry of `table` at `index`, which is the step itself by default; past its end the last one."""
        if index is None:
            index = self.ops.clip(self._given if self._pace is None else self.value, 0, len(table) - 1)
        return gather(self.constant(table), index, self.ops)

    def full(self, value: float) -> Any:
        """`value`, in the shape of the step."""
        if self.ops is not np and is_scalar(self._given):
            return self.constant(value)
        return self.ops.full_like(self._given, value, dtype="float64" if self.ops is np else "float32")

    def constant(self, value: Any) -> Any:
        """Numbers in the precision that the formula is computed in."""
        return real_numbers(value, self.ops)
