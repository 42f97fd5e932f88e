"""The step that a schedule is evaluated at, and the exact arithmetic a formula needs on it."""

from __future__ import annotations

import functools
import math
from types import ModuleType
from typing import Any

import keras
import numpy as np

from .segments import FINEST, LAST, Exact, Pace, Ratios, Segments, exact, exact_arrays
from .shared import Shared
from .spans import Length, in_steps
from .values import Values


class Step:
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

    def __init__(self, value: Any, ops: ModuleType, offset: tuple[Any, int] = (0, 1), pace: Pace | None = None):
        self.ops = ops
        self._dtype = "int64" if ops is np else keras.backend.standardize_dtype(value.dtype)
        self._last = LAST[self._dtype]
        self._given = value  # may be below 0, where every schedule has its first value
        # Inside a cycle a step may lie between two integers, and a length may be longer than it says.
        self._offset = offset  # numerator and denominator of what is added to the integer, in [0, 1)
        self._pace = pace
        self._is_plain = offset[1] == 1 and pace is None

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
        return self.ops.clip(self._place(self._given) / self._float(steps), 0.0, 1.0)

    def left(self, steps: Length) -> Any:
        """The share of `steps` that is to come: 1 at the start, 0 from `steps` on."""
        whole, part, denominator = self._from_offset(self._exact(steps))
        # `whole - t` must not pass the last integer where t is below 0.
        near = isinstance(whole, int) and whole < self._last // 2
        left = self._floats(whole - (self._given if near else self._whole))
        if denominator > 1:
            left = left + self._floats(part) / denominator
        return self.ops.clip(left / self._float(steps), 0.0, 1.0)

    def since(self, boundary: Length) -> Step:
        """The step of a schedule that starts at `boundary`; 0 before it."""
        before = self._last_before(boundary)
        first = (self.ops.clip(before, -1, self._last - 1) if _is_tensor(before) else min(before, self._last - 1)) + 1
        return Step(self._whole - first, self.ops, pace=self._pace)

    def ahead(self, steps: Length) -> Step:
        """The step of a schedule that is `steps` ahead."""
        length = self._exact(steps)
        part, offset, denominator = self._aligned(length.part, length.denominator)
        together = part + offset
        whole = self.ops.clip(self._whole, 0, self._last - length.whole - 1) + length.whole + together // denominator
        return Step(whole, self.ops, (together % denominator, denominator), self._pace)

    def reached(self, boundary: Length) -> Any:
        """Whether the step is at `boundary` or past it."""
        return self._given > self._last_before(boundary)

    def index(self, boundaries: tuple[Length, ...]) -> Any:
        """How many of the increasing `boundaries` have been reached."""
        lengths = tuple(in_steps(boundary) for boundary in boundaries)
        if self._is_plain:
            # A boundary past the last integer is never reached: no step is above it.
            last_before = np.array([min(math.ceil(length) - 1, self._last) for length in lengths], "int64")
            if self.ops is np:
                return np.searchsorted(last_before, self._given, side="left")
            last_before = self._integers(last_before)
        else:
            pace = self._pace
            table = exact_arrays(lengths, self._dtype) if pace is None else pace.ratios.of(lengths, self._dtype)
            last_before = self._before(self._picked(table, pace and pace.index), wide=True)
        # Not `expand_dims`, which needs a known rank: a placeholder of TensorFlow 1 may have none.
        reached = self._given[..., None] > last_before
        return self.ops.sum(self._as(reached, "int32"), axis=-1)

    def count(self, period: Length) -> Step:
        """How many whole periods are over, as a step to count on with.

        Period k ends at the first step at or past `k * period`, also where the
        period is not a whole number of steps.
        """
        return self.cycle(period)[0]

    def cycle(self, period: Length) -> tuple[Step, Step]:
        """The `count` of whole periods, and the step inside the period that goes on."""
        count, whole, rest, denominator = self._periods(period)
        part, offset, common = self._aligned(rest, denominator)
        late = self._one_if(part > offset)
        # The period began by `late` steps, less the difference of the two parts, before the next integer.
        inside = Step(self._whole - whole - late, self.ops, (late * common + offset - part, common), self._pace)
        return Step(count, self.ops), inside

    def segment(self, segments: Segments) -> tuple[Step, Step]:
        """Which of the segments the step is in, and the step inside it, stretched as the segment is."""
        index, pace = self._as(self.index(segments.starts[1:]), self._dtype), self._pace
        outer = Pace(0, segments.unstretched) if pace is None else pace
        combined = outer.index * len(segments.ratios) + index
        ratios = outer.ratios.times(segments.ratios)
        start = self._picked(outer.ratios.of(segments.starts, self._dtype).column(None), combined)
        part, offset, common = self._aligned(start.part, start.denominator)
        late = self._one_if(part > offset)
        value = self._whole - start.whole - late
        even = set(ratios.ratios) == {1}
        inside = Step(
            value, self.ops, (late * common + offset - part, common), None if even else Pace(combined, ratios)
        )
        return Step(index, self.ops), inside

    def stretched(self, ratios: Ratios) -> Step:
        """The same step of a schedule whose lengths are `ratios` times as long, all by one ratio."""
        if self._pace is None:
            return Step(self._given, self.ops, self._offset, Pace(self._whole * 0, ratios))
        pace = Pace(self._pace.index, self._pace.ratios.times(ratios.ratios))
        return Step(self._given, self.ops, self._offset, pace)

    def stair(self, steps: Length) -> Step:
        """The step at which the present period of `steps` began, which may be between two integers."""
        _, whole, part, denominator = self._periods(steps)
        return Step(whole, self.ops, (part, denominator), self._pace)

    def where(self, here: np.ndarray) -> Step:
        """The steps where `here` is true, for numpy."""
        part, denominator = self._offset
        offset = part[here] if isinstance(part, np.ndarray) else part, denominator
        pace = self._pace and Pace(self._pace.index[here], self._pace.ratios)
        return Step(self._given[here], self.ops, offset, pace)

    @property
    def shape(self) -> Any:
        """The shape of the values."""
        return self._given.shape

    def take(self, table: np.ndarray | Shared | Values, index: Any = None) -> Any:
        """The entry of `table` at `index`, which is the step itself by default; past its end the last one."""
        if index is None:
            index = self.ops.clip(self._given if self._pace is None else self.value, 0, len(table) - 1)
        return self.ops.take(self.constant(table), index, axis=0)

    def split(self, size: int) -> tuple[Step, Any]:
        """The step as whole blocks of `size` steps, and the float rest inside the block."""
        blocks, inside = self.cycle(size)
        return blocks, inside.real

    def full(self, value: float) -> Any:
        """`value`, in the shape of the step."""
        return self.ops.full_like(self._whole, value, dtype=self._real_dtype)

    def constant(self, value: Any) -> Any:
        """Numbers in the precision that the formula is computed in."""
        if isinstance(value, Shared | Values):
            return value.array if self.ops is np else value.tensor("float32")
        if self.ops is np:
            return np.asarray(value, "float64")
        return keras.ops.convert_to_tensor(value, dtype="float32")

    @property
    def _real_dtype(self) -> str:
        return "float64" if self.ops is np else "float32"

    @functools.cached_property
    def _whole(self) -> Any:
        # `clip`, since `keras.ops.maximum` makes int32 of int64 on torch (Keras 3.15.1).
        return self.ops.clip(self._given, 0, self._last)

    def _place(self, value: Any) -> Any:
        """`value` and the offset as floats."""
        part, denominator = self._offset
        return self._floats(value) if denominator == 1 else self._floats(value) + self._floats(part) / denominator

    def _exact(self, length: Length) -> Exact:
        """A length in integers, at the pace of the step."""
        if self._pace is None:
            return exact(in_steps(length), self._dtype)
        return self._picked(self._pace.ratios.of((in_steps(length),), self._dtype).column(0), self._pace.index)

    def _picked(self, table: Exact, index: Any) -> Exact:
        """The lengths of a table at an index, or all of them."""

        def pick(column: np.ndarray) -> Any:
            column = self._integers(column)
            return column if index is None else self.ops.take(column, index, axis=0)

        if table.denominator == 1:  # whole steps
            whole = pick(table.whole)
            return Exact(whole, 0, 1, whole)
        return Exact(pick(table.whole), pick(table.part), table.denominator, pick(table.round))

    def _float(self, length: Length) -> Any:
        """A length as a float, at the pace of the step."""
        said = float(in_steps(length))
        if self._pace is None:
            return said
        return said * self.ops.take(self.constant(self._pace.ratios.floats), self._pace.index, axis=0)

    def _periods(self, period: Length) -> tuple[Any, Any, Any, int]:
        """How many periods are over, and when the present one began: whole steps, a part, and its denominator."""
        value, (whole, part, denominator, round_) = self._whole, self._exact(period)
        if not _is_tensor(whole) and in_steps(period) > self._last:
            return value * 0, value * 0, 0, 1
        if denominator == 1:
            count = value // whole
            return count, count * whole, 0, 1
        rounds, within = value // round_, value % round_  # a round is `denominator` periods

        # What is below a step is carried as an integer; a float can be off by one, and integers decide.
        def begin(periods: Any) -> Any:
            return periods * whole + periods * part // denominator, periods * part % denominator

        def is_over(periods: Any) -> Any:
            start, rest = begin(periods)
            rest, offset, _ = self._aligned(rest, denominator)
            return self._one_if(start + self._one_if(rest > offset) <= within)

        estimate = self._as(self.ops.floor(self._place(within) / self._float(period)), self._dtype)
        low = self.ops.clip(estimate, 1, self._last) - 1
        periods = low + is_over(low + 1) + is_over(low + 2)
        start, rest = begin(periods)
        return rounds * denominator + periods, rounds * round_ + start, rest, denominator

    def _aligned(self, part: Any, denominator: int) -> tuple[Any, Any, int]:
        """A part of a step and the offset over one denominator, rounded down if it would be too fine."""
        offset, other = self._offset
        common, finest = math.lcm(denominator, other), FINEST[self._dtype]
        if common > finest:
            return part * finest // denominator, offset * finest // other, finest
        return part * (common // denominator), offset * (common // other), common

    def _from_offset(self, length: Exact, wide: bool = False) -> tuple[Any, Any, int]:
        """A length less the offset: what is to be compared with the integers; `wide` if it has one more axis."""
        part, offset, common = self._aligned(length.part, length.denominator)
        part = part - (offset[..., None] if wide and _is_tensor(offset) else offset)
        below = self._one_if(part < 0)
        return length.whole - below, part + below * common, common

    def _last_before(self, boundary: Length) -> Any:
        """The last integer before a boundary."""
        if self._is_plain:
            return min(math.ceil(in_steps(boundary)) - 1, self._last)
        return self._before(self._exact(boundary))

    def _before(self, length: Exact, wide: bool = False) -> Any:
        whole, part, _ = self._from_offset(length, wide)
        # Not `==`: in a TensorFlow 1 graph it asks whether two tensors are one.
        return whole - self._one_if(self.ops.equal(part, 0) if _is_tensor(part) else part == 0)

    def _integers(self, value: Any) -> Any:
        return np.asarray(value, "int64") if self.ops is np else keras.ops.convert_to_tensor(value, dtype=self._dtype)

    def _one_if(self, condition: Any) -> Any:
        return int(condition) if isinstance(condition, bool) else self._as(condition, self._dtype)

    def _as(self, value: Any, dtype: str) -> Any:
        return value.astype("int64") if self.ops is np else keras.ops.cast(value, dtype)

    def _floats(self, value: Any) -> Any:
        if not _is_tensor(value):
            return float(value)
        return value.astype("float64") if self.ops is np else keras.ops.cast(value, "float32")


def _is_tensor(value: Any) -> bool:
    return not isinstance(value, int | float)
