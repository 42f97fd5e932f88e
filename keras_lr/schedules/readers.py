"""How arguments are read: functions that return a value as it is stored.

Each returns `None` for a value that breaks its rule, and raises `TypeError` for a value of another kind.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sized
from fractions import Fraction
from numbers import Rational, Real
from typing import Any

import numpy as np

from .exact import LARGEST, LONGEST, exact, is_integer, is_length, is_number
from .spans import Span, from_text
from .values import SHOWN, Values

MOST = 10**6  # items that are read one by one
MOST_UNSIZED = 10**5  # items of what has no length, and may be endless


def number(value: Any, minimum: float = -math.inf, above: float = -math.inf, below: float = math.inf) -> float | None:
    """`value` as a float; `None` if it is out of range."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        raise TypeError
    try:
        value = float(value)
    except OverflowError:
        return None
    return value if math.isfinite(value) and value >= minimum and above < value < below else None


def schedule_value(received: Any) -> float | None:
    """A value of a schedule: one that float32 can hold."""
    return number(received, minimum=0.0, below=math.nextafter(LARGEST, math.inf))


def about_value(received: Any) -> str:
    """What to say of a value that breaks its rule, beside the rule."""
    is_large = is_number(received) and LARGEST < received < math.inf
    return "The largest number that float32 holds is 3.4e+38." if is_large else ""


def number_rule(**limits: float) -> Callable[[Any], float | None]:
    return lambda value: number(value, **limits)


def integer(minimum: int) -> Callable[[Any], int | None]:
    def read(value: Any) -> int | None:
        if not is_integer(value):
            raise TypeError
        return int(value) if minimum <= value <= LONGEST else None

    return read


def flag(value: Any) -> bool:
    if not isinstance(value, bool | np.bool_):
        raise TypeError
    return bool(value)


def length(value: Any, minimum: int | None = None) -> Any:
    """An integer, a fraction or a span, above 0 unless there is a `minimum`."""
    if isinstance(value, str):
        value = from_text(value)
        if value is None:
            raise TypeError
    if isinstance(value, Span):
        size = value.steps if value.steps is not None else next(iter(value.amounts.values()))
        known = value.steps is not None or len(value.amounts) == 1
        return None if known and (size < 0 or (size == 0 and minimum is None)) else value
    if isinstance(value, bool) or not isinstance(value, Rational):
        raise TypeError
    value = exact(value)
    if value < 0 or (value == 0 and minimum is None) or not is_length(value):
        return None
    return int(value) if value.denominator == 1 else value


def about_lengths(value: Any) -> str:
    """What to say of a length that breaks its rule, beside the rule."""
    if isinstance(value, str):
        return 'A text is an amount and a unit, as in "20 epochs", "500 steps", "60000 examples" or "30 %".'
    amount = exact(value) if isinstance(value, Rational) else Fraction(0)
    if is_length(amount):
        return ""
    return "It is too long." if amount > LONGEST else "It is too short, or too fine." if amount > 0 else ""


def part(value: Any) -> Any:
    """A part of a whole: a float below 1 as a `Fraction`, or a length."""
    if isinstance(value, str | Span) or is_integer(value):
        return length(value, 0)
    if number(value, minimum=0.0, below=1.0) is None:
        return None
    return exact(value) or 0


def several(read_one: Callable[[Any], Any], at_least: int = 1, at_most: int = MOST) -> Callable[[Any], tuple | None]:
    def read(values: Any) -> tuple | None:
        if isinstance(values, bytes | Mapping) or (isinstance(values, str) and read_one is not length):
            raise TypeError
        alone = isinstance(values, str) or not isinstance(values, Iterable)
        most = at_most if isinstance(values, Sized) else min(at_most, MOST_UNSIZED)
        stored = []
        for value in (values,) if alone else _iterator(values):
            stored.append(read_one(value))
            if stored[-1] is None or len(stored) > most:
                return None
        return tuple(stored) if len(stored) >= at_least else None

    return read


def _iterator(values: Any) -> Any:
    try:
        return iter(values)
    except Exception:  # symbolic tensors have their own
        raise TypeError from None


def length_or_several(value: Any) -> Any:
    is_one = isinstance(value, str) or not isinstance(value, Iterable)
    return length(value) if is_one else several(length)(value)


def curve(value: Any) -> Any:
    if isinstance(value, str):
        return value if value in ("linear", "cosine", "1-sqrt") else None
    is_object = hasattr(value, "get_config") and not isinstance(value, type)  # a schedule or a rule
    if is_object or not callable(value):
        raise TypeError
    return value


def pair(values: Any) -> tuple | None:
    read = several(schedule_value, at_least=2)(values)
    return read if read is not None and len(read) == 2 else None


def one_of(*choices: str) -> Callable[[Any], str | None]:
    def read(value: Any) -> str | None:
        if not isinstance(value, str):
            raise TypeError
        return value if value in choices else None

    return read


def numbers(values: Any) -> Values | None:
    if isinstance(values, Values):
        return Values(values.array)
    array = _as_array(values)
    if array is None:
        read = several(schedule_value)(values)
        return None if read is None else Values(np.array(read))
    # Two passes, without a boolean array; the minimum is nan if a number is.
    return Values(array) if array.min() >= 0 and array.max() <= LARGEST else None


def _as_array(values: Any) -> np.ndarray | None:
    """A copy of the numbers; `None` if they are not plain numbers in one dimension."""
    # Anything but numbers might take much memory as an array: a long text as much in each place.
    if isinstance(values, list | tuple) and not all(
        issubclass(kind, Real) and kind is not bool for kind in set(map(type, values))
    ):
        return None
    try:
        array = np.array(values)
    except Exception:  # rows of different lengths, or tensors without values
        return None
    is_plain = array.ndim == 1 and array.dtype.kind in "fiu" and len(array)
    return array.astype("float64", copy=False) if is_plain else None


def which_number(values: Any) -> str:
    """Names the first bad one of many numbers, of which an error shows only some."""
    array = _as_array(values)
    if array is None or len(array) <= SHOWN:
        return ""
    index = int(np.flatnonzero(~((array >= 0) & (array <= LARGEST)))[0])
    return f"That at {index} is {array[index]}. {about_value(array[index])}".rstrip()


def boundaries(values: Any) -> tuple | None:
    spans = several(length, at_least=0)(values)
    return spans if spans is not None and increasing(spans) else None


def increasing(spans: tuple) -> bool:
    """Whether the lengths increase, as far as is known: different units are compared once they are bound."""
    positions = [position(span) for span in spans]
    return all(
        before[0] != after[0] or before[0] == "mixed" or before[1] < after[1]
        for before, after in itertools.pairwise(positions)
    )


def position(span: Any) -> tuple[str, Fraction]:
    """The unit and the amount of a length; lengths with the same unit are compared by their amounts."""
    if not isinstance(span, Span):
        return "steps", Fraction(span)
    if span.steps is not None:
        return "steps", span.steps
    return ("mixed", Fraction(0)) if span.unit == "mixed" else (span.unit, span.amount)
