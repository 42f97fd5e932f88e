"""How many periods are over at a step, and how far it is in the present one, in integers alone."""

from __future__ import annotations

import functools
import math
from types import ModuleType
from typing import Any

from .native import cast, remainder
from .segments import FINEST, LAST, Exact

Parts = tuple[Any, Any, int]  # whole steps, and a part of a step by numerator and denominator


def aligned(part: Any, denominator: int, offset: tuple[Any, int], dtype: str) -> tuple[Any, Any, int]:
    """Two parts of a step over one denominator, rounded down if it would be too fine."""
    other, other_denominator = offset
    common, finest = math.lcm(denominator, other_denominator), FINEST[dtype]
    if common > finest:
        return part * finest // denominator, other * finest // other_denominator, finest
    return part * (common // denominator), other * (common // other_denominator), common


class NoPeriod:
    """A period that is longer than there are integers."""

    def __init__(self, value: Any, offset: tuple[Any, int]):
        self._value, self._offset = value, offset

    def count(self) -> Any:
        return self._value * 0

    def inside(self) -> Parts:
        return self._value, *self._offset

    def start(self) -> Parts:
        return self._value * 0, 0, 1


class WholePeriods:
    """Periods of whole steps."""

    def __init__(self, value: Any, length: Any):
        self._value, self._length = value, length

    def count(self) -> Any:
        return self._value // self._length

    def inside(self) -> Parts:
        return remainder(self._value, self._length), 0, 1

    def start(self) -> Parts:
        return self._value - remainder(self._value, self._length), 0, 1


class PeriodsInTicks:
    """Periods and steps that are whole numbers of ticks; a round is the fewest periods that are whole steps."""

    def __init__(self, value: Any, length: Exact, offset: Any, ticks: int):
        self._value, self._length, self._per_step = value, length, ticks
        self._ticks = remainder(value, length.round) * ticks + offset  # since the round began
        self._period = length.round * (ticks // length.denominator)

    def count(self) -> Any:
        return self._value // self._length.round * self._length.denominator + self._ticks // self._period

    def inside(self) -> Parts:
        ticks = remainder(self._ticks, self._period)
        return ticks // self._per_step, ticks % self._per_step, self._per_step

    def start(self) -> Parts:
        ticks = self._ticks // self._period * self._period
        whole = self._value - self._value % self._length.round + ticks // self._per_step
        return whole, ticks % self._per_step, self._per_step


class LongPeriods:
    """Periods whose ticks would be past the last integer: estimated, and then put right by at most one."""

    def __init__(self, value: Any, length: Exact, offset: tuple[Any, int], estimate: Any, ops: ModuleType, dtype: str):
        self._value, self._length, self._offset, self._ops, self._dtype = value, length, offset, ops, dtype
        self._estimate = estimate  # from whole steps within a round to periods

    def count(self) -> Any:
        return self._value // self._length.round * self._length.denominator + self._over

    def inside(self) -> Parts:
        start, rest, denominator = self.start()
        part, offset, common = aligned(rest, denominator, self._offset, self._dtype)
        late = self._one_if(part > offset)
        # The period began by `late` steps, less the difference of the two parts, before the next integer.
        return self._value - start - late, late * common + offset - part, common

    def start(self) -> Parts:
        whole, rest = self._begin(self._over)
        return self._value // self._length.round * self._length.round + whole, rest, self._length.denominator

    @functools.cached_property
    def _over(self) -> Any:
        within = self._value % self._length.round

        def is_over(periods: Any) -> Any:
            start, rest = self._begin(periods)
            rest, offset, _ = aligned(rest, self._length.denominator, self._offset, self._dtype)
            return self._one_if(start + self._one_if(rest > offset) <= within)

        low = self._ops.clip(cast(self._estimate(within), self._ops, self._dtype), 1, LAST[self._dtype]) - 1
        return low + is_over(low + 1) + is_over(low + 2)

    def _begin(self, periods: Any) -> tuple[Any, Any]:
        # What is below a step is carried as an integer; a float can be off by one, and integers decide.
        _, part, denominator, *_ = self._length
        return periods * self._length.whole + periods * part // denominator, periods * part % denominator

    def _one_if(self, condition: Any) -> Any:
        return int(condition) if isinstance(condition, bool) else cast(condition, self._ops, self._dtype)
