"""Cycles that repeat: cosine restarts and cyclical rates."""

from __future__ import annotations

from typing import Any

from .. import arguments
from ..arguments import Lengths
from ..arithmetic import Product, Rescale
from ..base import Schedule
from ..compose import Sequence, Warmup
from ..curves import Cosine
from ..cycles import Repeat
from ..decays import Exponential
from ..spans import Length
from .parts import Curve, Part, cut, is_zero, policy


@policy
def sgdr(
    peak: float,
    period: Lengths,
    *,
    growth: float = 1.0,
    shrink: float = 1.0,
    cycles: int | None = None,
    end: float = 0.0,
    warmup: Part = 0,
) -> Schedule:
    """Half a cosine wave from `peak` down to `end`, in cycles.

    >>> sgdr(0.4, period=2, growth=2).values(7).round(4).tolist()
    [0.4, 0.2, 0.4, 0.3414, 0.2, 0.0586, 0.4]

    Args:
        peak, end: The highest and the lowest value, numbers >= 0.
        period: The length of the first cycle: an integer > 0 or a span; or a list of such lengths, as in `Repeat`.
        growth: The factor of the length after each cycle, a number >= 1.
        shrink: The factor of `peak - end` after each cycle, a number > 0.
        cycles: The number of cycles, an integer > 0; `None` for no limit.
        warmup: The part of the first cycle that is a line up to the peak, a fraction or a length.

    Source: Loshchilov and Hutter, SGDR, 2016 (arXiv 1608.03983).
    """
    if end > peak:
        arguments.reject("sgdr", "end", f"at most `peak`, {peak}", end)
    first = period[0] if isinstance(period, tuple) else period
    up, down = cut("sgdr", first, [("warmup", warmup)], whole="period")
    is_scaled = end != 0 and shrink != 1
    wave: Schedule = Cosine(1.0, 0.0, down) if is_scaled else Cosine(peak, end, down)
    waves = Repeat(wave if is_zero(up) else Warmup(wave, up), period, growth=growth, shrink=shrink, cycles=cycles)
    return Rescale(waves, [end, peak]) if is_scaled else waves


@policy
def triangular(
    start: float,
    peak: float,
    up: Length,
    down: Length | None = None,
    *,
    shrink: float = 1.0,
    rate: float = 1.0,
    curve: Curve = "linear",
) -> Schedule:
    """A line from `start` up to `peak` and a line down again, in cycles.

    >>> triangular(0.1, 0.5, up=2).values(9).round(6).tolist()
    [0.1, 0.3, 0.5, 0.3, 0.1, 0.3, 0.5, 0.3, 0.1]
    >>> triangular(0.1, 0.5, up=2, shrink=0.5).values(7).round(6).tolist()
    [0.1, 0.3, 0.5, 0.3, 0.1, 0.2, 0.3]

    For a momentum, `peak` may be below `start`: `triangular(0.95, 0.85, up=2)`.

    Args:
        start, peak: The values at the start and in the middle of each cycle, numbers >= 0.
        up: The steps from `start` to `peak`: an integer > 0 or a span.
        down: The steps back to `start`: an integer > 0 or a span; `None` for as many as `up`.
        shrink: The factor of the height after each cycle, a number > 0: 0.5 is `triangular2`.
        rate: The factor of the height at each step, a number > 0: the `gamma` of `exp_range`.
        curve: `"linear"`, `"cosine"`, `"1-sqrt"`, or a class or function of `start`, `end` and `steps`.

    Source: Smith, Cyclical Learning Rates, 2015 (arXiv 1506.01186).
    """
    rise: Any = up
    fall: Any = up if down is None else down
    period = arguments.validate("triangular", "up" if down is None else "down", rise + fall)
    make: Any = curve
    low, high = (start, peak) if shrink == 1 and rate == 1 else (0.0, 1.0)
    once = Sequence([make(low, high, rise), make(high, low, fall)], [rise])
    waves: Schedule = Repeat(once, period, shrink=shrink)
    if rate != 1:
        waves = Product([waves, Exponential(1.0, rate, steps=1)])
    return waves if low == start and high == peak else Rescale(waves, [start, peak])
