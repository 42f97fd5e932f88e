"""A momentum that follows what the gradients say, and not the step."""

from __future__ import annotations

import dataclasses
from typing import Any

import keras

from ..schedules import arguments

MEMORY, OVERSHOOT, USUAL = (
    "_memory",
    "_overshoot",
    "_usual",
)  # after the name of the hyperparameter: the state of its rule
RISE, GROWTH, CUT = 0.08, 1.04, 0.5
AGREEMENT, UPHILL = -3.0, 1.5
SMOOTHING, LIMIT = 0.4, 5.0


@keras.saving.register_keras_serializable("keras_lr")
@dataclasses.dataclass(frozen=True)
class AdaptiveMomentum:
    """A momentum that starts low, rises while the gradients allow it, and gives way where training oscillates.

    A memory of M steps is a momentum of 1 - 1/M. In each update, with the gradient
    g, the velocity v of the update before and the rate:

        o = 0.4 * o + 0.6 * clip(g·v / (rate * g·g), -5, 5)
        if o > 1.5:  M = M / 2, o = 0, and this update has no momentum at all
        else:        M = max(M + 0.08, 1.04 * M), at most 1 / (1 - peak) if o < -3, else 1 / (1 - usual)

    o > 1.5 is an overshoot: above 1 / momentum the step would go uphill even with
    the new gradient in it. Noise alone does not make it so: where the loss stands still, the steps
    taken go downhill on average. o < -3 is a way to go: the velocity goes down the
    gradient by more than the last three steps explain. A memory above the usual one
    is kept meanwhile. For a beta_1, v is minus the first moment times the memory it
    was made with, its products weighted as the steps are, and the rate falls out.

    >>> import keras, numpy as np, keras_lr as klr
    >>> rule = klr.AdaptiveMomentum()
    >>> optimizer = klr.scheduled(keras.optimizers.SGD(0.01), momentum=rule)
    >>> model = keras.Sequential([keras.Input([3]), keras.layers.Dense(1)])
    >>> model.compile(optimizer=optimizer, loss="mse")
    >>> history = model.fit(np.ones([32, 3]), np.ones([32]), batch_size=8, verbose=0)
    >>> round(float(optimizer.momentum), 6)  # a memory of 1.32 after 4 updates
    0.242424

    Its state is in variables of the optimizer: computed in the graph, saved with the model.

    Args:
        start: What it starts from, and the least but for an overshoot.
        usual: What it rises to where the gradients are as good as unrelated, as in small batches.
        peak: What it rises to where they agree.

    All are numbers >= 0 and < 1, in this order.

    Raises:
        TypeError, ValueError: An argument breaks its rule.

    Source: this library's; measured in `docs/momentum.md`. The restart is that of O'Donoghue and Candès, 2012, arXiv
        1204.3982.
    """

    start: float = 0.0
    usual: float = 0.9
    peak: float = 0.99

    def __post_init__(self) -> None:
        least, rule = 0.0, "a number >= 0 and < 1"
        for field in dataclasses.fields(self):
            given = getattr(self, field.name)
            try:
                value = arguments.number(given, minimum=least, below=1.0)
            except TypeError:
                arguments.reject(self, field.name, rule, given, error=TypeError)
            if value is None:
                arguments.reject(self, field.name, rule, given)
            object.__setattr__(self, field.name, value)
            least, rule = float(value or 0.0), f"a number >= `{field.name}` and < 1"

    def get_config(self) -> dict[str, float]:
        return dataclasses.asdict(self)

    @classmethod
    def from_config(cls, config: dict[str, float]) -> AdaptiveMomentum:
        return cls(**config)

    def step(self, memory: Any, overshoot: Any, usual: Any, along: Any, square: Any) -> tuple[Any, Any, Any]:
        """Memory, overshoot and momentum after a gradient with g·v = `along` and rate * g·g = `square`.

        `usual` is the usual memory: it is a variable, since a callback that sees the loss can steer it.
        """
        ops = keras.ops
        known = ops.logical_and(square > 0, ops.isfinite(along))  # not where the rate is 0 or the gradient is
        now = ops.where(known, along / ops.where(known, square, 1.0), 0.0)
        overshoot = SMOOTHING * overshoot + (1 - SMOOTHING) * ops.clip(now, -LIMIT, LIMIT)
        uphill = overshoot > UPHILL
        most = ops.where(overshoot < AGREEMENT, memory_of(self.peak), usual)
        grown = ops.minimum(ops.maximum(memory + RISE, memory * GROWTH), ops.maximum(memory, most))
        memory = ops.maximum(ops.where(uphill, memory * CUT, grown), memory_of(self.start))
        momentum = ops.where(uphill, 0.0, 1.0 - 1.0 / memory)
        return memory, ops.where(uphill, 0.0, overshoot), momentum


def initial_state(rule: AdaptiveMomentum) -> dict[str, float]:
    """The variables that a rule needs beside the hyperparameter, by the end of their name."""
    return {MEMORY: memory_of(rule.start), OVERSHOOT: 0.0, USUAL: memory_of(rule.usual)}


def advance(optimizer: Any, name: str, rule: AdaptiveMomentum, grads: Any, variables: Any, rate: Any) -> None:
    """Set the hyperparameter `name` for the update with `grads`."""
    cells = optimizer._book.cells
    along, square = _products(optimizer, _whole(optimizer, grads, variables), variables)
    rate = keras.ops.cast(rate, "float32")
    if name == "beta_1":  # its slots hold averages of gradients, and not steps
        along, rate = -along / (1.0 - keras.ops.convert_to_tensor(cells[name])), 1.0
    memory, overshoot, usual = (keras.ops.convert_to_tensor(cells[name + end]) for end in (MEMORY, OVERSHOOT, USUAL))
    after = rule.step(memory, overshoot, usual, along, rate * square)
    for end, value in zip((MEMORY, OVERSHOOT, ""), after, strict=True):
        cells[name + end].assign(value)


def hyperparameter_of(part: Any) -> str | None:
    """The hyperparameter of an optimizer that a rule can drive."""
    if isinstance(part, keras.optimizers.SGD):
        return "momentum"
    return "beta_1" if isinstance(part, keras.optimizers.Adam) else None


def memory_of(momentum: float) -> float:
    """The steps that a momentum remembers."""
    return 1.0 / (1.0 - momentum)


def _products(optimizer: Any, grads: Any, variables: Any) -> tuple[Any, Any]:
    """g·v and g·g over all variables, v being the slot of the momentum; of Adam in the metric of its steps."""
    ops, along, square = keras.ops, 0.0, 0.0
    for grad, variable in zip(grads, variables, strict=True):
        index = optimizer._get_variable_index(variable)
        grad = ops.cast(grad, "float32")
        scaled = grad
        if isinstance(optimizer, keras.optimizers.Adam):
            slot = optimizer._momentums[index]
            second = ops.cast(ops.convert_to_tensor(optimizer._velocities[index]), "float32")
            scaled = grad / (ops.sqrt(second) + optimizer.epsilon)
        else:
            slot = optimizer.momentums[index]
        along = along + ops.sum(scaled * ops.cast(ops.convert_to_tensor(slot), "float32"))
        square = square + ops.sum(scaled * grad)
    return along, square


def _whole(optimizer: Any, grads: Any, variables: Any) -> list[Any]:
    """The gradients of the whole batch, dense: TensorFlow sums those of its replicas later only."""
    if keras.backend.backend() != "tensorflow":
        return list(grads)
    import tensorflow as tf

    if optimizer._distribution_strategy.num_replicas_in_sync > 1:
        pairs = [(grad, getattr(v, "value", v)) for grad, v in zip(grads, variables, strict=True)]
        grads = [grad for grad, _ in optimizer._all_reduce_sum_gradients(pairs)]
    return [tf.convert_to_tensor(grad) for grad in grads]
