"""Makes several changes as one: whatever interrupts them, all of them are made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def make(changes: list[Callable[[], Any]]) -> None:
    """Call `changes` in order; each sets a value, so that it may be called twice."""
    try:
        _call(changes)
    except BaseException:  # such as Ctrl-C: finish, so that no half of them is made
        _call(changes)
        raise


def _call(changes: list[Callable[[], Any]]) -> None:
    for change in changes:
        change()
