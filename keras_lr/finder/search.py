"""Searches the peak with the lowest loss: a grid that is climbed, and a parabola through its lowest points."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

STEP = math.sqrt(10)  # from one peak of the grid to the next
FALL = 0.25  # the power of the length of training with which the best peak falls


def grid(power: int) -> float:
    """A peak of the grid: 0.01, 0.0316, 0.1, ... for the powers -4, -3, -2."""
    return STEP**power if power % 2 else float(10) ** (power // 2)


def nearest(peak: float) -> float:
    """The nearest peak of the grid."""
    return grid(round(math.log(peak, STEP)))


def climb(middle: float, loss_of: Callable[[float], float], most: int) -> dict[float, float]:
    """The losses of three peaks around `middle`, and of the next ones until the lowest loss is inside.

    It tries at most `most` peaks. A loss may be infinite; of equal ones the peak that is smaller counts as better.
    """
    centre = round(math.log(middle, STEP))
    powers = {power: loss_of(grid(power)) for power in (centre, centre - 1, centre + 1)}
    while len(powers) < most:
        best = min(powers, key=lambda power: (powers[power], power))
        if min(powers) < best < max(powers):
            break
        further = best + (1 if best == max(powers) else -1)
        powers[further] = loss_of(grid(further))
    return {grid(power): powers[power] for power in sorted(powers)}


def is_inside(losses: Mapping[float, float]) -> bool:
    """Whether the lowest loss is between others."""
    return min(losses) < min(losses, key=lambda peak: losses[peak]) < max(losses)


def vertex(losses: Mapping[float, float]) -> float:
    """The lowest point of the parabola, by the logarithm of the peak, through the lowest loss and those beside it."""
    best = min(losses, key=lambda peak: losses[peak])
    if not is_inside(losses):
        return best
    peaks = sorted(losses)
    at = peaks.index(best)
    lower, higher = losses[peaks[at - 1]] - losses[best], losses[peaks[at + 1]] - losses[best]
    if (math.isinf(lower) and math.isinf(higher)) or lower + higher == 0:
        return best
    # An infinite loss is as a large one: the parabola is lowest half a step from it.
    offset = -0.5 if math.isinf(higher) else 0.5 if math.isinf(lower) else 0.5 * (lower - higher) / (lower + higher)
    return best * STEP**offset


def for_longer(peak: float, updates: int, steps: int) -> float:
    """The peak for `steps` updates, from the best one for `updates`: longer trainings want lower peaks."""
    return peak * (updates / steps) ** FALL
