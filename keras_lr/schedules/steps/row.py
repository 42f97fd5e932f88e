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


class Row:
    """The row of some tables that has as many others before it as there are `increasing` integers below the step.

    With JAX it is found in a way that XLA makes one operation of together with the
    formula: by selections if there are few rows, else by bisection. What the other
    backends do, a comparison with all of them and a sum, would be an operation of
    its own, which the step of a small model shows.
    """

    def __init__(self, step: Any, increasing: Shared | Sequence[int], ops: ModuleType, dtype: str):
        if not isinstance(increasing, Shared):
            # What is past the last integer is never below: no step is above it.
            increasing = [min(each, LAST[dtype]) for each in increasing]
        self._step, self._increasing, self._ops, self._dtype = step, increasing, ops, dtype
        self._is_compiled = ops is not np and keras.backend.backend() == "jax"

    @functools.cached_property
    def index(self) -> Any:
        """Which it is."""
        step, table = self._step, integers(self._increasing, self._ops, self._dtype)
        if self._ops is np:
            # Of many steps in a row, most are between the same two.
            low, high = np.searchsorted(table, [step.min(), step.max()])
            if low == high:
                return np.full(step.shape, low)
            return low + np.searchsorted(table[low:high], step)
        if self._is_compiled:
            return self._bisected(table)
        # Not `expand_dims`, which needs a known rank: a placeholder of TensorFlow 1 may have none.
        step = step if is_scalar(step) else step[..., None]
        return self._ops.sum(cast(step > table, self._ops, "int32"), axis=-1)

    @property
    def step(self) -> Any:
        """The step as a float."""
        return cast(self._step, self._ops, "float32")

    def entry(self, table: Shared | Values) -> Any:
        """The row's entry of a table, as a float."""
        if self._is_selected(4 * SELECTED):
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

    def _bisected(self, table: Any) -> Any:
        index, rest = self._ops.zeros_like(self._step, dtype="int32"), len(self._increasing)
        while rest > 0:
            half = (rest + 1) // 2
            is_below = self._step > gather(table, index + (half - 1), self._ops)
            index = index + cast(is_below, self._ops, "int32") * half
            rest -= half
        return index

    def _is_selected(self, most: int = SELECTED) -> bool:
        return self._is_compiled and is_scalar(self._step) and len(self._increasing) < most

    def _selected(self, column: np.ndarray) -> Any:
        import jax  # whose own functions trace these in a third of the time

        entry = jax.numpy.asarray(column[0])
        for is_past, each in zip(self._are_past, column[1:], strict=True):
            entry = jax.lax.select(is_past, jax.numpy.asarray(each), entry)
        return entry

    @functools.cached_property
    def _are_past(self) -> list[Any]:
        increasing = self._increasing.array.tolist() if isinstance(self._increasing, Shared) else self._increasing
        return [self._step > each for each in increasing]
