"""Snapshots of objects and variables, to undo what was done to them, also if the undoing is interrupted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import keras
import numpy as np
from keras.src.utils.tracking import Tracker

from .state import ManagedState

Restore = Callable[[], None]  # which may run again after it was interrupted
Result = TypeVar("Result")


def call_and_restore(function: Callable[[], Result], restores: list[Restore]) -> Result:
    """Call a function, then everything in `restores`, to which it may add, whatever is raised wherever."""
    try:
        try:
            return function()
        finally:
            run_all(restores)
    finally:
        run_all(restores)  # what is left where an exception, such as Ctrl-C, came between two lines of the first call


def run_all(restores: list[Restore]) -> None:
    """Call the functions of a list, whatever one of them raises, and remove those that are done.

    One that is interrupted is called again. The first error is raised at the end.
    """
    errors: list[BaseException] = []
    failed: list[Restore] = []
    while restores:
        try:
            restores[0]()
            del restores[0]
        except KeyboardInterrupt as error:
            errors.append(error)
        except BaseException as error:
            errors.append(error)
            failed.append(restores.pop(0))
    restores[:] = failed
    if errors:
        raise errors[0]


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
            if not hasattr(item, "__dict__"):
                continue
            content = dict(vars(item))
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
    saved = [(variable, np.array(keras.ops.convert_to_numpy(variable), copy=True)) for variable in unique]

    def restore() -> None:
        for variable, value in saved:
            variable.assign(value)

    return restore
