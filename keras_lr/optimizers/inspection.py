"""Reads what an optimizer is made of: its inner optimizers, and what their hyperparameters follow."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras.optimizers.schedules import LearningRateSchedule

from ..rules.base import Rule
from ..schedules.base import Schedule
from ..schedules.foreign import Foreign
from ..schedules.frozen import copy_with
from .state import FACTOR, managed_state
from .variables import shortest_decimal, to_decimal


def inner_optimizers(optimizer: Any) -> list[Any]:
    """The optimizers that update variables, inside `LossScaleOptimizer` and `MultiOptimizer` in any nesting."""
    if hasattr(optimizer, "inner_optimizer"):
        return inner_optimizers(optimizer.inner_optimizer)
    if hasattr(optimizer, "optimizers"):
        return [inner for member in optimizer.optimizers for inner in inner_optimizers(member)]
    return [optimizer]


def class_name(optimizer: Any) -> str:
    """The name of the class of an optimizer before it was managed."""
    managed = managed_state(optimizer)
    return str((managed.plain_class if managed else type(optimizer)).__name__)


def configured_rate(optimizer: Any) -> Any:
    """The learning rate as it was passed to the optimizer: a schedule, a callable or a variable.

    The public `learning_rate` is the current number instead.
    """
    return optimizer._learning_rate


def schedules_of(optimizer: Any) -> dict[str, Schedule]:
    """The schedules of an optimizer by hyperparameter, including that of the learning rate."""
    rate = configured_rate(optimizer)
    if isinstance(rate, LearningRateSchedule) and not isinstance(rate, Schedule):
        rate = Foreign(rate)
    by_name = {"learning_rate": rate} if isinstance(rate, Schedule) else {}
    managed = managed_state(optimizer)
    return by_name | (managed.schedules if managed else {})


def rules_of(optimizer: Any) -> dict[str, Rule]:
    """The rules of an optimizer by hyperparameter."""
    managed = managed_state(optimizer)
    return managed.rules if managed else {}


def source_of(optimizer: Any, name: str) -> Any:
    """The schedule or the rule that a hyperparameter follows."""
    if name == "learning_rate":
        rate, rule = configured_rate(optimizer), rules_of(optimizer).get(name)
        return rate if rule is None else copy_with(rule, schedule=rate)
    return (schedules_of(optimizer) | rules_of(optimizer))[name]


def is_scheduled(optimizer: Any, name: str = "learning_rate") -> bool:
    """Whether a hyperparameter follows a schedule or a rule, and so can't be assigned."""
    if name == "learning_rate":
        return isinstance(configured_rate(optimizer), LearningRateSchedule)
    return name in schedules_of(optimizer) | rules_of(optimizer)


def follows_schedules(optimizer: Any) -> bool:
    """Whether schedules alone give its values at each step: no rule or number, and no factor of a callback."""
    managed, scheduled = managed_state(optimizer), schedules_of(optimizer)
    names = {"learning_rate", *(managed.initial_values if managed else ())}
    return names <= scheduled.keys() and not (managed and (managed.rules or FACTOR in managed.variables))


def current_value(optimizer: Any, name: str = "learning_rate") -> float:
    """The current value of a hyperparameter."""
    return float(keras.ops.convert_to_numpy(keras.ops.convert_to_tensor(getattr(optimizer, name))))


def applied_values(optimizer: Any, begin: int, end: int) -> dict[str, np.ndarray]:
    """The values that an optimizer used for the batches from `begin` to `end`, by hyperparameter.

    What follows no schedule is taken to have had its current value; a rule that multiplies a schedule, to have
    multiplied it by the current factor.
    """
    managed, schedules, steps = managed_state(optimizer), schedules_of(optimizer), np.arange(begin, end)
    names = ["learning_rate", *(sorted(managed.initial_values) if managed else ())]
    values = {name: schedules[name].values(steps) for name in names if name in schedules}
    if managed and FACTOR in managed.variables and "learning_rate" in values:
        values["learning_rate"] = values["learning_rate"] * to_decimal(managed.variables[FACTOR])
    rules = rules_of(optimizer)
    for name in names:
        current = shortest_decimal(current_value(optimizer, name)) if name in rules or name not in values else 0.0
        if name not in values:
            values[name] = np.full(len(steps), current)
        elif name in rules and len(steps):
            last = values[name][-1]
            values[name] = values[name] * (current / last) if last else np.full(len(steps), current)
    for name, rule in rules.items():
        for suffix in rule.reported:
            state = to_decimal(optimizer._managed.variables[f"{name}_{suffix}"])
            values[f"{name}_{suffix}"] = np.full(len(steps), state)
    return values


def batch_count(optimizer: Any) -> int:
    """How many batches an optimizer has been applied to; Keras' `iterations` are its updates."""
    return int(keras.ops.convert_to_numpy(optimizer._iterations))
