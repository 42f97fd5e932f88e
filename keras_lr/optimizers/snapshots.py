"""Snapshots of objects and variables, to undo what was done to them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import keras
import numpy as np
from keras.src.utils.tracking import Tracker

from .state import ManagedState

Restore = Callable[[], None]


def snapshot_objects(*roots: Any) -> Restore:
    """Take a snapshot of the attributes of objects and, in place, of the contents of their containers."""
    seen: dict[int, tuple[Any, Any, type]] = {}
    waiting = [(root, True) for root in roots]
    while waiting:
        item, is_root = waiting.pop()
        item = getattr(item, "__wrapped__", item) if isinstance(item, dict) else item  # TensorFlow's proxy
        content: Any
        if id(item) in seen:
            continue
        if isinstance(item, dict):
            content, members = dict(item), list(item.values())
        elif (
            is_root
            or isinstance(item, keras.optimizers.Optimizer | Tracker | ManagedState)
            or hasattr(item, "_storage")  # a list of TensorFlow's, which keeps its items in this attribute
        ):
            content = dict(getattr(item, "__dict__", {}))
            members = list(content.values())
        elif isinstance(item, list | set | tuple):
            content = members = list(item)
        else:
            continue
        seen[id(item)] = (item, content, type(item))
        waiting.extend((member, False) for member in members)

    def restore() -> None:
        for item, content, cls in seen.values():
            _restore_contents(item, content, cls)

    return restore


def _restore_contents(item: Any, content: Any, cls: type) -> None:
    # Not by the methods of Keras' own lists and dictionaries, which would track what is added.
    if isinstance(item, dict):
        dict.clear(item)
        dict.update(item, content)
    elif isinstance(content, dict):
        if type(item) is not cls:
            item.__class__ = cls
        vars(item).clear()
        vars(item).update(content)
    elif isinstance(item, list):
        list.__setitem__(item, slice(None), content)
    elif isinstance(item, set):
        set.clear(item)
        set.update(item, content)


def snapshot_variables(variables: Iterable[Any]) -> Restore:
    """Take a snapshot of the values of variables, in host memory."""
    unique = {id(variable): variable for variable in variables}.values()
    saved = [(variable, np.array(keras.ops.convert_to_numpy(variable.value), copy=True)) for variable in unique]

    def restore() -> None:
        for variable, value in saved:
            variable.assign(value)

    return restore
