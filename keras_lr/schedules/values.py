"""The numbers of the argument `values`: an array that is stored once and read like a tuple."""

from __future__ import annotations

import base64
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

READABLE = 1000  # numbers; a longer table is encoded in a config, in half the space
SHOWN = 12


class Values(Sequence):
    """Numbers that are compared, indexed and shown like a tuple of floats, at 8 bytes each.

    >>> values = Values(np.array([0.1, 0.01]))
    >>> values == (0.1, 0.01), values[0], values
    (True, 0.1, (0.1, 0.01))

    Args:
        array: The numbers, float64 in one dimension; the array must not change from here on.
        method: What a call of the object calls, where it is the attribute `values` of a schedule.
    """

    def __init__(self, array: np.ndarray, method: Callable[[Any], Any] | None = None):
        array.flags.writeable = False
        self.array, self._method = array, method

    def __call__(self, steps: Any) -> Any:
        if self._method is None:
            raise TypeError("These `values` are numbers and not those of a schedule, so they can't be called.")
        return self._method(steps)

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, index: Any) -> Any:
        found = self.array[index].tolist()
        return tuple(found) if isinstance(found, list) else found

    def __iter__(self) -> Iterator[float]:
        return iter(self.array.tolist())

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.array(self.array, dtype, copy=copy)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Values):
            return self.array is other.array or np.array_equal(self.array, other.array)
        return tuple(self) == other

    def __hash__(self) -> int:
        # A sample of a long table; all of a short one, so that it has the same hash as the equal tuple.
        return hash(tuple(self.array[:: 1 + (len(self) - 1) // READABLE].tolist()))

    def __repr__(self) -> str:
        return short_repr(self)

    def __reduce__(self) -> Any:
        return Values, (self.array,)

    def __deepcopy__(self, memo: Any) -> Values:
        return self

    def to_json(self) -> Any:
        """A list; for a long table a dictionary with one string, the float64 bytes in base64."""
        if len(self) <= READABLE:
            return self.array.tolist()
        return {"float64": base64.b64encode(self.array.astype("<f8", copy=False).data).decode()}


def decoded(config: dict[str, str]) -> np.ndarray:
    """The numbers of a long table, from what `Values.to_json` returned."""
    return np.frombuffer(base64.b64decode(config["float64"]), "<f8")


class ArgumentAndMethod:
    """The attribute `values` of a schedule with such an argument: read as the argument, called as the method."""

    def __init__(self, method: Callable[..., Any]):
        self._method = method

    def __get__(self, schedule: Any, owner: Any = None) -> Any:
        if schedule is None:
            return self._method
        stored = vars(schedule)["values"]
        if not isinstance(stored, Values):
            return stored
        # Made at each access: a schedule that held its own method would be a reference cycle.
        return Values(stored.array, functools.partial(self._method, schedule))

    def __set__(self, schedule: Any, value: Any) -> None:
        vars(schedule)["values"] = value


def short_repr(items: Any) -> str:
    """The repr of a tuple; of a long one its beginning, end and length."""
    if len(items) <= SHOWN:
        return repr(tuple(items))
    return f"({', '.join(map(repr, items[:3]))}, ..., {items[-1]!r}: {len(items)} in all)"
