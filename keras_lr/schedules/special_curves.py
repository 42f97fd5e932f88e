"""Curves from a start to an end that single papers and libraries have."""

from __future__ import annotations

import functools
import math
from dataclasses import KW_ONLY
from typing import Any

import numpy as np

from . import arguments
from .base import Schedule, schedule
from .decays import Blocks
from .spans import Length, exact, in_steps
from .steps.shares import between
from .steps.step import Step


@schedule
class Tanh(Schedule):
    """A step made smooth: `end + (start - end) * (1 - tanh(lower + (upper - lower) * t / steps)) / 2`, then `end`.

    It begins a little below `start`, by a share of about `exp(2 * lower)`, and
    ends a little above `end`.

    >>> Tanh(0.1, 0.0, steps=4).values(6).round(6)
    array([0.099999, 0.099945, 0.095257, 0.018243, 0.      , 0.      ])

    Args:
        start: The value far before the fall, a number >= 0.
        end: The value from t = `steps` on, a number >= 0.
        steps: How long: an integer > 0 or a span.
        lower: Where on the curve it begins, a number.
        upper: Where it ends, a number > `lower`.

    Raises:
        ValueError: An argument breaks its rule.

    Source: Hsueh, Li and Wu, SGD with Hyperbolic-Tangent Decay, 2018 (arXiv 1806.01593).
    """

    start: float
    end: float
    steps: Length
    _: KW_ONLY
    lower: float = -6.0
    upper: float = 3.0

    def check(self) -> None:
        if self.upper <= self.lower:
            arguments.reject(self, "upper", f"above `lower`, {self.lower}", self.upper)

    def at(self, step: Step) -> Any:
        ops, low, height = step.ops, min(self.start, self.end), abs(self.start - self.end)
        falls, slope = self.start > self.end, 2.0 * (self.upper - self.lower)
        edge = 2.0 * self.upper if falls else -2.0 * self.lower
        log = slope / float(in_steps(self.steps))
        # height / (1 + odds): from the end where that is small, since there the odds have all their digits
        if ops is np or edge <= 6 or slope > 300:
            done, left = step.both(self.steps)
            value = height / (1.0 + ops.exp(edge - log * (left if falls else done)))
            if falls:
                value = value * ops.sign(left)  # 0 at the end
                return low + value if low else value
        else:  # a product that is longer than that loses digits
            value = height / (1.0 + self._odds.at(step))
        value = low + value if low else value
        return ops.where(step.reached(self.steps), step.constant(self.end), value)

    @functools.cached_property
    def _odds(self) -> Blocks:
        sign, log = (1 if self.start > self.end else -1), 2.0 * (self.upper - self.lower) / float(in_steps(self.steps))
        return Blocks(math.exp(sign * 2.0 * self.lower), sign * log)


@schedule
class Rex(Schedule):
    """High for long: `end + (start - end) * (1 - t / steps) / (1 - t / steps / 2)`, then `end`.

    >>> Rex(0.1, 0.0, steps=4).values(5).round(6)
    array([0.1     , 0.085714, 0.066667, 0.04    , 0.      ])

    Args:
        start: The value at t = 0, a number >= 0.
        end: The value from t = `steps` on, a number >= 0.
        steps: Steps from `start` to `end`: an integer > 0 or a span.

    Raises:
        ValueError: An argument breaks its rule.

    Source: Chen, Wolfe and Kyrillidis, REX, 2021 (arXiv 2107.04197).
    """

    start: float
    end: float
    steps: Length

    def at(self, step: Step) -> Any:
        if self.start >= self.end:
            left = step.left(self.steps)
            return between(step, self.end, self.start, left / (0.5 + 0.5 * left))
        done = step.done(self.steps)
        return between(step, self.start, self.end, done / (2.0 - done))


@schedule
class Approach(Schedule):
    """An exponential that ends: `end + (start - end) * (rate ** (t / steps) - rate) / (1 - rate)`, then `end`.

    >>> Approach(0.1, 0.0, steps=4).values(5).round(6)
    array([0.1     , 0.051371, 0.024025, 0.008648, 0.      ])

    Args:
        start: The value at t = 0, a number >= 0.
        end: The value from t = `steps` on, a number >= 0.
        steps: Steps from `start` to `end`: an integer > 0 or a span.
        rate: A number > 0, not 1; near 0 it falls at once, above 1 late.

    Raises:
        ValueError: An argument breaks its rule.

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
        ops, log = step.ops, math.log(self.rate)
        if self.start >= self.end:
            return _rise(self.end, self.start, ops.expm1(-log * step.left(self.steps)), math.expm1(-log))
        return _rise(self.start, self.end, ops.expm1(log * step.done(self.steps)), math.expm1(log))


@schedule
class Logarithmic(Schedule):
    """A logarithm of the time: `start + (end - start) * log(1 + t) / log(1 + steps)`, then `end`.

    >>> Logarithmic(0.0, 0.1, steps=7).values([0, 1, 3, 7, 9]).round(6)
    array([0.      , 0.033333, 0.066667, 0.1     , 0.1     ])

    Args:
        start: The value at t = 0, a number >= 0.
        end: The value from t = `steps` on, a number >= 0.
        steps: Steps from `start` to `end`: an integer > 0 or a span.

    Raises:
        ValueError: An argument breaks its rule.

    Source: the default warmup of DeepSpeed.
    """

    start: float
    end: float
    steps: Length

    def at(self, step: Step) -> Any:
        ops, whole = step.ops, math.log1p(in_steps(self.steps))
        over, left = step.both(self.steps)
        if self.start >= self.end:
            return _rise(self.end, self.start, ops.log1p(left / (1.0 + over)), whole)
        return _rise(self.start, self.end, ops.log1p(over), whole)


@schedule
class Hyperbolic(Schedule):
    """A hyperbola: `start + (start - end) * (f(t) - f(0))`.

    Here is `f(t) = sqrt((steps - t) / horizon * (2 - (steps + t) / horizon))`.
    Its slope at the beginning depends on `horizon` alone and not on `steps`, so
    that short runs tell of long ones. It ends at `end` if `horizon` is `steps`,
    above it if `horizon` is longer.

    >>> Hyperbolic(0.1, 0.0, steps=4, horizon=4).values(5).round(6)
    array([0.1  , 0.075, 0.05 , 0.025, 0.   ])
    >>> Hyperbolic(0.1, 0.0, steps=4, horizon=8).values(5).round(6)
    array([0.1     , 0.085204, 0.069299, 0.050897, 0.013397])

    Args:
        start: The value at t = 0, a number >= 0.
        end: The value of a run of `horizon` steps at its end, a number >= 0, at most `start`.
        steps: The length of the run: an integer > 0 or a span.
        horizon: The longest run thought of: at least `steps`, in the same unit.

    Raises:
        ValueError: An argument breaks its rule.

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
        now, first = _hyperbola(self, step, self.start - self.end)
        # Two terms of one sign: near the end nothing cancels.
        return (self.start - first) + now if first < self.start else now


@schedule
class ExpHyperbolic(Schedule):
    """A hyperbola of the logarithm: `start * (start / end) ** (f(t) - f(0))`, with the `f` of `Hyperbolic`.

    >>> ExpHyperbolic(0.1, 0.001, steps=4, horizon=4).values(5).round(6)
    array([0.1     , 0.031623, 0.01    , 0.003162, 0.001   ])

    Args:
        start: The value at t = 0, a number >= 0.
        end: The value of a run of `horizon` steps at its end, a number > 0, at most `start`.
        steps: The length of the run: an integer > 0 or a span.
        horizon: The longest run thought of: at least `steps`, in the same unit.

    Raises:
        ValueError: An argument breaks its rule.

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
        now, first = _hyperbola(self, step, math.log(self.start / self.end))
        return self.start * step.ops.exp(now - first)


def _rise(low: float, high: float, part: Any, whole: float) -> Any:
    """`low + (high - low) * part / whole`."""
    value = (high - low) / whole * part
    return low + value if low else value


def _hyperbola(curve: Any, step: Step, height: float) -> tuple[Any, float]:
    """`height` times f(t), and times f(0)."""
    share = float(in_steps(curve.steps) / exact(in_steps(curve.horizon)))
    # sqrt(x * (2 * (1 - share) + x)) with x = share * left, and the height inside
    scaled = height * share * step.left(curve.steps)
    over = 2.0 * height * (1.0 - share)
    now = step.ops.sqrt(scaled * (over + scaled)) if over else scaled
    return now, height * math.sqrt(share * (2.0 - share))
