"""Recommends one peak and one constant learning rate from a range test, and says how reliable they are."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from .loss_curve import MIN_LOSSES
from .suggestions import Suggestions

# On the tasks of `benchmarks/tuner.py`, with SGD and AdamW, the lowest loss of a sweep is at about 4 times the best
# peak of a policy that decays, and at 10 times the best constant rate. Where the loss falls little, its lowest says
# less; the best peak is also at about a 16th of the rate at which it diverges.
PEAK, CONSTANT, DIVERGED = 4.0, 10.0, 16.0
LITTLE = 0.25  # of the first loss
WITHIN = {"fair": 5.0, "poor": 10.0}  # between a recommended and the best peak: 3 in the median, 10 in 9 of 10 cases


@dataclasses.dataclass(frozen=True)
class Recommendation:
    """The learning rates to start with; `None` if a range test shows none.

    Attributes:
        peak: The peak of a policy that decays, such as `one_cycle` and `warmup_cosine`.
        constant: A constant rate.
        between: The lowest and the highest peak that may be as good.
        reliability: "fair", "poor" or "none". For a more reliable peak, use `tune_learning_rate`.
        reason: Where the rates come from, or why there are none.
    """

    peak: float | None
    constant: float | None
    between: tuple[float, float] | None
    reliability: str
    reason: str

    def __str__(self) -> str:
        if self.peak is None or self.between is None:
            return f"recommended none: {self.reason}"
        low, high = self.between
        return (
            f"recommended {self.peak:.2g} as a peak, {self.constant:.2g} as a constant rate\n"
            f"reliability {self.reliability}: the best peak may be from {low:.2g} to {high:.2g}\n"
            f"reason      {self.reason}"
        )


def recommend(
    rates: np.ndarray, smoothed: np.ndarray, suggestions: Suggestions, hyperparameter: str, stopped: str
) -> Recommendation:
    """One peak and one constant rate from what a range test has found."""
    if hyperparameter != "learning_rate":
        return Recommendation(None, None, None, "none", f"there is no rule for `{hyperparameter}`")
    lowest, below = suggestions.lowest, below_divergence(rates, stopped)
    if lowest is None:
        why = suggestions.reasons["lowest"]
        if below is None:
            return Recommendation(None, None, None, "none", why)
        reason = f"a {DIVERGED:g}th of {rates[-1]:.2g}, where the loss diverges: {why}"
        return _of(below * PEAK, (1.0, 1.0), "poor", reason)
    if below and smoothed[0] - np.nanmin(smoothed) < LITTLE * abs(smoothed[0]):
        reason = f"the loss falls little, is lowest at {lowest:.2g} and diverges at {rates[-1]:.2g}"
        return _of(math.sqrt(below * PEAK * lowest), (1.0, 1.0), "poor", reason)
    low, high = suggestions.spread.get("lowest", (lowest, lowest))
    reason = f"a quarter and a tenth of {lowest:.2g}, where the loss is lowest"
    if high > 10 * low:
        reliability, reason = "poor", f"{reason}; the sweeps differ, from {low:.2g} to {high:.2g}"
    elif not below and lowest >= rates[-1] / 2:
        reliability, reason = "poor", f"{reason}, at the end of the sweep"
    else:
        reliability = "fair"
    return _of(lowest, (low / lowest, high / lowest), reliability, reason)


def below_divergence(rates: np.ndarray, stopped: str) -> float | None:
    """The peak that is likely for the rate at which the loss diverged; `None` where it did not, or at once."""
    diverged = "diverged" in stopped or "was" in stopped
    return float(rates[-1]) / DIVERGED if diverged and len(rates) >= MIN_LOSSES else None


def _of(lowest: float, spread: tuple[float, float], reliability: str, reason: str) -> Recommendation:
    peak, constant = (float(f"{lowest / divisor:.2g}") for divisor in (PEAK, CONSTANT))
    factor = WITHIN[reliability]
    between = (float(f"{peak * spread[0] / factor:.2g}"), float(f"{peak * spread[1] * factor:.2g}"))
    return Recommendation(peak, constant, between, reliability, reason)
