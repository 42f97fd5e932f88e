"""What the commands in the file of `LiveControl` are, and how an optimizer obeys them."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from ..optimizers.inspection import (
    applied_values,
    current_value,
    follows_schedule,
    leaves,
    replace_schedule,
    schedule_of,
)
from ..optimizers.layerwise import inside
from ..optimizers.mixin import FACTOR, schedules_of, swap
from ..optimizers.scheduled import BELOW_ONE, NAMES, scheduled
from ..optimizers.variables import shortest
from ..schedules import arguments
from ..schedules.arguments import Member
from ..schedules.base import Schedule, schedule
from ..schedules.shifts import PerUpdate
from ..schedules.steps.step import Step

LARGEST = float(np.finfo("float32").max)
RULE = 'one of {"set": a number >= 0}, {"multiply": a number > 0}, {"hold": true or false}'


@schedule
class Held(Schedule):
    """`value` at every step: what `hold` puts in the place of a schedule, which it keeps."""

    schedule: Member
    value: float

    def at(self, step: Step) -> Any:
        return step.full(self.value)


def read(content: bytes, owner: str) -> dict[str, Any]:
    """The commands in the content of a file by hyperparameter, and "stop"; `owner` is the file in the errors."""
    try:
        commands = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is no JSON: {error}") from None
    if not isinstance(commands, dict):
        raise ValueError(f"it must be an object, as in {json.dumps({'stop': True})}. Received: {commands!r:.100}")
    for name, command in commands.items():
        if name == "stop":
            valid, rule = isinstance(command, bool), "true or false"
        elif name in NAMES:
            valid, rule = _is_command(command), RULE
        else:
            valid, rule = False, f"one of stop, {', '.join(sorted(NAMES))}"
        if not valid:
            arguments.reject(owner, name, rule, command)
    return commands


def changes(parts: list[Any], name: str, command: dict[str, Any], owner: str) -> list[Callable[[], Any]]:
    """What a command does to each optimizer, checked and prepared: until they are called, no value is another."""
    verb, argument = next(iter(command.items()))
    if verb != "hold":
        return [_change(part, name, verb, argument, owner) for part in _having(parts, name)]
    holding = [_hold(part, name, argument) for part in parts if _can_hold(part, name, argument)]
    if not holding:
        rule = "a command that fits: it follows no schedule" if argument else "a command that fits: it is not held"
        arguments.reject(owner, name, rule, command)
    return holding


def values(parts: list[Any], name: str) -> list[float]:
    """What a hyperparameter is in the next step, in each optimizer that has it."""
    steps = [int(keras.ops.convert_to_numpy(part._iterations)) for part in parts]
    found = [applied_values(part, step, step + 1).get(name) for part, step in zip(parts, steps, strict=True)]
    return [float(value[0]) for value in found if value is not None]


def structure(model: Any) -> list[Any]:
    """What a compiled step was traced with, and does not notice if it changes."""
    return [(type(part), schedules_of(part), len(part.variables)) for part in leaves(model.optimizer)]


def _is_command(command: Any) -> bool:
    if not isinstance(command, dict) or len(command) != 1:
        return False
    verb, argument = next(iter(command.items()))
    if verb == "hold":
        return isinstance(argument, bool)
    limits = {"set": {"minimum": 0.0}, "multiply": {"above": 0.0}}
    try:
        return verb in limits and arguments.number(argument, **limits[verb]) is not None
    except TypeError:
        return False


def _having(parts: list[Any], name: str) -> list[Any]:
    """The optimizers that have a hyperparameter, which is a variable or a schedule in them from now on."""
    having = [part for part in parts if hasattr(part, name)] or parts  # if none has it, `scheduled` says what they have
    for part in having:
        if name != "learning_rate" and not follows_schedule(part, name):
            scheduled(part, **_named(name, True))
    return having


def _change(part: Any, name: str, verb: str, argument: float, owner: str) -> Callable[[], Any]:
    if verb == "multiply" and follows_schedule(part, name):
        if name != "learning_rate":
            arguments.reject(
                owner, name, "a command that fits: it follows a schedule, which can be held", {verb: argument}
            )
        swap(part, {FACTOR: True})
        cell = part._book.cells[FACTOR]
        return functools.partial(cell.assign, _in_range(FACTOR, shortest(cell) * argument, owner))
    value = _in_range(name, argument if verb == "set" else current_value(part, name) * argument, owner)
    return functools.partial(scheduled, part, **_named(name, value))


def _named(name: str, value: Any) -> dict[str, Any]:
    return {name: value}


def _in_range(name: str, value: float, owner: str) -> float:
    below_one = name in BELOW_ONE
    if arguments.number(value, minimum=0.0, below=1.0 if below_one else LARGEST) is None:
        arguments.reject(owner, name, "a number >= 0 and < 1" if below_one else "a number >= 0 that float32 has", value)
    return value


def _can_hold(part: Any, name: str, on: bool) -> bool:
    return follows_schedule(part, name) and (on or isinstance(_beneath(schedule_of(part, name)), Held))


def _beneath(value: Any) -> Any:
    return value.schedule if isinstance(value, PerUpdate) else value


def _hold(part: Any, name: str, on: bool) -> Callable[[], Any]:
    given = schedules_of(part)[name]
    if not on:
        released = inside(given, lambda held: held.schedule)
        return functools.partial(replace_schedule, part, name, released)
    present = float(given.values([int(keras.ops.convert_to_numpy(part._iterations))])[0])
    held = inside(given, lambda whole: whole if isinstance(whole, Held) else Held(whole, present))
    return functools.partial(replace_schedule, part, name, held)
