"""Rates that are held and then lowered."""

from __future__ import annotations

import math
from typing import Any

from .. import arguments
from ..arithmetic import Product, Sum
from ..base import Schedule
from ..compose import Sequence
from ..curves import Constant, Cosine
from ..exact import LARGEST
from ..spans import Length
from ..tables import Intervals
from .parts import Curve, Part, cut, join, policy


@policy
def multi_step(start: float, factor: float, boundaries: Any) -> Intervals:
    """A constant factor at each boundary: `start * factor ** i`, with i the number of boundaries <= t.

    >>> multi_step(0.4, 0.5, [2, 4]).values(6)
    array([0.4, 0.4, 0.2, 0.2, 0.1, 0.1])

    Args:
        start: The value at t = 0, a number >= 0.
        factor: The factor at each boundary, a number > 0 and < 1.
        boundaries: Strictly increasing integers > 0 or spans.

    Source: torch's MultiStepLR; analysed by Ge et al., The Step Decay Schedule, 2019 (arXiv 1904.12838).
    """
    return Intervals(boundaries, [start * factor**n for n in range(len(boundaries) + 1)])


@policy
def flat_cosine(peak: float, steps: Length, *, decay: Part = 0.25, end: float = 0.0) -> Sequence:
    """A constant `peak`, then half a cosine wave down to `end`.

    >>> flat_cosine(0.4, steps=8).values([0, 6, 7, 8]).round(6).tolist()
    [0.4, 0.4, 0.2, 0.0]

    Args:
        peak, end: The first and the last value, numbers >= 0.
        steps: The whole run: an integer > 0 or a span.
        decay: The part in which the rate falls: a fraction of `steps` in [0, 1) or a length.

    Source: the `fit_flat_cos` of fastai.
    """
    hold, down = cut("flat_cosine", steps, [], ("decay", decay))
    return join((hold, lambda n: Constant(peak)), (down, lambda n: Cosine(peak, end, n)))


@policy
def cooldown(
    schedule: Any,
    steps: Length,
    *,
    after: Length,
    end: float = 0.0,
    curve: Curve = "linear",
) -> Schedule:
    """Any schedule with a decay to `end`: `end + (schedule - end) * f`, with f falling from 1 to 0 in `steps` steps.

    The schedule itself continues meanwhile. Use it to end a run early, or with a constant end to average weights:

    >>> from keras_lr import InverseSqrt
    >>> cooldown(InverseSqrt(0.4, steps=1), steps=2, after=3).values(6).round(6).tolist()
    [0.4, 0.282843, 0.23094, 0.2, 0.089443, 0.0]
    >>> cooldown(0.4, steps=2, after=3, end=0.1).values(6).round(6).tolist()
    [0.4, 0.4, 0.4, 0.4, 0.25, 0.1]

    Args:
        schedule: A schedule, also of Keras, or a number >= 0.
        steps, after: The length and the start of the decay: integers > 0 or spans.
        end: The last value, a number >= 0.
        curve: `"linear"`, `"cosine"`, `"1-sqrt"`, or a class or function of `start`, `end` and `steps`.

    Source: Zhai et al., Scaling Vision Transformers, 2021 (arXiv 2106.04560); to a constant, Izmailov et al., Averaging
        Weights, 2018 (arXiv 1803.05407).
    """
    make: Any = curve
    fading = Product([schedule, Sequence([1.0, make(1.0, 0.0, steps)], [after])])
    return fading if end == 0 else Sum([fading, Sequence([0.0, make(0.0, end, steps)], [after])])


@policy
def scale_rate(rate: float, batch_size: int, *, reference: int = 256, power: float = 1.0) -> float:
    """The rate for another batch size, a number: `rate * (batch_size / reference) ** power`.

    >>> scale_rate(0.1, batch_size=1024)
    0.4
    >>> scale_rate(0.1, batch_size=1024, power=0.5)  # for Adam and the like
    0.2

    Args:
        rate: The rate for batches of `reference` examples, a number > 0.
        batch_size, reference: Examples per update, integers > 0.
        power: A number > 0: 1 for SGD, 0.5 for optimizers that divide by the size of gradients.

    Source: Goyal et al., 2017 (arXiv 1706.02677); the square root, Krizhevsky, One weird trick, 2014 (arXiv 1404.5997),
        and Malladi et al., On the SDEs and Scaling Rules, 2022 (arXiv 2205.10287).
    """
    try:
        scaled = rate * (batch_size / reference) ** power
    except OverflowError:
        scaled = math.inf
    if not 0 < scaled <= LARGEST:
        arguments.reject("scale_rate", "power", "so small that the rate is > 0 and finite", power)
    return scaled
