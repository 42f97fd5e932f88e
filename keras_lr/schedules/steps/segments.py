"""Time cut into segments, each with a length of its own, and the pace of what is stretched to fit them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

LAST = {"int32": 2**31 - 1, "int64": 2**63 - 1}
FINEST = {"int32": 30_000, "int64": 10**9}  # denominators, whose products are still integers


class Exact(NamedTuple):
    """`whole + part / denominator` steps, 0 <= part < denominator; `round` are those of `denominator` such lengths.

    Numbers, or arrays of integers; the denominator is always a number, and so is the longest round.
    """

    whole: Any
    part: Any
    denominator: int
    round: Any
    longest: int

    def column(self, column: int | None) -> Exact:
        """One column of a table, or all of it row by row."""
        whole, part, round_ = (
            x.ravel() if column is None else x[:, column] for x in (self.whole, self.part, self.round)
        )
        return Exact(whole, part, self.denominator, round_, self.longest)


def exact(length: int | Fraction, dtype: str) -> Exact:
    """A length in integers of `dtype`."""
    whole, last = math.floor(length), LAST[dtype]
    if length == whole:
        return Exact(min(whole, last), 0, 1, min(whole, last), whole)
    part, denominator = _parts([Fraction(length) - whole], dtype)
    longest = whole * denominator + part[0]
    return Exact(min(whole, last), part[0], denominator, min(longest, last), longest)


def exact_arrays(lengths: Sequence[int | Fraction], dtype: str) -> Exact:
    """Many lengths as arrays."""
    wholes, last = [math.floor(length) for length in lengths], LAST[dtype]
    rests = [Fraction(length) - whole for length, whole in zip(lengths, wholes, strict=True)]
    parts, denominator = _parts(rests, dtype)
    rounds = [whole * denominator + part for whole, part in zip(wholes, parts, strict=True)]
    columns = ([min(whole, last) for whole in wholes], parts, [min(round_, last) for round_ in rounds])
    whole, part, round_ = (np.array(column, "int64") for column in columns)
    return Exact(whole, part, denominator, round_, max(rounds, default=0))


def _parts(rests: list[Fraction], dtype: str) -> tuple[list[int], int]:
    """Parts of a step over one denominator; rounded if it must be, though never to none.

    Rounded down: three times 14/3 begins at step 14 then as well, and not after it.
    """
    denominator = math.lcm(*(rest.denominator for rest in rests))
    if denominator > FINEST[dtype]:
        denominator = FINEST[dtype]
        return [max(int(rest * denominator), 1) if rest else 0 for rest in rests], denominator
    return [int(rest * denominator) for rest in rests], denominator


class Ratios:
    """How many times as long as they say lengths are, in each segment."""

    def __init__(self, ratios: tuple[Fraction, ...]):
        self.ratios = ratios
        self.floats = np.array([float(ratio) for ratio in ratios])
        self._made: dict[Any, Any] = {}

    def of(self, lengths: tuple[int | Fraction, ...], dtype: str) -> Exact:
        """The lengths in each segment, as arrays of a row for each. Kept, since torch asks at every step."""
        key = lengths, dtype
        if key not in self._made:
            flat = exact_arrays([length * ratio for ratio in self.ratios for length in lengths], dtype)
            whole, part, round_ = (x.reshape(len(self.ratios), -1) for x in (flat.whole, flat.part, flat.round))
            self._made[key] = flat._replace(whole=whole, part=part, round=round_)
        return self._made[key]

    def of_all(self, length: int | Fraction, dtype: str) -> Exact:
        """The length, where there is one ratio."""
        (ratio,), last = self.ratios, LAST[dtype]
        if not isinstance(length, int) or ratio.denominator > FINEST[dtype]:
            return exact(length * ratio, dtype)
        # By integers, since torch can't compile fractions.
        steps, denominator = length * ratio.numerator, ratio.denominator
        whole, part = steps // denominator, steps % denominator
        if part == 0:
            return Exact(min(whole, last), 0, 1, min(whole, last), whole)
        return Exact(min(whole, last), part, denominator, min(steps, last), steps)

    def times(self, inner: tuple[Fraction, ...]) -> Ratios:
        """The ratios of segments inside these segments."""
        if inner not in self._made:
            self._made[inner] = Ratios(tuple(ratio * other for ratio in self.ratios for other in inner))
        return self._made[inner]


class Pace(NamedTuple):
    """Which segment each step is in, `None` if there is one for all, and the ratios of all."""

    index: Any
    ratios: Ratios


def unstretched() -> Pace:
    """That of lengths that are as long as they say; a new one, since ratios keep what they have computed."""
    return Pace(None, Ratios((Fraction(1),)))


class Segments:
    """Segments one after the other, the last without an end; what runs in one is stretched as it is to the first."""

    def __init__(self, lengths: tuple[Fraction, ...]):
        self.starts = (Fraction(0), *itertools.accumulate(lengths[:-1]))
        self.ratios = tuple(length / lengths[0] for length in lengths)
