"""Suggests learning rates from a range test, by rules that return a rate or raise the reason why there is none."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from .loss_curve import MIN_LOSSES, noise, smooth

WINDOW = 15  # of `slide`, in steps
FLAT = 0.005  # of `slide`: the largest change of slope that counts as none, as a fraction of the whole fall per step


class NoSuggestion(Exception):
    """Why a rule suggests no rate."""


@dataclasses.dataclass(frozen=True)
class Suggestions:
    """The rates that the rules of other libraries suggest; `None` if a rule finds none.

    They may differ by a factor of 50. Use `Recommendation` instead.

    Attributes:
        steepest: The rate at which the smoothed loss falls fastest, by the logarithm of the rate.
        valley: The rate in the middle of the longest fall.
        slide: The last rate before the slope turns, coming from the end.
        minimum: A tenth of the rate with the lowest smoothed loss; for the learning rate only.
        lowest: The rate with the lowest smoothed loss.
        reasons: By name, why a rule suggests no rate.
        spread: By name, the lowest and the highest rate of several sweeps.

    Sources: `lowest` as a peak, Smith, A Disciplined Approach, 2018 (arXiv 1803.09820); `steepest` by the logarithm,
    Gugger, How Do You Find A Good Learning Rate, 2018; `valley` is ESRI's and `slide` Novetta's, as in fastai 2.
    """

    steepest: float | None = None
    valley: float | None = None
    slide: float | None = None
    minimum: float | None = None
    lowest: float | None = None
    reasons: dict[str, str] = dataclasses.field(default_factory=dict)
    spread: dict[str, tuple[float, float]] = dataclasses.field(default_factory=dict)


def suggest(rates: np.ndarray, runs: Sequence[np.ndarray], hyperparameter: str = "learning_rate") -> Suggestions:
    """Apply each rule to the losses of one or several sweeps: the median rate, if most sweeps have one."""
    found: dict[str, float] = {}
    reasons: dict[str, str] = {}
    spread: dict[str, tuple[float, float]] = {}
    for name, rule in RULES.items():
        suggested = []
        for losses in runs:
            try:
                if name == "minimum" and hyperparameter != "learning_rate":
                    raise NoSuggestion("a tenth is a rule for learning rates")
                suggested.append(rule(*falling_curve(rates, losses)))
            except NoSuggestion as reason:
                reasons[name] = str(reason)
        if 2 * len(suggested) > len(runs):
            reasons.pop(name, None)
            found[name] = float(np.exp(np.median(np.log(suggested))))
            if len(runs) > 1:
                spread[name] = (min(suggested), max(suggested))
    return Suggestions(**found, reasons=reasons, spread=spread)


def falling_curve(rates: np.ndarray, losses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rates and smoothed losses that rules apply to; raises `NoSuggestion` if the loss does not fall.

    They are without the first tenth, where the average is of few losses, and without losses that are not finite.
    """
    smoothed = smooth(losses)
    kept = np.isfinite(smoothed)
    kept[: len(losses) // 10] = False
    if not np.isfinite(losses).any():
        raise NoSuggestion("no loss is finite")
    if kept.sum() < MIN_LOSSES:
        raise NoSuggestion(f"only {kept.sum()} losses, and a curve needs {MIN_LOSSES}")
    rates, raw, smoothed = rates[: len(losses)][kept], losses[kept], smoothed[kept]
    best = int(np.argmin(smoothed))
    if np.median(smoothed[: best + 1]) - smoothed[best] <= 3 * noise(raw, smoothed):
        raise NoSuggestion("the loss does not fall by more than its noise")
    return rates, smoothed


def steepest(rates: np.ndarray, smoothed: np.ndarray) -> float:
    """The rate at which the loss falls fastest by the logarithm of the rate."""
    slopes = np.gradient(smoothed, np.log(rates))[: int(np.argmin(smoothed)) + 1]
    return float(rates[np.argmin(slopes)])


def valley(rates: np.ndarray, smoothed: np.ndarray) -> float:
    """The middle of the longest decreasing subsequence of the losses."""
    lengths = np.ones(len(smoothed), int)
    for i in range(1, len(smoothed)):
        higher = lengths[:i][smoothed[:i] > smoothed[i]]
        lengths[i] = 1 + (higher.max() if len(higher) else 0)
    end = int(np.argmax(lengths))
    return float(rates[max(0, end - int(lengths[end]) // 2)])


def slide(rates: np.ndarray, smoothed: np.ndarray) -> float:
    """Going back from the end, the last rate whose slope differs from that `WINDOW` steps later."""
    if len(rates) <= WINDOW:
        raise NoSuggestion(f"only {len(rates)} losses, and this rule needs {WINDOW + 1}")
    slopes = np.gradient(smoothed) / np.ptp(smoothed)
    right = len(slopes) - 1
    best = float(rates[right - WINDOW])
    while right >= WINDOW and abs(slopes[right] - slopes[right - WINDOW]) > FLAT:
        best = float(rates[right - WINDOW])
        right -= 1
    if best >= rates[np.argmin(smoothed)]:
        raise NoSuggestion("the slope turns only past the lowest loss")
    return best


def minimum(rates: np.ndarray, smoothed: np.ndarray) -> float:
    """A tenth of the rate with the lowest loss."""
    return float(rates[np.argmin(smoothed)]) / 10


def lowest(rates: np.ndarray, smoothed: np.ndarray) -> float:
    """The rate with the lowest loss."""
    return float(rates[np.argmin(smoothed)])


RULES = {"steepest": steepest, "valley": valley, "slide": slide, "minimum": minimum, "lowest": lowest}
