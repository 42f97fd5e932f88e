"""The few operations that numpy and the backends say differently, in as few nodes of a graph as each needs."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import keras
import numpy as np

from ..shared import Shared
from ..values import Values
from .segments import LAST


def is_tensor(value: Any) -> bool:
    return not isinstance(value, int | float)


def is_scalar(value: Any) -> bool:
    """Whether a tensor is known to have no axes."""
    rank = getattr(value.shape, "rank", -1)  # TensorFlow's, `None` where it is not known
    return rank == 0 or (rank == -1 and len(value.shape) == 0)


def integers(value: Any, ops: ModuleType, dtype: str) -> Any:
    """Integers as an array or a tensor of `dtype`."""
    if isinstance(value, Shared):
        return value.array if ops is np else value.tensor(dtype)
    if ops is np:
        return np.asarray(value, "int64")
    return keras.ops.convert_to_tensor(np.asarray(value, dtype), dtype=dtype)


def real_numbers(value: Any, ops: ModuleType) -> Any:
    """Numbers in the precision that formulas are computed in."""
    if isinstance(value, Shared | Values):
        return value.array if ops is np else value.tensor("float32")
    return np.asarray(value, "float64") if ops is np else keras.ops.convert_to_tensor(value, dtype="float32")


def cast(value: Any, ops: ModuleType, dtype: str) -> Any:
    if not is_tensor(value):
        return float(value) if dtype == "float32" else int(value)
    if ops is np:
        return value.astype("float64" if dtype == "float32" else "int64")
    return value if keras.backend.standardize_dtype(value.dtype) == dtype else keras.ops.cast(value, dtype)


def remainder(value: Any, by: Any) -> Any:
    """`value % by`; numpy divides five times as fast as it takes remainders."""
    return value - value // by * by if isinstance(value, np.ndarray) else value % by


def gather(table: Any, index: Any, ops: ModuleType) -> Any:
    """The entries of a table at an index that is known to be within it."""
    if ops is not np and keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.gather(table, index)  # `keras.ops.take` wraps negative ones: nine nodes more
    if ops is not np and keras.backend.backend() == "jax":
        import jax.numpy as jnp

        return jnp.take(table, index, axis=0, mode="clip")
    return ops.take(table, index, axis=0)


def not_below_zero(value: Any, ops: ModuleType, dtype: str) -> Any:
    if ops is np or keras.backend.backend() == "torch":
        return ops.clip(value, 0, LAST[dtype])  # on torch `keras.ops.maximum` makes int32 of int64 (Keras 3.15.1)
    return ops.maximum(value, integers(0, ops, dtype))
