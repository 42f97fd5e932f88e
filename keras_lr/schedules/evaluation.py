"""The value of a schedule at a step as Keras passes it: a number, a variable, or a tensor of a graph."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras.optimizers.schedules import LearningRateSchedule

from .ops import NUMPY, namespace
from .step import Step

WINDOW = 256  # steps; many more would delay the first value noticeably
CHUNK = 2**16  # steps; arrays of this size stay in the processor's cache


def value_at(schedule: Any, step: Any) -> Any:
    """The value as a float32 tensor in the shape of `step`.

    In a graph the backend computes it. Where the step is known, as in a loop that runs eagerly, numpy computes it,
    which is faster; on torch, where each training step is such a loop, by far.
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


def values_at(schedule: Any, steps: np.ndarray) -> np.ndarray:
    """The values in the shape of `steps`, an array of numbers, computed by numpy."""
    flat, values = steps.ravel(), np.empty(steps.size)
    with np.errstate(all="ignore"):  # formulas handle overflows and logarithms of 0 where they matter
        for begin in range(0, len(flat), CHUNK):
            chunk = flat[begin : begin + CHUNK]
            values[begin : begin + CHUNK] = schedule.at(Step(np.maximum(chunk, 0).astype("float64"), NUMPY))
    return values.reshape(steps.shape)


def _in_window(schedule: Any, step: float) -> float:
    """The value at a step, taken from those of a window of steps, which cost little more than one."""
    place = int(step) % WINDOW
    begin: int | None = int(step) - place
    window = vars(schedule).get("_window")
    if window is None or window[0] != begin:
        steps = float(int(step) - place) + np.arange(WINDOW)
        if calls_others(schedule):  # those are called for this step only
            begin, place, steps = None, 0, np.array([step])
        window = begin, values_at(schedule, steps).tolist()
        vars(schedule)["_window"] = window  # a single assignment, since threads may share a schedule
    return window[1][place]


def calls_others(value: Any) -> bool:
    """Whether a schedule of Keras or of another library is among the members."""
    if isinstance(value, tuple) and value and isinstance(value[0], LearningRateSchedule):
        return any(map(calls_others, value))
    if not isinstance(value, LearningRateSchedule):
        return False
    names = getattr(value, "_names", None)
    return names is None or any(calls_others(getattr(value, name)) for name in names())


def _known(step: Any) -> np.ndarray | None:
    """The numbers of a step as floats; `None` if they are known only in a graph."""
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
        return None  # inside a graph, or a subclass such as a tensor distributed over devices
    if step.device.type not in ("cpu", "mps"):  # reading it would block; mps has no float64
        return None
    try:
        return np.floor(step.detach().cpu().numpy().astype("float64"))
    except RuntimeError:  # inside `vmap` it can't be read
        return None


def _tensor(value: Any, step: Any) -> Any:
    if keras.backend.backend() == "torch" and hasattr(step, "new_full") and isinstance(value, float):
        import torch

        return step.new_full((), value, dtype=torch.float32)
    with np.errstate(over="ignore"):  # what exceeds a float32 becomes infinite, as in a graph
        return keras.ops.convert_to_tensor(np.asarray(value, "float32"))


def _is_float(step: Any) -> bool:
    return "float" in str(step.dtype)
