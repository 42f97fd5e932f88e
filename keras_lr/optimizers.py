"""The optimizers inside an optimizer, and their learning rates."""

from __future__ import annotations

from typing import Any

from keras.optimizers.schedules import LearningRateSchedule


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


def replace_schedule(optimizer: Any, schedule: LearningRateSchedule) -> None:
    """Put another schedule in the place of the optimizer's; `retrace` has a compiled step see it."""
    # Not by the public setter: on TensorFlow it reads the old rate first, and an unbound schedule has none.
    optimizer._learning_rate = schedule


def follows_schedule(optimizer: Any) -> bool:
    """Whether the learning rate is computed from the step and can't be assigned."""
    return isinstance(given_rate(optimizer), LearningRateSchedule)


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
