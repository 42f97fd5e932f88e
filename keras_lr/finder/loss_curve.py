"""Smooths the losses of a range test, which are noisy, fall and then explode, and finds where they end."""

from __future__ import annotations

import numpy as np

MEMORY = 0.8  # the weight of a loss in the average, relative to that of the next loss
DIVERGED = 4.0  # times the lowest smoothed loss
MIN_LOSSES = 10  # that a curve needs


def find_end(losses: np.ndarray) -> tuple[int, str] | None:
    """The index of the first loss that is not finite or whose smoothed loss has diverged, and why; `None` if none."""
    bad = ~np.isfinite(losses)
    first_non_finite = int(np.argmax(bad)) if bad.any() else len(losses)
    smoothed = _debiased_average(losses[:first_non_finite])
    best = np.minimum.accumulate(smoothed)
    diverged = smoothed > best + (DIVERGED - 1) * np.abs(best)  # losses may be below 0
    diverged[:MIN_LOSSES] = False
    if diverged.any():
        return int(np.argmax(diverged)), "diverged"
    return (first_non_finite, f"was {losses[first_non_finite]}") if bad.any() else None


def smooth(losses: np.ndarray) -> np.ndarray:
    """The two-sided exponential moving average, divided by the sum of its weights; NaN where a loss is not finite.

    An average of past losses alone lags by 4 steps here, so all features would appear at too high a rate. Exploding
    losses, those after the first one above the highest loss before the lowest, are averaged by themselves, because
    they would dominate the average of the losses before them. They are clipped to that highest loss.
    """
    finite = losses[: _finite_length(losses)]
    smoothed = np.full(len(losses), np.nan)
    if not len(finite):
        return smoothed
    lowest = int(np.argmin(_debiased_average(finite)))
    ceiling = finite[: lowest + 1].max()
    exploded = np.flatnonzero(finite > ceiling)
    turn = int(exploded[0]) if len(exploded) else len(finite)
    smoothed[:turn] = _two_sided_average(finite[:turn])
    smoothed[turn : len(finite)] = _two_sided_average(np.minimum(finite[turn:], ceiling))
    return smoothed


def noise(losses: np.ndarray, smoothed: np.ndarray) -> float:
    """The standard error of the smoothed loss at an end, from the residuals of the losses up to its lowest value."""
    residuals = (losses - smoothed)[: int(np.argmin(smoothed)) + 1]
    return float(np.median(np.abs(residuals)) * 1.4826 / np.sqrt((1 + MEMORY) / (1 - MEMORY)))


def _finite_length(losses: np.ndarray) -> int:
    bad = ~np.isfinite(losses)
    return int(np.argmax(bad)) if bad.any() else len(losses)


def _debiased_average(losses: np.ndarray) -> np.ndarray:
    """The debiased exponential moving average."""
    return _exponential_sums(losses) / _exponential_sums(np.ones(len(losses)))


def _two_sided_average(losses: np.ndarray) -> np.ndarray:
    ones = np.ones(len(losses))
    both = [_exponential_sums(values) + _exponential_sums(values[::-1])[::-1] - values for values in (losses, ones)]
    return both[0] / both[1]


def _exponential_sums(values: np.ndarray) -> np.ndarray:
    sums, last = np.empty(len(values)), 0.0
    for index, value in enumerate(values):
        sums[index] = last = MEMORY * last + float(value)
    return sums
