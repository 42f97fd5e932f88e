"""The step that a schedule is evaluated at, and the exact arithmetic a formula needs on it."""

from __future__ import annotations

import functools
import math
from fractions import Fraction
from types import ModuleType
from typing import Any

import keras
import numpy as np

from .spans import Length, in_steps

LAST = {"int32": 2**31 - 1, "int64": 2**63 - 1}


class Step:
    """An integer array >= 0 of any shape: the index of the update.

    A formula is written once, in terms of a `Step` and of the functions in
    `ops`: they are `keras.ops` in the graph (float32) and numpy in
    `Schedule.values` (float64). Steps stay integers until the last division,
    since float32 can't tell 2**24 from 2**24 + 1; shares are computed from the
    end they are small at, since `1 - done` has no correct digits near the end.

    >>> step = Step(np.array([0, 5, 9, 10, 99]), np)
    >>> step.left(10)
    array([1. , 0.5, 0.1, 0. , 0. ])
    >>> step.since(9).value
    array([ 0,  0,  0,  1, 90])
    >>> step.count(4).value
    array([ 0,  1,  2,  2, 24])
    """

    def __init__(self, value: Any, ops: ModuleType):
        self.ops = ops
        self._dtype = "int64" if ops is np else keras.backend.standardize_dtype(value.dtype)
        self._last = LAST[self._dtype]
        self._given = value  # may be below 0, where every schedule has its first value

    @functools.cached_property
    def value(self) -> Any:
        """The step as integers."""
        # `clip`, since `keras.ops.maximum` makes int32 of int64 on torch (Keras 3.15.1).
        return self.ops.clip(self._given, 0, self._last)

    @property
    def real(self) -> Any:
        """The step as a float."""
        return self._floats(self.value)

    def done(self, steps: Length) -> Any:
        """The share of `steps` that is over: 0 at the start, 1 from `steps` on."""
        return self.ops.clip(self._floats(self._given) / float(in_steps(steps)), 0.0, 1.0)

    def left(self, steps: Length) -> Any:
        """The share of `steps` that is to come: 1 at the start, 0 from `steps` on."""
        length = in_steps(steps)
        whole = min(math.floor(length), self._last)
        # `whole - t` must not pass the last integer where t is below 0.
        left = self._floats(whole - (self._given if whole < self._last // 2 else self.value))
        if length != whole:  # a part of a step, or a length past the last integer
            left = left + float(length - whole)
        return self.ops.clip(left / float(length), 0.0, 1.0)

    def since(self, boundary: Length) -> Step:
        """The step of a schedule that starts at `boundary`; 0 before it."""
        first = min(math.ceil(in_steps(boundary)), self._last)
        return Step(self.value - first, self.ops)

    def reached(self, boundary: Length) -> Any:
        """Whether the step is at `boundary` or past it."""
        last_before = min(math.ceil(in_steps(boundary)) - 1, self._last)
        return self._given > last_before

    def index(self, boundaries: tuple[Length, ...]) -> Any:
        """How many of the increasing `boundaries` have been reached."""
        # A boundary past the last integer is never reached: no step is above it.
        last_before = [min(math.ceil(in_steps(b)) - 1, self._last) for b in boundaries]
        if self.ops is np:
            return np.searchsorted(np.asarray(last_before, "int64"), self._given, side="left")
        # Not `expand_dims`, which needs a known rank: a placeholder of TensorFlow 1 may have none.
        reached = self._given[..., None] > keras.ops.convert_to_tensor(last_before, dtype=self._dtype)
        return keras.ops.sum(keras.ops.cast(reached, "int32"), axis=-1)

    def count(self, period: Length) -> Step:
        """How many whole periods are over, as a step to count on with.

        Period k ends at the first step at or past `k * period`, also where the
        period is not a whole number of steps.
        """
        length = in_steps(period)
        if length > self._last:
            return Step(self.value * 0, self.ops)
        if self._dtype == "int32":  # JAX and torch: the products below stay under 2**31
            length = Fraction(length).limit_denominator(46_340)
        steps, periods = length.numerator, length.denominator  # `periods` of them take `steps`
        if periods == 1:
            return Step(self.value // steps, self.ops)
        whole, part = divmod(steps, periods)

        def end(period: Any) -> Any:  # the first step at or past `period * length`
            rounded_up = (period * part + periods - 1) // periods
            return period * whole + rounded_up

        # A float can be off by one; integers decide.
        rounds, within = (0, self.value) if steps > self._last else (self.value // steps, self.value % steps)
        estimate = self._as_integer(self.ops.floor(self._floats(within) * (periods / steps)))
        low = self.ops.clip(estimate, 1, self._last) - 1
        one, two = (self._as_integer(end(low + more) <= within) for more in (1, 2))
        return Step(rounds * periods + low + one + two, self.ops)

    def take(self, table: np.ndarray, index: Any = None) -> Any:
        """The entry of `table` at `index`, which is the step itself by default; past its end the last one."""
        if index is None:
            index = self.ops.clip(self._given, 0, len(table) - 1)
        return self.ops.take(self.constant(table), index, axis=0)

    def split(self, size: int) -> tuple[Step, Any]:
        """The step as whole blocks of `size` steps, and the float rest inside the block."""
        blocks = self.value // size
        return Step(blocks, self.ops), self._floats(self.value % size)

    def full(self, value: float) -> Any:
        """`value`, in the shape of the step."""
        return self.ops.full_like(self.value, value, dtype=self._real_dtype)

    def constant(self, value: Any) -> Any:
        """Numbers in the precision that the formula is computed in."""
        if self.ops is np:
            return np.asarray(value, "float64")
        return keras.ops.convert_to_tensor(value, dtype="float32")

    @property
    def _real_dtype(self) -> str:
        return "float64" if self.ops is np else "float32"

    def _as_integer(self, value: Any) -> Any:
        return value.astype("int64") if self.ops is np else keras.ops.cast(value, self._dtype)

    def _floats(self, value: Any) -> Any:
        return value.astype("float64") if self.ops is np else keras.ops.cast(value, "float32")


def integer_tensor(step: Any) -> Any:
    """A step as it is given, a number, an array, a variable, a tensor of floats, as a tensor of integers."""
    if isinstance(step, int | float | list | tuple | np.ndarray | np.generic):
        step = np.floor(np.asarray(step)).astype("int64")
        dtype = "int32" if keras.backend.backend() == "jax" else "int64"
        if step.size and np.abs(step).max() > np.iinfo(dtype).max:
            raise OverflowError(f"JAX counts in int32. Use `schedule.values` for this step. Received: step={step}")
        return keras.ops.convert_to_tensor(step, dtype=dtype)
    step = keras.ops.convert_to_tensor(step)
    if str(getattr(step.dtype, "name", "")).endswith("_ref"):
        step = step + 0  # the value of a reference variable of TensorFlow 1, whose dtype Keras does not know
    dtype = keras.backend.standardize_dtype(step.dtype)
    if "float" in dtype:
        return keras.ops.cast(keras.ops.floor(step), "int64")
    return step if dtype in ("int32", "int64") else keras.ops.cast(step, "int32")
