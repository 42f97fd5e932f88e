"""Recipes: functions that compose schedules."""

from __future__ import annotations

from typing import Any

from . import words
from .compose import Sequence, Warmup
from .curves import Cosine
from .spans import Span, exact


def one_cycle(
    peak: float,
    steps: int | Span,
    *,
    warmup: float = 0.3,
    start: float | None = None,
    end: float | None = None,
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
        warmup: The share of `steps` that goes up, a number in (0, 1).
        start: The first value; `peak / 25` unless told.
        end: The last value; `start / 10_000` unless told.

    Returns:
        A `Sequence` of two `Cosine`.

    Raises:
        ValueError: An argument breaks its rule.

    Source: Smith and Topin, Super-Convergence, 2017 (arXiv 1708.07120), with the
    curve and the defaults of fastai and torch.
    """
    peak = words.read("one_cycle", "peak", peak)
    up, down = _parts("one_cycle", steps, warmup)
    start = peak / 25 if start is None else start
    end = start / 10_000 if end is None else end
    return Sequence([Cosine(start, peak, up), Cosine(peak, end, down)], boundaries=[up])


def warmup_cosine(
    peak: float,
    steps: int | Span,
    *,
    warmup: float = 0.1,
    start: float | None = None,
    end: float = 0.0,
) -> Warmup:
    """A straight line up to `peak`, then half a cosine wave down to `end`.

    >>> warmup_cosine(0.4, steps=20).values([0, 1, 2, 11, 20]).round(6).tolist()
    [0.2, 0.4, 0.4, 0.2, 0.0]

    Args:
        peak: The highest value, a number >= 0.
        steps: The whole run, the warmup included: an integer > 1 or a span.
        warmup: The share of `steps` that goes up, a number in (0, 1).
        start: The first value; `None` for a first update that is not wasted, see `Warmup`.
        end: The last value, a number >= 0.

    Returns:
        A `Warmup` of a `Cosine`.

    Raises:
        ValueError: An argument breaks its rule.

    Source: Goyal et al., 2017 (arXiv 1706.02677), and Loshchilov and Hutter, 2016
    (arXiv 1608.03983).
    """
    peak = words.read("warmup_cosine", "peak", peak)
    up, down = _parts("warmup_cosine", steps, warmup)
    return Warmup(Cosine(peak, end, down), up, start=start)


def _parts(policy: str, steps: Any, share: float) -> tuple[Any, Any]:
    """The first `share` of `steps` and the rest; at least one step each where `steps` is an integer."""
    share, steps = words.read(policy, "warmup", share), words.read(policy, "steps", steps)
    if isinstance(steps, Span):
        return steps * share, steps * (1 - exact(share))
    if steps <= 1:
        words.refuse(policy, "steps", "an integer > 1 or a span", steps)
    first = min(max(1, round(steps * exact(share))), steps - 1)
    return first, steps - first
