"""Curves that go once from a start to an end."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import KW_ONLY
from typing import Any

import numpy as np

from .base import Schedule, schedule
from .spans import Length, in_steps
from .step import Step


@schedule
class Constant(Schedule):
    """The same value at every step: `value`.

    >>> Constant(0.01).values(3)
    array([0.01, 0.01, 0.01])

    Args:
        value: A number >= 0.

    Raises:
        ValueError: `value` is negative or not finite.
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
        start: The value at t = 0, a number >= 0.
        end: The value from t = `steps` on, a number >= 0.
        steps: Steps from `start` to `end`: an integer > 0 or a span.

    Raises:
        ValueError: An argument breaks its rule.

    Source: as a warmup, Goyal et al., Accurate, Large Minibatch SGD, 2017
    (arXiv 1706.02677); to zero, Li et al., Budgeted Training, 2019 (arXiv 1905.04753).
    """

    start: float
    end: float
    steps: Length

    def at(self, step: Step) -> Any:
        return _between(self, step.left(self.steps), lambda: step.done(self.steps))


@schedule
class Polynomial(Schedule):
    """A power of the time left: `end + (start - end) * (1 - t / steps) ** power`, then `end`.

    >>> Polynomial(0.1, 0.0, steps=4, power=2.0).values(5)
    array([0.1    , 0.05625, 0.025  , 0.00625, 0.     ])

    Args:
        start: The value at t = 0, a number >= 0.
        end: The value from t = `steps` on, a number >= 0.
        steps: Steps from `start` to `end`: an integer > 0 or a span.
        power: A number > 0; 1 is a straight line, 0.5 keeps high for longer.

    Raises:
        ValueError: An argument breaks its rule.

    Source: Liu, Rabinovich and Berg, ParseNet, 2015 (arXiv 1506.04579).
    """

    start: float
    end: float
    steps: Length
    _: KW_ONLY
    power: float = 1.0

    def at(self, step: Step) -> Any:
        left, done = step.left(self.steps), lambda: step.done(self.steps)
        return _between(self, *_raised(left, done, self.power, step))


@schedule
class Cosine(Schedule):
    """Half a cosine wave: `end + (start - end) * ((1 + cos(pi * t / steps)) / 2) ** exponent`, then `end`.

    >>> Cosine(0.1, 0.0, steps=4).values(5).round(6)
    array([0.1     , 0.085355, 0.05    , 0.014645, 0.      ])

    Args:
        start: The value at t = 0, a number >= 0.
        end: The value from t = `steps` on, a number >= 0.
        steps: Steps from `start` to `end`: an integer > 0 or a span.
        exponent: A number > 0; above 1 the curve falls earlier.

    Raises:
        ValueError: An argument breaks its rule.

    Source: Loshchilov and Hutter, SGDR, 2016 (arXiv 1608.03983).
    """

    start: float
    end: float
    steps: Length
    _: KW_ONLY
    exponent: float = 1.0

    def at(self, step: Step) -> Any:
        # sin(x)**2 is (1 - cos(2x)) / 2 without the cancellation that costs 1 + cos its digits near the end.
        def squared_sine(share: Any) -> Any:
            sine = step.ops.sin(math.pi / 2 * share)
            return sine * sine

        left, done = squared_sine(step.left(self.steps)), lambda: squared_sine(step.done(self.steps))
        return _between(self, *_raised(left, done, self.exponent, step))


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
        if self.staircase:
            step = step.count(self.steps)
        # exp of a long float32 product would lose digits: whole blocks come from
        # a table, and exp sees the rest inside a block, whose log is below 1.
        log, size, table = self._blocks
        blocks, rest = step.split(size)
        value = blocks.take(table) * step.ops.exp(log * rest)
        if self.end is None:
            return value
        bound = step.ops.maximum if self.rate < 1 else step.ops.minimum
        return bound(value, step.constant(self.end))

    @functools.cached_property
    def _blocks(self) -> tuple[float, int, np.ndarray]:
        log = math.log(self.rate) / (1.0 if self.staircase else float(in_steps(self.steps)))
        size = min(max(1, int(1 / abs(log))), 2**30) if log else 1
        # From `start` to where a float64 is 0 or a float32 infinite: at most 1,600 blocks.
        exponents = log * size * np.arange(math.ceil(800 / abs(log * size)) + 2 if log else 1)
        table = self.start * np.exp(np.minimum(exponents, 700.0))
        return log, size, np.minimum(table, np.finfo("float32").max)


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


def _raised(weight: Any, rest: Callable[[], Any], power: float, step: Step) -> tuple[Any, Callable[[], Any]]:
    """`weight ** power` and 1 minus that, where `rest` gives 1 - `weight`: both with all their digits."""
    if power == 1:
        return weight, rest
    ops, raised = step.ops, weight**power

    def rest_of_raised() -> Any:
        # 1 - raised cancels while raised is near 1; -expm1(power * log(1 - rest)) does not.
        near_one = raised > 0.5
        safe = ops.where(near_one, rest(), step.constant(0.5))
        return ops.where(near_one, -ops.expm1(power * ops.log1p(-safe)), 1.0 - raised)

    return raised, rest_of_raised


def _between(curve: Any, weight: Any, rest: Callable[[], Any]) -> Any:
    """The mean of `start` and `end`; both terms have one sign, so nothing cancels."""
    if curve.end == 0:
        return curve.start * weight
    return curve.start * weight + curve.end * (1.0 - weight if curve.start >= curve.end else rest())
