"""Time cut into segments, each with a length of its own, and the pace of what is stretched to fit them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

LAST = {"int32": 2**31 - 1, "int64": 2**63 - 1}
FINEST = {"int32": 30_000, "int64": 10**9}  # denominators: twice the product of two is still an integer


class Exact(NamedTuple):
    """`whole + part / denominator` steps, 0 <= part < denominator; `steps` are those of `denominator` such lengths."""

    whole: Any
    part: Any
    denominator: Any
    steps: Any


def exact(length: int | Fraction, dtype: str) -> Exact:
    """A length in integers of `dtype`; what is left of a step is never rounded to none or to a whole one."""
    whole, last = math.floor(length), LAST[dtype]
    if length == whole:
        return Exact(min(whole, last), 0, 1, min(whole, last))
    finest = FINEST[dtype]
    rest = (Fraction(length) - whole).limit_denominator(finest)
    rest = min(max(rest, Fraction(1, finest)), Fraction(finest - 1, finest))
    steps = whole * rest.denominator + rest.numerator
    return Exact(min(whole, last), rest.numerator, rest.denominator, min(steps, last))


def exact_arrays(lengths: Iterable[int | Fraction], dtype: str) -> Exact:
    """Many lengths as arrays."""
    return Exact(*np.array([exact(length, dtype) for length in lengths], "int64").reshape(-1, 4).T)


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
            flat = exact_arrays((length * ratio for ratio in self.ratios for length in lengths), dtype)
            self._made[key] = Exact(*(column.reshape(len(self.ratios), -1) for column in flat))
        return self._made[key]

    def times(self, inner: tuple[Fraction, ...]) -> Ratios:
        """The ratios of segments inside these segments."""
        if inner not in self._made:
            self._made[inner] = Ratios(tuple(ratio * other for ratio in self.ratios for other in inner))
        return self._made[inner]


class Pace(NamedTuple):
    """Which segment each step is in, and the ratios of all."""

    index: Any
    ratios: Ratios


class Segments:
    """Segments one after the other, the last without an end; what runs in one is stretched as it is to the first."""

    def __init__(self, lengths: tuple[Fraction, ...]):
        self.starts = (Fraction(0), *itertools.accumulate(lengths[:-1]))
        self.ratios = tuple(length / lengths[0] for length in lengths)
        self.unstretched = Ratios((Fraction(1),))
