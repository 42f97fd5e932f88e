"""Adds the values that were applied to the `logs` of each batch, if another callback reads them."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from ..optimizers.inspection import applied_values, batch_count, configured_rate, follows_schedules, schedules_of
from ..optimizers.model_optimizers import has_own_train_step
from ..optimizers.state import managed_state
from . import fit

WINDOW = 1024  # steps whose values are computed at once
HOOK = "on_train_batch_end"


def is_wanted(callback: Any) -> bool:
    """Whether a callback that is neither Keras' nor ours may read the `logs` of batches.

    Keras' `TensorBoard` doesn't need them, because `Monitor` writes the values of steps to its folder.
    """
    running = fit.callback_list(callback)
    if running is None or running._async_train:  # Keras would call the hook in a thread, after later steps
        return False
    others = fit.other_callbacks(callback)
    return not _has_hook(callback) and any(fit.is_foreign(other) and _has_hook(other) for other in others)


def _has_hook(callback: Any) -> bool:
    base = keras.callbacks.Callback
    return any(
        hook in vars(callback) or getattr(type(callback), hook) is not getattr(base, hook)
        for hook in (HOOK, "on_batch_end")
    )


class BatchLogs:
    """The `on_train_batch_end` of a `Monitor` if another callback reads the `logs` of batches.

    The number of the batch gives the step, so numpy computes the values of schedules for many steps at once. The device
    is read only for values without a schedule, and if the optimizer may not make exactly one step per batch.
    """

    def __init__(self, monitor: Any):
        self._monitor = monitor
        self._steps = monitor.params.get("steps")
        self._may_count = _makes_one_step_per_batch(monitor, self._steps)
        self.begin_epoch([], [])

    def begin_epoch(self, optimizers: list[Any], begins: list[int]) -> None:
        """Store the batch counts of the optimizers at the start of an epoch."""
        self._optimizers, self._begins = optimizers, begins
        self._used: list[Any] = []  # the schedules of the window
        self._window: list[dict[str, np.ndarray]] = []
        self._first = 0  # the first batch of the window
        self._keys: list[list[str]] = []
        self._names: dict[str, tuple[int, str]] = {}

    def __call__(self, batch: int, logs: Any = None) -> None:
        if logs is None:
            return
        # A `MultiOptimizer` does not apply an optimizer that has no variables to train.
        if self._may_count and self._optimizers and all(one._trainable_variables for one in self._optimizers):
            if self._steps:
                batch = min(batch, self._steps - 1)  # the last call of several steps may have fewer
            is_scheduled = all(map(follows_schedules, self._optimizers))
            if is_scheduled:
                values = self._of_schedules(batch)
            else:
                with readable(self._monitor._model, self._optimizers):
                    values = self._read([begin + batch + 1 for begin in self._begins])
        else:
            self._optimizers = self._monitor.optimizers  # on JAX, this copies the state back
            values = self._read([batch_count(one) for one in self._optimizers])
        keys = [[*own] for own in values]
        if keys != self._keys:
            places = [{name: (index, name) for name in own} for index, own in enumerate(keys)]
            self._keys, self._names = keys, self._monitor.by_name(self._optimizers, places)
        logs.update({log: float(values[index][name]) for log, (index, name) in self._names.items()})

    def _of_schedules(self, batch: int) -> list[dict[str, float]]:
        schedules = [schedules_of(one) for one in self._optimizers]
        if self._used != schedules or not self._first <= batch < self._first + WINDOW:
            steps = np.arange(batch, min(batch + WINDOW, self._steps or np.inf))
            self._used, self._first = schedules, batch
            self._window = [
                {name: schedule.values(begin + steps) for name, schedule in own.items()}
                for begin, own in zip(self._begins, schedules, strict=True)
            ]
        return [{name: values[batch - self._first] for name, values in own.items()} for own in self._window]

    def _read(self, ends: list[int]) -> list[dict[str, float]]:
        values = [applied_values(one, max(0, end - 1), end) for one, end in zip(self._optimizers, ends, strict=True)]
        return [{name: series[-1] for name, series in own.items() if len(series)} for own in values]


@contextlib.contextmanager
def readable(model: Any, optimizers: list[Any]) -> Iterator[None]:
    """On JAX, where `fit` holds the values of all variables, let the hyperparameters of optimizers be read.

    Copying back the whole state would take much longer, because all weights and moments are assigned one by one.
    """
    state, given = getattr(model, "_jax_state", None), []
    if state and not model._jax_state_synced:
        managed = [state_of.variables.values() for state_of in map(managed_state, optimizers) if state_of]
        wanted = {id(one) for one in (*map(configured_rate, optimizers), *itertools.chain(*managed))}
        pairs = zip(model.optimizer.variables, state["optimizer_variables"], strict=True)
        given = [(variable, value) for variable, value in pairs if id(variable) in wanted]
    for variable, value in given:
        variable._value = value
    try:
        yield
    finally:
        for variable, _ in given:
            variable._value = None


def _makes_one_step_per_batch(monitor: Any, steps: int | None) -> bool:
    model = monitor.model
    outer = [one for one in monitor._outer_optimizers if one is not getattr(model, "optimizer", None)]
    has_loss_scale = hasattr(getattr(model, "optimizer", None), "inner_optimizer")  # which skips steps
    are_known = steps is not None or getattr(model, "steps_per_execution", 1) == 1
    return fit.is_running(model) and not outer and not has_loss_scale and not has_own_train_step(model) and are_known
