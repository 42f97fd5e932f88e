"""Replaces the learning rate of an optimizer by a schedule or a number, at any time: `set_learning_rate`."""

from __future__ import annotations

from typing import Any

import keras

from ..rules.base import Rule
from ..schedules import arguments
from ..schedules.base import Schedule
from ..schedules.hints import with_hints
from .accumulation import per_update
from .compiled_step import atomic_change, build
from .hyperparameters import validate_hyperparameter
from .inspection import configured_rate, inner_optimizers
from .manage import connect_rule, manage, replace_schedule
from .mixin import prepare_rate
from .model_optimizers import only_optimizer
from .state import FACTOR, managed_state
from .variables import renew_variables, variable_scope


@with_hints
def set_learning_rate(model_or_optimizer: Any, value: Any) -> None:
    """Set another learning rate for a compiled, trained or loaded model, which keeps its moments and iterations.

    >>> import keras, keras_lr as klr
    >>> model = keras.Sequential([keras.Input([3]), keras.layers.Dense(1)])
    >>> model.compile(optimizer=keras.optimizers.Adam(0.001), loss="mse")
    >>> klr.set_learning_rate(model, klr.Exponential(0.01, 0.5, steps=100))
    >>> klr.set_learning_rate(model, 0.002)
    >>> float(model.optimizer.learning_rate)
    0.0020000000949949026

    The old and the new rate may be a number, a schedule or a rule. Call it at any time,
    also in a callback between two epochs. A schedule continues at the current step of
    the optimizer. Earlier reductions by `PlateauReducer` are dropped.

    Args:
        model_or_optimizer: A compiled model, or an optimizer, of which all inner optimizers
            get the rate. If the model has several optimizers, pass one of them. A step that
            you have compiled yourself, by `tf.function` or `jax.jit`, must be compiled again.
        value: A number >= 0, a schedule of keras_lr or another library, or a rule such as `Prodigy()`. A rule
            starts from the current weights; if it replaces one of the same class, it continues with its state.

    Raises:
        TypeError, ValueError: `value` is none of these, or the model is not compiled.
    """
    is_model = isinstance(model_or_optimizer, keras.Model)
    optimizer = only_optimizer(model_or_optimizer, "set_learning_rate") if is_model else model_or_optimizer
    if not isinstance(optimizer, keras.optimizers.Optimizer):
        rule = "a compiled model or an optimizer"
        arguments.reject("set_learning_rate", "model_or_optimizer", rule, model_or_optimizer, error=TypeError)
    owners = inner_optimizers(optimizer)
    rate = validate_hyperparameter("learning_rate", value, optimizer, owners, function="set_learning_rate")
    if is_model:
        build(model_or_optimizer)
    with atomic_change([optimizer], model_or_optimizer if is_model else None):
        for inner in inner_optimizers(optimizer):
            replace_rate(inner, rate)


def replace_rate(optimizer: Any, value: Any) -> None:
    """Replace the learning rate of an inner optimizer by a validated schedule, rule or number."""
    rule = value if isinstance(value, Rule) else None
    if isinstance(value, Rule):
        value = value.schedule  # type: ignore[attr-defined]
    rate, schedule = configured_rate(optimizer), per_update(optimizer, value)
    if isinstance(value, Schedule):
        if isinstance(rate, keras.Variable):
            optimizer._untrack_variable(rate)
            renew_variables(optimizer, optimizer.__dict__["_variables"])
        replace_schedule(optimizer, "learning_rate", schedule)
    elif isinstance(rate, keras.Variable):
        rate.assign(value)
    else:
        _add_rate_variable(optimizer, value)
    if rule is not None:
        manage(optimizer, {"learning_rate": rule})
    elif managed_state(optimizer):
        connect_rule(optimizer, "learning_rate", None)
    reset_factor(optimizer)


def reset_factor(optimizer: Any) -> None:
    """Drop the reductions of the previous learning rate, and prepare a managed optimizer for a new schedule."""
    managed = managed_state(optimizer)
    if managed:
        prepare_rate(optimizer)
        if FACTOR in managed.variables:
            managed.variables[FACTOR].assign(1.0)


def _add_rate_variable(optimizer: Any, value: float) -> None:
    # As Keras' own constructor makes it, and where a loaded optimizer has it: second, after the iterations.
    with variable_scope(optimizer):
        optimizer._learning_rate = keras.optimizers.SGD(float(value), name=optimizer.name)._learning_rate  # now tracked
    *others, rate = optimizer.__dict__["_variables"]
    renew_variables(optimizer, [others[0], rate, *others[1:]])
