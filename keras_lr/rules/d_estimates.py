"""Rules for Adam that estimate the distance to the solution: `DAdaptation` and `Prodigy`."""

from __future__ import annotations

from typing import Any, ClassVar

import keras

from ..schedules.arguments import Member
from .base import FIRST_MOMENT_FACTOR, SECOND_MOMENT_FACTOR, Rule, Signals, State, rule


@rule
class DAdaptation(Rule):
    """rate = schedule * estimate"""

    schedule: Member = 1.0
    initial: float = 1e-6

    optimizers: ClassVar[tuple[str, ...]] = ("Adam",)
    slots: ClassVar[tuple[str, ...]] = ("sum",)
    reported: ClassVar[tuple[str, ...]] = ("estimate",)

    def initial_state(self) -> dict[str, float]:
        return {"estimate": self.initial, "numerator": 0.0, "previous_step": 0.0, FIRST_MOMENT_FACTOR: 1.0}

    def update(self, state: State, signals: Signals) -> tuple[State, Any]:
        ops, estimate, gradients = keras.ops, state["estimate"], signals.gradients
        decay = ops.sqrt(signals.hyperparameters["beta_2"])
        step = estimate * signals.learning_rate * bias_correction(signals)
        scaled = state["sum"] / (signals.second_moments.sqrt() + signals.hyperparameters["epsilon"])
        numerator = decay * state["numerator"] + (1 - decay) * step * gradients.dot(scaled)
        total = decay * state["sum"] + (1 - decay) * step * gradients
        new = at_least(estimate, numerator, (1 - decay) * total.abs().sum())
        return {
            "estimate": new,
            "numerator": numerator,
            "sum": total,
            "previous_step": step,
            FIRST_MOMENT_FACTOR: ratio(state["previous_step"], step),
        }, estimate


@rule
class Prodigy(Rule):
    """rate = schedule * estimate"""

    schedule: Member = 1.0
    initial: float = 1e-6

    optimizers: ClassVar[tuple[str, ...]] = ("Adam", "Nadam")
    slots: ClassVar[tuple[str, ...]] = ("start", "sum")
    reported: ClassVar[tuple[str, ...]] = ("estimate",)

    def initial_state(self) -> dict[str, float]:
        return {
            "estimate": self.initial,
            "previous": 0.0,
            "numerator": 0.0,
            FIRST_MOMENT_FACTOR: 1.0,
            SECOND_MOMENT_FACTOR: 1.0,
        }

    def update(self, state: State, signals: Signals) -> tuple[State, Any]:
        ops, estimate, gradients = keras.ops, state["estimate"], signals.gradients
        is_first = state["previous"] == 0
        start = state["start"].map(lambda old, new: ops.where(is_first, new, old), signals.weights)
        decay = ops.sqrt(signals.hyperparameters["beta_2"])
        weight = estimate / self.initial * estimate * signals.learning_rate * bias_correction(signals)
        numerator = decay * state["numerator"] + weight * gradients.dot(start - signals.weights)
        total = decay * state["sum"] + weight * gradients
        new = at_least(estimate, numerator, total.abs().sum())
        factor = ops.where(is_first, 1.0, state["previous"] / estimate)
        return {
            "estimate": new,
            "previous": estimate,
            "numerator": numerator,
            "start": start,
            "sum": total,
            FIRST_MOMENT_FACTOR: factor,
            SECOND_MOMENT_FACTOR: factor**2,
        }, estimate


def at_least(estimate: Any, numerator: Any, denominator: Any) -> Any:
    """The larger of the estimate and `numerator / denominator`."""
    return keras.ops.maximum(estimate, ratio(numerator, denominator, default=0.0))


def ratio(numerator: Any, denominator: Any, default: float = 1.0) -> Any:
    """`numerator / denominator`, and `default` where the denominator is 0."""
    is_zero = denominator == 0
    return keras.ops.where(is_zero, default, numerator / keras.ops.where(is_zero, 1.0, denominator))


def bias_correction(signals: Signals) -> Any:
    """What Keras' Adam multiplies the learning rate by, so that its moments are averages."""
    beta_1, beta_2 = (signals.hyperparameters[name] for name in ("beta_1", "beta_2"))
    return keras.ops.sqrt(1 - beta_2**signals.updates) / (1 - beta_1**signals.updates)
