"""A schedule of Keras or of another library, as a member of a composition."""

from __future__ import annotations

import functools
import json
from typing import Any

import keras
import numpy as np
from keras.optimizers.schedules import LearningRateSchedule

from . import arguments
from .base import Schedule, schedule
from .steps.integers import integer_tensor
from .steps.step import Step


@schedule
class Foreign(Schedule):
    """A schedule of Keras or of another library, as a member of a composition.

    Members that are not of this library are wrapped in it by themselves. It is
    never asked about a step below 0.
    """

    schedule: Any

    def __post_init__(self) -> None:
        if not isinstance(self.schedule, LearningRateSchedule):
            arguments.reject(self, "schedule", "a LearningRateSchedule", self.schedule, error=TypeError)

    def at(self, step: Step) -> Any:
        if step.ops is not np:
            return keras.ops.cast(self.schedule(step.value), "float32")
        one_by_one = [keras.ops.convert_to_numpy(self.schedule(integer_tensor(t))) for t in step.value.ravel()]
        return np.asarray(one_by_one, "float64").reshape(step.value.shape)

    @functools.cached_property
    def _key(self) -> tuple:
        try:
            return (json.dumps(keras.saving.serialize_keras_object(self.schedule), sort_keys=True),)
        except NotImplementedError:  # it has no config: it can be used and not saved, and equals itself alone
            return (id(self.schedule),)
