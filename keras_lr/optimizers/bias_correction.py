"""Corrects the bias of Adam's moments by the product of the betas used, as their averages need it."""

from __future__ import annotations

from typing import Any

import keras

from .state import managed_state
from .variables import add_variable

PRODUCT = "_product"  # suffix of the variable with the product of all values of a beta so far
BETAS = ("beta_1", "beta_2")


def corrected_betas(optimizer: Any) -> list[str]:
    """The betas of an optimizer whose bias is corrected by a product."""
    by_class = {keras.optimizers.Adam: BETAS, keras.optimizers.Adamax: ("beta_1",)}
    managed = managed_state(optimizer)
    if managed is None or not managed.correct_bias:
        return []
    betas = next((betas for cls, betas in by_class.items() if isinstance(optimizer, cls)), ())
    return [name for name in betas if name in managed.variables]


def add_product(optimizer: Any, name: str) -> None:
    """Add the variable for the product of a beta."""
    add_variable(optimizer, optimizer._managed.variables, name + PRODUCT, 1.0)
    start_product(optimizer, name)


def start_product(optimizer: Any, name: str) -> None:
    """Set the product of a beta to that of the updates so far, which the plain optimizer has made."""
    updates = int(keras.ops.convert_to_numpy(optimizer.iterations))
    managed = optimizer._managed
    managed.variables[name + PRODUCT].assign(float(managed.initial_values[name]) ** updates)


def next_product(optimizer: Any, name: str) -> Any:
    """The product of a beta with its value in the current batch; only the last batch of an update counts."""
    variables = optimizer._managed.variables
    beta = keras.ops.convert_to_tensor(variables[name])
    batches = optimizer.gradient_accumulation_steps
    if batches:
        is_update = keras.ops.equal((optimizer._iterations + 1) % batches, 0)
        beta = keras.ops.where(is_update, beta, keras.ops.ones_like(beta))
    return variables[name + PRODUCT] * beta


def corrected_rate(optimizer: Any, learning_rate: Any, betas: list[str]) -> Any:
    """The learning rate that turns Keras' correction of the bias into the right one.

    Adam divides by 1 - beta(t)**t, with the current beta. While beta_1 rises from 0.5 to 0.99, its steps are up to 10
    times too large. A step is linear in the learning rate, so the learning rate can carry the correction.
    """
    variables = optimizer._managed.variables
    count = keras.ops.cast(optimizer.iterations + 1, "float32") if betas else None
    for name in betas:
        divisor = 1.0 - keras.ops.power(keras.ops.convert_to_tensor(variables[name]), count)
        right_divisor = 1.0 - keras.ops.convert_to_tensor(variables[name + PRODUCT])
        ratio = divisor / right_divisor if name == "beta_1" else keras.ops.sqrt(right_divisor / divisor)
        learning_rate = learning_rate * ratio  # not in place: on torch that would change the optimizer's variable
    return learning_rate
