"""Rules for SGD: the distance travelled, divided by the size of the gradients: `DoG` and `DoWG`."""

from __future__ import annotations

from typing import Any, ClassVar

import keras

from ..schedules.arguments import Member
from .base import Rule, Signals, State, rule
from .vector import Vector

EPSILON = 1e-8


@rule
class DoG(Rule):
    """rate = schedule * distance / sqrt(squares)"""

    schedule: Member = 1.0
    initial: float = 1e-6

    optimizers: ClassVar[tuple[str, ...]] = ("SGD",)
    slots: ClassVar[tuple[str, ...]] = ("start",)
    reported: ClassVar[tuple[str, ...]] = ("distance",)

    def initial_state(self) -> dict[str, float]:
        return {"distance": 0.0, "squares": 0.0}

    def update(self, state: State, signals: Signals) -> tuple[State, Any]:
        start, distance = travelled(state, signals, self.initial)
        squares = state["squares"] + signals.gradients.dot(signals.gradients)
        value = distance / keras.ops.sqrt(squares + EPSILON)
        return {"start": start, "distance": distance, "squares": squares}, value


@rule
class DoWG(Rule):
    """rate = schedule * distance**2 / sqrt(squares)"""

    schedule: Member = 1.0
    initial: float = 1e-4

    optimizers: ClassVar[tuple[str, ...]] = ("SGD",)
    slots: ClassVar[tuple[str, ...]] = ("start",)
    reported: ClassVar[tuple[str, ...]] = ("distance",)

    def initial_state(self) -> dict[str, float]:
        return {"distance": 0.0, "squares": 0.0}

    def update(self, state: State, signals: Signals) -> tuple[State, Any]:
        start, distance = travelled(state, signals, self.initial)
        squares = state["squares"] + distance**2 * signals.gradients.dot(signals.gradients)
        value = distance**2 / keras.ops.sqrt(squares + EPSILON)
        return {"start": start, "distance": distance, "squares": squares}, value


def travelled(state: State, signals: Signals, initial: float) -> tuple[Vector, Any]:
    """The weights at the start, and the largest distance from them so far, at least `initial * (1 + |start|)`."""
    ops = keras.ops
    is_first = state["distance"] == 0
    start = state["start"].map(lambda old, new: ops.where(is_first, new, old), signals.weights)
    least = initial * (1 + start.norm())
    return start, ops.maximum(ops.where(is_first, least, state["distance"]), (signals.weights - start).norm())
