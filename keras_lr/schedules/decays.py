"""Curves that fall, or grow, without an end."""

from __future__ import annotations

import functools
import math
from dataclasses import KW_ONLY
from fractions import Fraction
from typing import Any

import numpy as np

from .base import Schedule, schedule
from .shared import Shared
from .spans import Length, exact, in_steps
from .steps.pieces import EXPONENTIAL, MOST, Piece, Pieces, Time, scaled
from .steps.step import Step

LARGEST = float(np.finfo("float32").max)
SHORT = 2**14  # a table that may have an entry for each stair
LEAST = 1e-46  # what is below it is 0 in a float32


@schedule
class Exponential(Schedule):
    """A constant factor per length of time: `start * rate ** (t / steps)`, never past `end`.

    >>> Exponential(0.1, 0.5, steps=2).values(5).round(6)
    array([0.1     , 0.070711, 0.05    , 0.035355, 0.025   ])
    >>> Exponential(0.1, 0.5, steps=2, staircase=True).values(5)
    array([0.1  , 0.1  , 0.05 , 0.05 , 0.025])

    The MNIST recipe, 5 % less after each pass over the training set, counted in
    examples, whatever the batch size:

    >>> from keras_lr import examples
    >>> rate = Exponential(0.01, 0.95, steps=examples(60_000), staircase=True)
    >>> rate.bind(batch_size=64).values([937, 938, 1874, 1875])
    array([0.01    , 0.0095  , 0.0095  , 0.009025])

    Args:
        start: The value at t = 0, a number >= 0.
        rate: The factor, a number > 0; above 1 the value grows.
        steps: Steps per factor: an integer > 0 or a span.
        staircase: Whether `t / steps` is rounded down.
        end: The value that is never passed, a number >= 0; `None` for no limit.

    Raises:
        ValueError: An argument breaks its rule.

    Source: TensorFlow's `tf.train.exponential_decay`, 2015.
    """

    start: float
    rate: float
    steps: Length
    _: KW_ONLY
    staircase: bool = False
    end: float | None = None

    def at(self, step: Step) -> Any:
        stair = self.steps if self.staircase else 1
        if self.staircase and not step.is_plain:  # stairs of 1 step are not none, where a step has parts
            step, stair = step.count(stair), 1
        value = self._blocks.at(step, stair)
        if self.end is None:
            return value
        bound = step.ops.maximum if self.rate < 1 else step.ops.minimum
        return bound(value, step.constant(self.end))

    def _pieces(self, begin: Time, ratio: Time) -> Pieces:
        log, length, bound = math.log(self.rate), scaled(self.steps, ratio), max if self.rate < 1 else min
        end = (0.0 if self.rate < 1 else LARGEST) if self.end is None else self.end
        if log == 0 or self.start == 0 or bound(self.start, end) == end:
            return [Piece(begin, bound(self.start, end))]
        over = math.log(max(end, LEAST) / self.start) / log  # lengths until the end
        if self.staircase:
            if over > MOST:
                return None
            values = [self.start * math.exp(log * n) for n in range(math.ceil(over))]
            return [Piece(begin + length * n, value) for n, value in enumerate([*values, end])]
        fall = float(length) / abs(log)
        if fall < 1 < self.rate:  # more than a float32 tells apart within a step
            return None
        # A block falls to an e-th at most: that much a float32 can tell apart.
        until, block = over * float(length), max(int(fall), 1)
        pieces = []
        for n in range(math.ceil(until / block)):
            high = n * block if self.rate < 1 else min((n + 1) * block, until)  # from the start to where it is highest
            height = self.start * math.exp(log * (high / float(length)))
            near = begin + (high if isinstance(high, int) else Fraction(high))
            pieces.append(Piece(begin + n * block, 0.0, height, near, fall, shape=EXPONENTIAL))
        return [*pieces, Piece(math.ceil(begin + until), end)]

    @functools.cached_property
    def _blocks(self) -> Blocks:
        steps = Fraction(in_steps(self.steps))
        if self.staircase:
            return Blocks(self.start, math.log(self.rate), steps.denominator)
        return Blocks(self.start, math.log(self.rate) / float(steps))


class Blocks:
    """`start * exp(log * t)`, t in stairs, at most the largest float32.

    exp of a long float32 product would lose digits: whole blocks of stairs come
    from a table, and exp sees the rest inside a block, whose log is about 1 at most.
    Where the table is short, each stair is a block.
    """

    def __init__(self, start: float, log: float, parts: int = 1):
        self.start, self.log = start, log
        self.size = int(min(max(1 / abs(log), 1.0), 2.0**63)) if log else 2**63
        magnitude = math.log(start) if start else -100.0
        reach = max(105 + magnitude if log < 0 else 90 - magnitude, 0.0)  # to where a float32 is 0 or infinite
        if parts == 1 and reach < SHORT * abs(log):
            self.size = 1
        elif parts * abs(log) < 2:
            # A stair is a whole number of `parts` of a step: a block that is one of steps is found faster.
            self.size = max(self.size // parts, 1) * parts
        exponents = log * self.size * np.arange(math.ceil(reach / abs(log * self.size)) + 2 if log else 1)
        self.table = Shared(np.minimum(start * np.exp(np.minimum(exponents, 700.0)), LARGEST))

    def at(self, step: Step, stair: Length = 1) -> Any:
        if step.ops is np:
            exponents = self.log * (step if stair == 1 else step.count(stair)).real
            if self.log <= 0:
                return self.start * np.exp(exponents)
            return np.minimum(self.start * np.exp(np.minimum(exponents, 700.0)), LARGEST)
        block, rest = step.blocks(self.size, len(self.table) - 1, stair)
        if rest is None:
            return step.take(self.table, block)
        inside = step.ops.exp(self.log * rest)
        return self.start * inside if block is None else step.take(self.table, block) * inside


@schedule
class InverseTime(Schedule):
    """A fraction with the time below: `start / (1 + rate * t / steps)`.

    >>> InverseTime(0.1, 1.0, steps=2).values(5).round(6)
    array([0.1     , 0.066667, 0.05    , 0.04    , 0.033333])

    Keras 2's `decay=d` was `InverseTime(learning_rate, d, steps=1)`.

    Args:
        start: The value at t = 0, a number >= 0.
        rate: How fast it falls, a number > 0.
        steps: Steps per `rate`: an integer > 0 or a span.
        staircase: Whether `t / steps` is rounded down.

    Raises:
        ValueError: An argument breaks its rule.

    Source: Robbins and Monro, A Stochastic Approximation Method, 1951.
    """

    start: float
    rate: float
    steps: Length
    _: KW_ONLY
    staircase: bool = False

    def at(self, step: Step) -> Any:
        if self.staircase:
            return self.start / (1.0 + self.rate * step.count(self.steps).real)
        return self.start / (1.0 + self.rate / float(in_steps(self.steps)) * step.real)

    def _pieces(self, begin: Time, ratio: Time) -> Pieces:
        if self.staircase:
            return None
        return power_law(begin, self.start, scaled(self.steps, ratio) / exact(self.rate), 1.0)


@schedule
class PowerLaw(Schedule):
    """A power of the time: `start / (1 + t / steps) ** power`.

    >>> PowerLaw(0.1, steps=10, power=1.0).values([0, 10, 30, 90])
    array([0.1  , 0.05 , 0.025, 0.01 ])

    Args:
        start: The value at t = 0, a number >= 0.
        steps: Steps until it is a `2 ** power`-th: an integer > 0 or a span.
        power: A number > 0.

    Raises:
        ValueError: An argument breaks its rule.

    Source: Shen et al., Power Scheduler, 2024 (arXiv 2408.13359).
    """

    start: float
    steps: Length
    power: float

    def at(self, step: Step) -> Any:
        return self.start * (1.0 + step.real / float(in_steps(self.steps))) ** -self.power

    def _pieces(self, begin: Time, ratio: Time) -> Pieces:
        return power_law(begin, self.start, scaled(self.steps, ratio), self.power)


@schedule
class InverseSqrt(Schedule):
    """One over the square root of the time: `start / sqrt(1 + t / steps)`.

    After a warmup of `steps` steps it is `start * sqrt(steps / t)` of the whole
    time, the shape of `noam`.

    >>> InverseSqrt(0.1, steps=10).values([0, 30, 80, 990]).round(6)
    array([0.1     , 0.05    , 0.033333, 0.01    ])

    Args:
        start: The value at t = 0, a number >= 0.
        steps: A third of the steps until it is half: an integer > 0 or a span.

    Raises:
        ValueError: An argument breaks its rule.

    Source: Vaswani et al., Attention Is All You Need, 2017 (arXiv 1706.03762).
    """

    start: float
    steps: Length

    def at(self, step: Step) -> Any:
        return self.start / step.ops.sqrt(1.0 + step.real / float(in_steps(self.steps)))

    def _pieces(self, begin: Time, ratio: Time) -> Pieces:
        return power_law(begin, self.start, scaled(self.steps, ratio), 0.5)


def power_law(begin: Time, start: float, length: Time, power: float) -> Pieces:
    """`start / (1 + t / length) ** power`."""
    if not 1e-20 < length < 1e20:  # what a float32 can square
        return None
    return [Piece(begin, 0.0, start, begin - length, length, -power)]
