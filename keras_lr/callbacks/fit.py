"""Reads from a running `fit` what Keras does not pass to callbacks: its data, and the other callbacks."""

from __future__ import annotations

import sys
from typing import Any

import keras

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


def check_single_writer(callback: Any) -> None:
    """Raise if a second callback sets the hyperparameter of `callback`: one would undo the other."""
    for other in other_callbacks(callback):
        writes = "learning_rate" if isinstance(other, KERAS_WRITERS) else getattr(other, "hyperparameter", None)
        if writes == callback.hyperparameter:
            raise ValueError(
                f"`{type(callback).__name__}` and `{type(other).__name__}` both set `{writes}`, and one would undo the "
                "other. Leave one of them out; `PlateauReducer` works on top of any schedule."
            )


def move_first(callback: Any) -> None:
    """Move `callback` before the others, so that they find its values in `logs`."""
    move_before(callback, keras.callbacks.Callback)


def move_before(callback: Any, classes: Any) -> None:
    """Move `callback` before those of `classes`, which save its state; but never before `BindSpans`."""
    running = getattr(local_variable(callback.model, "callbacks"), "callbacks", [])
    indices = [
        index
        for index, other in enumerate(running)
        if isinstance(other, classes) and not getattr(other, "is_first", False)
    ]
    if indices and callback in running and indices[0] < running.index(callback):
        running.remove(callback)
        running.insert(indices[0], callback)
