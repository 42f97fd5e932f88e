"""The members of compositions: schedules of this library, of Keras or of another library, and numbers."""

from __future__ import annotations

import functools
import json
import weakref
from typing import Any

import keras
import numpy as np
from keras.optimizers.schedules import LearningRateSchedule

from . import arguments
from .base import Schedule, schedule
from .curves import Constant
from .ops import NUMPY, namespace
from .step import Step

FEW = 2  # steps, for which a schedule is called with each
_checked: weakref.WeakValueDictionary[tuple[int, str], Any] = weakref.WeakValueDictionary()  # schedules


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
        # A call takes up to 0.5 seconds on JAX, which compiles each branch of each call.
        for at_all in (self._at_array, self._mapped) if counts.size > FEW else ():
            values = at_all(counts)
            if values is not None and self._is_right(at_all.__name__, counts, values):
                return values
        return self._one_by_one(counts)

    def _is_right(self, way: str, counts: np.ndarray, values: np.ndarray) -> bool:
        """Whether `values`, computed together, are right at the first and the last of `counts`; checked once."""
        if _checked.get((id(self.schedule), way)) is not self.schedule:
            ends = [0, -1]
            if not np.allclose(values.flat[ends], self._one_by_one(counts.flat[ends]), rtol=1e-5, atol=0.0):
                return False
            _checked[id(self.schedule), way] = self.schedule
        return True

    def _at_array(self, counts: np.ndarray) -> np.ndarray | None:
        """The values in one call; `None` if the schedule does not take an array."""
        try:
            values = keras.ops.convert_to_numpy(self.schedule(keras.ops.convert_to_tensor(counts)))
        except Exception:  # a schedule may do anything with an array
            return None
        return np.asarray(values, "float64") if np.shape(values) == counts.shape else None

    def _mapped(self, counts: np.ndarray) -> np.ndarray | None:
        """The values by a loop in the graph, which is compiled once; `None` if the schedule can't be compiled."""
        try:
            tensor = keras.ops.convert_to_tensor(counts.ravel())
            values = keras.ops.convert_to_numpy(keras.ops.map(self.schedule, tensor))
        except Exception:
            return None
        return np.asarray(values, "float64").reshape(counts.shape) if np.size(values) == counts.size else None

    def _one_by_one(self, counts: np.ndarray) -> np.ndarray:
        values = [keras.ops.convert_to_numpy(self.schedule(keras.ops.convert_to_tensor(t))) for t in counts.flat]
        return np.reshape(np.array(values, "float64"), counts.shape)

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
