"""Reads from a running `fit` what Keras does not pass to callbacks: its data, and the other callbacks."""

from __future__ import annotations

import sys
from typing import Any

import keras

from ..optimizers.inspection import configured_rate, inner_optimizers, is_scheduled

SAVERS = (keras.callbacks.ModelCheckpoint, keras.callbacks.BackupAndRestore)
KERAS_WRITERS = (keras.callbacks.LearningRateScheduler, keras.callbacks.ReduceLROnPlateau)


def local_variable(model: Any, name: str) -> Any:
    """A local variable of the running `fit` of a model; `None` if there is none.

    Keras passes callbacks neither the data nor each other. Only `fit` itself has them.
    """
    frame = sys._getframe()
    while frame is not None:
        if frame.f_code.co_name == "fit" and frame.f_locals.get("self") is model:
            return frame.f_locals.get(name)
        frame = frame.f_back  # type: ignore[assignment]
    return None


def batch_size(model: Any) -> int | None:
    """Examples per batch of the training data; `None` if the data does not say."""
    size = getattr(getattr(local_variable(model, "epoch_iterator"), "data_adapter", None), "batch_size", None)
    return None if size is None else int(size)


def other_callbacks(callback: Any) -> list[Any]:
    """The other callbacks of the running `fit`."""
    running = local_variable(callback.model, "callbacks")
    return [other for other in getattr(running, "callbacks", []) if other is not callback]


def metric_sources(callback: Any) -> list[Any]:
    """The other callbacks that may put metrics into `logs`: those that are neither Keras' nor ours."""
    known, keras_lambda = ("keras.", "keras_lr."), keras.callbacks.LambdaCallback
    others = other_callbacks(callback)
    return [
        other for other in others if isinstance(other, keras_lambda) or not type(other).__module__.startswith(known)
    ]


def check_callbacks(callback: Any) -> None:
    """Raise if `callback` is there twice, or one of Keras' callbacks sets a rate that follows a schedule."""
    name, running = type(callback).__name__, getattr(local_variable(callback.model, "callbacks"), "callbacks", [])
    if sum(other is callback for other in running) > 1:
        raise ValueError(
            f"Argument `callbacks` of `fit` must have each callback once. Make another `{name}`, or leave one out. "
            f"Received: the same `{name}` twice"
        )
    scheduled = [one for one in inner_optimizers(callback.model.optimizer) if is_scheduled(one)]
    for other in running:
        if isinstance(other, KERAS_WRITERS) and scheduled:
            remedy = (
                "`keras_lr.PlateauReducer` works on top of any schedule."
                if isinstance(other, keras.callbacks.ReduceLROnPlateau)
                else "Compile with a number, or leave the callback out."
            )
            raise ValueError(
                f"`{type(other).__name__}` can't set the learning rate of an optimizer where it follows a schedule. "
                f"{remedy} Received: learning_rate={configured_rate(scheduled[0])!r}"
            )


def check_single_writer(callback: Any) -> None:
    """Raise if a second callback sets the hyperparameter of `callback`: one would undo the other.

    Callbacks with a `state_key` only multiply, so two with different ones are compatible.
    """
    check_callbacks(callback)
    for other in other_callbacks(callback):
        writes = "learning_rate" if isinstance(other, KERAS_WRITERS) else getattr(other, "hyperparameter", None)
        keys = [getattr(one, "state_key", None) for one in (callback, other)]
        if writes != callback.hyperparameter or (None not in keys and keys[0] != keys[1]):
            continue
        if None not in keys:
            raise ValueError(
                f"Two `{type(callback).__name__}`s watch `{callback.monitor}`, so they would share one state. "
                "Leave one of them out; two may watch different metrics."
            )
        raise ValueError(
            f"`{type(callback).__name__}` and `{type(other).__name__}` both set `{writes}`, and one would undo the "
            "other. Leave one of them out; `PlateauReducer` works on top of any schedule."
        )


def move_first(callback: Any) -> None:
    """Move `callback` before the others, so that they find its values in `logs`; but never before `BindSpans`."""
    running = getattr(local_variable(callback.model, "callbacks"), "callbacks", [])
    indices = [index for index, other in enumerate(running) if not getattr(other, "is_first", False)]
    if indices and callback in running and indices[0] < running.index(callback):
        running.remove(callback)
        running.insert(indices[0], callback)


def surround(callback: Any, before: Any, after: Any) -> bool:
    """Put `before` and `after` around the callbacks of the running `fit`, if any, and callbacks that save after all."""
    running = local_variable(callback.model, "callbacks")
    if not isinstance(running, keras.callbacks.CallbackList):
        return False
    others = [other for other in running.callbacks if other is not before and other is not after]
    savers = [other for other in others if isinstance(other, SAVERS)]
    # A new list, since Keras is going through the old one.
    running.callbacks = [before, *(other for other in others if other not in savers), after, *savers]
    return True
