"""Shares of a time that have all their digits near both ends, and the values that they stand for."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from .spans import in_steps
from .step import Step


def between(step: Step, low: float, high: float, share: Any) -> Any:
    """`low + (high - low) * share`: both terms are positive, so nothing cancels; a share of 1 gives `high` itself."""
    if low == 0:
        return high * share
    height, is_over = _height(low, high, "float64" if step.ops is np else "float32")
    value = low + height * share
    return step.ops.minimum(value, step.constant(high)) if is_over else value


@functools.lru_cache
def _height(low: float, high: float, dtype: str) -> tuple[float, bool]:
    """What makes `high` of `low` in the precision of `dtype`, and whether it makes more, if there is no such number."""
    number = np.dtype(dtype).type
    height = number(high) - number(low)
    if number(low) + height < number(high):
        height = np.nextafter(height, number(np.inf))
    return float(height), bool(number(low) + height > number(high))


def left_share(curve: Any, step: Step) -> Any:
    """`1 - (t / steps) ** k` of a curve with `steps` and `k`."""
    if curve.k == 1:
        return step.left(curve.steps)
    done, left = step.both(curve.steps)
    return rest_of_power(step, done, left, curve.k, 1 / float(in_steps(curve.steps)))


def done_share(curve: Any, step: Step) -> Any:
    """`(t / steps) ** k`."""
    return to_power(step.done(curve.steps), curve.k)


def to_power(share: Any, power: float) -> Any:
    """`share ** power`, and `share` itself where that is the same."""
    return share if power == 1 else share**power


def rest_of_power(step: Step, part: Any, rest: Any, power: float, finest: float) -> Any:
    """`1 - x ** power` for `x = part / (part + rest)`, with all its digits also where x is near 1, or near 0.

    `finest` is how near 1 x comes, if it is not 1.
    """
    ops = step.ops
    if ops is np:
        if finest * power > 2e-7:  # a float64 has digits enough
            return 1.0 - (part / (part + rest)) ** power
        with np.errstate(divide="ignore"):
            return -np.expm1(-power * np.log1p(rest / part))
    if power >= 0.5:
        part = ops.maximum(part, step.constant(1e-30))  # keeps infinity out of the graph, which a debugger would report
    return -ops.expm1(-power * ops.log1p(rest / part))
