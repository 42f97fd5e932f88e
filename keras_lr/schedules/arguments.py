"""What every argument means, by its name, and the rule that its value must keep."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from keras.optimizers.schedules import LearningRateSchedule

from .readers import (
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
    several,
    too_long,
    which_number,
)
from .spans import Length, Span, is_integer

__all__ = ["Length", "is_integer", "number"]

# What arguments may be given as; what is stored of them, the rules below tell.
Lengths = Any  # one `Length` or several, in any iterable
Numbers = Any  # one number or several, in any iterable
Member = Any  # a schedule, also of another library, or a number
Members = Any  # several of them, in any iterable
Pair = Any  # two numbers, in any iterable


class Rule(NamedTuple):
    """What an argument means, and what its value must be.

    `read` takes a value to what is stored, or to `None` if the value breaks the
    rule; it raises `TypeError` if the value is of another kind.
    """

    meaning: str
    rule: str
    read: Callable[[Any], Any]
    remedy: Callable[[Any], str] = lambda value: ""
    """What to say beside the rule, such as which one of many values breaks it."""


def reject(owner: object, argument: str, rule: str, value: Any, remedy: str = "", error: type = ValueError) -> None:
    """Raise the error for a bad argument, always in the same form: argument, rule, remedy, value."""
    name = owner if isinstance(owner, str) else type(owner).__name__
    try:
        text = repr(value[:200] if isinstance(value, list | tuple) else value)  # of ten million it takes seconds
    except ValueError:  # an integer of thousands of digits
        text = f"<{type(value).__name__}>"
    text = text if len(text) <= 200 else text[:197] + "..."
    raise error(
        f"Argument `{argument}` of `{name}` must be {rule}. {remedy and remedy + ' '}Received: {argument}={text}"
    )


def require_order(owner: object, shorter: str, longer: str) -> None:
    """Reject the argument `longer` if it is below `shorter`; of two units only once they are bound."""
    a, b = position(getattr(owner, shorter)), position(getattr(owner, longer))
    if a[0] == b[0] and b[1] < a[1]:
        reject(owner, longer, f"at least `{shorter}`, {getattr(owner, shorter)}", getattr(owner, longer))


def validate(owner: object, name: str, value: Any) -> Any:
    """`value` as it is stored for the argument `name` of `owner`, an object or the name of a function."""
    rule = RULES.get(name, OWN_RULE)
    if name in getattr(owner, "may_be_zero", ()):
        rule = rule._replace(rule="an integer >= 0 or a span, as in `keras_lr.epochs(20)`", read=lambda v: length(v, 0))
    try:
        stored = rule.read(value)
    except TypeError:
        reject(owner, name, rule.rule, value, error=TypeError)
    if stored is None:
        reject(owner, name, rule.rule, value, rule.remedy(value))
    return stored


_VALUE = "a finite number >= 0", number_rule(minimum=0)
_POSITIVE = "a finite number > 0", number_rule(above=0)
_BELOW_ONE = "a number > 0 and < 1", number_rule(above=0, below=1)
_LENGTH = "an integer > 0 or a span, as in `keras_lr.epochs(20)`", length, too_long
_PART = (
    "a fraction of `steps`, a number >= 0 and < 1, or a length: an integer >= 0 or a span",
    part,
)


def _plain(value: Any) -> Any:
    """What an argument of a user's schedule can be, and so can be saved, compared and hashed."""
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0):
        value = value.item()
    if isinstance(value, bool | str | Span | Fraction) or is_integer(value):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, LearningRateSchedule):
        return RULES["schedule"].read(value)
    if isinstance(value, Iterable) and not isinstance(value, bytes | dict):
        return several(_plain)(value)
    raise TypeError


def read_members(read: Callable[[Any], Any]) -> None:
    """Read members of compositions by `read`. Their module sets it, since it needs the rules of all other arguments."""
    for name, read_it in (("schedule", read), ("schedules", several(read))):
        RULES[name] = RULES[name]._replace(read=read_it)


RULES = {
    "value": Rule("the value at every step", *_VALUE),
    "start": Rule("the value at the first step", *_VALUE),
    "end": Rule("the value at the end, held from there on", *_VALUE),
    "peak": Rule("the highest value", *_VALUE),
    "warmup": Rule("how much of `steps` goes up to the peak", *_PART),
    "steps": Rule("how long it takes from the start value to the end value", *_LENGTH),
    "power": Rule("the exponent of the time that is left", *_POSITIVE),
    "exponent": Rule("the exponent of the curve", *_POSITIVE),
    "rate": Rule("how much the value changes in every `steps` steps", *_POSITIVE),
    "staircase": Rule("whether the value changes after whole `steps` only", "True or False", flag),
    "boundaries": Rule(
        "the first steps of the values or parts after the first",
        "strictly increasing integers > 0 or spans, as in `keras_lr.epochs(20, 60)`",
        boundaries,
    ),
    "values": Rule("the values, in their order", "finite numbers >= 0, at least one", numbers, which_number),
    "schedule": Rule("what is changed", "a schedule or a finite number >= 0", _plain),
    "schedules": Rule("the parts, in their order", "schedules or numbers >= 0, at least one", _plain),
    "factor": Rule("what a reduction multiplies by", *_BELOW_ONE),
    "patience": Rule("how many checks without an improvement are waited for", "an integer > 0", integer(1)),
    "cooldown": Rule("how many checks after a reduction do not count", "an integer >= 0", integer(0)),
    "threshold": Rule("how much better is better", *_VALUE),
    "relative": Rule("whether `threshold` is a share of the best", "True or False", flag),
    "minimum": Rule("what the value is never below", *_VALUE),
    "smoothing": Rule("how many values are averaged", "an integer > 0", integer(1)),
    "growth": Rule("what grows by it each time", "a finite number >= 1", number_rule(minimum=1)),
    "stop_at_minimum": Rule("whether the minimum ends the training", "True or False", flag),
    "cycle": Rule("whether the curve starts again at each multiple of `steps`", "True or False", flag),
    "k": Rule("the exponent of the time that is over", *_POSITIVE),
    "waves": Rule("how many waves there are", *_POSITIVE),
    "lower": Rule("where on a curve it begins", "a finite number", number_rule()),
    "upper": Rule("where on a curve it ends", "a finite number", number_rule()),
    "horizon": Rule("the longest run thought of", *_LENGTH),
    "interpolation": Rule(
        "the curve between two values", '"linear", "cosine" or "constant"', one_of("linear", "cosine", "constant")
    ),
    "period": Rule(
        "how long a cycle is",
        "an integer > 0 or a span, as in `keras_lr.epochs(20)`, or several, one for each cycle",
        length_or_several,
    ),
    "shrink": Rule("what the value is multiplied by after each cycle", *_POSITIVE),
    "cycles": Rule("how many cycles there are", "an integer > 0", integer(1)),
    "maximum": Rule("what the value is never above", *_VALUE),
    "source": Rule("the range that a value is taken from", "two finite numbers >= 0", pair),
    "target": Rule("the range that a value is carried to", "two finite numbers >= 0", pair),
    "ratio": Rule("how many times as long it is", *_POSITIVE),
    "decay": Rule("how much of `steps` goes down at the end", *_PART),
    "after": Rule("how long it waits", *_LENGTH),
    "up": Rule("how long it goes up", *_LENGTH),
    "down": Rule("how long it goes down", *_LENGTH),
    "three_phase": Rule("whether it comes back to the start before the end", "True or False", flag),
    "curve": Rule(
        "the curve of a part",
        '"linear", "cosine", "1-sqrt", or a class or function of `start`, `end` and `steps`',
        curve,
    ),
    "batch_size": Rule("examples per update", "an integer > 0", integer(1)),
    "reference": Rule("the batch size that a rate was found for", "an integer > 0", integer(1)),
    "scale": Rule(
        "how much noise, as a fraction of the value",
        "a number > 0 and <= 1",
        number_rule(above=0, below=math.nextafter(1, 2)),
    ),
    "seed": Rule("which noise it is", "an integer >= 0", integer(0)),
    "every": Rule("how long it is from one check to the next", *_LENGTH),
    "restore_best": Rule("whether a reduction goes back to the best weights", "True or False", flag),
    "batches": Rule("how many batches make an update", "an integer > 0", integer(1)),
}
OWN_RULE = Rule(
    "an argument of a schedule of one's own",
    "a finite number, a string, True or False, a span, a schedule or a non-empty tuple of those",
    _plain,
)
