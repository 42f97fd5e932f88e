"""A warmup and what follows it to the end of the run."""

from __future__ import annotations

import sys
from typing import Any

from .. import arguments
from ..base import Schedule
from ..compose import Warmup
from ..curves import Constant, Cosine, Linear
from ..decays import Exponential, InverseSqrt
from ..shifts import Skip
from ..spans import Length
from .parts import Curve, Part, cut, join, policy


@policy
def warmup_cosine(
    peak: float,
    steps: Length,
    *,
    warmup: Part = 0.1,
    start: float | None = None,
    end: float = 0.0,
) -> Warmup:
    """A straight line up to `peak`, then half a cosine wave down to `end`.

    >>> warmup_cosine(0.4, steps=20).values([0, 1, 2, 11, 20]).round(6).tolist()
    [0.2, 0.4, 0.4, 0.2, 0.0]

    Args:
        peak, end: The highest and the last value, numbers >= 0.
        steps: The whole run, including the warmup: an integer > 0 or a span.
        warmup: The part in which it rises: a fraction of `steps` in [0, 1) or a length.
        start: The first value, a number >= 0; `None` for the first value of `Warmup`.

    Source: Goyal et al., 2017 (arXiv 1706.02677), and Loshchilov and Hutter, 2016 (arXiv 1608.03983).
    """
    return _warmed("warmup_cosine", peak, steps, warmup, start, end, Cosine)


@policy
def warmup_linear(
    peak: float,
    steps: Length,
    *,
    warmup: Part = 0.1,
    start: float | None = None,
    end: float = 0.0,
) -> Warmup:
    """A straight line up to `peak`, and one down to `end`: the usual policy for fine-tuning.

    >>> warmup_linear(0.4, steps=20).values([0, 1, 2, 11, 20]).round(6).tolist()
    [0.2, 0.4, 0.4, 0.2, 0.0]

    Args:
        peak, end: The highest and the last value, numbers >= 0.
        steps: The whole run, including the warmup: an integer > 0 or a span.
        warmup: The part in which it rises: a fraction of `steps` in [0, 1) or a length.
        start: The first value, a number >= 0; `None` for the first value of `Warmup`.

    Source: Devlin et al., BERT, 2018 (arXiv 1810.04805); to zero, Bergsma et al., Straight to Zero, 2025
        (arXiv 2502.15938).
    """
    return _warmed("warmup_linear", peak, steps, warmup, start, end, Linear)


@policy
def warmup_stable_decay(
    peak: float,
    steps: Length,
    *,
    warmup: Part = 0.05,
    decay: Part = 0.2,
    start: float | None = None,
    end: float = 0.0,
    curve: Curve = "linear",
) -> Warmup:
    """A straight line up to `peak`, which is held, and a curve down to `end`: WSD, also known as trapezoid or knee.

    >>> warmup_stable_decay(0.4, steps=20).values([0, 1, 15, 16, 18, 20]).round(6).tolist()
    [0.4, 0.4, 0.4, 0.4, 0.2, 0.0]

    The best cooldown in the paper of Hägele et al. is `1 - sqrt`:

    >>> rate = warmup_stable_decay(0.4, steps=20, curve="1-sqrt")

    Args:
        peak, end: The highest and the last value, numbers >= 0.
        steps: The whole run, including the warmup: an integer > 0 or a span.
        warmup, decay: The parts in which it rises and falls: fractions of `steps` in [0, 1) or lengths.
        start: The first value, a number >= 0; `None` for the first value of `Warmup`.
        curve: `"linear"`, `"cosine"`, `"1-sqrt"`, or a class or function of `start`, `end` and `steps`.

    Source: Hu et al., MiniCPM, 2024 (arXiv 2404.06395); Hägele et al., Scaling Laws and Compute-Optimal Training, 2024
        (arXiv 2405.18392); Xing et al., A Walk with SGD, 2018 (arXiv 1802.08770); Iyer et al., Wide-minima Density
        Hypothesis, 2020 (arXiv 2003.03977).
    """
    return _stable("warmup_stable_decay", peak, steps, warmup, decay, start, end, curve)


@policy
def tri_stage(
    peak: float,
    steps: Length,
    *,
    warmup: Part = 0.1,
    decay: Part = 0.5,
    start: float | None = None,
    end: float | None = None,
) -> Warmup:
    """A straight line up to `peak`, which is held, and an exponential down to `end`.

    >>> tri_stage(0.4, steps=10).values([0, 1, 5, 10]).round(6).tolist()
    [0.004, 0.4, 0.4, 0.004]

    Args:
        peak: The highest value, a number > 0.
        steps: The whole run, including the warmup: an integer > 0 or a span.
        warmup, decay: The parts in which it rises and falls: fractions of `steps` in [0, 1) or lengths.
        start, end: The first and the last value, numbers, `end` > 0; `None` for `peak / 100`.

    Source: Park et al., SpecAugment, 2019 (arXiv 1904.08779).
    """
    start = peak / 100 if start is None else start
    end = peak / 100 if end is None else end
    for name, value in (("peak", peak), ("end", end)):
        if value == 0:
            arguments.reject("tri_stage", name, "a finite number > 0", value)

    def fall(high: float, low: float, length: Any) -> Schedule:
        return Exponential(high, min(max(low / high, sys.float_info.min), sys.float_info.max), length, end=low)

    return _stable("tri_stage", peak, steps, warmup, decay, start, end, fall)


@policy
def noam(peak: float, steps: Length) -> Skip:
    """A straight line up to `peak` in `steps` steps, then one over the square root of the time.

    It is `peak * min((t + 1) / steps, sqrt(steps / (t + 1)))`; the peak in the paper is `(d_model * steps) ** -0.5`.

    >>> noam(0.4, steps=4).values([0, 1, 3, 15]).tolist()
    [0.1, 0.2, 0.4, 0.2]

    Args:
        peak: The highest value, a number >= 0.
        steps: The length of the warmup: an integer > 0 or a span.

    Source: Vaswani et al., Attention Is All You Need, 2017 (arXiv 1706.03762).
    """
    return Skip(Warmup(InverseSqrt(peak, steps), steps, start=0.0), 1)


def _warmed(name: str, peak: float, steps: Any, warmup: Any, start: Any, end: float, curve: Any) -> Warmup:
    up, down = cut(name, steps, [("warmup", warmup)])
    return Warmup(curve(peak, end, down), up, start=start)


def _stable(name: str, peak: Any, steps: Any, warmup: Any, decay: Any, start: Any, end: Any, curve: Any) -> Warmup:
    up, hold, down = cut(name, steps, [("warmup", warmup)], ("decay", decay))
    after = join((hold, lambda n: Constant(peak)), (down, lambda n: curve(peak, end, n)))
    return Warmup(after, up, start=start)
