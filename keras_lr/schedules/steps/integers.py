"""A step as people and optimizers give it, as integers."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np


def integer_tensor(step: Any) -> Any:
    """A step as it is given, a number, an array, a variable, a tensor of floats, as a tensor of integers."""
    if isinstance(step, int | float | list | tuple | np.ndarray | np.generic):
        step = np.floor(np.asarray(step)).astype("int64")
        dtype = "int32" if keras.backend.backend() == "jax" else "int64"
        if step.size and np.abs(step).max() > np.iinfo(dtype).max:
            raise OverflowError(f"JAX counts in int32. Use `schedule.values` for this step. Received: step={step}")
        return keras.ops.convert_to_tensor(step, dtype=dtype)
    step = step.value if isinstance(step, keras.Variable) else keras.ops.convert_to_tensor(step)
    if hasattr(step, "read_value"):
        step = step.value()  # of a variable of TensorFlow, which every operation would read anew
    if str(getattr(step.dtype, "name", "")).endswith("_ref"):
        step = step + 0  # the value of a reference variable of TensorFlow 1, whose dtype Keras does not know
    dtype = keras.backend.standardize_dtype(step.dtype)
    if "float" in dtype:
        return keras.ops.cast(keras.ops.floor(step), "int64")
    return step if dtype in ("int32", "int64") else keras.ops.cast(step, "int32")
