"""Reads from a running `fit`, or another loop, what Keras does not pass to callbacks: its data, and each other."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import keras
from keras.optimizers.schedules import LearningRateSchedule

from ..optimizers.inspection import configured_rate, inner_optimizers, is_scheduled, source_of
from ..optimizers.variables import strategy_of
from ..schedules.exact import shown

SAVERS = (keras.callbacks.ModelCheckpoint, keras.callbacks.BackupAndRestore)
KERAS_WRITERS = (keras.callbacks.LearningRateScheduler, keras.callbacks.ReduceLROnPlateau)


def local_variable(model: Any, name: str) -> Any:
    """A local variable of the running `fit` of a model; `None` if there is none.

    Keras does not pass the data to callbacks. Only `fit` itself has it.
    """
    return next((variables.get(name) for variables in _variables_of_fit(model)), None)


def is_running(model: Any, callbacks: Any = None) -> bool:
    """Whether a `fit` of a model is running; with `callbacks`, the one with this list of callbacks."""
    return any(callbacks is None or variables.get("callbacks") is callbacks for variables in _variables_of_fit(model))


def batch_size(model: Any) -> int | None:
    """Examples per batch of the training data, those of all processes; `None` if the data does not say."""
    size = getattr(getattr(local_variable(model, "epoch_iterator"), "data_adapter", None), "batch_size", None)
    return None if size is None else int(size) * _processes_with_own_data()


def _processes_with_own_data() -> int:
    """How many processes have other examples in a batch: several only on JAX, where each reads its own part."""
    distribution = keras.distribution.distribution()
    if distribution is None or keras.backend.backend() != "jax":
        return 1
    import jax

    mesh = distribution.device_mesh
    replicas = mesh.shape[mesh.axis_names.index(distribution.batch_dim_name)]
    return min(jax.process_count(), replicas)


def callback_list(callback: Any) -> Any:
    """The `CallbackList` that calls `callback`, of `fit` or of a loop of the user's own; `None` if there is none."""
    for frame in _frames():
        caller = frame.f_locals.get("self")
        if isinstance(caller, keras.callbacks.CallbackList) and callback in caller.callbacks:
            return caller
    return None


def process_count(model: Any) -> int:
    """How many processes train a model together."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.process_count()
    if keras.backend.backend() == "torch":
        from torch import distributed

        return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1
    resolver = strategy_of(model).cluster_resolver
    cluster = resolver.cluster_spec().as_dict() if resolver else {}
    return max(1, sum(len(tasks) for job, tasks in cluster.items() if job in ("chief", "worker")))


def other_callbacks(callback: Any) -> list[Any]:
    """The other callbacks that run together with `callback`."""
    return [other for other in _callbacks_beside(callback) if other is not callback]


def has_metric_sources(callback: Any) -> bool:
    """Whether metrics in `logs` may come from what is neither Keras' nor ours: a callback, or a loop outside `fit`."""
    return not is_running(callback.model) or any(map(is_foreign, other_callbacks(callback)))


def is_foreign(callback: Any) -> bool:
    """Whether a callback is neither Keras' nor ours, or calls functions that are not."""
    is_lambda = isinstance(callback, keras.callbacks.LambdaCallback)
    return is_lambda or not type(callback).__module__.startswith(("keras.", "keras_lr."))


def _callbacks_beside(callback: Any) -> list[Any]:
    return getattr(callback_list(callback), "callbacks", [])


def _variables_of_fit(model: Any) -> Iterator[dict[str, Any]]:
    """The local variables of each running `fit` of a model."""
    calls = (frame.f_locals for frame in _frames() if frame.f_code.co_name == "fit")
    return (variables for variables in calls if variables.get("self") is model)


def _frames() -> Iterator[Any]:
    """The frames of the running functions, from the innermost outwards."""
    frame: Any = sys._getframe()
    while frame is not None:
        yield frame
        frame = frame.f_back


def check_callbacks(callback: Any) -> None:
    """Raise if `callback` is there twice, or one of Keras' callbacks sets a rate that follows a schedule."""
    name, running = type(callback).__name__, _callbacks_beside(callback)
    if sum(other is callback for other in running) > 1:
        raise ValueError(
            f"Argument `callbacks` of `fit` must have each callback once. Create another `{name}`, or leave one out. "
            f"Received: the same `{name}` twice"
        )
    scheduled = [one for one in _written_by_keras(callback.model) if is_scheduled(one)]
    for other in running:
        if isinstance(other, KERAS_WRITERS) and scheduled:
            remedy = (
                "`keras_lr.PlateauReducer` works on top of any schedule."
                if isinstance(other, keras.callbacks.ReduceLROnPlateau)
                else "Compile with a number, or leave the callback out."
            )
            raise ValueError(
                f"`{type(other).__name__}` can't set a learning rate that follows a schedule. "
                f"{remedy} Received: learning_rate={source_of(scheduled[0], 'learning_rate')!r}"
            )


def check_single_writer(callback: Any) -> None:
    """Raise if a second callback sets the hyperparameter of `callback`, as one would undo the other, or none can.

    Two that only multiply are compatible if each has a state of its own. So are two for different optimizers.
    """
    check_callbacks(callback)
    for rate in map(configured_rate, callback.optimizers) if callback.hyperparameter == "learning_rate" else ():
        if callable(rate) and not isinstance(rate, LearningRateSchedule):
            raise ValueError(
                f"`{type(callback).__name__}` can't set a learning rate that is a function. Compile with a number, or "
                f"with a schedule. Received: learning_rate={shown(rate)}"
            )
    for other in other_callbacks(callback):
        is_keras = isinstance(other, KERAS_WRITERS)
        writes = "learning_rate" if is_keras else getattr(other, "hyperparameter", None)
        multiply = all(getattr(one, "only_multiplies", False) for one in (callback, other))
        if writes != callback.hyperparameter or (multiply and callback.state_key != other.state_key):
            continue
        optimizers = (
            _written_by_keras(callback.model) if is_keras else getattr(other, "optimizers", callback.optimizers)
        )
        if all(one is not another for one in callback.optimizers for another in optimizers):
            continue
        if multiply:
            raise ValueError(
                f"Two `{type(callback).__name__}`s watch `{callback.monitor}`, so they would share one state. "
                "Leave one of them out; two may watch different metrics."
            )
        raise ValueError(
            f"`{type(callback).__name__}` and `{type(other).__name__}` both set `{writes}`, and one would undo the "
            "other. Leave one of them out; `PlateauReducer` works on top of any schedule."
        )


def _written_by_keras(model: Any) -> list[Any]:
    """The optimizers in which the callbacks of Keras set the rate."""
    optimizer = getattr(model, "optimizer", None)
    return [] if optimizer is None else inner_optimizers(optimizer)


def move_first(callback: Any) -> None:
    """Move `callback` before the others, so that they find its values in `logs`; but never before `BindSpans`."""
    running = _callbacks_beside(callback)
    indices = [index for index, other in enumerate(running) if not getattr(other, "is_first", False)]
    if indices and callback in running and indices[0] < running.index(callback):
        running.remove(callback)
        running.insert(indices[0], callback)


def surround(callback: Any, before: Any, after: Any) -> bool:
    """Put `before` and `after` around the callbacks beside `callback`, if any, and callbacks that save after all."""
    running = callback_list(callback)
    if running is None:
        return False
    others = [other for other in running.callbacks if other is not before and other is not after]
    savers = [other for other in others if isinstance(other, SAVERS)]
    if not is_running(callback.model):
        running._async_train = False  # else Keras calls the end of a batch in a thread, on JAX and torch
    # A new list, since Keras is going through the old one.
    running.callbacks = [before, *(other for other in others if other not in savers), after, *savers]
    return True
