"""Curves that fall, or grow, without an end."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY
from typing import Any

from .base import Schedule, schedule
from .exact import LARGEST
from .spans import Length
from .step import Step


@schedule
class Exponential(Schedule):
    """A constant factor per length of time: `start * rate ** (t / steps)`, never past `end`.

    >>> Exponential(0.1, 0.5, steps=2).values(5).round(6)
    array([0.1     , 0.070711, 0.05    , 0.035355, 0.025   ])
    >>> Exponential(0.1, 0.5, steps=2, staircase=True).values(5)
    array([0.1  , 0.1  , 0.05 , 0.05 , 0.025])

    5 % less after each pass over 60,000 examples, for any batch size:

    >>> from keras_lr import examples
    >>> rate = Exponential(0.01, 0.95, steps=examples(60_000), staircase=True)
    >>> rate.bind(batch_size=64).values([937, 938, 1874, 1875])
    array([0.01    , 0.0095  , 0.0095  , 0.009025])

    Args:
        start: The value at t = 0, a number >= 0.
        rate: The decay factor, a number > 0; above 1 the value grows.
        steps: Steps per factor: an integer > 0 or a span.
        staircase: Whether `t / steps` is rounded down.
        end: A limit for the value, a number >= 0; `None` for no limit.

    Source: TensorFlow's `tf.train.exponential_decay`, 2015.
    """

    start: float
    rate: float
    steps: Length
    _: KW_ONLY
    staircase: bool = False
    end: float | None = None

    def at(self, step: Step) -> Any:
        log, end, elapsed = math.log(self.rate), self.end, step.elapsed(self.steps, self.staircase)
        if self.rate < 1:
            value = self.start * step.ops.exp(log * elapsed)
            return value if end is None else step.ops.maximum(value, end)
        value = self.start * step.ops.exp(step.ops.minimum(log * elapsed, 700.0))
        return step.ops.minimum(value, LARGEST if end is None else end)


@schedule
class InverseTime(Schedule):
    """One over the time: `start / (1 + rate * t / steps)`. The `decay=d` of Keras 2 is `rate=d, steps=1`.

    >>> InverseTime(0.1, 1.0, steps=2).values(5).round(6)
    array([0.1     , 0.066667, 0.05    , 0.04    , 0.033333])

    Args:
        start: The value at t = 0, a number >= 0.
        rate: How fast it falls, a number > 0.
        steps: Steps per `rate`: an integer > 0 or a span.
        staircase: Whether `t / steps` is rounded down.

    Source: Robbins and Monro, A Stochastic Approximation Method, 1951.
    """

    start: float
    rate: float
    steps: Length
    _: KW_ONLY
    staircase: bool = False

    def at(self, step: Step) -> Any:
        return self.start / (1.0 + self.rate * step.elapsed(self.steps, self.staircase))


@schedule
class PowerLaw(Schedule):
    """A power of the time: `start / (1 + t / steps) ** power`.

    >>> PowerLaw(0.1, steps=10, power=1.0).values([0, 10, 30, 90])
    array([0.1  , 0.05 , 0.025, 0.01 ])

    Args:
        start: The value at t = 0, a number >= 0.
        steps: Steps until the value is `start / 2 ** power`: an integer > 0 or a span.
        power: A number > 0.

    Source: Shen et al., Power Scheduler, 2024 (arXiv 2408.13359).
    """

    start: float
    steps: Length
    power: float

    def at(self, step: Step) -> Any:
        return self.start * (1.0 + step.elapsed(self.steps)) ** -self.power


@schedule
class InverseSqrt(Schedule):
    """One over the square root of the time: `start / sqrt(1 + t / steps)`.

    After a warmup of `steps` steps it is `start * sqrt(steps / t)`, with t the time of the whole run, as in `noam`.

    >>> InverseSqrt(0.1, steps=10).values([0, 30, 80, 990]).round(6)
    array([0.1     , 0.05    , 0.033333, 0.01    ])

    Args:
        start: The value at t = 0, a number >= 0.
        steps: A third of the steps until the value is `start / 2`: an integer > 0 or a span.

    Source: Vaswani et al., Attention Is All You Need, 2017 (arXiv 1706.03762).
    """

    start: float
    steps: Length

    def at(self, step: Step) -> Any:
        return self.start / step.ops.sqrt(1.0 + step.elapsed(self.steps))
