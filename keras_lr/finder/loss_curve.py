"""The losses of a range test: noisy, falling, then exploding. Where they end, and what they are without the noise."""

from __future__ import annotations

import numpy as np

MEMORY = 0.8  # what is left of a loss in the average, one step later
DIVERGED = 4.0  # times the lowest smoothed loss
FEWEST = 10  # losses, for a curve to have a shape


def end_of(losses: np.ndarray) -> tuple[int, str] | None:
    """The first loss that is not finite, or from which on the smoothed loss has diverged, and why; else `None`."""
    bad = ~np.isfinite(losses)
    first_bad = int(np.argmax(bad)) if bad.any() else len(losses)
    smoothed = _forward(losses[:first_bad])
    best = np.minimum.accumulate(smoothed)
    diverged = smoothed > best + (DIVERGED - 1) * np.abs(best)  # losses may be below 0
    diverged[:FEWEST] = False
    if diverged.any():
        return int(np.argmax(diverged)), "diverged"
    return (first_bad, f"was {losses[first_bad]}") if bad.any() else None


def smooth(losses: np.ndarray) -> np.ndarray:
    """The exponential moving average to both sides, divided by the sum of its weights; NaN where a loss is not finite.

    An average of the past alone lags behind, by 4 steps here, and shows everything at too high a rate. What explodes
    is averaged by itself, or it would shine back into what was before; and it counts as no more than the highest loss
    before the lowest, from which on it is said to explode.
    """
    finite = losses[: _finite(losses)]
    smoothed = np.full(len(losses), np.nan)
    if not len(finite):
        return smoothed
    lowest = int(np.argmin(_forward(finite)))
    ceiling = finite[: lowest + 1].max()
    exploded = np.flatnonzero(finite > ceiling)
    turn = int(exploded[0]) if len(exploded) else len(finite)
    smoothed[:turn] = _both_sides(finite[:turn])
    smoothed[turn : len(finite)] = _both_sides(np.minimum(finite[turn:], ceiling))
    return smoothed


def noise(losses: np.ndarray, smoothed: np.ndarray) -> float:
    """The standard error of the smoothed loss at an end, from how the losses scatter about it up to its lowest."""
    scatter = (losses - smoothed)[: int(np.argmin(smoothed)) + 1]
    return float(np.median(np.abs(scatter)) * 1.4826 / np.sqrt((1 + MEMORY) / (1 - MEMORY)))


def _finite(losses: np.ndarray) -> int:
    bad = ~np.isfinite(losses)
    return int(np.argmax(bad)) if bad.any() else len(losses)


def _forward(losses: np.ndarray) -> np.ndarray:
    """The debiased exponential moving average."""
    return _sums(losses) / _sums(np.ones(len(losses)))


def _both_sides(losses: np.ndarray) -> np.ndarray:
    ones = np.ones(len(losses))
    both = [_sums(values) + _sums(values[::-1])[::-1] - values for values in (losses, ones)]
    return both[0] / both[1]


def _sums(values: np.ndarray) -> np.ndarray:
    sums, last = np.empty(len(values)), 0.0
    for index, value in enumerate(values):
        sums[index] = last = MEMORY * last + float(value)
    return sums
