"""Schedules computed from the values of other schedules."""

from __future__ import annotations

import functools
import math
import operator
import zlib
from dataclasses import KW_ONLY
from typing import Any

from . import arguments
from .arguments import Member, Members, Pair
from .base import Schedule, schedule
from .exact import LARGEST
from .step import Step

WEYL = 0x9E3779B9  # 2**32 divided by the golden ratio: its multiples spread evenly over 32 bits
TOP = 0x7FFFFF80  # the upper 24 of 31 bits, as many as a float32 has
LAST_STEP = 2**53  # up to here a float64 holds every integer


@schedule
class Product(Schedule):
    """The product of schedules: `schedules[0] * schedules[1] * ...`, all at the same t.

    >>> from keras_lr import Linear
    >>> Product([Linear(0.1, 0.0, steps=4), 0.5]).values(5)
    array([0.05  , 0.0375, 0.025 , 0.0125, 0.    ])

    Args:
        schedules: Schedules, also of Keras, or numbers >= 0; at least one.
    """

    schedules: Members

    def at(self, step: Step) -> Any:
        values = (member.at(step) for member in self.schedules)
        return functools.reduce(lambda product, value: step.ops.minimum(product * value, LARGEST), values)


@schedule
class Sum(Schedule):
    """The sum of schedules: `schedules[0] + schedules[1] + ...`, all at the same t.

    >>> from keras_lr import Linear
    >>> Sum([Linear(0.1, 0.0, steps=4), 0.01]).values(5)
    array([0.11 , 0.085, 0.06 , 0.035, 0.01 ])

    Args:
        schedules: Schedules, also of Keras, or numbers >= 0; at least one.
    """

    schedules: Members

    def at(self, step: Step) -> Any:
        total = functools.reduce(operator.add, (member.at(step) for member in self.schedules))
        return step.ops.minimum(total, LARGEST)


@schedule
class Clip(Schedule):
    """A schedule limited to a range: `min(max(schedule, minimum), maximum)`.

    >>> from keras_lr import Exponential
    >>> Clip(Exponential(0.1, 0.5, steps=1), minimum=0.02).values(5)
    array([0.1  , 0.05 , 0.025, 0.02 , 0.02 ])

    Args:
        schedule: A schedule, also of Keras, or a number >= 0.
        minimum, maximum: The limits, numbers >= 0; `None` for no limit, but not both.
    """

    schedule: Member
    _: KW_ONLY
    minimum: float | None = None
    maximum: float | None = None

    def check(self) -> None:
        if self.minimum is None and self.maximum is None:
            arguments.reject(self, "minimum", "given, or `maximum`", None)
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            arguments.reject(self, "minimum", f"at most `maximum`, {self.maximum}", self.minimum)

    def at(self, step: Step) -> Any:
        value = self.schedule.at(step)
        value = value if self.minimum is None else step.ops.maximum(value, self.minimum)
        return value if self.maximum is None else step.ops.minimum(value, self.maximum)


@schedule
class Rescale(Schedule):
    """A schedule mapped from one range to another: `target[0] + (target[1] - target[0]) * x`, at least 0.

    Here `x = (schedule - source[0]) / (source[1] - source[0])` is the position in `source`. Either range may be
    descending. Values outside of `source` are mapped by the same line. For a momentum that falls while the rate rises:

    >>> from keras_lr import Linear
    >>> rate = Linear(0.02, 0.1, steps=4)
    >>> Rescale(rate, target=[0.95, 0.85], source=[0.02, 0.1]).values(5)
    array([0.95 , 0.925, 0.9  , 0.875, 0.85 ])

    Args:
        schedule: A schedule, also of Keras, or a number >= 0.
        target: What the two values of `source` are mapped to, two numbers >= 0.
        source: Two different values of `schedule`, numbers >= 0.
    """

    schedule: Member
    target: Pair
    _: KW_ONLY
    source: Pair = (0.0, 1.0)

    def check(self) -> None:
        if self.source[0] == self.source[1]:
            arguments.reject(self, "source", "two different numbers", self.source)
        # Relative to the lower end of the target, so that no digits cancel inside the range.
        low, high = sorted(zip(self.target, self.source, strict=True))
        slope = (high[0] - low[0]) / (high[1] - low[1])
        if not math.isfinite(slope):
            arguments.reject(self, "source", "two numbers that differ by more", self.source)
        self._store("_line", (*low, slope))

    def at(self, step: Step) -> Any:
        low, from_low, slope = self._line
        return step.ops.clip(low + slope * (self.schedule.at(step) - from_low), 0.0, LARGEST)


@schedule
class Noise(Schedule):
    """A schedule with noise: `schedule * (1 + scale * u)`, with a random u in [-1, 1) for each step.

    The noise is uniform and depends only on the step and `seed`. It is the same after a restart and on every backend.

    >>> noisy = Noise(0.1, scale=0.5, seed=1)
    >>> noisy.values(4).round(4)
    array([0.0505, 0.1102, 0.138 , 0.1327])
    >>> noisy.values([3]) == noisy.values(4)[3]
    array([ True])

    Args:
        schedule: A schedule, also of Keras, or a number >= 0.
        scale: The largest deviation, as a fraction of the value, a number > 0 and <= 1.
        seed: Selects the random numbers, an integer >= 0.

    Source: timm's schedulers, whose noise is a truncated normal distribution. The bits are mixed by a xorshift
        (Marsaglia, 2003) and the quadratic of RC6 (Rivest, Robshaw, Sidney and Yin, 1998).
    """

    schedule: Member
    scale: float
    _: KW_ONLY
    seed: int = 0

    def prepare(self) -> None:
        self._store("_offset", zlib.crc32(str(self.seed).encode()))

    def at(self, step: Step) -> Any:
        # Each line permutes the integers of 32 bits. Products overflow int64, and their last 32 bits stay correct.
        state = step.whole(LAST_STEP) * WEYL + self._offset
        state = (state & 0xFFFFFFFF) - 2**31
        state = state ^ (state // 2**15)
        state = state * (state + state + 1)
        factor = step.ops.real(state & TOP) * (self.scale / 2**30)
        return step.ops.minimum(self.schedule.at(step) * (factor + (1.0 - self.scale)), LARGEST)
