"""The members of compositions: schedules of this library, of Keras or of another library, and numbers."""

from __future__ import annotations

import functools
import json
from typing import Any

import keras
import numpy as np
from keras.optimizers.schedules import LearningRateSchedule

from . import arguments
from .base import Schedule, schedule
from .curves import Constant
from .ops import NUMPY, namespace
from .step import Step


@schedule
class Foreign(Schedule):
    """A schedule of Keras or of another library as a member of a composition; it is called with integers >= 0."""

    schedule: Any

    def __post_init__(self) -> None:
        if not isinstance(self.schedule, LearningRateSchedule):
            arguments.reject(self, "schedule", "a LearningRateSchedule", self.schedule, error=TypeError)

    def at(self, step: Step) -> Any:
        count = step.whole(2**53)
        if step.ops is NUMPY:
            return self._values(count)
        counter = step.ops.counter(count)
        with step.ops.default_precision():
            value = self.schedule(counter)
        return step.ops.real(value)

    def _values(self, counts: np.ndarray) -> np.ndarray:
        """The values at an array of integers, in one call if the schedule takes arrays."""
        counts = counts.astype("int32") if counts.max(initial=0) < 2**31 else counts
        with namespace().outside_of_graphs():
            return self._values_outside(counts)

    def _values_outside(self, counts: np.ndarray) -> np.ndarray:
        try:
            values = keras.ops.convert_to_numpy(self.schedule(keras.ops.convert_to_tensor(counts)))
        except Exception:  # a schedule may do anything with an array
            values = None
        if np.shape(values) != counts.shape:
            one_by_one = [
                keras.ops.convert_to_numpy(self.schedule(keras.ops.convert_to_tensor(t))) for t in counts.flat
            ]
            values = np.reshape(one_by_one, counts.shape)
        return np.asarray(values, "float64")

    @functools.cached_property
    def _key(self) -> tuple:
        try:
            return (json.dumps(keras.saving.serialize_keras_object(self.schedule), sort_keys=True),)
        except NotImplementedError:  # without a config it can't be saved, and equals only itself
            return (id(self.schedule),)


def member(value: Any) -> Schedule | None:
    """A member as a schedule of this library; `None` for a number that is negative or not finite."""
    if isinstance(value, Schedule):
        return value
    if isinstance(value, LearningRateSchedule):
        return Foreign(value)
    return Constant(value) if arguments.schedule_value(value) is not None else None


arguments.read_members(member)
