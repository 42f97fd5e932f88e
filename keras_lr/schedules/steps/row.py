"""Which row of some tables holds at a step."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import keras
import numpy as np

from ..shared import Shared
from ..values import Values
from .native import cast, gather, integers, is_scalar, real_numbers
from .segments import LAST

SELECTED = 32  # rows up to which XLA selects entries faster than it reads them
COMPARED = 256  # rows that each of many steps may be compared with


class Row:
    """The row of some tables that holds at a step: the first one whose last step is not before it.

    With JAX it is found in a way that XLA makes one operation of together with the
    formula: by selections if there are few rows, else by bisection. What the other
    backends do, a comparison with all of them and a reduction, would be an operation
    of its own, which the step of a small model shows.
    """

    def __init__(self, step: Any, lasts: Shared | Sequence[int], ops: ModuleType, dtype: str):
        if not isinstance(lasts, Shared):
            lasts = Shared(np.array([*(min(each, LAST[dtype]) for each in lasts), LAST[dtype]]))
        self._step, self._lasts, self._ops, self._dtype = step, lasts, ops, dtype
        self._backend = "numpy" if ops is np else keras.backend.backend()
        self._index: Any = None

    @property
    def index(self) -> Any:
        """Which it is."""
        if self._index is None:  # no `cached_property`, whose lock torch can't compile
            self._index = self._found()
        return self._index

    def _found(self) -> Any:
        if self._backend == "numpy":
            lasts, step = self._lasts.array, self._step
            # Of many steps in a row, most are between the same two.
            low, high = np.searchsorted(lasts, [step.min(), step.max()])
            return low + np.searchsorted(lasts[low:high], step) if low < high else np.full(step.shape, low)
        if self._backend == "jax" or (not is_scalar(self._step) and len(self._lasts) > COMPARED):
            return self._bisected()
        # Not `expand_dims`, which needs a known rank: a placeholder of TensorFlow 1 may have none.
        step = self._step if is_scalar(self._step) else self._step[..., None]
        lasts = integers(self._lasts, self._ops, self._dtype)
        if self._backend == "torch":  # whose `argmax` takes no truth values
            return self._ops.sum(cast(step > lasts, self._ops, "int32"), axis=-1)
        return self._ops.argmax(step <= lasts, axis=-1)

    @property
    def step(self) -> Any:
        """The step as a float."""
        return cast(self._step, self._ops, "float32")

    def entry(self, table: Shared | Values) -> Any:
        """The row's entry of a table, as a float."""
        if self._is_selected(4 * SELECTED):  # as many selections as for a few columns
            return self._selected(table.array.astype("float32"))
        return gather(real_numbers(table, self._ops), self.index, self._ops)

    def columns(self, table: Shared) -> list[Any]:
        """The row's entries of the columns of a table."""
        if self._is_selected():
            return [self._selected(column) for column in table.array.T.astype("float32")]
        if self._ops is np:
            return [np.take(column, self.index) for column in np.ascontiguousarray(table.array.T)]
        return keras.ops.unstack(gather(real_numbers(table, self._ops), self.index, self._ops), table.shape[1], axis=-1)

    def distance(self, times: Shared) -> Any:
        """How far the step is from the row's entry of some times, which may be after it, as a float."""
        if self._is_selected():
            entry = self._selected(times.array.astype(self._dtype))
        else:
            entry = gather(integers(times, self._ops, self._dtype), self.index, self._ops)
        return cast(self._step - entry, self._ops, "float32")

    def _bisected(self) -> Any:
        lasts = integers(self._lasts, self._ops, self._dtype)
        index, rest = self._ops.zeros_like(self._step, dtype="int32"), len(self._lasts) - 1
        while rest > 0:
            half = (rest + 1) // 2
            is_past = self._step > gather(lasts, index + (half - 1), self._ops)
            index = index + cast(is_past, self._ops, "int32") * half
            rest -= half
        return index

    def _is_selected(self, most: int = SELECTED) -> bool:
        if self._backend != "jax" or not is_scalar(self._step) or len(self._lasts) > most:
            return False
        import jax

        return isinstance(self._step, jax.core.Tracer)  # else each selection would be a call

    def _selected(self, column: np.ndarray) -> Any:
        import jax  # whose own functions trace these in a third of the time

        entry = jax.numpy.asarray(column[0])
        for is_past, each in zip(self._are_past, column[1:], strict=True):
            entry = jax.lax.select(is_past, jax.numpy.asarray(each), entry)
        return entry

    @functools.cached_property
    def _are_past(self) -> list[Any]:
        return [self._step > last for last in self._lasts.array[:-1].tolist()]
