"""Where a step is, and how long a length is there, in integers."""

from __future__ import annotations

import functools
import math
from types import ModuleType
from typing import Any

import keras
import numpy as np

from ..spans import Length, in_steps
from .native import cast, gather, integers, is_tensor, not_below_zero, real_numbers
from .periods import LongPeriods, NoPeriod, PeriodsInTicks, WholePeriods, aligned
from .segments import LAST, Exact, Pace, exact


class ExactStep:
    """Integers, what is added to them, and how many times as long as they say lengths are: what a `Step` is made of."""

    def __init__(
        self,
        value: Any,
        ops: ModuleType,
        offset: tuple[Any, int] = (0, 1),
        pace: Pace | None = None,
        has_begun: bool = False,
    ):
        self.ops = ops
        self.dtype = "int64" if ops is np else keras.backend.standardize_dtype(value.dtype)
        self._last = LAST[self.dtype]
        self._given = value  # may be below 0, where every schedule has its first value, unless it `has_begun`
        self._has_begun = has_begun
        # Inside a cycle a step may lie between two integers, and a length may be longer than it says.
        self._offset = offset  # numerator and denominator of what is added to the integer, in [0, 1)
        self._pace = pace
        self.is_plain = offset[1] == 1 and pace is None

    @functools.cached_property
    def _whole(self) -> Any:
        return self._given if self._has_begun else not_below_zero(self._given, self.ops, self.dtype)

    def _held(self, last: int) -> Any:
        """The step as integers, at most `last`."""
        return self._at_most(self._given, last) if self._has_begun else self.ops.clip(self._given, 0, last)

    def _at_most(self, value: Any, last: int) -> Any:
        """An integer >= 0, at most `last`."""
        if self.ops is np or keras.backend.backend() == "torch":
            return self.ops.clip(value, 0, last)  # on torch, as in `not_below_zero`
        return self.ops.minimum(value, integers(last, self.ops, self.dtype))

    def _place(self, value: Any) -> Any:
        """`value` and the offset as floats."""
        part, denominator = self._offset
        return self._floats(value) if denominator == 1 else self._floats(value) + self._floats(part) / denominator

    def _exact(self, length: Length) -> Exact:
        """A length in integers, at the pace of the step."""
        if self._pace is None:
            return exact(in_steps(length), self.dtype)
        if self._pace.index is None:
            return self._pace.ratios.of_all(in_steps(length), self.dtype)
        return self._picked(self._pace.ratios.of((in_steps(length),), self.dtype).column(0), self._pace.index)

    def _picked(self, table: Exact, index: Any) -> Exact:
        """The lengths of a table at an index, or all of them."""

        def pick(column: np.ndarray) -> Any:
            column = integers(column, self.ops, self.dtype)
            return column if index is None else gather(column, index, self.ops)

        whole = pick(table.whole)
        if table.denominator == 1:
            return table._replace(whole=whole, part=0, round=whole)
        return table._replace(whole=whole, part=pick(table.part), round=pick(table.round))

    def _float(self, length: Length) -> Any:
        """A length as a float, at the pace of the step."""
        if self._pace is None:
            return float(in_steps(length))
        if self._pace.index is None:
            return float(in_steps(length) * self._pace.ratios.ratios[0])
        ratio = gather(real_numbers(self._pace.ratios.floats, self.ops), self._pace.index, self.ops)
        return ratio if in_steps(length) == 1 else float(in_steps(length)) * ratio

    def _periods(self, period: Length) -> NoPeriod | WholePeriods | PeriodsInTicks | LongPeriods:
        """The periods up to the step."""
        value, length = self._whole, self._exact(period)
        if not is_tensor(length.whole) and length.longest > self._last * length.denominator:
            return NoPeriod(value, self._offset)
        _, offset, common = self._aligned(length.part, length.denominator)
        if common == 1:
            return WholePeriods(value, length.whole)
        is_rounded = common % length.denominator or common % self._offset[1]
        if not is_rounded and length.longest * common <= self._last:
            return PeriodsInTicks(value, length, offset, common)

        def estimate(within: Any) -> Any:
            return self.ops.floor(self._place(within) / self._float(period))

        return LongPeriods(value, length, self._offset, estimate, self.ops, self.dtype)

    def _aligned(self, part: Any, denominator: int) -> tuple[Any, Any, int]:
        return aligned(part, denominator, self._offset, self.dtype)

    def _from_offset(self, length: Exact, wide: bool = False) -> tuple[Any, Any, int]:
        """A length less the offset: what is to be compared with the integers; `wide` if it has one more axis."""
        part, offset, common = self._aligned(length.part, length.denominator)
        if common == 1:
            return length.whole, 0, 1
        part = part - (offset[..., None] if wide and is_tensor(offset) else offset)
        below = self._one_if(part < 0)
        return length.whole - below, part + below * common, common

    def _last_before(self, boundary: Length) -> Any:
        """The last integer before a boundary."""
        if self.is_plain:
            return min(math.ceil(in_steps(boundary)) - 1, self._last)
        return self._before(self._exact(boundary))

    def _before(self, length: Exact, wide: bool = False) -> Any:
        whole, part, _ = self._from_offset(length, wide)
        # Not `==`: in a TensorFlow 1 graph it asks whether two tensors are one.
        return whole - self._one_if(self.ops.equal(part, 0) if is_tensor(part) else part == 0)

    def _one_if(self, condition: Any) -> Any:
        return int(condition) if isinstance(condition, bool) else cast(condition, self.ops, self.dtype)

    def _floats(self, value: Any) -> Any:
        return cast(value, self.ops, "float32")
