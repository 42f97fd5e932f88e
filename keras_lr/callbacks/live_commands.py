"""Parses the commands in the file of `LiveControl`, and prepares what they do to an optimizer."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any

import numpy as np

from ..optimizers.accumulation import map_schedule, without_per_update
from ..optimizers.hyperparameters import BELOW_ONE, NAMES, has_hyperparameter, validate_owners
from ..optimizers.inspection import (
    applied_values,
    batch_count,
    current_value,
    is_scheduled,
    rules_of,
    schedules_of,
    source_of,
)
from ..optimizers.manage import manage, replace_schedule
from ..optimizers.scheduled import scheduled
from ..optimizers.state import FACTOR
from ..optimizers.variables import to_decimal
from ..schedules import arguments
from ..schedules.arguments import Member
from ..schedules.base import Schedule, schedule
from ..schedules.step import Step

LARGEST = float(np.finfo("float32").max)
RULE = 'one of {"set": a number >= 0}, {"multiply": a number > 0}, {"hold": true or false}'


@schedule
class Held(Schedule):
    """`value` at every step: what `hold` replaces a schedule with. It keeps that schedule."""

    schedule: Member
    value: float

    def at(self, step: Step) -> Any:
        return step.full(self.value)


def parse(content: bytes, owner: str) -> dict[str, Any]:
    """The commands in a file by hyperparameter, and "stop"; `owner` is the name of the file in errors."""
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
            arguments.reject(owner, name if len(name) <= 40 else name[:40] + "...", rule, command)
    return commands


def prepare(optimizers: list[Any], name: str, command: dict[str, Any], owner: str) -> list[Callable[[], Any]]:
    """The changes that a command makes, one for each optimizer, validated. No value changes until they are called."""
    verb, argument = next(iter(command.items()))
    if verb != "hold":
        return [
            _prepare_change(optimizer, name, verb, argument, owner)
            for optimizer in _manage_owners(optimizers, name, command, owner)
        ]
    to_hold = [optimizer for optimizer in optimizers if _can_hold(optimizer, name, argument)]
    if not to_hold:
        rule = "a command that fits: it follows no schedule" if argument else "a command that fits: it is not held"
        arguments.reject(owner, name, rule, command)
    return [_prepare_hold(optimizer, name, argument) for optimizer in to_hold]


def next_values(optimizers: list[Any], name: str) -> list[float]:
    """The value of a hyperparameter in the next step, for each optimizer that has it and knows it before the step."""
    optimizers = [one for one in optimizers if name not in rules_of(one)]
    steps = [batch_count(optimizer) for optimizer in optimizers]
    values = [applied_values(one, step, step + 1).get(name) for one, step in zip(optimizers, steps, strict=True)]
    return [float(value[0]) for value in values if value is not None]


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


def _manage_owners(optimizers: list[Any], name: str, command: dict[str, Any], owner: str) -> list[Any]:
    """The optimizers that have a hyperparameter, in which it is a variable or follows a schedule from now on."""
    owners = [one for one in optimizers if has_hyperparameter(one, name)]
    validate_owners(name, optimizers[0], owners, owner, name, command)
    for optimizer in owners:
        if name != "learning_rate" and not is_scheduled(optimizer, name):
            scheduled(optimizer, **{name: True})
    return owners


def _prepare_change(optimizer: Any, name: str, verb: str, argument: float, owner: str) -> Callable[[], Any]:
    if verb == "multiply" and is_scheduled(optimizer, name):
        if name != "learning_rate":
            source = "schedule, which can be held" if name in schedules_of(optimizer) else "rule"
            rule = f"a command that fits: it follows a {source}"
            arguments.reject(owner, name, rule, {verb: argument})
        manage(optimizer, {FACTOR: True})
        factor = optimizer._managed.variables[FACTOR]
        return functools.partial(factor.assign, _check_range(FACTOR, to_decimal(factor) * argument, owner))
    value = argument if verb == "set" else current_value(optimizer, name) * argument
    keywords: dict[str, Any] = {name: _check_range(name, value, owner)}
    return functools.partial(scheduled, optimizer, **keywords)


def _check_range(name: str, value: float, owner: str) -> float:
    below_one = name in BELOW_ONE
    if arguments.number(value, minimum=0.0, below=1.0 if below_one else LARGEST) is None:
        arguments.reject(owner, name, "a number >= 0 and < 1" if below_one else "a number >= 0 that float32 has", value)
    return value


def _can_hold(optimizer: Any, name: str, on: bool) -> bool:
    if name not in schedules_of(optimizer) or name in rules_of(optimizer):
        return False
    return on or isinstance(without_per_update(source_of(optimizer, name)), Held)


def _prepare_hold(optimizer: Any, name: str, on: bool) -> Callable[[], Any]:
    current = schedules_of(optimizer)[name]
    if on:
        value = float(current.values([batch_count(optimizer)])[0])
        new = map_schedule(current, lambda whole: whole if isinstance(whole, Held) else Held(whole, value))
    else:
        new = map_schedule(current, lambda held: held.schedule)
    return functools.partial(replace_schedule, optimizer, name, new)
