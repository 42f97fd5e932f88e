"""Curves that go once from a start value to an end value."""

from __future__ import annotations

from dataclasses import KW_ONLY
from typing import Any

from .base import Schedule, schedule
from .formulas import between, half_wave, one_minus_power, to_power
from .spans import Length
from .step import Step


@schedule
class Constant(Schedule):
    """The same value at every step: `value`.

    >>> Constant(0.01).values(3)
    array([0.01, 0.01, 0.01])

    Args:
        value: A number >= 0.
    """

    value: float

    def at(self, step: Step) -> Any:
        return step.full(self.value)


@schedule
class Linear(Schedule):
    """A straight line: `start + (end - start) * t / steps`, then `end`.

    >>> Linear(0.1, 0.0, steps=4).values(6)
    array([0.1  , 0.075, 0.05 , 0.025, 0.   , 0.   ])

    Args:
        start, end: The values at t = 0 and from t = `steps` on, numbers >= 0.
        steps: Steps from `start` to `end`: an integer > 0 or a span.

    Source: as a warmup, Goyal et al., Accurate, Large Minibatch SGD, 2017 (arXiv 1706.02677); to zero, Li et al.,
        Budgeted Training, 2019 (arXiv 1905.04753).
    """

    start: float
    end: float
    steps: Length

    def at(self, step: Step) -> Any:
        if self.start >= self.end:
            return between(self.end, self.start, step.left(self.steps))
        return between(self.start, self.end, step.done(self.steps))


@schedule
class Polynomial(Schedule):
    """A power of the time left: `end + (start - end) * (1 - (t / steps) ** k) ** power`, then `end`.

    >>> Polynomial(0.1, 0.0, steps=4, power=2.0).values(5)
    array([0.1    , 0.05625, 0.025  , 0.00625, 0.     ])
    >>> Polynomial(0.1, 0.0, steps=4, k=0.5).values(5).round(6)  # the 1-sqrt cooldown
    array([0.1     , 0.05    , 0.029289, 0.013397, 0.      ])

    Args:
        start, end: The values at t = 0 and from t = `steps` on, numbers >= 0.
        steps: Steps from `start` to `end`: an integer > 0 or a span.
        power: A number > 0: 1 is a straight line, 0.5 falls later, 2 falls earlier.
        k: A number > 0: 2 falls later, 0.5 falls earlier.
        cycle: Whether `steps` becomes `steps * ceil(t / steps)`, so that the curve restarts, each time lower.

    Source: Liu, Rabinovich and Berg, ParseNet, 2015 (arXiv 1506.04579); `k`, Zhang and Li, k-decay, 2020
        (arXiv 2004.05909); `k=0.5`, Hägele et al., Scaling Laws and Compute-Optimal Training, 2024 (arXiv 2405.18392).
    """

    start: float
    end: float
    steps: Length
    _: KW_ONLY
    power: float = 1.0
    k: float = 1.0
    cycle: bool = False

    def at(self, step: Step) -> Any:
        ops = step.ops
        if self.cycle:
            step = step.at(step.time / ops.maximum(step.count_up(self.steps), 1.0))
        if self.start >= self.end:
            return between(self.end, self.start, to_power(_left(step, self), self.power))
        done = to_power(step.done(self.steps), self.k)
        if self.power != 1:
            done = one_minus_power(ops, done, _left(step, self), self.power)
        return between(self.start, self.end, done)


@schedule
class Cosine(Schedule):
    """Half a cosine wave: `end + (start - end) * ((1 + cos(pi * (t / steps) ** k)) / 2) ** exponent`, then `end`.

    >>> Cosine(0.1, 0.0, steps=4).values(5).round(6)
    array([0.1     , 0.085355, 0.05    , 0.014645, 0.      ])

    Args:
        start, end: The values at t = 0 and from t = `steps` on, numbers >= 0.
        steps: Steps from `start` to `end`: an integer > 0 or a span.
        exponent: A number > 0; above 1 the curve falls earlier.
        k: A number > 0; above 1 the curve falls later.

    Source: Loshchilov and Hutter, SGDR, 2016 (arXiv 1608.03983); `k`, Zhang and Li, k-decay, 2020 (arXiv 2004.05909).
    """

    start: float
    end: float
    steps: Length
    _: KW_ONLY
    exponent: float = 1.0
    k: float = 1.0

    def at(self, step: Step) -> Any:
        ops = step.ops
        if self.start >= self.end:
            fall = half_wave(ops, _left(step, self))
            return between(self.end, self.start, to_power(fall, self.exponent))
        rise = half_wave(ops, to_power(step.done(self.steps), self.k))
        if self.exponent != 1:
            rise = one_minus_power(ops, rise, half_wave(ops, _left(step, self)), self.exponent)
        return between(self.start, self.end, rise)


def _left(step: Step, curve: Any) -> Any:
    """`1 - (t / steps) ** k`."""
    left = step.left(curve.steps)
    return left if curve.k == 1 else one_minus_power(step.ops, left, step.done(curve.steps), curve.k)
