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

from .shared import Shared
from .spans import Length, Span, is_integer
from .values import SHOWN, Values

# What arguments may be given as; what is stored of them, the rules below tell.
Lengths = Any  # one `Length` or several, in any iterable
Numbers = Any  # one number or several, in any iterable
Member = Any  # a schedule, also of another library, or a number
Members = Any  # several of them, in any iterable
Pair = Any  # two numbers, in any iterable


class Rule(NamedTuple):
    """A word: what it means wherever it is an argument, and its rule.

    A rule takes a value to what is stored, or to `None` if the value breaks it.
    """

    meaning: str
    rule: str
    read: Callable[[Any], Any]
    which: Callable[[Any], str] = lambda value: ""
    """Says which one of many breaks the rule, where not all are shown."""


def reject(owner: object, argument: str, rule: str, value: Any, remedy: str = "", error: type = ValueError) -> None:
    """Raise the error that every refusal of this library is: argument, rule, value, remedy."""
    name = owner if isinstance(owner, str) else type(owner).__name__
    said = repr(value[:200] if isinstance(value, list | tuple) else value)  # of ten million the repr takes seconds
    said = said if len(said) <= 200 else said[:197] + "..."
    raise error(
        f"Argument `{argument}` of `{name}` must be {rule}. {remedy and remedy + ' '}Received: {argument}={said}"
    )


def validate(owner: object, name: str, value: Any) -> Any:
    """`value` as it is stored for the argument `name`; refused if it breaks the rule of the word."""
    rule = RULES.get(name, OWN_RULE)
    try:
        stored = rule.read(value)
    except TypeError:
        reject(owner, name, rule.rule, value, error=TypeError)
    if stored is None:
        reject(owner, name, rule.rule, value, rule.which(value))
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


def _period(value: Any) -> Length | tuple | None:
    return _several(_span)(value) if isinstance(value, Iterable) else _span(value)


def _curve(value: Any) -> Any:
    if not callable(value):
        raise TypeError
    return value


def _pair(values: Any) -> tuple | None:
    pair = _several(_number(minimum=0), at_least=2)(values)
    return pair if pair is not None and len(pair) == 2 else None


def _one_of(*choices: str) -> Callable[[Any], str | None]:
    def read_choice(value: Any) -> str | None:
        if not isinstance(value, str):
            raise TypeError
        return value if value in choices else None

    return read_choice


def _numbers(values: Any) -> Values | None:
    if isinstance(values, Values):
        return Values(values.shared)
    array = _as_array(values)
    if array is None:
        several = _several(_number(minimum=0))(values)
        return None if several is None else Values(Shared(np.array(several)))
    # Two passes without an array of truths; a minimum is nan if a number is.
    return Values(Shared(array)) if array.min() >= 0 and array.max() < math.inf else None


def _as_array(values: Any) -> np.ndarray | None:
    """A copy of the numbers, `None` if they are odd in any way."""
    try:
        array = np.array(values)
    except ValueError:  # rows of different lengths
        return None
    is_plain = array.ndim == 1 and array.dtype.kind in "fiu" and len(array)
    return array.astype("float64", copy=False) if is_plain else None


def _which_number(values: Any) -> str:
    array = _as_array(values)
    if array is None or len(array) <= SHOWN:
        return ""
    index = int(np.flatnonzero(~(np.isfinite(array) & (array >= 0)))[0])
    return f"That at {index} is {array[index]}."


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


def require_order(owner: object, shorter: str, longer: str) -> None:
    """Refuse the argument `longer` if it is below `shorter`; of two units only once they are bound."""
    a, b = _position(getattr(owner, shorter)), _position(getattr(owner, longer))
    if a[0] == b[0] and b[1] < a[1]:
        reject(owner, longer, f"at least `{shorter}`, {getattr(owner, shorter)}", getattr(owner, longer))


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
_SHARE = "a number > 0 and < 1", _number(above=0, below=1)
_LENGTH = "an integer > 0 or a span, as in `keras_lr.epochs(20)`", _span

RULES = {
    "value": Rule("the value at every step", *_VALUE),
    "start": Rule("the value at the first step", *_VALUE),
    "end": Rule("the value at the end, held from there on", *_VALUE),
    "peak": Rule("the highest value", *_VALUE),
    "warmup": Rule("the share of `steps` that goes up to the peak", *_SHARE),
    "steps": Rule("how long it takes from the start value to the end value", *_LENGTH),
    "power": Rule("the exponent of the time that is left", *_POSITIVE),
    "exponent": Rule("the exponent of the curve", *_POSITIVE),
    "rate": Rule("how much the value changes in every `steps` steps", *_POSITIVE),
    "staircase": Rule("whether the value changes after whole `steps` only", "True or False", _flag),
    "boundaries": Rule(
        "the first steps of the values or parts after the first",
        "strictly increasing integers > 0 or spans, as in `keras_lr.epochs(20, 60)`",
        _boundaries,
    ),
    "values": Rule("the values, in their order", "finite numbers >= 0, at least one", _numbers, _which_number),
    "schedule": Rule("what is changed", "a schedule or a finite number >= 0", _schedule),
    "schedules": Rule("the parts, in their order", "schedules or numbers >= 0, at least one", _several(_schedule)),
    "factor": Rule("what a reduction multiplies by", *_SHARE),
    "patience": Rule("how many checks without an improvement are waited for", "an integer > 0", _integer(1)),
    "cooldown": Rule("how many checks after a reduction do not count", "an integer >= 0", _integer(0)),
    "threshold": Rule("how much better is better", *_VALUE),
    "relative": Rule("whether `threshold` is a share of the best", "True or False", _flag),
    "minimum": Rule("what the value is never below", *_VALUE),
    "smoothing": Rule("how many values are averaged", "an integer > 0", _integer(1)),
    "growth": Rule("what grows by it each time", "a finite number >= 1", _number(minimum=1)),
    "stop_at_minimum": Rule("whether the minimum ends the training", "True or False", _flag),
    "k": Rule("the exponent of the time that is over", *_POSITIVE),
    "waves": Rule("how many waves there are", *_POSITIVE),
    "lower": Rule("where on a curve it begins", "a finite number", _number()),
    "upper": Rule("where on a curve it ends", "a finite number", _number()),
    "horizon": Rule("the longest run thought of", *_LENGTH),
    "interpolation": Rule(
        "the curve between two values", '"linear", "cosine" or "constant"', _one_of("linear", "cosine", "constant")
    ),
    "period": Rule(
        "how long a cycle is",
        "an integer > 0 or a span, as in `keras_lr.epochs(20)`, or several, one for each cycle",
        _period,
    ),
    "shrink": Rule("what the value is multiplied by after each cycle", *_POSITIVE),
    "cycles": Rule("how many cycles there are", "an integer > 0", _integer(1)),
    "maximum": Rule("what the value is never above", *_VALUE),
    "source": Rule("the range that a value is taken from", "two finite numbers >= 0", _pair),
    "target": Rule("the range that a value is carried to", "two finite numbers >= 0", _pair),
    "ratio": Rule("how many times as long it is", *_POSITIVE),
    "decay": Rule("the share of `steps` that goes down at the end", *_SHARE),
    "after": Rule("how long it waits", *_LENGTH),
    "up": Rule("how long it goes up", *_LENGTH),
    "down": Rule("how long it goes down", *_LENGTH),
    "three_phase": Rule("whether it comes back to the start before the end", "True or False", _flag),
    "curve": Rule("the curve of a part", "a class or function of `start`, `end` and `steps`", _curve),
    "batch_size": Rule("examples per update", "an integer > 0", _integer(1)),
    "reference": Rule("the batch size that a rate was found for", "an integer > 0", _integer(1)),
    "scale": Rule(
        "how much noise, as a share of the value", "a number > 0 and <= 1", _number(above=0, below=math.nextafter(1, 2))
    ),
    "seed": Rule("which noise it is", "an integer >= 0", _integer(0)),
    "every": Rule("how long it is from one check to the next", *_LENGTH),
    "restore_best": Rule("whether a reduction goes back to the best weights", "True or False", _flag),
    "batches": Rule("how many batches make an update", "an integer > 0", _integer(1)),
}
OWN_RULE = Rule(
    "an argument of a schedule of one's own",
    "a finite number, a string, True or False, a span, a schedule or a non-empty tuple of those",
    _plain,
)
