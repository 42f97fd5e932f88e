"""A rule for SGD: the distance from the initial weights, divided by the size of the gradients: `DoWG`."""

from __future__ import annotations

from typing import Any, ClassVar

from ..schedules import arguments
from ..schedules.arguments import Member
from ..schedules.curves import Constant
from .base import Rule, Signals, State, rule
from .vector import where

EPSILON = 1e-4


@rule
class DoWG(Rule):
    """Distance over weighted gradients, for SGD: the distance from the initial weights over the size of the gradients.

    Each update with the gradient g, the weights x and the initial weights x0 computes:

        distance = max(distance, |x - x0|), at first initial
        squares = squares + distance**2 * |g|**2
        learning rate = schedule * (1 - momentum) * distance**2 / (sqrt(squares) + 1e-4)

    The norms are those of all weights together. The paper has no momentum. A momentum
    multiplies the effect of a gradient by 1 / (1 - momentum), so the rate is divided by that.

    >>> import keras, keras_lr as klr
    >>> rule = klr.DoWG(klr.Cosine(1.0, 0.0, steps=klr.epochs(20)))
    >>> optimizer = klr.scheduled(keras.optimizers.SGD(), learning_rate=rule)

    Memory: one value per weight, x0.

    Args:
        schedule: A schedule or a number >= 0 that multiplies the rate.
        initial: The first distance, a number > 0.

    Source: Khaled, Mishchenko and Jin, 2023, "DoWG Unleashed", arXiv 2305.16284; the constants are those of the
        authors' code.
    """

    schedule: Member = Constant(1.0)
    initial: float = 1e-2

    argument_rules: ClassVar = {"initial": arguments.SIZE}
    optimizers: ClassVar[tuple[str, ...]] = ("SGD",)
    keeps_initial_weights: ClassVar[bool] = True
    reported: ClassVar[tuple[str, ...]] = ("distance",)

    def initial_state(self) -> dict[str, float]:
        return {"distance": self.initial, "squares": 0.0}

    def update(self, state: State, signals: Signals) -> tuple[State, Any]:
        travelled = (signals.weights - signals.initial_weights).norm()
        distance = where(travelled > state["distance"], travelled, state["distance"])
        squares = state["squares"] + distance**2 * signals.gradients.dot(signals.gradients)
        value = (1 - signals.hyperparameters["momentum"]) * distance**2 / (squares**0.5 + EPSILON)
        return {"distance": distance, "squares": squares}, value
