"""Curves from a start value to an end value that single papers and libraries use."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY
from fractions import Fraction
from typing import Any

from . import arguments
from .base import Schedule, schedule
from .formulas import between
from .spans import Length, in_steps
from .step import Step


@schedule
class Tanh(Schedule):
    """A smooth drop: `end + (start - end) * (1 - tanh(lower + (upper - lower) * t / steps)) / 2`, then `end`.

    At t = 0 the value differs from `start` by about `exp(2 * lower)` times `start - end`.

    >>> Tanh(0.1, 0.0, steps=4).values(6).round(6)
    array([0.099999, 0.099945, 0.095257, 0.018243, 0.      , 0.      ])

    Args:
        start, end: The values long before the drop and from t = `steps` on, numbers >= 0.
        steps: The length of the curve: an integer > 0 or a span.
        lower, upper: Where the argument of tanh begins and ends, numbers, `lower` < `upper`.

    Source: Hsueh, Li and Wu, SGD with Hyperbolic-Tangent Decay, 2018 (arXiv 1806.01593).
    """

    start: float
    end: float
    steps: Length
    _: KW_ONLY
    lower: float = -6.0
    upper: float = 3.0

    def check(self) -> None:
        if not 0 < self.upper - self.lower < math.inf:
            arguments.reject(self, "upper", f"above `lower`, {self.lower}, by a finite number", self.upper)

    def at(self, step: Step) -> Any:
        ops, sign = step.ops, 2.0 if self.start >= self.end else -2.0
        x = self.lower + (self.upper - self.lower) * step.done(self.steps)
        value = between(min(self.start, self.end), max(self.start, self.end), 1.0 / (1.0 + ops.exp(sign * x)))
        return ops.where(step.reached(self.steps), self.end, value)


@schedule
class Rex(Schedule):
    """A curve that stays high for long: `end + (start - end) * (1 - t / steps) / (1 - t / steps / 2)`, then `end`.

    >>> Rex(0.1, 0.0, steps=4).values(5).round(6)
    array([0.1     , 0.085714, 0.066667, 0.04    , 0.      ])

    Args:
        start, end: The values at t = 0 and from t = `steps` on, numbers >= 0.
        steps: Steps from `start` to `end`: an integer > 0 or a span.

    Source: Chen, Wolfe and Kyrillidis, REX, 2021 (arXiv 2107.04197).
    """

    start: float
    end: float
    steps: Length

    def at(self, step: Step) -> Any:
        if self.start >= self.end:
            left = step.left(self.steps)
            return between(self.end, self.start, left / (0.5 + 0.5 * left))
        done = step.done(self.steps)
        return between(self.start, self.end, done / (2.0 - done))


@schedule
class Approach(Schedule):
    """An exponential that ends: `end + (start - end) * (rate ** (t / steps) - rate) / (1 - rate)`, then `end`.

    >>> Approach(0.1, 0.0, steps=4).values(5).round(6)
    array([0.1     , 0.051371, 0.024025, 0.008648, 0.      ])

    Args:
        start, end: The values at t = 0 and from t = `steps` on, numbers >= 0.
        steps: Steps from `start` to `end`: an integer > 0 or a span.
        rate: A number > 0 other than 1: near 0 the curve falls early, above 1 late.

    Source: the cooldowns of timm (`rate=0.1`) and Megatron (`rate=0.5`).
    """

    start: float
    end: float
    steps: Length
    _: KW_ONLY
    rate: float = 0.1

    def check(self) -> None:
        if self.rate == 1 or not 1e-30 < self.rate < 1e30:
            arguments.reject(self, "rate", "a number > 0, not 1, between 1e-30 and 1e30", self.rate)

    def at(self, step: Step) -> Any:
        expm1, log = step.ops.expm1, math.log(self.rate)
        if self.start >= self.end:
            return between(self.end, self.start, expm1(-log * step.left(self.steps)) / math.expm1(-log))
        return between(self.start, self.end, expm1(log * step.done(self.steps)) / math.expm1(log))


@schedule
class Logarithmic(Schedule):
    """A logarithm of the time: `start + (end - start) * log(1 + t) / log(1 + steps)`, then `end`.

    >>> Logarithmic(0.0, 0.1, steps=7).values([0, 1, 3, 7, 9]).round(6)
    array([0.      , 0.033333, 0.066667, 0.1     , 0.1     ])

    Args:
        start, end: The values at t = 0 and from t = `steps` on, numbers >= 0.
        steps: Steps from `start` to `end`: an integer > 0 or a span.

    Source: the default warmup of DeepSpeed.
    """

    start: float
    end: float
    steps: Length

    def at(self, step: Step) -> Any:
        length, log1p = float(in_steps(self.steps)), step.ops.log1p
        time = length * step.done(self.steps)
        if self.start >= self.end:
            fall = log1p(length * step.left(self.steps) / (1.0 + time)) / math.log1p(length)
            return between(self.end, self.start, fall)
        return between(self.start, self.end, log1p(time) / math.log1p(length))


@schedule
class Hyperbolic(Schedule):
    """A hyperbola: `start + (start - end) * (f(t) - f(0))`.

    Here `f(t) = sqrt((steps - t) / horizon * (2 - (steps + t) / horizon))`. The initial slope depends on `horizon` and
    not on `steps`, so short runs predict long ones. The last value is `end` if `horizon` equals `steps`, and higher if
    `horizon` is longer.

    >>> Hyperbolic(0.1, 0.0, steps=4, horizon=4).values(5).round(6)
    array([0.1  , 0.075, 0.05 , 0.025, 0.   ])
    >>> Hyperbolic(0.1, 0.0, steps=4, horizon=8).values(5).round(6)
    array([0.1     , 0.085204, 0.069299, 0.050897, 0.013397])

    Args:
        start: The value at t = 0, a number >= 0.
        end: The last value of a run of `horizon` steps, a number >= 0, at most `start`.
        steps, horizon: The lengths of the run and of the longest planned run (>= `steps`): integers > 0 or spans.

    Source: Kim, HyperbolicLR, 2024 (arXiv 2407.15200).
    """

    start: float
    end: float
    steps: Length
    horizon: Length

    def check(self) -> None:
        if self.end > self.start:
            arguments.reject(self, "end", f"at most `start`, {self.start}", self.end)
        arguments.require_order(self, "steps", "horizon")

    def at(self, step: Step) -> Any:
        now, first, rest = _hyperbola(self, step)
        return (self.start * rest + self.end * first) + (self.start - self.end) * now


@schedule
class ExpHyperbolic(Schedule):
    """A hyperbola of the logarithm: `start * (start / end) ** (f(t) - f(0))`, with the `f` of `Hyperbolic`.

    >>> ExpHyperbolic(0.1, 0.001, steps=4, horizon=4).values(5).round(6)
    array([0.1     , 0.031623, 0.01    , 0.003162, 0.001   ])

    Args:
        start: The value at t = 0, a number > 0.
        end: The last value of a run of `horizon` steps, a number > 0, at most `start`.
        steps, horizon: The lengths of the run and of the longest planned run (>= `steps`): integers > 0 or spans.

    Source: Kim, HyperbolicLR, 2024 (arXiv 2407.15200).
    """

    start: float
    end: float
    steps: Length
    horizon: Length

    def check(self) -> None:
        if not 0 < self.end <= self.start:
            arguments.reject(self, "end", f"> 0 and at most `start`, {self.start}", self.end)
        arguments.require_order(self, "steps", "horizon")

    def at(self, step: Step) -> Any:
        now, first, _ = _hyperbola(self, step)
        return self.start * step.ops.exp((math.log(self.start) - math.log(self.end)) * (now - first))


def _hyperbola(curve: Any, step: Step) -> tuple[Any, float, float]:
    """`f(t)`, `f(0)` and `1 - f(0)`."""
    fraction = Fraction(in_steps(curve.steps)) / in_steps(curve.horizon)
    left, rest = float(fraction) * step.left(curve.steps), float(1 - fraction)
    first = math.sqrt(float(fraction * (2 - fraction)))
    return step.ops.sqrt(left * (2.0 * rest + left)), first, rest**2 / (1.0 + first)
