"""Rules for SGD: the distance travelled, divided by the size of the gradients: `DoG` and `DoWG`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import keras

from ..schedules.arguments import Member
from .base import Rule, Signals, State, rule
from .vector import Vector

DOG_EPSILON, DOWG_EPSILON = 1e-8, 1e-4


@rule
class DoG(Rule):
    """Distance over gradients: for SGD, the distance from the initial weights divided by the size of the gradients.

    In each update, with the gradient g, the weights x and the initial weights x0:

        distance = max(distance, |x - x0|), at first initial * (1 + |x0|)
        squares = squares + |g|**2
        learning rate = schedule * distance / sqrt(squares + 1e-8)

    The distance grows from a tiny one until it is that to a solution, which may take
    some hundred updates: `DoWG` is faster. The norms are those of all weights together.

    >>> import keras, numpy as np, keras_lr as klr
    >>> optimizer = klr.scheduled(keras.optimizers.SGD(), learning_rate=klr.DoG(klr.Cosine(1.0, 0.0, steps=400)))
    >>> model = keras.Sequential([keras.Input([3]), keras.layers.Dense(1)])
    >>> model.compile(optimizer=optimizer, loss="mse")
    >>> history = model.fit(np.ones([32, 3]), np.ones([32]), batch_size=8, verbose=0, callbacks=[klr.Monitor()])
    >>> sorted(history.history)
    ['learning_rate', 'learning_rate_distance', 'loss']

    Memory: one value per weight, x0.

    Args:
        schedule: A schedule or a number >= 0 that the rate is multiplied by. The paper has the constant 1 and averages
            the weights, as `SGD(use_ema=True)` does; a schedule that falls to 0 needs no average.
        initial: The first distance relative to 1 + |x0|, a number > 0.

    Source: Ivgi, Hinder and Carmon, 2023, "DoG is SGD's Best Friend", arXiv 2302.12022.
    """

    schedule: Member = 1.0
    initial: float = 1e-6

    optimizers: ClassVar[tuple[str, ...]] = ("SGD",)
    slots: ClassVar[tuple[str, ...]] = ("start",)
    reported: ClassVar[tuple[str, ...]] = ("distance",)

    def initial_state(self) -> dict[str, float]:
        return {"distance": 0.0, "squares": 0.0}

    def update(self, state: State, signals: Signals) -> tuple[State, Any]:
        start, distance = travelled(state, signals, lambda start: self.initial * (1 + start.norm()))
        squares = state["squares"] + signals.gradients.dot(signals.gradients)
        value = distance / keras.ops.sqrt(squares + DOG_EPSILON)
        return {"start": start, "distance": distance, "squares": squares}, value


@rule
class DoWG(Rule):
    """Distance over weighted gradients: as `DoG`, with more weight on the gradients far from the initial weights.

    In each update, with the gradient g, the weights x and the initial weights x0:

        distance = max(distance, |x - x0|), at first initial
        squares = squares + distance**2 * |g|**2
        learning rate = schedule * distance**2 / (sqrt(squares) + 1e-4)

    The norms are those of all weights together. For SGD; it has no terms for a momentum.

    >>> import keras, keras_lr as klr
    >>> rule = klr.DoWG(klr.Cosine(1.0, 0.0, steps=klr.epochs(20)))
    >>> optimizer = klr.scheduled(keras.optimizers.SGD(), learning_rate=rule)

    Memory: one value per weight, x0.

    Args:
        schedule: A schedule or a number >= 0 that the rate is multiplied by.
        initial: The first distance, a number > 0.

    Source: Khaled, Mishchenko and Jin, 2023, "DoWG Unleashed", arXiv 2305.16284; the constants are those of the
        authors' code.
    """

    schedule: Member = 1.0
    initial: float = 1e-2

    optimizers: ClassVar[tuple[str, ...]] = ("SGD",)
    slots: ClassVar[tuple[str, ...]] = ("start",)
    reported: ClassVar[tuple[str, ...]] = ("distance",)

    def initial_state(self) -> dict[str, float]:
        return {"distance": 0.0, "squares": 0.0}

    def update(self, state: State, signals: Signals) -> tuple[State, Any]:
        start, distance = travelled(state, signals, lambda start: self.initial)
        squares = state["squares"] + distance**2 * signals.gradients.dot(signals.gradients)
        value = distance**2 / (keras.ops.sqrt(squares) + DOWG_EPSILON)
        return {"start": start, "distance": distance, "squares": squares}, value


def travelled(state: State, signals: Signals, initial: Callable[[Vector], Any]) -> tuple[Vector, Any]:
    """The initial weights, and the largest distance from them so far, at least `initial(start)`."""
    ops = keras.ops
    is_first = state["distance"] == 0
    start = state["start"].map(lambda old, new: ops.where(is_first, new, old), signals.weights)
    return start, ops.maximum(ops.where(is_first, initial(start), state["distance"]), (signals.weights - start).norm())
