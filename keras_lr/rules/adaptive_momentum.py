"""A momentum that follows the gradients: `AdaptiveMomentum`, its state and its update."""

from __future__ import annotations

from typing import Any, ClassVar

import keras

from ..schedules import arguments
from .base import Rule, Signals, State, rule

# Names of the state. They are part of the file format.
MEMORY, OVERSHOOT, USUAL = "memory", "overshoot", "usual"

RISE, GROWTH, CUT = 0.08, 1.04, 0.5
AGREEMENT, UPHILL = -3.0, 1.5
SMOOTHING, LIMIT = 0.4, 5.0


@rule
class AdaptiveMomentum(Rule):
    """A momentum that starts low, rises while successive gradients agree, and drops when training oscillates.

    A memory of M steps is a momentum of 1 - 1/M. Each update has a gradient g, a learning
    rate, and the velocity v from before the update:

        o = 0.4 * o + 0.6 * clip(g·v / (rate * g·g), -5, 5)
        if o > 1.5:  M = M / 2, o = 0, and this update has no momentum at all
        else:        M = max(M + 0.08, 1.04 * M), at most 1 / (1 - peak) if o < -3, else 1 / (1 - usual)

    o > 1.5 is an overshoot: above 1 / momentum, the step would go uphill despite the new
    gradient. Noise alone does not cause this, because at a stationary loss the steps go
    downhill on average. o < -3 means that the gradients agree: along the gradient, the
    velocity is longer than three gradient steps. A memory above the usual one is kept
    until an overshoot.

    For a beta_1, v is minus the first moment times its memory, the products are weighted
    as the steps of Adam are, and the learning rate cancels.

    >>> import keras, numpy as np, keras_lr as klr
    >>> rule = klr.AdaptiveMomentum()
    >>> optimizer = klr.scheduled(keras.optimizers.SGD(0.01), momentum=rule)
    >>> model = keras.Sequential([keras.Input([3]), keras.layers.Dense(1)])
    >>> model.compile(optimizer=optimizer, loss="mse")
    >>> history = model.fit(np.ones([32, 3]), np.ones([32]), batch_size=8, verbose=0)
    >>> round(float(optimizer.momentum), 6)  # a memory of 1.32 after 4 updates
    0.242424

    Its state is computed in the training step, kept in variables of the optimizer and saved with the model.

    Args:
        start: The initial momentum, and the lowest one except after an overshoot.
        usual: The limit if the gradients are nearly uncorrelated, as with small batches.
        peak: The limit if the gradients agree.

    All three are numbers >= 0 and < 1, and `start` <= `usual` <= `peak`.

    Source: this library's; measured in `docs/momentum.md`. The restart is that of O'Donoghue and Candès, 2012, arXiv
        1204.3982.
    """

    start: float = 0.0
    usual: float = 0.9
    peak: float = 0.99

    hyperparameters: ClassVar[tuple[str, ...]] = ("momentum", "beta_1")
    optimizers: ClassVar[tuple[str, ...]] = ("SGD", "Adam")

    argument_rules: ClassVar = dict.fromkeys(("start", "usual", "peak"), arguments.MOMENTUM)

    def check(self) -> None:
        check_order(self, self.start, self.usual, self.peak)

    def initial_state(self) -> dict[str, float]:
        return {MEMORY: memory_of(self.start), OVERSHOOT: 0.0, USUAL: memory_of(self.usual)}

    def initial_value(self) -> float:
        return self.start

    def update(self, state: State, signals: Signals) -> tuple[State, Any]:
        grads, rate = signals.gradients, signals.learning_rate
        scaled, slots = grads, signals.first_moments
        if signals.second_moments is not None:  # those of Adam are averages of gradients, not steps
            scaled = grads / (signals.second_moments.sqrt() + signals.hyperparameters["epsilon"])
            slots, rate = -slots / (1.0 - signals.hyperparameters["beta_1"]), 1.0
        along, square = scaled.dot(slots), rate * scaled.dot(grads)
        memory, overshoot, momentum = self.step(state[MEMORY], state[OVERSHOOT], state[USUAL], along, square)
        return {MEMORY: memory, OVERSHOOT: overshoot, USUAL: state[USUAL]}, momentum

    def step(self, memory: Any, overshoot: Any, usual: Any, along: Any, square: Any) -> tuple[Any, Any, Any]:
        """Memory, overshoot and momentum after a gradient with g·v = `along` and rate * g·g = `square`.

        `usual` is the usual memory. It is a variable, so that a callback that sees the loss can change it.
        """
        ops = keras.ops
        is_known = ops.logical_and(square > 0, ops.isfinite(along))  # not if the rate is 0 or a gradient not finite
        current = ops.where(is_known, along / ops.where(is_known, square, 1.0), 0.0)
        overshoot = SMOOTHING * overshoot + (1 - SMOOTHING) * ops.clip(current, -LIMIT, LIMIT)
        uphill = overshoot > UPHILL
        limit = ops.where(overshoot < AGREEMENT, memory_of(self.peak), usual)
        grown = ops.minimum(ops.maximum(memory + RISE, memory * GROWTH), ops.maximum(memory, limit))
        memory = ops.maximum(ops.where(uphill, memory * CUT, grown), memory_of(self.start))
        momentum = ops.where(uphill, 0.0, 1.0 - 1.0 / memory)
        return memory, ops.where(uphill, 0.0, overshoot), momentum


def memory_of(momentum: float) -> float:
    """The memory of a momentum, in steps."""
    return 1.0 / (1.0 - momentum)


def check_order(owner: object, start: float, usual: float, peak: float) -> None:
    """Raise unless the momenta are in this order."""
    if usual < start:
        arguments.reject(owner, "usual", "a number >= `start` and < 1", usual)
    if peak < usual:
        arguments.reject(owner, "peak", "a number >= `usual` and < 1", peak)
