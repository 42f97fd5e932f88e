"""Updates the rules of an optimizer with the gradients of each step."""

from __future__ import annotations

from typing import Any

import keras

from ..rules.adaptive_momentum import MEMORY, OVERSHOOT, USUAL, AdaptiveMomentum, initial_state
from .variables import add_variable


def momentum_name(optimizer: Any) -> str | None:
    """The name of the momentum that a rule can drive in an optimizer; `None` if there is none."""
    if isinstance(optimizer, keras.optimizers.SGD):
        return "momentum"
    return "beta_1" if isinstance(optimizer, keras.optimizers.Adam) else None


def start_rule(optimizer: Any, name: str, rule: AdaptiveMomentum) -> None:
    """Give the variables of the rule of hyperparameter `name` their initial values."""
    variables = optimizer._managed.variables
    for suffix, value in initial_state(rule).items():
        add_variable(optimizer, variables, name + suffix, value)
        variables[name + suffix].assign(value)
    variables[name].assign(rule.start)


def update_rule(optimizer: Any, name: str, rule: AdaptiveMomentum, grads: Any, weights: Any, rate: Any) -> None:
    """Set hyperparameter `name` for the update with `grads`."""
    variables = optimizer._managed.variables
    along, square = _inner_products(optimizer, _full_gradients(optimizer, grads, weights), weights)
    rate = keras.ops.cast(rate, "float32")
    if name == "beta_1":  # the slots of Adam are averages of gradients, not steps
        along, rate = -along / (1.0 - keras.ops.convert_to_tensor(variables[name])), 1.0
    memory, overshoot, usual = (
        keras.ops.convert_to_tensor(variables[name + suffix]) for suffix in (MEMORY, OVERSHOOT, USUAL)
    )
    memory, overshoot, momentum = rule.step(memory, overshoot, usual, along, rate * square)
    variables[name + MEMORY].assign(memory)
    variables[name + OVERSHOOT].assign(overshoot)
    variables[name].assign(momentum)


def _inner_products(optimizer: Any, grads: Any, weights: Any) -> tuple[Any, Any]:
    """g·v and g·g over all weights, where v is the slot of the momentum; for Adam in the metric of its steps."""
    ops, along, square = keras.ops, 0.0, 0.0
    for grad, weight in zip(grads, weights, strict=True):
        index = optimizer._get_variable_index(weight)
        grad = ops.cast(grad, "float32")
        scaled = grad
        if isinstance(optimizer, keras.optimizers.Adam):
            slot = optimizer._momentums[index]
            second_moment = ops.cast(ops.convert_to_tensor(optimizer._velocities[index]), "float32")
            scaled = grad / (ops.sqrt(second_moment) + optimizer.epsilon)
        else:
            slot = optimizer.momentums[index]
        along = along + ops.sum(scaled * ops.cast(ops.convert_to_tensor(slot), "float32"))
        square = square + ops.sum(scaled * grad)
    return along, square


def _full_gradients(optimizer: Any, grads: Any, weights: Any) -> list[Any]:
    """The dense gradients of the whole batch: TensorFlow sums those of its replicas only later."""
    if keras.backend.backend() != "tensorflow":
        return list(grads)
    import tensorflow as tf

    if optimizer._distribution_strategy.num_replicas_in_sync > 1:
        pairs = [(grad, getattr(weight, "value", weight)) for grad, weight in zip(grads, weights, strict=True)]
        grads = [grad for grad, _ in optimizer._all_reduce_sum_gradients(pairs)]
    return [tf.convert_to_tensor(grad) for grad in grads]
