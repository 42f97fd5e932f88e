"""Lets any hyperparameter of an optimizer follow a schedule, or makes it a variable that can be assigned."""

from __future__ import annotations

from typing import Any

import keras

from ..schedules import arguments
from ..schedules.errors import without_internal_frames
from .accumulation import per_update
from .compiled_step import atomic_change, build
from .hyperparameters import has_hyperparameter, validate_hyperparameter, validate_owners
from .inspection import inner_optimizers, is_scheduled, source_of
from .learning_rate import replace_rate
from .manage import manage
from .model_optimizers import only_optimizer


@without_internal_frames
def scheduled(optimizer: Any, *, correct_bias: bool | None = None, **hyperparameters: Any) -> Any:
    """Let hyperparameters of an optimizer follow schedules or rules, or make them variables that you can assign.

    >>> import keras, keras_lr as klr
    >>> optimizer = klr.scheduled(
    ...     keras.optimizers.SGD(klr.one_cycle(0.4, steps=1000), momentum=0.9),
    ...     momentum=klr.Sequence([klr.Linear(0.95, 0.85, steps=300), klr.Linear(0.85, 0.95, steps=700)], [300]),
    ... )
    >>> isinstance(optimizer, keras.optimizers.SGD)
    True
    >>> optimizer = klr.scheduled(keras.optimizers.AdamW(0.001), weight_decay=True)
    >>> optimizer.weight_decay = 0.01  # takes effect in the next step, also in the middle of `fit`
    >>> float(optimizer.weight_decay)
    0.009999999776482582

    Keras compiles these numbers into the training step as constants, so assigning
    them has no effect. `scheduled` returns the same object and changes its class to a
    subclass, which keeps them in float32 variables and sets these once per update.
    They are saved with the model. Files of the plain optimizer can be loaded, with
    moments and iterations.

    Schedules count updates, also under gradient accumulation.

    `Adam`, `AdamW` and `Adamax` correct the bias of their averages by the product of
    the betas used, which is correct for a beta that changes. Keras and torch use the
    power of the last beta, which makes steps up to 10 times too large while beta_1 rises.

    Args:
        optimizer: A Keras optimizer, before or after `compile` and `build`, or a compiled
            model. In a `LossScaleOptimizer` or `MultiOptimizer`, all inner optimizers that
            have the hyperparameter are managed. A step that you have compiled yourself, by
            `tf.function` or `jax.jit`, must be compiled again.
        correct_bias: `False` to correct the bias by the power of the last beta, as Keras
            does; `None` for no change, at first `True`.
        hyperparameters: For each name a schedule, a number, `True` for a variable with the
            current number, or a rule: for the learning rate `Prodigy`, `DAdaptation` or `DoWG`,
            for a momentum or beta_1 `AdaptiveMomentum`.

    Returns:
        The optimizer.

    Raises:
        ValueError: The optimizer has no such hyperparameter, it can no longer be
            changed (an optimizer built with a momentum of 0 has no velocity), or a
            value is out of range. The optimizer is then unchanged.
        TypeError: A value is none of the above.
    """
    if isinstance(optimizer, keras.Model):
        build(optimizer)
        only = only_optimizer(optimizer, "scheduled")
        with atomic_change([only], optimizer):
            return scheduled(only, correct_bias=correct_bias, **hyperparameters)
    if not isinstance(optimizer, keras.optimizers.Optimizer):
        arguments.reject("scheduled", "optimizer", "an optimizer or a compiled model", optimizer, error=TypeError)
    if correct_bias is not None and not isinstance(correct_bias, bool):
        arguments.reject("scheduled", "correct_bias", "True, False or None", correct_bias, error=TypeError)
    inner = inner_optimizers(optimizer)
    owners = {name: [one for one in inner if has_hyperparameter(one, name)] for name in hyperparameters}
    values = {
        name: validate_hyperparameter(name, value, optimizer, owners[name]) for name, value in hyperparameters.items()
    }
    rate = values.pop("learning_rate", True)
    with atomic_change([optimizer]):
        for one in inner:
            if rate is not True:
                replace_rate(one, rate)
            manage(one, {name: per_update(one, v) for name, v in values.items() if one in owners[name]}, correct_bias)
    return optimizer


def make_assignable(model: Any, optimizers: list[Any], name: str, function: str) -> None:
    """Make `name` a variable in `optimizers` of a model, so that it can be assigned between two steps.

    `function` is the callback that errors name.
    """
    for outer in optimizers:
        owners = [one for one in inner_optimizers(outer) if has_hyperparameter(one, name)]
        validate_owners(name, outer, owners, function, "hyperparameter", name)
    for optimizer in [inner for outer in optimizers for inner in inner_optimizers(outer)]:
        if is_scheduled(optimizer, name):
            raise ValueError(
                f"`{function}` can't set `{name}`, because it follows a schedule. Compile with a number, "
                "as in `SGD(0.1)`, or leave the callback out; the schedule `keras_lr.Intervals` does the same as "
                f"`EpochIntervalSwitcher`. Received: {name}={source_of(optimizer, name)!r}"
            )
    with atomic_change(optimizers, model):
        for outer in optimizers if name != "learning_rate" else ():
            scheduled(outer, **{name: True})
