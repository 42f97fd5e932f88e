"""Schedules whose values are calculated from those of others."""

from __future__ import annotations

import functools
import operator
import zlib
from dataclasses import KW_ONLY
from typing import Any

from . import arguments
from .arguments import Member, Members, Pair
from .base import Schedule, schedule
from .step import Step

WEYL = 0x9E3779B9  # the golden ratio of 2**32: its multiples fill the range evenly
TOP = 0x7FFFFF80  # as many bits as a float32 has
LAST_STEP = 2**53  # the last integer that a float64 counts to


@schedule
class Product(Schedule):
    """The product of schedules: `schedules[0] * schedules[1] * ...`, all at the same t.

    >>> from keras_lr import Linear
    >>> Product([Linear(0.1, 0.0, steps=4), 0.5]).values(5)
    array([0.05  , 0.0375, 0.025 , 0.0125, 0.    ])

    Args:
        schedules: Schedules, Keras' own too, or numbers >= 0, at least one.

    Raises:
        ValueError: An argument breaks its rule.
    """

    schedules: Members

    def at(self, step: Step) -> Any:
        return functools.reduce(operator.mul, (member.at(step) for member in self.schedules))


@schedule
class Sum(Schedule):
    """The sum of schedules: `schedules[0] + schedules[1] + ...`, all at the same t.

    >>> from keras_lr import Linear
    >>> Sum([Linear(0.1, 0.0, steps=4), 0.01]).values(5)
    array([0.11 , 0.085, 0.06 , 0.035, 0.01 ])

    Args:
        schedules: Schedules, Keras' own too, or numbers >= 0, at least one.

    Raises:
        ValueError: An argument breaks its rule.
    """

    schedules: Members

    def at(self, step: Step) -> Any:
        return functools.reduce(operator.add, (member.at(step) for member in self.schedules))


@schedule
class Clip(Schedule):
    """A schedule that stays in a range: `min(max(schedule, minimum), maximum)`.

    >>> from keras_lr import Exponential
    >>> Clip(Exponential(0.1, 0.5, steps=1), minimum=0.02).values(5)
    array([0.1  , 0.05 , 0.025, 0.02 , 0.02 ])

    Args:
        schedule: A schedule, Keras' own too, or a number >= 0.
        minimum: The lowest value, a number >= 0; `None` for none.
        maximum: The highest value, a number >= 0; `None` for none.

    Raises:
        ValueError: An argument breaks its rule, `minimum` is above `maximum`, or neither is given.
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
    """A schedule carried from one range to another: `target[0] + (target[1] - target[0]) * x`.

    x is the place of its value in `source`: `(schedule - source[0]) / (source[1] - source[0])`.
    Either range may go down. Beyond its ends the line goes on, though never below
    0. A momentum that falls while the rate rises:

    >>> from keras_lr import Linear
    >>> rate = Linear(0.02, 0.1, steps=4)
    >>> Rescale(rate, target=[0.95, 0.85], source=[0.02, 0.1]).values(5)
    array([0.95 , 0.925, 0.9  , 0.875, 0.85 ])

    Args:
        schedule: A schedule, Keras' own too, or a number >= 0.
        target: The two values, numbers >= 0, that those of `source` become.
        source: Two different values of `schedule`, numbers >= 0.

    Raises:
        ValueError: An argument breaks its rule.
    """

    schedule: Member
    target: Pair
    _: KW_ONLY
    source: Pair = (0.0, 1.0)

    def check(self) -> None:
        if self.source[0] == self.source[1]:
            arguments.reject(self, "source", "two different numbers", self.source)

    def at(self, step: Step) -> Any:
        # From the lower end of the target: inside the range nothing cancels.
        low, high = sorted(zip(self.target, self.source, strict=True))
        slope = (high[0] - low[0]) / (high[1] - low[1])
        return step.ops.maximum(low[0] + slope * (self.schedule.at(step) - low[1]), 0.0)


@schedule
class Noise(Schedule):
    """A schedule that is shaken: `schedule * (1 + scale * u)`, u in [-1, 1) at random for each step.

    The noise is computed from the step and the seed: it is the same after a
    restart, and on every backend.

    >>> noisy = Noise(0.1, scale=0.5, seed=1)
    >>> noisy.values(4).round(4)
    array([0.0505, 0.1102, 0.138 , 0.1327])
    >>> noisy.values([3]) == noisy.values(4)[3]
    array([ True])

    Args:
        schedule: A schedule, Keras' own too, or a number >= 0.
        scale: How much at most, a share of the value, a number > 0 and <= 1.
        seed: An integer >= 0: which noise it is.

    Raises:
        ValueError: An argument breaks its rule.

    Source: the noise of timm's schedulers, which is normal and cut off. The integers are mixed by a
        xorshift (Marsaglia, 2003) and the quadratic of RC6 (Rivest, Robshaw, Sidney and Yin, 1998).
    """

    schedule: Member
    scale: float
    _: KW_ONLY
    seed: int = 0

    def prepare(self) -> None:
        self._store("_offset", zlib.crc32(str(self.seed).encode()))

    def at(self, step: Step) -> Any:
        # Each line takes the 2**32 integers to themselves in another order. In int64 products wrap, and keep their
        # last 32 bits.
        state = step.whole(LAST_STEP) * WEYL + self._offset
        state = (state & 0xFFFFFFFF) - 2**31
        state = state ^ (state // 2**15)
        state = state * (state + state + 1)
        factor = step.ops.real(state & TOP) * (self.scale / 2**30)
        return self.schedule.at(step) * (factor + (1.0 - self.scale))
