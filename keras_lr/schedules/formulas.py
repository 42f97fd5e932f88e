"""Formulas that several curves share, written so that no digits cancel where a value is small."""

from __future__ import annotations

import math
from typing import Any


def between(low: float, high: float, fraction: Any) -> Any:
    """`low + (high - low) * fraction`."""
    return low + (high - low) * fraction if low else high * fraction


def to_power(x: Any, power: float) -> Any:
    """`x ** power`."""
    return x if power == 1 else x**power


def one_minus_power(ops: Any, x: Any, rest: Any, power: float) -> Any:
    """`1 - rest ** power`, where `rest` is `1 - x`, and of both the smaller one has all its digits."""
    log = ops.where(x < 0.5, ops.log1p(-x), ops.log(rest))
    return 0.0 - ops.expm1(power * log)


def half_wave(ops: Any, x: Any) -> Any:
    """`(1 - cos(pi * x)) / 2`, also for a small x."""
    sine = ops.sin(math.pi / 2 * x)
    return sine * sine
