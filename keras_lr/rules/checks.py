"""Checks that a rule declares its state as it should, and that its update returns what it declares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..schedules import arguments
from ..schedules.exact import shown

START = "start"  # ends the names of the slots with the initial weights, for rules that keep these
NAMES = ("hyperparameters", "optimizers", "slots", "reported")


def check_class(cls: Any) -> None:
    """Raise if the attributes of a class of rules are not what an optimizer needs."""
    for attribute in NAMES:
        names = getattr(cls, attribute)
        if not isinstance(names, tuple) or not all(isinstance(name, str) for name in names):
            _fail(TypeError, f"`{attribute}` of `{cls.__name__}` must be a tuple of names", names)
    if not isinstance(cls.keeps_initial_weights, bool):
        _fail(
            TypeError, f"`keeps_initial_weights` of `{cls.__name__}` must be True or False", cls.keeps_initial_weights
        )
    if "learning_rate" in cls.hyperparameters and "schedule" not in (field.name for field in cls._fields):
        rule = "a field `schedule`, by which the value is multiplied, as in `schedule: Any = 1.0`"
        _fail(TypeError, f"`{cls.__name__}` is a rule of the learning rate and must have {rule}", cls._names())


def check_state(rule: Any) -> None:
    """Raise if a rule declares a state that an optimizer can't keep."""
    name, state = type(rule).__name__, rule.initial_state()
    if not isinstance(state, Mapping) or not all(isinstance(key, str) and _is_number(x) for key, x in state.items()):
        _fail(TypeError, f"`initial_state` of `{name}` must return a dictionary of finite numbers by name", state)
    if not _is_number(rule.initial_value()):
        _fail(TypeError, f"`initial_value` of `{name}` must return a finite number", rule.initial_value())
    if both := set(state) & set(rule.slots):
        _fail(ValueError, f"The names of `slots` and `initial_state` of `{name}` must differ", sorted(both))
    if rule.keeps_initial_weights and START in {*state, *rule.slots}:
        _fail(ValueError, f"The names of `slots` and `initial_state` of `{name}` must differ from `{START}`", START)
    if unknown := set(rule.reported) - set(state):
        _fail(ValueError, f"`reported` of `{name}` must have names of `initial_state`", sorted(unknown))


def check_update(rule: Any, result: Any, shapes: list[tuple[int, ...]]) -> None:
    """Raise if what `update` of a rule returned is not the declared state and a value; `shapes` are of the weights."""
    update = f"`update` of `{type(rule).__name__}`"
    if not isinstance(result, tuple) or len(result) != 2 or not isinstance(result[0], Mapping):
        _fail(TypeError, f"{update} must return a tuple of a dictionary, the state, and the value", result)
    state, value = result
    if set(state) != {*rule.initial_state(), *rule.slots}:
        names = ", ".join(f"`{name}`" for name in (*rule.initial_state(), *rule.slots))
        _fail(ValueError, f"{update} must return a state with the names {names}", [*state])
    for name, scalar in {"the value": value, **{f"`{key}`": state[key] for key in rule.initial_state()}}.items():
        if _shape(scalar) != ():
            _fail(ValueError, f"{update} must return a scalar for {name}", scalar)
    for slot in rule.slots:
        try:
            found = [_shape(tensor) for tensor in state[slot]]
        except TypeError:
            found = []
        if found != shapes:
            _fail(ValueError, f"{update} must return a `Vector` in the shapes of the weights for `{slot}`", state[slot])


def _shape(value: Any) -> tuple[int, ...] | None:
    """The shape of a tensor or a number; `None` for anything else."""
    if hasattr(value, "shape"):
        return tuple(value.shape)
    return () if isinstance(value, int | float) else None


def _is_number(value: Any) -> bool:
    try:
        number = arguments.number(value)
    except TypeError:
        return False
    return number is not None and bool(np.isfinite(np.float32(number)))


def _fail(error: type[Exception], rule: str, received: Any) -> None:
    raise error(f"{rule}. Received: {shown(received)}")
