"""Updates the rules of an optimizer with the gradients of each step."""

from __future__ import annotations

import functools
import math
import warnings
from typing import Any

import keras

from ..rules.base import FIRST_MOMENT_FACTOR, SECOND_MOMENT_FACTOR, Rule, Signals
from ..rules.checks import START, check_update
from ..rules.vector import Vector, assign, read, value_of, where
from ..schedules.base import Schedule
from .state import FACTOR
from .variables import add_slot, add_variable

# The attributes of Keras' optimizers with an average of the gradients, or a velocity, and with one of their squares.
FIRST_MOMENTS = ("momentums", "_momentums", "_m")
SECOND_MOMENTS = ("_velocities",)
LARGEST_SECOND_MOMENTS = ("_velocity_hats",)  # in use instead, with `amsgrad`
FACTORS = (
    (FIRST_MOMENT_FACTOR, FIRST_MOMENTS),
    (SECOND_MOMENT_FACTOR, SECOND_MOMENTS),
    (SECOND_MOMENT_FACTOR, LARGEST_SECOND_MOMENTS),
)
HYPERPARAMETERS = ("momentum", "beta_1", "beta_2", "epsilon")


def takes_rule(optimizer: Any, name: str, rule: Rule) -> bool:
    """Whether a rule can drive the hyperparameter `name` of an inner optimizer."""
    classes = {cls.__name__ for cls in type(optimizer).__mro__}
    return (
        name in rule.hyperparameters
        and (name == "learning_rate" or hasattr(optimizer, name))  # an unbound learning rate can't be read
        and (not rule.optimizers or not classes.isdisjoint(rule.optimizers))
    )


def start_rule(optimizer: Any, name: str, rule: Rule) -> None:
    """Give the state of the rule of hyperparameter `name` its initial values."""
    variables = optimizer._managed.variables
    for suffix, value in rule.initial_state().items():
        add_variable(optimizer, variables, f"{name}_{suffix}", value)
        variables[f"{name}_{suffix}"].assign(value)
    variables[name].assign(rule.initial_value())
    if optimizer.built:
        _add_slots(optimizer, name, rule)


def stop_rule(optimizer: Any, name: str, rule: Rule) -> None:
    """Remove the state of a rule that the optimizer no longer follows."""
    managed = optimizer._managed
    for suffix in (*rule.initial_state(), *rule.slots, START):
        for variables in (managed.variables, managed.slots):
            variables.pop(f"{name}_{suffix}", None)


def add_slots(optimizer: Any) -> None:
    """Add the slots of the rules of an optimizer that was built after it was given them."""
    for name, rule in optimizer._managed.rules.items():
        _add_slots(optimizer, name, rule)


def _add_slots(optimizer: Any, name: str, rule: Rule) -> None:
    for slot in rule.slots:
        add_slot(optimizer, optimizer._managed.slots, f"{name}_{slot}", 0.0)
    if rule.keeps_initial_weights:
        _warn_of_coarse_weights(optimizer, rule)
        add_slot(optimizer, optimizer._managed.slots, f"{name}_{START}", math.nan)


def _warn_of_coarse_weights(optimizer: Any, rule: Rule) -> None:
    """Warn of weights whose first steps are lost, so that their distance from the initial ones stays 0."""
    dtypes = {keras.backend.standardize_dtype(weight.dtype) for weight in optimizer._trainable_variables}
    if coarse := dtypes & {"float16", "bfloat16"}:
        warnings.warn(
            f"`{type(rule).__name__}` measures how far the weights move, and its first steps are too small for weights "
            f'in {min(coarse)}. Use a mixed dtype policy, such as "mixed_{min(coarse)}", whose weights are float32.',
            stacklevel=2,
        )


def update_rules(optimizer: Any, grads: Any, weights: Any) -> None:
    """Set the hyperparameters that follow rules for the update with `grads`, which are accumulated and clipped."""
    rules = optimizer._managed.rules
    if not rules:
        return
    gradients = read(_full_gradients(optimizer, grads, weights))
    indices = [optimizer._get_variable_index(weight) for weight in weights]
    before = read(weights)
    # A gradient that is not finite changes nothing: what it leads to would stay in the state for ever.
    is_finite = keras.ops.isfinite(gradients.norm())
    for name, rule in sorted(rules.items(), key=lambda item: item[0] != "learning_rate"):
        keeps = rule.keeps_initial_weights
        signals = Signals(
            gradients=gradients,
            weights=before,
            learning_rate=functools.partial(_rate, optimizer, name),
            first_moments=lambda: _moments(optimizer, FIRST_MOMENTS, indices),
            second_moments=lambda: _moments(optimizer, (*LARGEST_SECOND_MOMENTS, *SECOND_MOMENTS), indices),
            initial_weights=_initial_weights(optimizer, name, before, indices) if keeps else None,
            updates=lambda: keras.ops.cast(value_of(optimizer.iterations), "float32") + 1.0,
            hyperparameters=lambda: {
                key: value_of(getattr(optimizer, key)) for key in HYPERPARAMETERS if hasattr(optimizer, key)
            },
        )
        _update_rule(optimizer, name, rule, signals, indices, is_finite)


def rescale_moments(optimizer: Any, variables: Any) -> None:
    """Multiply the moments for `variables` by the factors that rules have for them."""
    managed = optimizer._managed
    for name in managed.rules:
        for suffix, lists in FACTORS:
            factor, slots = managed.variables.get(f"{name}_{suffix}"), _slot_lists(optimizer, lists)
            if factor is None or not slots:
                continue
            chosen = [slots[optimizer._get_variable_index(variable)] for variable in variables]
            if keras.backend.backend() == "torch":
                assign(chosen, list(read(chosen) * value_of(factor)))  # in one call
                continue
            for slot in chosen:
                optimizer.assign(slot, slot * keras.ops.cast(value_of(factor), slot.dtype))


def _update_rule(optimizer: Any, name: str, rule: Rule, signals: Signals, indices: list[int], is_finite: Any) -> None:
    managed = optimizer._managed
    scalars = {suffix: managed.variables[f"{name}_{suffix}"] for suffix in rule.initial_state()}
    slots = {slot: [managed.slots[f"{name}_{slot}"][index] for index in indices] for slot in rule.slots}
    before = {key: value_of(variable) for key, variable in scalars.items()}
    vectors = {slot: read(variables) for slot, variables in slots.items()}
    result = rule.update(before | vectors, signals)
    check_update(rule, result, [tuple(weight.shape) for weight in signals.gradients])
    after, value = result
    if name == "learning_rate":
        value = value * signals.learning_rate
    are_finite = keras.ops.logical_and(is_finite, keras.ops.isfinite(sum(after[key] for key in scalars) + value))
    # Otherwise the moments stay, too: a factor is for one update.
    kept = before | {key: 1.0 for key in (FIRST_MOMENT_FACTOR, SECOND_MOMENT_FACTOR) if key in before}
    variables = [managed.variables[name], *scalars.values()]
    old = [value_of(managed.variables[name]), *(kept[key] for key in scalars)]
    values = [where(are_finite, *pair) for pair in zip([value, *(after[key] for key in scalars)], old, strict=True)]
    for slot in slots:  # not `are_finite`, which XLA knows only after a pass over the slots
        variables += slots[slot]
        values += [where(is_finite, *pair) for pair in zip(after[slot], vectors[slot], strict=True)]
    # All are computed before one is assigned: on torch the state before is that of the variables in place.
    assign(variables, values)


def _initial_weights(optimizer: Any, name: str, weights: Vector, indices: list[int]) -> Vector:
    """The weights before the first update of a rule, which are kept in that update; until then there are NaNs."""
    slots = [optimizer._managed.slots[f"{name}_{START}"][index] for index in indices]
    initial = read(slots).map(lambda kept, now: where(keras.ops.isnan(kept), now, kept), weights)
    assign(slots, list(initial))
    return initial


def _rate(optimizer: Any, name: str) -> Any:
    """The learning rate that a rule sees: for its own rule that of the schedule, else the one in force."""
    managed = optimizer._managed
    if name != "learning_rate" and "learning_rate" in managed.rules:
        return value_of(managed.variables["learning_rate"])
    rate = optimizer._learning_rate
    if name == "learning_rate" and isinstance(rate, Schedule):
        rate = rate(optimizer._iterations)
        factor = managed.variables.get(FACTOR)
        return rate if factor is None else rate * value_of(factor)
    return keras.ops.cast(value_of(optimizer.learning_rate), "float32")


def _moments(optimizer: Any, names: tuple[str, ...], indices: list[int]) -> Vector | None:
    slots = _slot_lists(optimizer, names)
    return read(slots[index] for index in indices) if slots else None


def _slot_lists(optimizer: Any, names: tuple[str, ...]) -> Any:
    return next((slots for name in names if (slots := getattr(optimizer, name, None))), None)


def _full_gradients(optimizer: Any, grads: Any, weights: Any) -> list[Any]:
    """The dense gradients of the whole batch: TensorFlow sums those of its replicas only later."""
    if keras.backend.backend() != "tensorflow":
        return list(grads)
    import tensorflow as tf

    if optimizer._distribution_strategy.num_replicas_in_sync > 1:
        pairs = [(grad, getattr(weight, "value", weight)) for grad, weight in zip(grads, weights, strict=True)]
        grads = [grad for grad, _ in optimizer._all_reduce_sum_gradients(pairs)]
    # A sparse gradient becomes dense without its static shape where the size of the batch is unknown.
    return [
        tf.ensure_shape(tf.convert_to_tensor(grad), weight.shape) for grad, weight in zip(grads, weights, strict=True)
    ]
