"""Sets a hyperparameter at the start of each epoch from a schedule or a function of the epoch."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from keras.optimizers.schedules import LearningRateSchedule

from ..rules.base import Rule
from ..schedules import arguments
from .epoch_setter import EpochSetter


class EpochSchedule(EpochSetter):
    """Sets a hyperparameter to `schedule(epoch)` at the start of each epoch.

    Use it for a Python function of the epoch, or for a hyperparameter that should change
    only between epochs. It adds the value to `logs[hyperparameter]`.

    >>> import keras, numpy as np, keras_lr as klr
    >>> model = keras.Sequential([keras.Input([3]), keras.layers.Dense(1)])
    >>> model.compile(optimizer=keras.optimizers.SGD(0.1, momentum=0.5), loss="mse")
    >>> ramp = klr.EpochSchedule(lambda epoch: min(0.5 + 0.1 * epoch, 0.9), hyperparameter="momentum")
    >>> history = model.fit(np.ones([8, 3]), np.ones([8]), epochs=3, callbacks=[ramp], verbose=0)
    >>> history.history["momentum"]
    [0.5, 0.6, 0.7]

    Args:
        schedule: A schedule that counts epochs instead of steps; a `fraction(...)` is a fraction of the
            epochs of `fit`. Or a function that returns a number and takes the epoch, or the epoch and
            the current value, as for Keras' `LearningRateScheduler`.
        hyperparameter: `"learning_rate"`, `"momentum"`, `"weight_decay"`, ...
        optimizer: Which optimizer, if the model has several: the attribute of the model
            that holds it, its name, or the optimizer itself; or a list of these.
        verbose: 1 to print a line for each epoch, 0 for none.

    Raises:
        TypeError, ValueError: An argument breaks its rule; or, at the start of
            `fit`, the hyperparameter follows a schedule or another callback also sets
            it.
    """

    def __init__(
        self,
        schedule: LearningRateSchedule | Callable[..., float],
        hyperparameter: str = "learning_rate",
        *,
        optimizer: Any = None,
        verbose: int = 0,
    ):
        super().__init__(hyperparameter, optimizer, verbose)
        if isinstance(schedule, Rule) or not callable(schedule):
            arguments.reject(self, "schedule", "a schedule or a function of the epoch", schedule, error=TypeError)
        self.schedule = (
            arguments.validate(self, "schedule", schedule) if isinstance(schedule, LearningRateSchedule) else None
        )
        self._function = schedule if self.schedule is None else None
        takes = [0] if self._function is None else _counts_of_arguments(self._function)
        if not takes:
            rule = "a function of the epoch, or of the epoch and the current value"
            arguments.reject(self, "schedule", rule, schedule, error=TypeError)
        self._takes_value = takes == [2]
        if self.schedule is not None:
            units = {unit for span in self.schedule.spans for unit in span.amounts}
            if "examples" in units:
                rule = "one in epochs, fractions of the epochs of `fit`, or plain numbers, which are epochs here"
                arguments.reject(self, "schedule", rule, schedule, "A step is an epoch here.")
            if "fraction" not in units:
                self.schedule = self.schedule.bind(steps_per_epoch=1)

    def on_train_begin(self, logs: Any = None) -> None:
        if self.schedule is not None and any("fraction" in span.amounts for span in self.schedule.spans):
            epochs = self.params.get("epochs")
            if epochs is None:
                rule = "one in epochs where the number of all epochs is not known"
                arguments.reject(self, "schedule", rule, self.schedule, "`set_params` has no `epochs`.")
            self.schedule = self.schedule.bind(steps_per_epoch=1, epochs=epochs)
        super().on_train_begin(logs)

    def value(self, epoch: int, current: float) -> float:
        if self.schedule is not None:
            received, kind = float(self.schedule.values([epoch])[0]), "schedule"
        else:
            function: Any = self._function
            received, kind = function(epoch, current) if self._takes_value else function(epoch), "function"
        limits = arguments.MOMENTUM if self._is_below_one else arguments.VALUE
        rule = limits._replace(
            rule=f"a {kind} that gives {limits.rule} for `{self.hyperparameter}`, also in epoch {epoch}",
            read=lambda value: limits.read(float(value) if hasattr(value, "shape") else value),
        )
        return arguments.validate_as(rule, self, "schedule", received)


def _counts_of_arguments(function: Any) -> list[int]:
    """With how many arguments a function can be called: 1, the epoch, or 2, also the current value."""
    try:
        bind = inspect.signature(function).bind
    except ValueError:  # some that are written in C have no signature
        return [1]
    return [count for count in (1, 2) if _accepts(functools.partial(bind, *[0.0] * count))]


def _accepts(call: Callable[[], Any]) -> bool:
    try:
        call()
    except TypeError:
        return False
    return True
