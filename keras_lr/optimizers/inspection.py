"""The optimizers inside an optimizer: what they have, and what the model's compiled step makes of it."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras.optimizers.schedules import LearningRateSchedule

from ..rules.adaptive_momentum import AdaptiveMomentum
from ..schedules.base import Schedule
from ..schedules.shifts import PerUpdate
from .mixin import FACTOR, ScheduledMixin, schedules_of, swap
from .variables import shortest


def leaves(optimizer: Any) -> list[Any]:
    """The optimizers that update variables, inside `LossScaleOptimizer` and `MultiOptimizer` in any nesting."""
    if hasattr(optimizer, "inner_optimizer"):
        return leaves(optimizer.inner_optimizer)
    if hasattr(optimizer, "optimizers"):
        return [leaf for part in optimizer.optimizers for leaf in leaves(part)]
    return [optimizer]


def given_rate(optimizer: Any) -> Any:
    """The learning rate as it was given: a schedule, a callable or a variable.

    The public `learning_rate` is the current number instead.
    """
    return optimizer._learning_rate


def follows_schedule(optimizer: Any, name: str = "learning_rate") -> bool:
    """Whether a hyperparameter is computed from the step and can't be assigned."""
    if name == "learning_rate":
        return isinstance(given_rate(optimizer), LearningRateSchedule)
    return name in schedules_of(optimizer) | rules_of(optimizer)


def per_update(optimizer: Any, value: Any) -> Any:
    """A schedule as the optimizer must be given it, so that it counts updates and not batches."""
    batches = optimizer.gradient_accumulation_steps
    if not batches or not isinstance(value, Schedule) or isinstance(value, PerUpdate):
        return value
    return PerUpdate(value, batches)


def replace_schedule(optimizer: Any, name: str, schedule: LearningRateSchedule) -> None:
    """Put another schedule in the place of a hyperparameter's; `retrace` has a compiled step see it."""
    if name == "learning_rate":
        # Not by the public setter: on TensorFlow it reads the old rate first, and an unbound schedule has none.
        optimizer._learning_rate = schedule
    else:
        swap(optimizer, {name: schedule})


def current_value(optimizer: Any, name: str = "learning_rate") -> float:
    """The number that a hyperparameter has now."""
    return float(keras.ops.convert_to_numpy(keras.ops.convert_to_tensor(getattr(optimizer, name))))


def applied_values(optimizer: Any, begin: int, end: int) -> dict[str, np.ndarray]:
    """The values that an optimizer used for the batches from `begin` to `end`, by hyperparameter.

    What is no schedule has been what it is now.
    """
    schedules, steps = schedules_of(optimizer), np.arange(begin, end)
    cells = optimizer._book.cells if isinstance(optimizer, ScheduledMixin) else {}
    names = ["learning_rate", *(sorted(optimizer._book.given) if cells else ())]
    values = {name: schedules[name].values(steps) for name in names if name in schedules}
    if FACTOR in cells and "learning_rate" in values:
        values["learning_rate"] = values["learning_rate"] * shortest(cells[FACTOR])
    return {name: values.get(name, np.full(len(steps), _decimal(optimizer, name))) for name in names}


def _decimal(optimizer: Any, name: str) -> float:
    return float(str(np.float32(current_value(optimizer, name))))


def batches_seen(optimizer: Any) -> int:
    """How many batches an optimizer has been applied to; Keras' `iterations` are its updates."""
    return int(keras.ops.convert_to_numpy(optimizer._iterations))


def build(model: Any) -> None:
    """Build the model's optimizer if the model is built: until then a `MultiOptimizer` may have no parts."""
    optimizer = model.optimizer
    if optimizer is not None and model.built and not optimizer.built:
        optimizer.build(model.trainable_variables)


def retrace(model: Any) -> None:
    """Have the training step made anew: on TensorFlow and JAX it keeps the schedule it was traced with."""
    if model.train_function is None:
        return
    # JAX finds old traces again by the function, and a bound method equals itself: only a new function has none.
    step, own = model.train_step, "train_step" in vars(model)
    model.train_step = lambda *batch: step(*batch)
    try:
        model.make_train_function(force=True)
    finally:
        if own:
            model.train_step = step
        else:
            del model.train_step


def schedule_of(optimizer: Any, name: str) -> Any:
    """The schedule that a hyperparameter follows."""
    return given_rate(optimizer) if name == "learning_rate" else (schedules_of(optimizer) | rules_of(optimizer))[name]


def rules_of(optimizer: Any) -> dict[str, AdaptiveMomentum]:
    """The rules that follow the gradients, by hyperparameter."""
    return optimizer._book.rules if isinstance(optimizer, ScheduledMixin) else {}
