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
    if known is not None:
        value = _in_window(schedule, float(known)) if known.ndim == 0 else values_at(schedule, known)
        return _tensor(value, step)
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


def _in_window(schedule: Any, step: float) -> float:
    """The value at a step, from those of a window of steps, which take hardly longer than one."""
    place = int(step) % WINDOW
    begin: int | None = int(step) - place
    window = vars(schedule).get("_window")
    if window is None or window[0] != begin:
        steps = float(int(step) - place) + np.arange(WINDOW)
        if calls_others(schedule):  # they are asked for this step alone
            begin, place, steps = None, 0, np.array([step])
        window = begin, values_at(schedule, steps).tolist()
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


def _known(step: Any) -> np.ndarray | None:
    """The numbers of a step as floats, `None` if it is computed in a graph."""
    backend = keras.backend.backend()
    if isinstance(step, int | float | list | tuple | np.ndarray | np.generic):
        return np.floor(np.asarray(step, "float64"))
    if backend == "tensorflow":
        import tensorflow as tf

        return np.floor(tf.convert_to_tensor(step).numpy()) if tf.executing_eagerly() else None
    if backend == "jax":
        import jax

        return None if isinstance(step, jax.core.Tracer) else np.floor(np.asarray(step, "float64"))
    import torch

    if torch.compiler.is_compiling() or torch.jit.is_tracing() or type(step) not in (torch.Tensor, torch.nn.Parameter):
        return None  # among others of a step that is spread over devices
    if step.device.type not in ("cpu", "mps"):  # it would have to be waited for; mps has no float64
        return None
    try:
        return np.floor(step.detach().cpu().numpy().astype("float64"))
    except RuntimeError:  # in `vmap` it is many numbers
        return None


def _tensor(value: Any, step: Any) -> Any:
    if keras.backend.backend() == "torch" and hasattr(step, "new_full") and isinstance(value, float):
        import torch

        return step.new_full((), value, dtype=torch.float32)
    with np.errstate(over="ignore"):  # what is beyond a float32 is infinite, as in a graph
        return keras.ops.convert_to_tensor(np.asarray(value, "float32"))


def _is_float(step: Any) -> bool:
    return "float" in str(step.dtype)
