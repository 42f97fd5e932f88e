"""Schedules designed for a momentum or a beta_1: fixed ramps, without feedback."""

from __future__ import annotations

from typing import Any

from . import arguments
from .base import Schedule, schedule
from .spans import Length
from .step import Step


@schedule
class SutskeverMomentum(Schedule):
    """Staircase steps from 0.5 up to `peak`: `min(1 - 0.5 / (floor(t / steps) + 1), peak)`.

    >>> SutskeverMomentum(0.9, steps=250).values([0, 249, 250, 500, 10_000])
    array([0.5       , 0.5       , 0.75      , 0.83333333, 0.9       ])

    Args:
        peak: The highest value, a number >= 0 and < 1.
        steps: The length of a staircase step, 250 in the paper: an integer > 0 or a span.

    Source: Sutskever, Martens, Dahl and Hinton, On the importance of initialization and momentum in deep learning,
        2013, where it is written `min(1 - 2**(-1 - log2(floor(t / 250) + 1)), peak)`.
    """

    peak: float
    steps: Length

    def check(self) -> None:
        if self.peak >= 1:
            arguments.reject(self, "peak", "a number >= 0 and < 1", self.peak)

    def at(self, step: Step) -> Any:
        return step.ops.minimum(1.0 - 0.5 / (step.count(self.steps) + 1.0), self.peak)


@schedule
class Demon(Schedule):
    """A decaying momentum: `start * x / (1 - start + start * x)` with `x = 1 - t / steps`, then 0.

    >>> Demon(0.9, steps=100).values([0, 50, 90, 100, 101]).round(4)
    array([0.9   , 0.8182, 0.4737, 0.    , 0.    ])

    Args:
        start: The value at t = 0, a number >= 0 and < 1.
        steps: The length of the run: an integer > 0 or a span.

    Source: Chen, Wolfe, Li and Kyrillidis, Demon, 2019 (arXiv 1910.04952).
    """

    start: float
    steps: Length

    def check(self) -> None:
        if self.start >= 1:
            arguments.reject(self, "start", "a number >= 0 and < 1", self.start)

    def at(self, step: Step) -> Any:
        rest = self.start * step.left(self.steps)
        return rest / (1.0 - self.start + rest)
