"""The policy of a training, and the same policy in small."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from ..schedules import arguments
from ..schedules.base import Schedule
from ..schedules.foreign import member

RULE = "a function of a peak and a number of steps that returns a schedule or a number"


class Policy:
    """A function of a peak and a number of steps, for a training of `steps` updates.

    `owner` is the public function that errors name; `known` is what spans in the policy are bound with.
    """

    def __init__(self, owner: str, function: Any, steps: int, **known: Any):
        self.owner, self.function, self.steps, self.known = owner, function, steps, known
        remedy = "Other arguments go into one: `lambda peak, steps: keras_lr.one_cycle(peak, steps, warmup=0.1)`."
        try:
            inspect.signature(function).bind(0.01, steps)
        except (TypeError, ValueError):
            arguments.reject(owner, "schedule", RULE, function, remedy, error=TypeError)
        if np.array_equal(self.values(0.01, 10), self.values(0.02, 10)):
            arguments.reject(owner, "schedule", "a function whose result depends on its peak", function)

    def values(self, peak: float, updates: int) -> np.ndarray:
        """The rates of the whole policy in so many updates: those at evenly spaced steps."""
        made = self.function(peak, self.steps)
        try:
            schedule = member(made)
        except TypeError:
            schedule = None
        if not isinstance(schedule, Schedule):
            remedy = f"It returned {arguments.shown(made)}."
            arguments.reject(self.owner, "schedule", RULE, self.function, remedy, error=TypeError)
        return schedule.bind(**self.known).values(np.arange(updates) * self.steps // updates)
