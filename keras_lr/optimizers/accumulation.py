"""Schedules under gradient accumulation: `PerUpdate` has them count updates instead of batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..schedules.base import Schedule
from ..schedules.shifts import PerUpdate


def per_update(optimizer: Any, value: Any) -> Any:
    """A schedule as an optimizer needs it to count updates; any other value unchanged."""
    batches = optimizer.gradient_accumulation_steps
    if not batches or not isinstance(value, Schedule) or isinstance(value, PerUpdate):
        return value
    return PerUpdate(value, batches)


def without_per_update(value: Any) -> Any:
    """The schedule that a `PerUpdate` wraps; any other value unchanged."""
    return value.schedule if isinstance(value, PerUpdate) else value


def map_schedule(value: Any, function: Callable[[Any], Any]) -> Any:
    """`function` of a schedule; inside its `PerUpdate`, which must stay outermost for `per_update` to find it."""
    return PerUpdate(function(value.schedule), value.batches) if isinstance(value, PerUpdate) else function(value)
