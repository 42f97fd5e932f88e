"""Multiplies the learning rate of an optimizer, and keeps by what, so that each reducer can take its own part back."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from ..optimizers.inspection import current_value, is_scheduled
from ..optimizers.state import FACTOR

RATE = "plateau_rate"  # saved: the rate before all reductions, and after the last one; of a schedule its factor
OWN = "plateau_factor."  # saved, before the name of a reducer: the product of its own factors
LARGEST = 1e6  # no factor of a schedule that callbacks lead to is larger


def changes(rule: Any, optimizers: list[Any], due: str) -> list[Callable[[], Any]]:
    """The changes that a reducer makes of the rates where a reduction or an increase is due; none at the limit.

    `rule` has the arguments of `PlateauReducer` as attributes.
    """
    to_make: list[Callable[[], Any]] = []
    for optimizer in optimizers if due else []:
        rate = current_value(optimizer)
        if due == "reduction":
            factor = max(rule.factor, rule.minimum / rate if rate > 0 else 0.0)
        else:
            factor = min(rule.increase, rule.maximum / rate if rule.maximum and rate > 0 else math.inf)
        # 0.1 in float32 is slightly above a `minimum` of 0.1.
        if factor < 1 - 1e-6 if due == "reduction" else factor > 1 + 1e-6:
            to_make += multiply(optimizer, rule.state_key, factor)
    return to_make


def multiply(optimizer: Any, owner: str, factor: float) -> list[Callable[[], Any]]:
    """The changes that multiply the rate of an optimizer by `factor`, on behalf of the reducer `owner`."""
    factors, value = _factors(optimizer), _read(optimizer)
    initial = float(optimizer._managed.callback_state[RATE][0]) if factors else value
    factors[owner] = factors.get(owner, 1.0) * factor
    return [functools.partial(_write, optimizer, value * factor, initial, factors)]


def take_back(optimizer: Any, owner: str) -> list[Callable[[], Any]]:
    """The changes that undo what `owner` multiplied the rate by, unless something else has set the rate since."""
    factors = _factors(optimizer)
    if owner not in factors:
        return []
    del factors[owner]
    initial = float(optimizer._managed.callback_state[RATE][0])
    return [functools.partial(_write, optimizer, initial * math.prod(factors.values()), initial, factors)]


def repair(optimizers: list[Any]) -> list[float]:
    """Drop factors of schedules that can't be ones, as of a damaged file, and return them."""
    dropped = []
    for optimizer in optimizers:
        variable = optimizer._managed.variables.get(FACTOR)
        value = 1.0 if variable is None else float(keras.ops.convert_to_numpy(variable))
        if not 0 <= value <= LARGEST:
            variable.assign(1.0)
            dropped.append(value)
    return dropped


def _factors(optimizer: Any) -> dict[str, float]:
    """The factors of all reducers by name; none if something else has set the rate since."""
    saved = optimizer._managed.callback_state
    rate = np.asarray(saved.get(RATE, ()))
    if rate.shape != (2,) or not np.isfinite(rate).all() or rate[1] != _read(optimizer):
        return {}
    arrays = {name.removeprefix(OWN): np.asarray(array) for name, array in saved.items() if name.startswith(OWN)}
    return {name: float(array) for name, array in arrays.items() if array.shape == () and 0 < array < math.inf}


def _read(optimizer: Any) -> float:
    if is_scheduled(optimizer):
        return float(keras.ops.convert_to_numpy(optimizer._managed.variables[FACTOR]))
    return current_value(optimizer)


def _write(optimizer: Any, value: float, initial: float, factors: dict[str, float]) -> None:
    if is_scheduled(optimizer):
        optimizer._managed.variables[FACTOR].assign(value)
    else:
        optimizer.learning_rate = value
    saved = optimizer._managed.callback_state
    for name in [name for name in saved if name.startswith(OWN)]:
        del saved[name]
    saved[RATE] = np.array([initial, _read(optimizer)], "float64")
    saved.update({OWN + name: np.array(factor, "float64") for name, factor in factors.items()})
