"""The value of a schedule at a step as Keras passes it: a number, a variable, or a tensor of a graph."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from keras.optimizers.schedules import LearningRateSchedule

from . import arguments
from .ops import NUMPY, namespace
from .step import Step

WINDOW = 256  # steps; many more would delay the first value noticeably
CHUNK = 2**16  # steps; arrays of this size stay in the processor's cache


def value_at(schedule: Any, step: Any) -> Any:
    """The value as a float32 tensor in the shape of `step`.

    In a graph the backend computes it. Where the step is known, as in a loop that runs eagerly, numpy computes it,
    which is faster; on torch, where each training step is such a loop, by far.
    """
    ops = namespace()
    step = step.value if isinstance(step, keras.Variable) else step
    known = ops.known(step)
    if known is not None:
        at_array = isinstance(known, np.ndarray)
        value = values_at(schedule, known) if at_array else _in_window(schedule, _whole(known))
        return ops.tensor(value, step)
    with ops.precision():
        time = ops.real(step)
        time = ops.floor(time) if "float" in str(step.dtype) else time
        return ops.float32(schedule.at(Step(ops.maximum(time, 0.0), ops)))


def _whole(number: float) -> int:
    if isinstance(number, float) and not math.isfinite(number):
        arguments.reject("schedule", "step", "a finite number", number)
    return max(0, min(int(number), 2**63 - 1))  # what no optimizer counts to


def values_at(schedule: Any, steps: np.ndarray | int) -> np.ndarray:
    """The values computed by numpy, at an array of steps in its shape, or at the first n steps for an integer n."""
    shape = (steps,) if isinstance(steps, int) else steps.shape
    values = np.empty(math.prod(shape))
    with np.errstate(all="ignore"):  # formulas handle overflows and logarithms of 0 where they matter
        for begin in range(0, len(values), CHUNK):
            end = min(begin + CHUNK, len(values))
            if isinstance(steps, int):
                time = np.arange(begin, end, dtype="float64")
            else:
                time = np.maximum(steps.ravel()[begin:end], 0.0)
            values[begin:end] = schedule.at(Step(time, NUMPY))
    return values.reshape(shape)


def _in_window(schedule: Any, step: int) -> float:
    """The value at a step, taken from those of a window of steps, which cost little more than one."""
    place = step % WINDOW
    begin = step - place
    window = vars(schedule).get("_window")
    if window is None or window[0] != begin:
        if calls_others(schedule):  # those are called for this step only
            return _rounded(values_at(schedule, np.array([step], "float64")))[0]
        window = begin, _rounded(values_at(schedule, float(begin) + np.arange(WINDOW)))
        vars(schedule)["_window"] = window  # a single assignment, since threads may share a schedule
    return window[1][place]


def _rounded(values: np.ndarray) -> list[float]:
    with np.errstate(over="ignore"):  # what is beyond a float32 is infinite, as in a graph
        return values.astype("float32").tolist()


def calls_others(value: Any) -> bool:
    """Whether a schedule of Keras or of another library is among the members."""
    if isinstance(value, tuple) and value and isinstance(value[0], LearningRateSchedule):
        return any(map(calls_others, value))
    if not isinstance(value, LearningRateSchedule):
        return False
    names = getattr(value, "_names", None)
    return names is None or any(calls_others(getattr(value, name)) for name in names())
