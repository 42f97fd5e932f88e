"""Tells whether the saved state of a callback seems to belong to another run than the `fit` that begins."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np

from ..optimizers.inspection import batch_count

SUFFIX = ".weights"  # after the name of a saved state: sums of the weights when it began and at the end of the last fit
SMALL = 2**16  # numbers in a weight tensor that is summed


def begin(model: Any, optimizers: list[Any], key: str) -> None:
    """Remember the weights with which the state `key` begins."""
    _save(optimizers, key, [_sum(model)] * 2)


def end(model: Any, optimizers: list[Any], key: str) -> None:
    """Remember the weights with which a `fit` ends."""
    saved = _load(optimizers, key)
    if saved is not None:
        _save(optimizers, key, [saved[0], _sum(model)])


def reason_to_doubt(model: Any, optimizers: list[Any], key: str) -> str:
    """Why the state saved under `key` seems to belong to another run; an empty string if it does not."""
    if not any(batch_count(optimizer) for optimizer in optimizers):
        return "the optimizer has counted no step"
    saved = _load(optimizers, key)
    if saved is not None and saved[0] != saved[1] and _sum(model) == saved[0]:
        return "the weights are those with which the earlier one began"
    return ""


def _sum(model: Any) -> float:
    """A number that changes when training does anything. It reads small weights only, which costs nothing."""
    weights = model.trainable_variables
    small = [weight for weight in weights if math.prod(weight.shape) <= SMALL] or weights[:1]
    arrays = [np.asarray(keras.ops.convert_to_numpy(weight), "float64") for weight in small]
    return math.fsum(float(np.nan_to_num(array).sum()) for array in arrays)


def _load(optimizers: list[Any], key: str) -> list[float] | None:
    states = [optimizer._managed.callback_state for optimizer in optimizers]
    array = np.asarray(states[0].get(key + SUFFIX, ()) if states else ())
    return [float(number) for number in array] if array.shape == (2,) and array.dtype.kind == "f" else None


def _save(optimizers: list[Any], key: str, sums: list[float]) -> None:
    for optimizer in optimizers:
        optimizer._managed.callback_state[key + SUFFIX] = np.array(sums, "float64")
