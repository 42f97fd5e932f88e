"""One cycle: up to a peak and down again, over the whole run."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from .. import arguments
from ..compose import Sequence
from ..curves import Linear
from ..spans import Length
from .parts import Curve, Part, cut, is_zero, join, policy


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
    """Half a cosine wave from `start` up to `peak`, and one down to `end`.

    >>> rate = one_cycle(0.4, steps=10)
    >>> rate.values([0, 3, 10]).round(9).tolist()
    [0.016, 0.4, 1.6e-06]
    >>> from keras_lr import epochs
    >>> one_cycle(0.4, steps=epochs(12)).bind(steps_per_epoch=100).values([0, 360]).tolist()
    [0.016, 0.4]

    Args:
        peak: The highest value, a number >= 0.
        steps: The whole cycle: an integer > 0 or a span.
        warmup: The part in which it rises: a fraction of `steps` in [0, 1), below 0.5 if `three_phase`, or a length.
        start: The first value; `None` for `peak / 25`.
        end: The last value; `None` for `start / 10_000`.
        three_phase: Whether it falls to `start` as fast as it rose, and from there to `end`.
        curve: `"cosine"`, `"linear"`, `"1-sqrt"`, or a class or function of `start`, `end` and `steps`.

    Source: Smith and Topin, Super-Convergence, 2017 (arXiv 1708.07120), with the defaults of fastai and torch.
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
    """The momentum for `one_cycle`: down while the rate goes up, then up again.

    >>> import keras
    >>> from keras_lr import scheduled
    >>> sgd = keras.optimizers.SGD(one_cycle(0.4, steps=100), momentum=0.9)
    >>> sgd = scheduled(sgd, momentum=one_cycle_momentum(steps=100))
    >>> one_cycle_momentum(steps=100).values([0, 30, 100])
    array([0.95, 0.85, 0.95])

    Args:
        steps, warmup, curve: As for the rate.
        minimum, maximum: The momentum at the peak of the rate and at both ends, numbers >= 0.
        three_phase: Whether the rate has three phases; the momentum stays at `maximum` in the third.

    Source: Smith, A disciplined approach to neural network hyper-parameters, 2018 (arXiv 1803.09820).
    """
    values = [maximum, minimum, maximum, maximum]
    return _cycle("one_cycle_momentum", values, steps, warmup, three_phase, curve)


@policy
def slanted_triangular(peak: float, steps: Length, *, warmup: Part = 0.1, start: float | None = None) -> Sequence:
    """A straight line up to `peak`, and a longer one down to the first value.

    >>> slanted_triangular(0.32, steps=20).values([0, 2, 11, 20]).round(6).tolist()
    [0.01, 0.32, 0.165, 0.01]

    Args:
        peak: The highest value, a number >= 0.
        steps: The whole run: an integer > 0 or a span.
        warmup: The part in which it rises: a fraction of `steps` in [0, 1) or a length.
        start: The first and last value; `None` for `peak / 32`.

    Source: Howard and Ruder, Universal Language Model Fine-tuning, 2018 (arXiv 1801.06146).
    """
    start = peak / 32 if start is None else start
    return _cycle("slanted_triangular", [start, peak, start, start], steps, warmup, False, Linear)


def _cycle(name: str, values: list[float], steps: Any, warmup: Any, three_phase: bool, curve: Any) -> Sequence:
    first, peak, second, end = values
    if three_phase and (is_zero(warmup) or (isinstance(warmup, Fraction) and warmup >= 0.5)):
        arguments.reject(name, "warmup", "> 0 and below 0.5 if `three_phase`", float(warmup))
    up, *down, rest = cut(name, steps, [("warmup", warmup)] * (2 if three_phase else 1))
    middle = [(length, lambda n: curve(peak, second, n)) for length in down]
    return join(
        (up, lambda n: curve(first, peak, n)), *middle, (rest, lambda n: curve(second if middle else peak, end, n))
    )
