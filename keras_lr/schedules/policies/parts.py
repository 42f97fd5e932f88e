"""What policies are put together from: a run cut into parts, and curves by their names."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from .. import arguments
from ..base import Schedule
from ..curves import Cosine, Linear, Polynomial
from ..spans import Length, Span

Curve = str | Callable[[float, float, Any], Schedule]
Part = float | Length
CURVES: dict[str, Any] = {"linear": Linear, "cosine": Cosine, "1-sqrt": functools.partial(Polynomial, k=0.5)}


def curve_of(policy: str, curve: Any) -> Callable[[float, float, Any], Schedule]:
    """A curve from its name, or as it is given: a function of `start`, `end` and `steps`."""
    curve = arguments.validate(policy, "curve", curve)
    return CURVES[curve] if isinstance(curve, str) else curve


def cut(policy: str, steps: Any, leading: list[tuple[str, Any]], trailing: tuple[str, Any] | None = None) -> list[Any]:
    """`steps` cut into lengths: those of the `leading` parts, the rest, and that of the `trailing` part.

    A part is its argument's name and value: a fraction of `steps`, a length, or 0
    for none. Where `steps` is a number, fractions of it are rounded to whole
    steps, at least one.
    """
    steps = arguments.validate(policy, "steps", steps)
    given = [*leading, *([trailing] if trailing else [])]
    parts = [arguments.validate(policy, name, value) for name, value in given]
    lengths = [steps * part if _is_fraction(part) else part for part in parts]
    in_steps = not any(isinstance(length, Span) for length in (steps, *lengths))
    if sum(part for part in parts if _is_fraction(part)) >= 1 or (in_steps and sum(lengths) > steps):
        others = "".join(f" less `{name}`, {value}" for name, value in given[:-1])
        arguments.reject(policy, given[-1][0], f"shorter than `steps`, {steps!r}{others}", given[-1][1])
    ends = list(itertools.accumulate(lengths[: len(leading)]))
    if trailing:
        ends.append(steps - lengths[-1])
    if in_steps:
        fewest = [int(part != 0) for part in parts]
        fewest.insert(len(leading), 1)
        if steps < sum(fewest):
            arguments.reject(policy, "steps", f"an integer >= {sum(fewest)} or a span", steps)
        ends = _to_whole_steps(ends, fewest, steps) if any(map(_is_fraction, parts)) else ends
    return [end - start for start, end in itertools.pairwise([0, *ends, steps])]


def _is_fraction(part: Any) -> bool:
    return isinstance(part, Fraction) and 0 < part < 1


def _to_whole_steps(ends: list[Any], fewest: list[int], steps: Any) -> list[Any]:
    """Ends rounded to whole steps, so that each of the lengths between them keeps its `fewest` steps."""
    whole = [0]
    for n, end in enumerate(ends):
        whole.append(min(max(whole[-1] + fewest[n], round(end)), steps - sum(fewest[n + 1 :])))
    return whole[1:]
