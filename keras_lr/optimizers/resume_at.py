"""Sets the step count of an optimizer to the beginning of an epoch: `resume_at`."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from ..schedules import arguments
from ..schedules.exact import is_integer
from ..schedules.hints import with_hints
from .compiled_step import build, undone_on_error
from .inspection import inner_optimizers
from .model_optimizers import optimizers_by_name

OWNER = "resume_at"


@with_hints
def resume_at(model: Any, *, epoch: int, steps_per_epoch: int) -> None:
    """Make the schedules of a compiled model continue at the start of `epoch`, at batch `epoch * steps_per_epoch`.

    Use it before `fit(initial_epoch=epoch)` if the optimizer does not know its step,
    for example after you loaded only the weights. `epoch=0` restarts the schedules of
    a trained model, as `BindSpans(restart=True)` does in each `fit`.

    >>> import keras, numpy as np, keras_lr as klr
    >>> model = keras.Sequential([keras.Input([3]), keras.layers.Dense(1)])
    >>> model.compile(optimizer=keras.optimizers.SGD(klr.Linear(1.0, 0.0, steps=8)), loss="mse")
    >>> klr.resume_at(model, epoch=3, steps_per_epoch=2)
    >>> float(model.optimizer.learning_rate)
    0.25

    Moments don't change. If they are lost, Adam's first steps are up to 6.6 times too
    large with the usual betas, because it corrects their bias by the step count. So if
    you have a file of the whole model, load that instead.

    Args:
        model: A compiled and built model, of which all optimizers are set, or an optimizer.
        epoch: The number of epochs that are done, an integer >= 0.
        steps_per_epoch: Batches per epoch, an integer > 0; with `gradient_accumulation_steps`
            also batches, not updates.

    Raises:
        TypeError, ValueError: An argument breaks its rule, or there are more steps than the optimizer can count.
    """
    for name, value, minimum in (("epoch", epoch, 0), ("steps_per_epoch", steps_per_epoch, 1)):
        if not is_integer(value) or value < minimum:
            rule = "an integer >= 0" if minimum == 0 else "an integer > 0"
            arguments.reject(OWNER, name, rule, value, error=ValueError if is_integer(value) else TypeError)
    if isinstance(model, keras.optimizers.Optimizer):
        optimizers = [model]
    else:
        optimizers = [*optimizers_by_name(model).values()] if isinstance(model, keras.Model) else []
        if not optimizers or not model.built:
            arguments.reject(OWNER, "model", "a compiled and built model or an optimizer", model, error=TypeError)
        # Now, because a weights file that is loaded later would skip an optimizer without slots.
        build(model)
    batches = int(epoch) * int(steps_per_epoch)
    counts = [count for optimizer in optimizers for count in _counts(optimizer)]
    largest = min(np.iinfo(keras.backend.standardize_dtype(count.dtype)).max for count in counts)
    if batches > largest:
        arguments.reject(OWNER, "epoch", f"so small that `epoch * steps_per_epoch` is at most {largest}", epoch)
    with undone_on_error(optimizers):
        for count in counts:
            count.assign(batches)


def set_batch_count(optimizer: Any, batches: int) -> None:
    """Set how many batches an optimizer, and those inside it, have been applied to."""
    for count in _counts(optimizer):
        count.assign(batches)


def _counts(optimizer: Any) -> list[Any]:
    return [one._iterations for one in (optimizer, *inner_optimizers(optimizer))]
