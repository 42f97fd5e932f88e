"""One cycle: up to a peak and down again, over the whole run."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from .. import arguments
from ..compose import Sequence
from ..spans import Length
from .parts import Curve, Part, cut, is_zero, policy


@policy
def one_cycle(
    peak: float,
    steps: Length,
    *,
    warmup: Part = 0.3,
    start: float | None = None,
    end: float | None = None,
    three_phase: bool = False,
    curve: Curve = "cosine",
) -> Sequence:
    """Up from `start` to `peak` and down to `end`, each half a cosine wave.

    >>> rate = one_cycle(0.4, steps=10)
    >>> rate.values([0, 3, 10]).round(9).tolist()
    [0.016, 0.4, 1.6e-06]
    >>> from keras_lr import epochs
    >>> one_cycle(0.4, steps=epochs(12)).bind(steps_per_epoch=100).values([0, 360]).tolist()
    [0.016, 0.4]

    Args:
        peak: The highest value, a number >= 0.
        steps: The whole cycle: an integer > 1 or a span.
        warmup: The share of `steps` that goes up, a number in (0, 1); below 0.5 if `three_phase`.
        start: The first value; `peak / 25` unless told.
        end: The last value; `start / 10_000` unless told.
        three_phase: Whether it goes down to `start` as fast as it went up, and from there to `end`.
        curve: `Cosine`, `Linear`, or any function of `start`, `end` and `steps`.

    Returns:
        A `Sequence` of two or three curves.

    Raises:
        ValueError: An argument breaks its rule.

    Source: Smith and Topin, Super-Convergence, 2017 (arXiv 1708.07120), with the
    curve and the defaults of fastai and torch.
    """
    start = peak / 25 if start is None else start
    end = start / 10_000 if end is None else end
    return _cycle("one_cycle", [start, peak, start, end], steps, warmup, three_phase, curve)


@policy
def one_cycle_momentum(
    steps: Length,
    *,
    minimum: float = 0.85,
    maximum: float = 0.95,
    warmup: Part = 0.3,
    three_phase: bool = False,
    curve: Curve = "cosine",
) -> Sequence:
    """The momentum that goes with `one_cycle`: down while the rate goes up, and up again.

    >>> import keras
    >>> from keras_lr import scheduled
    >>> sgd = keras.optimizers.SGD(one_cycle(0.4, steps=100), momentum=0.9)
    >>> sgd = scheduled(sgd, momentum=one_cycle_momentum(steps=100))
    >>> one_cycle_momentum(steps=100).values([0, 30, 100])
    array([0.95, 0.85, 0.95])

    Args:
        steps: The whole cycle: an integer > 1 or a span.
        minimum: The momentum at the peak of the rate, a number >= 0.
        maximum: The momentum at both ends, a number >= 0.
        warmup: The share of `steps` in which the rate goes up, a number in (0, 1).
        three_phase: Whether the rate has three phases; the momentum stays at `maximum` in the third.
        curve: As of the rate.

    Returns:
        A `Sequence` of two or three curves.

    Raises:
        ValueError: An argument breaks its rule.

    Source: Smith, A disciplined approach to neural network hyper-parameters, 2018 (arXiv 1803.09820).
    """
    values = [maximum, minimum, maximum, maximum]
    return _cycle("one_cycle_momentum", values, steps, warmup, three_phase, curve)


@policy
def slanted_triangular(peak: float, steps: Length, *, warmup: Part = 0.1, start: float | None = None) -> Sequence:
    """A straight line up to `peak`, a longer one down to where it began.

    >>> slanted_triangular(0.32, steps=20).values([0, 2, 11, 20]).round(6).tolist()
    [0.01, 0.32, 0.165, 0.01]

    Args:
        peak: The highest value, a number >= 0.
        steps: The whole run: an integer > 1 or a span.
        warmup: The share of `steps` that goes up, a number in (0, 1).
        start: The first and last value; `peak / 32` unless told.

    Returns:
        A `Sequence` of two `Linear`.

    Raises:
        ValueError: An argument breaks its rule.

    Source: Howard and Ruder, Universal Language Model Fine-tuning, 2018 (arXiv 1801.06146).
    """
    start = peak / 32 if start is None else start
    return one_cycle(peak, steps, warmup=warmup, start=start, end=start, curve="linear")


def _cycle(name: str, values: list[float], steps: Any, warmup: Any, three_phase: bool, curve: Any) -> Sequence:
    first, peak, second, end = values
    if not three_phase:
        up, down = cut(name, steps, [("warmup", warmup)])
        if is_zero(up):
            return Sequence([curve(peak, end, down)], [])
        return Sequence([curve(first, peak, up), curve(peak, end, down)], [up])
    if is_zero(warmup) or (isinstance(warmup, Fraction) and warmup >= 0.5):
        arguments.reject(name, "warmup", "> 0 and below 0.5 if `three_phase`", warmup)
    up, down, rest = cut(name, steps, [("warmup", warmup), ("warmup", warmup)])
    return Sequence([curve(first, peak, up), curve(peak, second, down), curve(second, end, rest)], [up, up + down])
