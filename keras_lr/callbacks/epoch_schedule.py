"""Sets a hyperparameter at the start of each epoch from a schedule or a function of the epoch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras.optimizers.schedules import LearningRateSchedule

from ..schedules import arguments
from .epoch_setter import EpochSetter


class EpochSchedule(EpochSetter):
    """Sets a hyperparameter to `schedule(epoch)` at the start of each epoch.

    For what can't be a schedule of the step: a function of your own, or a
    hyperparameter that should change between epochs only. The value is added to
    `logs[hyperparameter]`.

    >>> import keras, numpy as np, keras_lr as klr
    >>> model = keras.Sequential([keras.Input([3]), keras.layers.Dense(1)])
    >>> model.compile(optimizer=keras.optimizers.SGD(0.1, momentum=0.5), loss="mse")
    >>> ramp = klr.EpochSchedule(lambda epoch: min(0.5 + 0.1 * epoch, 0.9), hyperparameter="momentum")
    >>> history = model.fit(np.ones([8, 3]), np.ones([8]), epochs=3, callbacks=[ramp], verbose=0)
    >>> history.history["momentum"]
    [0.5, 0.6, 0.7]

    Args:
        schedule: A schedule, whose steps are epochs here, or a function that takes
            the number of the epoch and returns a number.
        hyperparameter: `"learning_rate"`, `"momentum"`, `"weight_decay"`, ...
        optimizer: Which optimizer, where the model has several: the attribute of the model
            that holds it, its name, or the optimizer itself; or a list of these.

    Raises:
        TypeError, ValueError: An argument breaks its rule; or, at the start of
            `fit`, the hyperparameter follows a schedule or another callback also sets
            it.
    """

    def __init__(
        self,
        schedule: LearningRateSchedule | Callable[[int], float],
        hyperparameter: str = "learning_rate",
        *,
        optimizer: Any = None,
    ):
        super().__init__(hyperparameter, optimizer)
        if not isinstance(schedule, LearningRateSchedule) and not callable(schedule):
            arguments.reject(self, "schedule", "a schedule or a function of the epoch", schedule, error=TypeError)
        self.schedule = (
            arguments.validate(self, "schedule", schedule) if isinstance(schedule, LearningRateSchedule) else None
        )
        self._function = None if self.schedule is not None else schedule

    def value(self, epoch: int) -> float:
        if self.schedule is not None:
            return float(self.schedule.values([epoch])[0])
        received = self._function(epoch)  # type: ignore[misc]
        rule = f"a function that gives a finite number; for epoch {epoch} it gave another thing"
        try:
            number = arguments.number(float(received) if hasattr(received, "shape") else received)
        except TypeError:
            arguments.reject(self, "schedule", rule, received, error=TypeError)
        if number is None:
            arguments.reject(self, "schedule", rule, received)
        return number
