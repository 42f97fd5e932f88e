"""The arguments of schedules, policies and callbacks: the rule for the value of each name."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from typing import Any, NamedTuple, NoReturn

import keras
import numpy as np
from keras.optimizers.schedules import LearningRateSchedule

from .errors import fail
from .exact import is_integer, shown
from .readers import (
    about_lengths,
    about_value,
    boundaries,
    curve,
    flag,
    integer,
    length,
    length_or_several,
    number,
    number_rule,
    numbers,
    one_of,
    pair,
    part,
    position,
    schedule_value,
    several,
    which_number,
)
from .spans import Length, Span

__all__ = ["Length", "is_integer", "number"]

# The annotations of arguments: what a caller may pass. The rules below say what is stored.
Lengths = Any  # one `Length` or several, in any iterable
Numbers = Any  # one number or several, in any iterable
Member = Any  # a schedule, also of another library, or a number
Members = Any  # several of them, in any iterable
Pair = Any  # two numbers, in any iterable

MOST_MEMBERS = 10_000  # in a composition; each adds a few nodes to the graph

RAISES = "\n\nRaises:\n    ValueError, TypeError: An argument breaks its rule.\n"


class ArgumentRule(NamedTuple):
    """The rule for an argument, as in "a number >= 0".

    `read` returns the value as it is stored, or `None` if it breaks the rule. For a wrong type, it raises `TypeError`.
    """

    rule: str
    read: Callable[[Any], Any]
    remedy: Callable[[Any], str] = lambda value: ""
    """Further help in the message, such as which one of many values breaks the rule."""


def reject(owner: object, argument: str, rule: str, value: Any, remedy: str = "", error: type = ValueError) -> NoReturn:
    """Raise the error for a bad argument, always in the same form: argument, rule, remedy, value."""
    name = owner if isinstance(owner, str) else type(owner).__name__
    remedy = remedy or where_it_goes(value)
    fail(
        error(
            f"Argument `{argument}` of `{name}` must be {rule}. {remedy and remedy + ' '}"
            f"Received: {argument}={shown(value)}"
        )
    )


def where_it_goes(value: Any) -> str:
    """Where to pass an object of Keras or keras_lr that was passed as the wrong argument; empty for any other value."""
    name = getattr(value, "__name__", "")
    if isinstance(value, type):
        return f"Pass an instance, as in `{name}(...)`." if hasattr(value, "get_config") else ""
    if isinstance(value, LearningRateSchedule):
        return "Combine schedules with `keras_lr.Product`, `keras_lr.Sequence` or `keras_lr.Warmup`."
    if isinstance(value, keras.callbacks.Callback):
        return "Pass callbacks to `fit(callbacks=[...])`."
    if isinstance(value, keras.optimizers.Optimizer):
        return "Pass a schedule to the optimizer, as in `SGD(schedule)`."
    if str(getattr(value, "__module__", "")).startswith("keras_lr.") and name:
        return f"Call it, as in `{name}({'20' if name in ('epochs', 'examples') else '...'})`."
    return value.where_it_goes if hasattr(type(value), "where_it_goes") else ""


def is_one_of(value: Any, choices: Iterable[str]) -> bool:
    """Whether `value` is one of the strings; plain `in` fails for arrays and tensors."""
    return isinstance(value, str) and value in choices


def require_order(owner: object, shorter: str, longer: str) -> None:
    """Reject the argument `longer` if it is below `shorter`; lengths in different units are compared after binding."""
    a, b = position(getattr(owner, shorter)), position(getattr(owner, longer))
    if a[0] == b[0] and b[1] < a[1]:
        reject(owner, longer, f"at least `{shorter}`, {getattr(owner, shorter)}", getattr(owner, longer))


def validate(owner: object, name: str, value: Any) -> Any:
    """`value` as it is stored for the argument `name` of `owner`, a schedule or the name of a function."""
    rule = getattr(owner, "argument_rules", {}).get(name) or RULES.get(name, OWN_RULE)
    if name in getattr(owner, "may_be_zero", ()):
        rule = rule._replace(rule="an integer >= 0 or a span, as in `keras_lr.epochs(20)`", read=lambda v: length(v, 0))
    return validate_as(rule, owner, name, value)


def validate_as(rule: ArgumentRule, owner: object, name: str, value: Any) -> Any:
    """`value` as it is stored for an argument whose rule differs from the usual one for its name."""
    try:
        stored = rule.read(value)
    except (TypeError, RecursionError):
        reject(owner, name, rule.rule, value, rule.remedy(value), error=TypeError)
    if stored is None:
        reject(owner, name, rule.rule, value, rule.remedy(value))
    return stored


def _plain(value: Any) -> Any:
    """`value` in a form that can be saved, compared and hashed, for an argument of a user's schedule."""
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0):
        value = value.item()
    if isinstance(value, bool | str | Span | Fraction) or is_integer(value):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, LearningRateSchedule):
        return RULES["schedule"].read(value)
    if isinstance(value, Iterable) and not isinstance(value, bytes | Mapping):
        return several(_plain)(value)
    raise TypeError


def read_members(read: Callable[[Any], Any]) -> None:
    """Set the function that reads members of compositions; its module calls this, because it imports this one."""
    for name, read_it in (("schedule", read), ("schedules", several(read, at_most=MOST_MEMBERS))):
        RULES[name] = RULES[name]._replace(read=read_it)


def about_members(values: Any) -> str:
    """Where to pass what can't be a member of a composition; empty if that is not known."""
    members = values if isinstance(values, list | tuple) else ()
    hints = (where_it_goes(one) for one in members if not isinstance(one, LearningRateSchedule))
    return next(filter(None, hints), "")


VALUE = ArgumentRule("a finite number >= 0", schedule_value, about_value)
POSITIVE = ArgumentRule("a finite number > 0", number_rule(above=0))
MOMENTUM = ArgumentRule("a number >= 0 and < 1", number_rule(minimum=0, below=1))
BELOW_ONE = ArgumentRule("a number > 0 and < 1", number_rule(above=0, below=1))
SIZE = ArgumentRule("a number > 0, from 1e-18 to 1e+18", number_rule(minimum=1e-18, below=math.nextafter(1e18, 2e18)))
ABOVE_ONE = ArgumentRule("a finite number > 1", number_rule(above=1))
FINITE = ArgumentRule("a finite number", number_rule())
LENGTH = ArgumentRule("an integer > 0 or a span, as in `keras_lr.epochs(20)`", length, about_lengths)
PART = ArgumentRule("a fraction of `steps`, a number >= 0 and < 1, or a length: an integer >= 0 or a span", part)
FLAG = ArgumentRule("True or False", flag)
COUNT = ArgumentRule("an integer > 0", integer(1))
COUNT_OR_ZERO = ArgumentRule("an integer >= 0", integer(0))
PAIR = ArgumentRule("two finite numbers >= 0", pair)


def _named(rule: ArgumentRule, *names: str) -> dict[str, ArgumentRule]:
    return dict.fromkeys(names, rule)


# What each name means is in `docs/adding-a-schedule.md`.
RULES = {
    **_named(VALUE, "value", "start", "end", "peak", "minimum", "maximum", "threshold"),
    **_named(POSITIVE, "rate", "power", "exponent", "k", "shrink"),
    **_named(SIZE, "waves", "ratio"),
    **_named(FINITE, "lower", "upper"),
    **_named(BELOW_ONE, "factor"),
    **_named(LENGTH, "steps", "horizon", "after", "up", "down", "every"),
    **_named(PART, "warmup", "decay"),
    **_named(FLAG, "staircase", "cycle", "three_phase", "relative", "stop_at_minimum", "restore_best"),
    **_named(COUNT, "cycles", "batches", "batch_size", "reference", "patience", "smoothing"),
    **_named(COUNT_OR_ZERO, "seed", "cooldown"),
    **_named(PAIR, "source", "target"),
    "growth": ArgumentRule("a finite number >= 1", number_rule(minimum=1)),
    "scale": ArgumentRule("a number > 0 and <= 1", number_rule(above=0, below=math.nextafter(1, 2))),
    "values": ArgumentRule("finite numbers >= 0, at least one", numbers, which_number),
    "boundaries": ArgumentRule(
        "strictly increasing integers > 0 or spans, as in `keras_lr.epochs(20, 60)`", boundaries, about_lengths
    ),
    "period": ArgumentRule(
        "an integer > 0 or a span, as in `keras_lr.epochs(20)`, or several, one for each cycle", length_or_several
    ),
    "interpolation": ArgumentRule('"linear", "cosine" or "constant"', one_of("linear", "cosine", "constant")),
    "curve": ArgumentRule('"linear", "cosine", "1-sqrt", or a class or function of `start`, `end` and `steps`', curve),
    "schedule": ArgumentRule("a schedule or a finite number >= 0", _plain),
    "schedules": ArgumentRule(
        f"schedules or numbers >= 0, at least one and at most {MOST_MEMBERS:,}", _plain, about_members
    ),
}
OWN_RULE = ArgumentRule(
    "a finite number, a string, True or False, a span, a schedule or a non-empty tuple of those", _plain
)
