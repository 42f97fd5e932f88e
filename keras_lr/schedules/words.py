"""The argument dictionary: what each word means, and the rule that its value must keep."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable
from fractions import Fraction
from numbers import Rational, Real
from typing import Any, NamedTuple

import numpy as np
from keras.optimizers.schedules import LearningRateSchedule

from .spans import Length, Span, is_integer

# What arguments may be given as; what is stored of them, the rules below tell.
Lengths = Any  # one `Length` or several, in any iterable
Numbers = Any  # one number or several, in any iterable
Member = Any  # a schedule, also of another library, or a number
Members = Any  # several of them, in any iterable


class Word(NamedTuple):
    """A word: what it means wherever it is an argument, and its rule.

    A rule takes a value to what is stored, or to `None` if the value breaks it.
    """

    meaning: str
    rule: str
    read: Callable[[Any], Any]


def refuse(owner: object, argument: str, rule: str, value: Any, remedy: str = "", error: type = ValueError) -> None:
    """Raise the error that every refusal of this library is: argument, rule, value, remedy."""
    name = owner if isinstance(owner, str) else type(owner).__name__
    said = repr(value)
    said = said if len(said) <= 200 else said[:197] + "..."
    raise error(
        f"Argument `{argument}` of `{name}` must be {rule}. {remedy and remedy + ' '}Received: {argument}={said}"
    )


def read(owner: object, name: str, value: Any) -> Any:
    """`value` as it is stored for the argument `name`; refused if it breaks the rule of the word."""
    word = WORDS.get(name, OWN_WORD)
    try:
        stored = word.read(value)
    except TypeError:
        refuse(owner, name, word.rule, value, error=TypeError)
    if stored is None:
        refuse(owner, name, word.rule, value)
    return stored


def number(value: Any, minimum: float = -math.inf, above: float = -math.inf, below: float = math.inf) -> float | None:
    """`value` as a float, `None` if it is out of range; raises `TypeError` if it is no number."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        raise TypeError
    value = float(value)
    return value if math.isfinite(value) and value >= minimum and above < value < below else None


def _number(**limits: float) -> Callable[[Any], float | None]:
    return lambda value: number(value, **limits)


def _integer(minimum: int) -> Callable[[Any], int | None]:
    def read_integer(value: Any) -> int | None:
        if not is_integer(value):
            raise TypeError
        return int(value) if value >= minimum else None

    return read_integer


def _flag(value: Any) -> bool:
    if not isinstance(value, bool | np.bool_):
        raise TypeError
    return bool(value)


def _span(value: Any) -> Length | None:
    if isinstance(value, Span):
        return value
    if isinstance(value, bool) or not isinstance(value, Rational):
        raise TypeError
    value = Fraction(value)
    if value <= 0:
        return None
    return int(value) if value.denominator == 1 else value


def _several(read_one: Callable[[Any], Any], at_least: int = 1) -> Callable[[Any], tuple | None]:
    def read_several(values: Any) -> tuple | None:
        if isinstance(values, str | bytes | dict):
            raise TypeError
        stored = tuple(read_one(value) for value in (values if isinstance(values, Iterable) else (values,)))
        return None if len(stored) < at_least or any(item is None for item in stored) else stored

    return read_several


def _numbers(values: Any) -> tuple | None:
    # A million of them in one pass; what is odd falls through to be refused one by one.
    array = np.asarray(values)
    if array.ndim == 1 and array.dtype.kind in "fiu" and len(array):
        array = array.astype("float64")
        return tuple(array.tolist()) if np.isfinite(array).all() and (array >= 0).all() else None
    return _several(_number(minimum=0))(values)


def _boundaries(values: Any) -> tuple | None:
    spans = _several(_span, at_least=0)(values)
    return spans if spans is not None and increasing(spans) else None


def increasing(spans: tuple) -> bool:
    """Whether the spans rise; those in different units, not bound yet, can't be compared."""
    for before, after in itertools.pairwise(spans):
        a, b = _position(before), _position(after)
        if a[0] == b[0] and not a[1] < b[1]:
            return False
    return True


def _position(span: Length) -> tuple[str, Fraction]:
    if not isinstance(span, Span):
        return "steps", Fraction(span)
    return (span.unit, span.amount) if span.steps is None else ("steps", span.steps)


def _schedule(value: Any) -> Any:
    # Late, since these are made with the words.
    from .base import Schedule
    from .curves import Constant
    from .foreign import Foreign

    if isinstance(value, Schedule):
        return value
    if isinstance(value, LearningRateSchedule):
        return Foreign(value)
    return Constant(value) if _number(minimum=0)(value) is not None else None


def _plain(value: Any) -> Any:
    """What an argument of a schedule can be at all, and so can be saved, compared and hashed."""
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0):
        value = value.item()
    if isinstance(value, bool | str | Span | Fraction) or is_integer(value):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list | tuple | np.ndarray):
        return _several(_plain)(value)
    if isinstance(value, LearningRateSchedule):
        return _schedule(value)
    raise TypeError


_VALUE = "a finite number >= 0", _number(minimum=0)
_POSITIVE = "a finite number > 0", _number(above=0)
_LENGTH = "an integer > 0 or a span, as in `keras_lr.epochs(20)`", _span

WORDS = {
    "value": Word("the value at every step", *_VALUE),
    "start": Word("the value at the first step", *_VALUE),
    "end": Word("the value at the end, held from there on", *_VALUE),
    "peak": Word("the highest value", *_VALUE),
    "warmup": Word("the share of `steps` that goes up to the peak", "a number > 0 and < 1", _number(above=0, below=1)),
    "steps": Word("how long it takes from the start value to the end value", *_LENGTH),
    "power": Word("the exponent of the time that is left", *_POSITIVE),
    "exponent": Word("the exponent of the curve", *_POSITIVE),
    "rate": Word("how much the value changes in every `steps` steps", *_POSITIVE),
    "staircase": Word("whether the value changes after whole `steps` only", "True or False", _flag),
    "boundaries": Word(
        "the first steps of the values or parts after the first",
        "strictly increasing integers > 0 or spans, as in `keras_lr.epochs(20, 60)`",
        _boundaries,
    ),
    "values": Word("the values, in their order", "finite numbers >= 0, at least one", _numbers),
    "schedule": Word("what is changed", "a schedule or a finite number >= 0", _schedule),
    "schedules": Word("the parts, in their order", "schedules or numbers >= 0, at least one", _several(_schedule)),
    "factor": Word("what a reduction multiplies by", "a number > 0 and < 1", _number(above=0, below=1)),
    "patience": Word("how many checks without an improvement are waited for", "an integer > 0", _integer(1)),
    "cooldown": Word("how many checks after a reduction do not count", "an integer >= 0", _integer(0)),
    "threshold": Word("how much better is better", *_VALUE),
    "relative": Word("whether `threshold` is a share of the best", "True or False", _flag),
    "minimum": Word("what the value is never below", *_VALUE),
    "smoothing": Word("how many values are averaged", "an integer > 0", _integer(1)),
    "growth": Word("what grows by it each time", "a finite number >= 1", _number(minimum=1)),
    "stop_at_minimum": Word("whether the minimum ends the training", "True or False", _flag),
    "every": Word("how long it is from one check to the next", *_LENGTH),
    "restore_best": Word("whether a reduction goes back to the best weights", "True or False", _flag),
    "batches": Word("how many batches make an update", "an integer > 0", _integer(1)),
}
OWN_WORD = Word(
    "an argument of a schedule of one's own",
    "a finite number, a string, True or False, a span, a schedule or a non-empty tuple of those",
    _plain,
)
