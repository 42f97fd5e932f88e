"""What a running `fit` knows and does not hand to its callbacks, and who writes what in it."""

from __future__ import annotations

import sys
from typing import Any

import keras

KERAS_WRITERS = (keras.callbacks.LearningRateScheduler, keras.callbacks.ReduceLROnPlateau)


def of_fit(model: Any, name: str) -> Any:
    """A local variable of the `fit` that the model is in; `None` if there is none.

    Keras hands callbacks neither the data nor each other: the only place they are is `fit` itself.
    """
    frame = sys._getframe()
    while frame is not None:
        if frame.f_code.co_name == "fit" and frame.f_locals.get("self") is model:
            return frame.f_locals.get(name)
        frame = frame.f_back  # type: ignore[assignment]
    return None


def batch_size(model: Any) -> int | None:
    """Examples per batch of the data that the model is being fitted to, if the data tells."""
    size = getattr(getattr(of_fit(model, "epoch_iterator"), "data_adapter", None), "batch_size", None)
    return None if size is None else int(size)


def others(callback: Any) -> list[Any]:
    """The callbacks beside `callback` in the running `fit`."""
    running = of_fit(callback.model, "callbacks")
    return [other for other in getattr(running, "callbacks", []) if other is not callback]


def require_one_writer(callback: Any) -> None:
    """Refuse a second callback that sets the hyperparameter that `callback` sets: one would undo the other."""
    for other in others(callback):
        writes = "learning_rate" if isinstance(other, KERAS_WRITERS) else getattr(other, "hyperparameter", None)
        if writes == callback.hyperparameter:
            raise ValueError(
                f"`{type(callback).__name__}` and `{type(other).__name__}` both set `{writes}`, and one would undo the "
                "other. Leave one of them out; `PlateauReducer` works on top of any schedule."
            )


def be_first(callback: Any) -> None:
    """Move `callback` before the others, so that they find in `logs` what it writes there."""
    be_before(callback, keras.callbacks.Callback)


def be_before(callback: Any, kinds: Any) -> None:
    """Move `callback` before those of the `kinds`, which save what it decides; but never before `BindSpans`."""
    running = getattr(of_fit(callback.model, "callbacks"), "callbacks", [])
    places = [
        place
        for place, other in enumerate(running)
        if isinstance(other, kinds) and not getattr(other, "is_first", False)
    ]
    if places and callback in running and places[0] < running.index(callback):
        running.remove(callback)
        running.insert(places[0], callback)
