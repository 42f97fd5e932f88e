"""The value of a schedule at a step as Keras gives it: a number, a variable, or a tensor of a graph."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from keras.optimizers.schedules import LearningRateSchedule

from .ops import NUMPY, namespace
from .step import Step

WINDOW = 256  # steps; with many more, the first value would take noticeably longer
CHUNK = 2**16  # steps; in pieces of this size numpy works in the processor's cache


def value_at(schedule: Any, step: Any) -> Any:
    """The value as a float32 tensor in the shape of `step`.

    In a graph it is computed by the backend. A step whose number is known, as in a
    loop that runs eagerly, is computed by numpy, which is faster; on torch, where
    every training step is such a loop, by much.
    """
    step = step.value if isinstance(step, keras.Variable) else step
    known = _known(step)
    if isinstance(known, np.ndarray):
        return _tensor(values_at(schedule, known), step)
    if known is not None:
        return _tensor(_in_window(schedule, int(known)), step)
    ops = namespace()
    with ops.precision():
        time = ops.maximum(ops.floor(ops.real(step)) if _is_float(step) else ops.real(step), 0.0)
        return ops.float32(schedule.at(Step(time, ops)))


def values_at(schedule: Any, steps: np.ndarray | int) -> np.ndarray:
    """The values by numpy, at an array of numbers in its shape, or at the first so many steps."""
    shape = (steps,) if isinstance(steps, int) else steps.shape
    values = np.empty(math.prod(shape))
    with np.errstate(all="ignore"):  # where a logarithm of 0 or an overflow matters, the formula handles it
        for begin in range(0, len(values), CHUNK):
            end = min(begin + CHUNK, len(values))
            if isinstance(steps, int):
                time = np.arange(begin, end, dtype="float64")
            else:
                time = np.maximum(steps.ravel()[begin:end], 0.0)
            values[begin:end] = schedule.at(Step(time, NUMPY))
    return values.reshape(shape)


def _in_window(schedule: Any, step: int) -> float:
    """The value at a step, from those of a window of steps, which take hardly longer than one."""
    place = step % WINDOW
    begin = step - place
    window = vars(schedule).get("_window")
    if window is None or window[0] != begin:
        if calls_others(schedule):  # they are asked for this step alone
            return float(values_at(schedule, np.array([step], "float64"))[0])
        window = begin, values_at(schedule, float(begin) + np.arange(WINDOW)).tolist()
        vars(schedule)["_window"] = window  # one assignment, since threads may share a schedule
    return window[1][place]


def calls_others(value: Any) -> bool:
    """Whether a schedule of Keras or of another library is inside."""
    if isinstance(value, tuple) and value and isinstance(value[0], LearningRateSchedule):
        return any(map(calls_others, value))
    if not isinstance(value, LearningRateSchedule):
        return False
    names = getattr(value, "_names", None)
    return names is None or any(calls_others(getattr(value, name)) for name in names())


def _known(step: Any) -> Any:
    """A step as a Python number or an array of whole numbers, `None` if it is computed in a graph."""
    backend = keras.backend.backend()
    if isinstance(step, int | float):
        return step
    if isinstance(step, list | tuple | np.ndarray | np.generic):
        return _plain(np.asarray(step))
    if backend == "tensorflow":
        import tensorflow as tf

        return _plain(tf.convert_to_tensor(step).numpy()) if tf.executing_eagerly() else None
    if backend == "jax":
        import jax

        return None if isinstance(step, jax.core.Tracer) else _plain(np.asarray(step))
    import torch

    if torch.compiler.is_compiling() or torch.jit.is_tracing() or type(step) not in (torch.Tensor, torch.nn.Parameter):
        return None  # among others of a step that is spread over devices
    if step.device.type not in ("cpu", "mps"):  # it would have to be waited for; mps has no float64
        return None
    try:
        return _plain(step.detach().cpu().numpy()) if step.ndim else step.item()
    except RuntimeError:  # in `vmap` it is many numbers
        return None


def _plain(array: Any) -> Any:
    return np.floor(array.astype("float64")) if np.ndim(array) else array.item()


def _tensor(value: Any, step: Any) -> Any:
    if keras.backend.backend() == "torch" and hasattr(step, "new_full") and isinstance(value, float):
        import torch

        return step.new_full((), value, dtype=torch.float32)
    with np.errstate(over="ignore"):  # what is beyond a float32 is infinite, as in a graph
        return keras.ops.convert_to_tensor(np.asarray(value, "float32"))


def _is_float(step: Any) -> bool:
    return "float" in str(step.dtype)
