"""The hyperparameters that can be managed, and which values each of them takes."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras.optimizers.schedules import LearningRateSchedule

from ..rules.base import Rule
from ..schedules import arguments
from ..schedules.base import Schedule
from ..schedules.errors import fail
from ..schedules.exact import shown
from ..schedules.foreign import Foreign
from ..schedules.hints import hint
from .feedback import takes_rule
from .inspection import class_name, configured_rate, inner_optimizers

# What Keras reads again in each step, by backend-neutral arithmetic alone. (Not `clipvalue` nor the l1 and l2 of
# `Ftrl`: on JAX they can't be variables.)
BELOW_ONE = ("adam_beta_1", "adam_beta_2", "beta_1", "beta_2", "ema_momentum", "momentum", "rho")
NAMES = (*BELOW_ONE, "adam_weight_decay", "clipnorm", "epsilon", "global_clipnorm", "learning_rate", "weight_decay")


def has_hyperparameter(optimizer: Any, name: str) -> bool:
    """Whether an inner optimizer has a hyperparameter that can be managed."""
    if name == "learning_rate":  # which each optimizer has; a schedule with unbound spans can't be read
        return True
    if name not in NAMES or not hasattr(optimizer, name):
        return False
    value = optimizer.__dict__.get(name, 0.0)
    return name == "weight_decay" or isinstance(value, int | float)


def check_hyperparameters(optimizer: Any) -> None:
    """Raise for what Keras takes for a hyperparameter of an inner optimizer and can't train with."""
    owner, rate = class_name(optimizer), configured_rate(optimizer)
    if callable(rate) and not isinstance(rate, LearningRateSchedule) and arguments.where_it_goes(rate):
        arguments.reject(owner, "learning_rate", "a number or a schedule", rate, error=TypeError)
    for name in vars(optimizer).keys() & set(NAMES):
        value = vars(optimizer)[name]
        if isinstance(value, LearningRateSchedule | Rule):
            remedy = f"Use `keras_lr.scheduled(optimizer, {name}=...)`."
            arguments.reject(owner, name, "a number", value, remedy, error=TypeError)


def validate_hyperparameter(
    name: str, value: Any, optimizer: Any, owners: list[Any], function: str = "scheduled"
) -> Any:
    """`value` as the inner optimizers in `owners` take it for a hyperparameter: a schedule, a rule, a number or `True`.

    `function` is the public function that errors name.
    """
    argument = "value" if function == "set_learning_rate" else name
    validate_owners(name, optimizer, owners, function, argument, value)
    if value is True and function == "scheduled":
        return True
    if isinstance(value, Rule):
        others = [class_name(owner) for owner in owners if not takes_rule(owner, name, value)]
        if others:
            names, classes = " or ".join(value.hyperparameters), " or ".join(value.optimizers)
            remedy = f"`{type(value).__name__}` is for the {names} of {classes or 'an optimizer'}"
            remedy += f", and the optimizer is `{others[0]}`."
            arguments.reject(function, argument, "a schedule or a number", value, remedy)
        return value
    below_one = name in BELOW_ONE
    if isinstance(value, LearningRateSchedule):
        return _validate_schedule(name, value, below_one, function)
    rule = (
        "a schedule, a rule or a finite number >= 0" + " and < 1" * below_one + ", or True" * (function == "scheduled")
    )
    limits = arguments.MOMENTUM if below_one else arguments.VALUE
    return arguments.validate_as(limits._replace(rule=rule), function, argument, value)


def validate_owners(name: str, optimizer: Any, owners: list[Any], function: str, argument: str, value: Any) -> None:
    """Raise if no inner optimizer has the hyperparameter `name`, or one of `owners` can't change it any more.

    `function`, `argument` and `value` are what the user wrote.
    """
    if not owners:
        inner = inner_optimizers(optimizer)
        known = sorted({known for one in inner for known in NAMES if has_hyperparameter(one, known)})
        rule = f"a hyperparameter of `{class_name(inner[0])}`: {', '.join(known)}"
        arguments.reject(function, argument, rule, value, hint(name, known))
    for owner in owners:
        slots = getattr(owner, "momentums", None) or getattr(owner, "_momentums", None)
        if name == "momentum" and owner.built and not slots:
            fail(
                ValueError(
                    f"`{function}` can't change the momentum of an optimizer that was built with a momentum of 0: it "
                    f"has no velocity. Create a new optimizer with a momentum. Received: {argument}={shown(value)}"
                )
            )


def _validate_schedule(name: str, value: LearningRateSchedule, below_one: bool, function: str) -> Schedule:
    schedule = value if isinstance(value, Schedule) else Foreign(value)
    if below_one and schedule.is_bound and not isinstance(schedule, Foreign):
        highest = float(schedule.values(sample_steps()).max())
        if highest >= 1:
            arguments.reject(function, name, "a schedule of values < 1", highest)
    return schedule


def sample_steps() -> np.ndarray:
    """Steps near and far, to find a value out of range before training does."""
    return np.unique(np.concatenate([np.arange(1000), np.geomspace(1, 2**31 - 1, 1000).astype("int64")]))
