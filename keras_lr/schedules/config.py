"""The arguments of a schedule as data: converted to JSON and back, bound, and searched for spans."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import keras
from keras.optimizers.schedules import LearningRateSchedule

from .exact import read_fraction
from .spans import Span
from .values import Values, decoded


def to_json(value: Any) -> Any:
    """An argument as numbers, strings, lists and dictionaries."""
    if isinstance(value, LearningRateSchedule):
        return keras.saving.serialize_keras_object(value)
    if isinstance(value, Span):
        return value.get_config()
    if isinstance(value, Fraction):
        return {"steps": str(value)}
    if isinstance(value, Values):
        return value.to_json()
    return [to_json(item) for item in value] if isinstance(value, tuple) else value


def from_json(value: Any) -> Any:
    """The inverse of `to_json`."""
    if isinstance(value, list):
        return tuple(from_json(item) for item in value)
    if not isinstance(value, dict):
        return value
    if "class_name" in value:
        return keras.saving.deserialize_keras_object(value)
    if "float64" in value:
        return decoded(value)
    return read_fraction(value["steps"]) if list(value) == ["steps"] else Span.from_config(value)


def bound(value: Any, known: dict[str, Any]) -> Any:
    """The argument with its spans bound to the `known` numbers."""
    if isinstance(value, tuple):
        return tuple(bound(item, known) for item in value)
    return value.bind(**known) if isinstance(value, Span | LearningRateSchedule) else value


def spans_in(value: Any) -> Iterator[Span]:
    """The spans in an argument, including those of the members of a composition."""
    if isinstance(value, Span):
        yield value
    elif isinstance(value, LearningRateSchedule):
        yield from value.spans
    elif isinstance(value, tuple) and not (value and isinstance(value[0], float)):  # a table may be long
        for item in value:
            yield from spans_in(item)
