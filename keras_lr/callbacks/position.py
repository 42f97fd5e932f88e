"""Warnings for a `fit` that begins at an unlikely position in its schedules."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..optimizers.accumulation import without_per_update
from ..optimizers.hyperparameters import sample_steps
from ..optimizers.inspection import batch_count, schedules_of
from ..schedules.base import Schedule
from ..schedules.evaluation import calls_others
from ..schedules.spans import Span

SAMPLES = 1000  # steps between two known ones, to find the end of a schedule
TINY, LONG = 1e-3, 0.25  # of the largest rate of a `fit`, and of its updates: what is a mistake rather than a decay


def warnings(
    optimizers: list[Any], before: dict[Any, Schedule], epoch: int, batches: int | None, remaining: int | None
) -> list[str]:
    """What to warn of when a `fit` begins.

    Args:
        optimizers: The optimizers of the model, without those that contain others, with bound schedules.
        before: The schedules before they were bound, by the id of the optimizer and the hyperparameter.
        epoch: The epoch at which the `fit` begins.
        batches: Batches per epoch, `None` if unknown.
        remaining: Batches of the whole `fit`, `None` if unknown.
    """
    if epoch and any(schedules_of(one) and batch_count(one) == 0 for one in optimizers):
        return [
            f"`fit` begins at epoch {epoch}, but the optimizer has made no step, so its schedules restart. Load the "
            f"optimizer with the model, call `{_resume_at(epoch, batches)}` before, or pass `BindSpans(restart=True)`."
        ]
    messages, zeros, offsets = [], [], sample_steps()
    for one in optimizers:
        schedules, begin = schedules_of(one), batch_count(one)
        for name, schedule in schedules.items():
            if calls_others(schedule):  # each value takes a call, on JAX of up to 0.2 seconds
                continue
            key, values = (id(one), name), schedule.values(begin + offsets)
            if name == "learning_rate":
                zeros.append(not values[offsets < (remaining or np.inf)].any())
            is_expected = bool(epoch) if batches is None else begin <= epoch * batches
            if (end := _end(schedule, begin, values)) is not None and (not is_expected or values[0] == 0):
                messages.append(_is_over(name, schedule, begin, end, values[0], batches))
            elif begin and begin != epoch * (batches or 0) and (moved := _moved_span(before.get(key), schedule)):
                messages.append(_has_moved(name, schedule, begin, moved, epoch, batches))
            elif name == "learning_rate" and remaining and (early := _early_end(schedule, begin, remaining)):
                messages.append(early)
    if zeros and len(zeros) == len(optimizers) and all(zeros) and not messages:
        messages.append(
            "The learning rate is 0 in all updates of this `fit`, so nothing will be trained. Check the schedule and "
            "where it begins; `keras_lr.Monitor` shows the values."
        )
    return list(dict.fromkeys(messages))


def _end(schedule: Schedule, begin: int, values: np.ndarray) -> int | None:
    """The first step from which a schedule keeps the same value, if that is no later than `begin` and it had others.

    `values` are those at a sample of steps from `begin` on. The number of values that are computed does not depend on
    the length of the schedule.
    """
    if (values != values[0]).any():
        return None
    low, high = 0, begin
    differs = np.array([True])
    while high - low > 1 and differs.any():
        steps = np.unique(np.linspace(low, high, SAMPLES).astype("int64"))
        differs = schedule.values(steps) != values[0]
        if differs.any():
            last = int(np.flatnonzero(differs)[-1])
            low, high = int(steps[last]), int(steps[last + 1])
    return high if differs.any() and schedule.values([low])[0] != values[0] else None


def _early_end(schedule: Schedule, begin: int, batches: int) -> str | None:
    """What to warn of if the rate is almost 0 in a large part of a `fit` of so many batches."""
    offsets = np.unique(np.linspace(0, batches - 1, SAMPLES).astype("int64"))
    values = schedule.values(begin + offsets)
    is_large = values >= TINY * (1 - 1e-6) * values.max()
    last = int(offsets[np.flatnonzero(is_large)[-1]])
    if batches - 1 - last < max(LONG * batches, 10) or values.max() <= 0:
        return None
    return (
        f"The learning rate is almost 0 after {_updates(schedule, last + 1)} of the {_updates(schedule, batches)} "
        f"updates of this `fit`: {values[-1]:.2g} instead of {values.max():.2g}. Give its schedule more steps. An "
        "integer is a number of updates; for epochs, pass `keras_lr.epochs(...)`."
    )


def _moved_span(old: Schedule | None, new: Schedule) -> tuple[Any, Any] | None:
    """The first span that was bound before to another number of steps, and its new self."""
    pairs = zip(old.spans if old else (), new.spans, strict=False)
    return next(((a, b) for a, b in pairs if a.steps is not None and a.steps != b.steps), None)


def _is_over(name: str, schedule: Schedule, begin: int, end: int, value: float, batches: int | None) -> str:
    effect = ", so nothing will be trained" if value == 0 and name == "learning_rate" else ""
    return (
        f"The schedule of `{name}` is over: it has {_updates(schedule, end)} updates, and the optimizer has made "
        f"{_updates(schedule, begin)}. All updates of this `fit` will use its last value, {value:.6g}{effect}. To "
        f"restart it, pass `BindSpans(restart=True)` or call `{_resume_at(0, batches)}` before; to train on, "
        "give it more steps, or another schedule by `keras_lr.set_learning_rate`."
    )


def _has_moved(
    name: str, schedule: Schedule, begin: int, spans: tuple[Any, Any], epoch: int, batches: int | None
) -> str:
    old, new = spans
    return (
        f"The position in the schedule of `{name}` moves: `{Span(new.amounts)!r}` is {float(new.steps):.6g} updates "
        f"now and was {float(old.steps):.6g} before, and the optimizer has made {_updates(schedule, begin)}. To "
        f"continue where epoch {epoch} begins, pass `BindSpans(restart=True)` or call `{_resume_at(epoch, batches)}` "
        "before."
    )


def _updates(schedule: Schedule, batches: int) -> int:
    """Batches as updates, where a `PerUpdate` counts these."""
    return batches if without_per_update(schedule) is schedule else -(-batches // schedule.batches)


def _resume_at(epoch: int, batches: int | None) -> str:
    return f"keras_lr.resume_at(model, epoch={epoch}, steps_per_epoch={batches or '...'})"
