"""The policies to compare, as functions of a peak rate and a number of epochs that return a rate and callbacks."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..callbacks.epoch_interval_switcher import EpochIntervalSwitcher
from ..schedules.curves import Constant
from ..schedules.decays import Exponential, InverseTime
from ..schedules.policies.one_cycle import one_cycle
from ..schedules.policies.warmups import warmup_cosine
from ..schedules.spans import epochs, fraction
from ..schedules.tables import Intervals

Policy = Callable[[float, int], tuple[Any, list[Any]]]


def _constant(peak: float, total: int) -> tuple[Any, list[Any]]:
    """the peak rate all the time"""
    return Constant(peak), []


def _intervals(peak: float, total: int) -> tuple[Any, list[Any]]:
    """a tenth of the rate from 1/2 of the epochs on, a hundredth from 3/4 on"""
    return Intervals(epochs(*_boundaries(total)), [peak, peak / 10, peak / 100]), []


def _exponential(peak: float, total: int) -> tuple[Any, list[Any]]:
    """down by the same factor after every epoch, to a hundredth in all"""
    return Exponential(peak, 0.01 ** (1 / total), steps=epochs(1), staircase=True), []


def _inverse_time(peak: float, total: int) -> tuple[Any, list[Any]]:
    """a fraction with the time below, down to a tenth"""
    return InverseTime(peak, 9.0, steps=fraction(1)), []


def _warmup_cosine(peak: float, total: int) -> tuple[Any, list[Any]]:
    """up in the first tenth, then half a cosine wave down to a hundredth"""
    return warmup_cosine(peak, fraction(1), end=peak / 100), []


def _one_cycle(peak: float, total: int) -> tuple[Any, list[Any]]:
    """up in the first 3/10 and down to almost 0, each half a cosine wave"""
    return one_cycle(peak, fraction(1)), []


def _switcher(peak: float, total: int) -> tuple[Any, list[Any]]:
    """the rates of `intervals`, assigned by a callback between epochs"""
    return peak, [EpochIntervalSwitcher(_boundaries(total), [peak, peak / 10, peak / 100])]


def _boundaries(total: int) -> list[int]:
    # Whole epochs, as the callback needs them.
    middle = math.ceil(total / 2)
    return [middle, max(middle + 1, math.ceil(total * 3 / 4))]


POLICIES: dict[str, Policy] = {
    "constant": _constant,
    "intervals": _intervals,
    "exponential": _exponential,
    "inverse-time": _inverse_time,
    "warmup-cosine": _warmup_cosine,
    "one-cycle": _one_cycle,
    "switcher": _switcher,
}
