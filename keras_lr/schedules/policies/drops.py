"""Rates that are kept and then lowered."""

from __future__ import annotations

from typing import Any

from ..arithmetic import Product, Sum
from ..base import Schedule
from ..compose import Sequence
from ..curves import Cosine
from ..spans import Length
from ..tables import Intervals
from .parts import Curve, Part, cut, is_zero, policy


@policy
def multi_step(start: float, factor: float, boundaries: Any) -> Intervals:
    """A constant factor at each boundary: `start * factor ** i`, i being how many `boundaries` are <= t.

    >>> multi_step(0.4, 0.5, [2, 4]).values(6)
    array([0.4, 0.4, 0.2, 0.2, 0.1, 0.1])

    Args:
        start: The value at t = 0, a number >= 0.
        factor: What a boundary multiplies by, a number > 0 and < 1.
        boundaries: Strictly increasing integers > 0, or spans.

    Returns:
        An `Intervals`.

    Raises:
        ValueError: An argument breaks its rule.

    Source: torch's MultiStepLR; in an analysis, Ge et al., The Step Decay Schedule, 2019 (arXiv 1904.12838).
    """
    return Intervals(boundaries, [start * factor**n for n in range(len(boundaries) + 1)])


@policy
def flat_cosine(peak: float, steps: Length, *, decay: Part = 0.25, end: float = 0.0) -> Sequence:
    """`peak`, held, and then half a cosine wave down to `end`.

    >>> flat_cosine(0.4, steps=8).values([0, 6, 7, 8]).round(6).tolist()
    [0.4, 0.4, 0.2, 0.0]

    Args:
        peak: The highest value, a number >= 0.
        steps: The whole run: an integer > 1 or a span.
        decay: The share of `steps` that goes down, a number in (0, 1).
        end: The last value, a number >= 0.

    Returns:
        A `Sequence` of a number and a `Cosine`.

    Raises:
        ValueError: An argument breaks its rule.

    Source: the `fit_flat_cos` of fastai.
    """
    hold, down = cut("flat_cosine", steps, [], ("decay", decay))
    if is_zero(down):
        return Sequence([peak], [])
    return Sequence([peak, Cosine(peak, end, down)], [hold])


@policy
def cooldown(
    schedule: Any,
    steps: Length,
    *,
    after: Length,
    end: float = 0.0,
    curve: Curve = "linear",
) -> Schedule:
    """Any schedule carried over to `end`: `end + (schedule - end) * f`, f falling from 1 to 0 in `steps` steps.

    The schedule goes on below. It ends a run early, or anneals to a constant
    rate for averaging weights:

    >>> from keras_lr import InverseSqrt
    >>> cooldown(InverseSqrt(0.4, steps=1), steps=2, after=3).values(6).round(6).tolist()
    [0.4, 0.282843, 0.23094, 0.2, 0.089443, 0.0]
    >>> cooldown(0.4, steps=2, after=3, end=0.1).values(6).round(6).tolist()
    [0.4, 0.4, 0.4, 0.4, 0.25, 0.1]

    Args:
        schedule: A schedule, Keras' own too, or a number >= 0.
        steps: How long it takes: an integer > 0 or a span.
        after: When it begins: an integer > 0 or a span.
        end: The last value, a number >= 0.
        curve: `Linear`, `Cosine`, or any function of `start`, `end` and `steps`.

    Returns:
        A `Product`, and a `Sum` of two where there is an `end`.

    Raises:
        ValueError: An argument breaks its rule.

    Source: Zhai et al., Scaling Vision Transformers, 2021 (arXiv 2106.04560); to a constant,
    Izmailov et al., Averaging Weights, 2018 (arXiv 1803.05407).
    """
    make: Any = curve
    fading = Product([schedule, Sequence([1.0, make(1.0, 0.0, steps)], [after])])
    return fading if end == 0 else Sum([fading, Sequence([0.0, make(0.0, end, steps)], [after])])


@policy
def scale_rate(rate: float, batch_size: int, *, reference: int = 256, power: float = 1.0) -> float:
    """A rate for another batch size: `rate * (batch_size / reference) ** power`.

    >>> scale_rate(0.1, batch_size=1024)
    0.4
    >>> scale_rate(0.1, batch_size=1024, power=0.5)  # for Adam and the like
    0.2

    Args:
        rate: The rate that is right at `reference`, a number > 0.
        batch_size: Examples per update, an integer > 0.
        reference: The batch size that `rate` was found for, an integer > 0.
        power: 1 for SGD, 0.5 for optimizers that divide by the size of gradients.

    Returns:
        A number.

    Raises:
        ValueError: An argument breaks its rule.

    Source: Goyal et al., 2017 (arXiv 1706.02677); the square root, Krizhevsky, One weird trick, 2014
    (arXiv 1404.5997), and Malladi et al., On the SDEs and Scaling Rules, 2022 (arXiv 2205.10287).
    """
    return rate * (batch_size / reference) ** power
