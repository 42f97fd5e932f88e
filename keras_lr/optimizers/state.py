"""What a managed optimizer has in addition to its plain class, and how it is saved."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import warnings
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from ..rules.base import Rule
from ..rules.checks import START
from ..schedules.base import Schedule
from .variables import Hyperparameter

FACTOR = "factor"  # the variable that callbacks multiply the schedule of the learning rate by
LARGEST = 10**6  # numbers that a callback keeps; they are a few
CALLBACK_PREFIX = "note."  # in files, before the names of what callbacks keep


@dataclasses.dataclass
class ManagedState:
    """What a managed optimizer has in addition to its plain class.

    Attributes:
        plain_class: The class of the optimizer before it was managed.
        initial_values: The numbers of the plain optimizer, by hyperparameter.
        variables: The managed hyperparameters and the scalar state of their rules, by name.
        slots: The state of the rules that has an element for each weight, by name: a variable for each weight tensor.
        schedules: The schedules that hyperparameters other than the learning rate follow.
        rules: The rules that hyperparameters follow.
        callback_state: What callbacks keep across fits and restarts, by name.
        gradients: Those of the update in progress, once they are clipped.
        correct_bias: Whether to correct the bias of the moments by the product of the
            betas used, where the class divides by a power of the last one.
        is_suspended: Whether a method of the plain class is running that must see
            numbers instead of variables.
        skips_loading: Whether Keras skipped the variables of the plain optimizer in the file that is loaded.
        active_calls: The calls of `apply` in progress; those of replicas overlap.
    """

    plain_class: Any
    initial_values: dict[str, Any] = dataclasses.field(default_factory=dict)
    variables: dict[str, Hyperparameter] = dataclasses.field(default_factory=dict)
    schedules: dict[str, Schedule] = dataclasses.field(default_factory=dict)
    slots: dict[str, list[keras.Variable]] = dataclasses.field(default_factory=dict)
    rules: dict[str, Rule] = dataclasses.field(default_factory=dict)
    callback_state: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    gradients: Any = None
    correct_bias: bool = True
    is_suspended: bool = False
    skips_loading: bool = False
    active_calls: int = 0

    @property
    def all_variables(self) -> list[Any]:
        """All variables, in an order that a file or another process has, too."""
        scalars = [variable for _, variable in sorted(self.variables.items())]
        return scalars + [variable for _, variables in sorted(self.slots.items()) for variable in variables]

    @property
    def rule_variables(self) -> set[str]:
        """The names of the variables that rules set: the hyperparameters that follow them, and their scalar state."""
        rules = self.rules.items()
        return {*self.rules} | {f"{name}_{suffix}" for name, rule in rules for suffix in rule.initial_state()}

    @contextlib.contextmanager
    def suspended(self) -> Iterator[None]:
        """Hide the managed variables from the methods of the plain class."""
        before, self.is_suspended = self.is_suspended, True
        try:
            yield
        finally:
            self.is_suspended = before


class SavedState(keras.Loss):
    """The variables and the callback state of a managed optimizer, saved as its attribute `keras_lr`.

    Keras saves the attributes of an optimizer that are of a kind with variables; of
    the public kinds a loss is the lightest. The managed variables can't be among the
    optimizer's own ones: a plain optimizer skips a file with another number of
    variables. It has no attribute `keras_lr`, so it never reads these.
    """

    def __init__(self, optimizer: Any):
        super().__init__(name="keras_lr")
        self._managed: ManagedState = optimizer._managed
        self._add_factor = optimizer._add_factor  # not the optimizer, which Keras would save twice

    def save_own_variables(self, store: Any) -> None:
        for name, variable in self._managed.variables.items():
            store[name] = keras.ops.convert_to_numpy(variable)
        for name, variables in self._managed.slots.items():
            for index, variable in enumerate(variables):
                store[f"{name}_{index}"] = keras.ops.convert_to_numpy(variable)
        for name, array in self._managed.callback_state.items():
            store[CALLBACK_PREFIX + name] = array

    def load_own_variables(self, store: Any) -> None:
        arrays: dict[str, np.ndarray] = {}
        numbers: dict[str, Any] = {}
        if not self._managed.skips_loading:
            if FACTOR in store.keys():  # noqa: SIM118 - an HDF5 group
                self._add_factor()  # for callbacks that come later
            elif FACTOR in self._managed.variables:
                numbers[FACTOR] = 1.0  # there were no reductions
        slots = {f"{name}_{n}": one for name, many in self._managed.slots.items() for n, one in enumerate(many)}
        for name in store.keys():  # noqa: SIM118 - an HDF5 group
            if name.startswith(CALLBACK_PREFIX):
                arrays[name.removeprefix(CALLBACK_PREFIX)] = _read(store, name, axes=1)
            elif self._managed.skips_loading:
                pass  # Keras has said so
            elif name in self._managed.variables:
                numbers[name] = _read(store, name, axes=0)
                if name in self._managed.rule_variables:
                    _require_finite(name, numbers[name])
            elif name in slots:
                slots[name].assign(_read_slot(store, name, slots[name].shape))
            elif name != "learning_rate" and name in inspect.signature(self._managed.plain_class).parameters:
                warnings.warn(
                    f"`{name}` was a variable of the optimizer when this file was saved, but is not now, so its value "
                    f"is not loaded. Before loading, call `keras_lr.scheduled(optimizer, {name}=True)`.",
                    stacklevel=2,
                )
        if not 0 < numbers.get(FACTOR, 1.0) < np.inf:
            raise ValueError(f"The reductions of the learning rate in the file are {numbers[FACTOR]}, not > 0.")
        self._managed.callback_state.clear()  # in place, since others hold it
        self._managed.callback_state.update(arrays)
        for name, number in numbers.items():
            self._managed.variables[name].assign(number)


def _read(store: Any, name: str, axes: int) -> np.ndarray:
    """A small array of numbers from a file, which may be damaged or made to take much memory."""
    stored = store[name]
    if len(stored.shape) != axes or np.prod(stored.shape) > LARGEST or np.dtype(stored.dtype).kind not in "biuf":
        raise ValueError(
            f"The state `{name}` of the optimizer in the file must be {'numbers' if axes else 'a number'}. "
            f"Received: an array of shape {stored.shape} and type {stored.dtype}"
        )
    return np.array(stored)


def _read_slot(store: Any, name: str, shape: Any) -> np.ndarray:
    """The state of a rule for one weight from a file."""
    stored = store[name]
    if tuple(stored.shape) != tuple(shape) or np.dtype(stored.dtype).kind not in "biuf":
        raise ValueError(
            f"The state `{name}` of the optimizer in the file must be numbers of shape {tuple(shape)}. "
            f"Received: an array of shape {tuple(stored.shape)} and type {stored.dtype}"
        )
    array = np.array(stored)
    if not name.rpartition("_")[0].endswith(f"_{START}"):  # which are NaN until the first update
        _require_finite(name, array)
    return array


def _require_finite(name: str, array: np.ndarray) -> None:
    """Raise for a state of a rule that no rule leads to, and that it would keep for ever."""
    if not np.isfinite(array).all():
        raise ValueError(f"The state `{name}` of the optimizer in the file must be finite numbers.")


def managed_state(optimizer: Any) -> ManagedState | None:
    """The managed state of an optimizer; `None` for a plain one."""
    return getattr(optimizer, "_managed", None)
