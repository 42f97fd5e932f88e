"""Shares of a time that have all their digits near both ends, and the values that they stand for."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..spans import in_steps
from .step import Step


def between(step: Step, low: float, high: float, share: Any, sign: float = 1.0) -> Any:
    """`low + (high - low) * sign * share`; the terms are positive, so nothing cancels, and 1 gives `high` itself."""
    if low == 0:
        return sign * high * share
    if step.ops is np:
        return low + sign * (high - low) * share
    start, peak = _float32(low), _float32(high)
    height = _float32(peak - start)
    if _float32(start + height) < peak:
        height = _float32(height * (1 + 2**-23))  # the next one
    value = low + sign * height * share
    return value if _float32(start + height) == peak else step.ops.minimum(value, step.constant(high))


def _float32(number: float) -> float:
    """The nearest float32, by Veltkamp's splitting; plain arithmetic, which torch can compile."""
    split = number * (2**29 + 1)
    return split - (split - number)


def left_share(curve: Any, step: Step) -> Any:
    """`1 - (t / steps) ** k` of a curve with `steps` and `k`."""
    return step.left(curve.steps) if curve.k == 1 else -done_less_one(curve, step)


def done_less_one(curve: Any, step: Step) -> Any:
    """`(t / steps) ** k - 1`."""
    done, left = step.both(curve.steps)
    return power_less_one(step, done, left, curve.k, 1 / float(in_steps(curve.steps)))


def done_share(curve: Any, step: Step) -> Any:
    """`(t / steps) ** k`."""
    return to_power(step.done(curve.steps), curve.k)


def to_power(share: Any, power: float) -> Any:
    """`share ** power`, and `share` itself where that is the same."""
    return share if power == 1 else share**power


def power_less_one(step: Step, part: Any, rest: Any, power: float, finest: float) -> Any:
    """`x ** power - 1` for `x = part / (part + rest)`, with all its digits also where x is near 1, or near 0.

    `finest` is how near 1 x comes, if it is not 1.
    """
    ops = step.ops
    if ops is np:
        if finest * power > 2e-7:  # a float64 has digits enough
            return -(1.0 - (part / (part + rest)) ** power)  # where that is 0, its opposite is not -0, to divide by
        with np.errstate(divide="ignore"):
            return np.expm1(-power * np.log1p(rest / part))
    if power >= 0.5:
        part = ops.maximum(part, step.constant(1e-30))  # keeps infinity out of the graph, which a debugger would report
    return ops.expm1(-power * ops.log1p(rest / part))
