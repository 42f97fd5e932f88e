"""Schedules that follow one another."""

from __future__ import annotations

from dataclasses import KW_ONLY
from typing import Any, ClassVar

from . import arguments
from .arguments import Lengths, Member, Members
from .base import Schedule, schedule
from .spans import Length, in_steps
from .step import Step


@schedule
class Sequence(Schedule):
    """One schedule after another: `schedules[i]` at `t - boundaries[i - 1]`, with i the number of boundaries <= t.

    Each schedule starts at its own t = 0 exactly at its boundary, even between two steps.

    >>> from keras_lr import Linear
    >>> Sequence([0.1, Linear(0.1, 0.0, steps=2)], boundaries=[2]).values(6)
    array([0.1 , 0.1 , 0.1 , 0.05, 0.  , 0.  ])

    Args:
        schedules: Schedules, also of Keras, or numbers >= 0; at least one.
        boundaries: Strictly increasing integers > 0 or spans, one fewer than `schedules`.
    """

    schedules: Members
    boundaries: Lengths

    def check(self) -> None:
        if len(self.boundaries) != len(self.schedules) - 1:
            rule = f"one fewer than the {len(self.schedules)} `schedules`"
            arguments.reject(self, "boundaries", rule, self.boundaries)

    def at(self, step: Step) -> Any:
        value = self.schedules[0].at(step)
        for member, boundary in zip(self.schedules[1:], self.boundaries, strict=True):
            value = step.ops.where(step.reached(boundary), member.at(step.since(boundary)), value)
        return value


@schedule
class Warmup(Schedule):
    """A straight line up to a schedule, which starts at its own t = 0 when the line ends.

    With p the first value of `schedule`, the line is `p * (t + 1) / steps`, so that the first update is not wasted on
    a rate of 0. With a `start` it is `start + (p - start) * t / steps`.

    >>> from keras_lr import Linear
    >>> Warmup(Linear(0.4, 0.0, steps=2), steps=4).values(7)
    array([0.1, 0.2, 0.3, 0.4, 0.4, 0.2, 0. ])
    >>> Warmup(0.4, steps=4, start=0.0).values(6)
    array([0. , 0.1, 0.2, 0.3, 0.4, 0.4])

    Args:
        schedule: A schedule, also of Keras, or a number >= 0.
        steps: The length of the line: an integer >= 0 or a span.
        start: The value at t = 0, a number >= 0; `None` for `p / steps`.

    Source: Goyal et al., Accurate, Large Minibatch SGD, 2017 (arXiv 1706.02677).
    """

    schedule: Member
    steps: Length
    _: KW_ONLY
    start: float | None = None

    may_be_zero: ClassVar = ("steps",)

    def at(self, step: Step) -> Any:
        if in_steps(self.steps) == 0:
            return self.schedule.at(step)
        value = self.schedule.at(step.since(self.steps))  # its first value until then
        if self.start is None:
            return value * step.ops.minimum((step.time + 1.0) / float(in_steps(self.steps)), 1.0)
        value = value * step.done(self.steps)
        return value + self.start * step.left(self.steps) if self.start else value
