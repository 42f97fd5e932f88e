"""Optimizers whose hyperparameters are computed from schedules or can be assigned."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras.optimizers.schedules import LearningRateSchedule

from ..rules import adaptive_momentum
from ..rules.adaptive_momentum import AdaptiveMomentum
from ..schedules.base import Schedule
from ..schedules.foreign import Foreign
from .state import State
from .variables import Hyperparameter, shortest

PRODUCT = "_product"  # after the name of a beta: the product of all its values so far
CORRECTED = ("beta_1", "beta_2")
FACTOR = "factor"  # what feedback multiplies onto the schedule of the learning rate


@dataclasses.dataclass
class Book:
    """What a scheduled optimizer has beside what its plain class has."""

    plain: Any
    given: dict[str, Any] = dataclasses.field(default_factory=dict)  # the numbers of the plain optimizer
    cells: dict[str, Hyperparameter] = dataclasses.field(default_factory=dict)
    schedules: dict[str, Schedule] = dataclasses.field(default_factory=dict)
    rules: dict[str, AdaptiveMomentum] = dataclasses.field(default_factory=dict)  # what follows the gradients
    notes: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)  # what callbacks must not forget
    correct_bias: bool = True  # by the product of the betas used, where the class divides by a power of the last one
    as_plain: bool = False  # while the plain class saves, loads or describes itself
    applying: int = 0  # the calls of `apply` that are running: those of replicas overlap


class ScheduledMixin:
    """What `scheduled` puts before the class of an optimizer: one evaluation of each schedule per update."""

    _book: Book
    keras_lr: State

    def apply(self, grads: Any, trainable_variables: Any = None) -> Any:
        book = self._book
        book.applying += 1
        try:
            for name, schedule in schedules_of(self).items():
                value = schedule(self._iterations)  # type: ignore[attr-defined]
                self._set(name, self._reduced(value) if name == "learning_rate" else value)
            for name in _products(self):
                if name not in book.rules:
                    self._set(name + PRODUCT, book.cells[name + PRODUCT] * self._beta_of_product(name))
            return super().apply(grads, trainable_variables)  # type: ignore[misc]
        finally:
            book.applying -= 1
            for cell in book.cells.values():
                cell.release()

    # As of `Schedule`; else the first `tf.function` around it spends a second on translating it.
    apply.autograph_info__ = None  # type: ignore[attr-defined]

    def _set(self, name: str, value: Any) -> None:
        cell = self._book.cells[name]
        # Each replica has a tensor of its own, and Keras mixes their calls: they read what was assigned.
        replicas = keras.backend.backend() == "tensorflow" and self._distribution_strategy.num_replicas_in_sync > 1  # type: ignore[attr-defined]
        (cell.assign if replicas else cell.hold)(value)

    def _beta_of_product(self, name: str) -> Any:
        beta = keras.ops.convert_to_tensor(self._book.cells[name])
        batches = self.gradient_accumulation_steps  # type: ignore[attr-defined]
        if not batches:
            return beta
        is_update = keras.ops.equal((self._iterations + 1) % batches, 0)  # type: ignore[attr-defined]
        return keras.ops.where(is_update, beta, keras.ops.ones_like(beta))  # only the last batch of an update makes one

    @property
    def learning_rate(self) -> Any:
        return self._get_current_learning_rate()

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        super(ScheduledMixin, type(self)).learning_rate.fset(self, value)  # type: ignore[misc]
        swap(self, {})  # it may be the first schedule, which needs a variable

    def _get_current_learning_rate(self) -> Any:
        rate = self._learning_rate  # type: ignore[attr-defined]
        if not isinstance(rate, Schedule):
            return super()._get_current_learning_rate()  # type: ignore[misc]
        if self._book.applying:
            return self._book.cells["learning_rate"]
        return self._reduced(rate(self._iterations))  # type: ignore[attr-defined]

    def _reduced(self, rate: Any) -> Any:
        factor = self._book.cells.get(FACTOR)
        return rate if factor is None else rate * keras.ops.convert_to_tensor(factor)

    def _backend_update_step(self, grads: Any, trainable_variables: Any, learning_rate: Any) -> None:
        book, products = self._book, _products(self)
        for name, rule in book.rules.items():  # here the gradients are those of the update: accumulated, clipped
            adaptive_momentum.advance(self, name, rule, grads, trainable_variables, learning_rate)
            if name in products:
                product = book.cells[name + PRODUCT]
                product.assign(product * keras.ops.convert_to_tensor(book.cells[name]))
        # Adam divides by 1 - beta(t)**t, with the beta of the moment: while beta_1 ramps from 0.5 to 0.99 its steps are
        # up to 10 times too large. The step is linear in the rate, so the rate can carry what puts that right.
        count = keras.ops.cast(self.iterations + 1, "float32") if products else None  # type: ignore[attr-defined]
        for name in products:
            classic = 1.0 - keras.ops.power(keras.ops.convert_to_tensor(book.cells[name]), count)
            right = 1.0 - keras.ops.convert_to_tensor(book.cells[name + PRODUCT])
            ratio = classic / right if name == "beta_1" else keras.ops.sqrt(right / classic)
            learning_rate = learning_rate * ratio
        super()._backend_update_step(grads, trainable_variables, learning_rate)  # type: ignore[misc]

    @property
    def variables(self) -> list[Any]:
        plain = super().variables  # type: ignore[misc]
        return plain if self._book.as_plain else [*plain, *(cell for _, cell in sorted(self._book.cells.items()))]

    def save_own_variables(self, store: Any) -> None:
        # As the plain class does, which can load the file, too; the rest is saved by the attribute `keras_lr`.
        with _flag(self._book, "as_plain"):
            super().save_own_variables(store)  # type: ignore[misc]

    def load_own_variables(self, store: Any) -> None:
        with _flag(self._book, "as_plain"):
            super().load_own_variables(store)  # type: ignore[misc]
        # For a file of the plain optimizer; of a scheduled one, `keras_lr` is loaded next.
        for name in _products(self):
            _start_product(self, name)

    def get_config(self) -> dict[str, Any]:
        book = self._book
        with _flag(book, "as_plain"):
            plain = super().get_config()  # type: ignore[misc]
        # Serialized as its public class: on torch, Keras would name a class that other backends do not have.
        stand_in: Any = object.__new__(_public(book.plain))
        object.__setattr__(stand_in, "get_config", lambda: plain)
        named = [*book.given, FACTOR] if FACTOR in book.cells else book.given
        numbers = {name: shortest(book.cells[name]) for name in named}
        followed = book.schedules | book.rules
        schedules = {name: keras.saving.serialize_keras_object(s) for name, s in followed.items()}
        return {
            "name": self.name,  # type: ignore[attr-defined]
            "optimizer": keras.saving.serialize_keras_object(stand_in),
            "hyperparameters": numbers | schedules,
            "correct_bias": book.correct_bias,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        def read(value: Any) -> Any:
            if not isinstance(value, dict):
                return value
            return keras.saving.deserialize_keras_object(value, custom_objects=custom_objects)

        hyperparameters = {name: read(value) for name, value in config["hyperparameters"].items()}
        return swap(read(config["optimizer"]), hyperparameters, config["correct_bias"])


@keras.saving.register_keras_serializable("keras_lr")
class ScheduledOptimizer(ScheduledMixin, keras.optimizers.Optimizer):
    """The name under which optimizers made by `scheduled` are saved; their own classes are made as they are needed."""


def swap(optimizer: Any, hyperparameters: dict[str, Any], correct_bias: bool | None = None) -> Any:
    """Give a plain optimizer its scheduled class, in place, and take `hyperparameters` in hand."""
    if not isinstance(optimizer, ScheduledMixin):
        object.__setattr__(optimizer, "_book", Book(type(optimizer)))
        object.__setattr__(optimizer, "keras_lr", State(optimizer._book))
        optimizer.__class__ = _scheduled_class(optimizer._book.plain, frozenset())
    book = optimizer._book
    if correct_bias is not None:
        book.correct_bias = correct_bias
    if "learning_rate" in schedules_of(optimizer):
        optimizer._learning_rate = schedules_of(optimizer)["learning_rate"]
        _cell(optimizer, "learning_rate", 0.0)
    for name, value in hyperparameters.items():
        if name == FACTOR:
            _cell(optimizer, name, 1.0)
        elif name not in book.cells:
            book.given[name] = optimizer.__dict__[name]
            _cell(optimizer, name, book.given[name] or 0.0)
            if name in CORRECTED:
                _cell(optimizer, name + PRODUCT, 1.0)
                _start_product(optimizer, name)
        book.schedules.pop(name, None)
        rule = book.rules.pop(name, None)
        if isinstance(value, Schedule):
            book.schedules[name] = value
        elif isinstance(value, AdaptiveMomentum):
            book.rules[name] = value
            if rule is None:
                _start_rule(optimizer, name, value)
        elif value is not True:
            book.cells[name].assign(value)
    optimizer.__class__ = _scheduled_class(book.plain, frozenset(book.given))
    return optimizer


def schedules_of(optimizer: Any) -> dict[str, Schedule]:
    """The schedules of an optimizer by hyperparameter, its learning rate's too."""
    rate = optimizer._learning_rate
    if isinstance(rate, LearningRateSchedule) and not isinstance(rate, Schedule):
        rate = Foreign(rate)
    by_name = {"learning_rate": rate} if isinstance(rate, Schedule) else {}
    return by_name | (optimizer._book.schedules if isinstance(optimizer, ScheduledMixin) else {})


def _products(optimizer: Any) -> list[str]:
    """The betas whose bias is to be corrected by a product."""
    betas = {keras.optimizers.Adam: ("beta_1", "beta_2"), keras.optimizers.Adamax: ("beta_1",)}
    book = optimizer._book
    kind = next((kind for kind in betas if book.correct_bias and isinstance(optimizer, kind)), None)
    return [name for name in betas.get(kind, ()) if name in book.cells]


def _start_product(optimizer: Any, name: str) -> None:
    """The product of the betas of the updates so far, which were made by the plain optimizer."""
    updates = int(keras.ops.convert_to_numpy(optimizer.iterations))
    optimizer._book.cells[name + PRODUCT].assign(float(optimizer._book.given[name]) ** updates)


def _start_rule(optimizer: Any, name: str, rule: AdaptiveMomentum) -> None:
    for end, value in adaptive_momentum.initial_state(rule).items():
        _cell(optimizer, name + end, value)
        optimizer._book.cells[name + end].assign(value)
    optimizer._book.cells[name].assign(rule.start)


def _cell(optimizer: Any, name: str, value: float) -> None:
    if name in optimizer._book.cells:
        return
    with contextlib.ExitStack() as scopes:
        if keras.backend.backend() == "tensorflow":
            scopes.enter_context(optimizer._distribution_strategy.scope())
        scopes.enter_context(keras.name_scope(optimizer.name))
        cell = optimizer._book.cells[name] = Hyperparameter(value, name)
    if hasattr(optimizer, "_track_trackable"):  # what `tf.train.Checkpoint` sees
        optimizer._track_trackable(cell, name=f"keras_lr_{name}", overwrite=True)


@functools.cache
def _scheduled_class(plain: Any, names: frozenset[str]) -> Any:
    members = {name: _property(name) for name in names}
    made = type(f"Scheduled{plain.__name__}", (ScheduledMixin, plain), {**members, "__module__": __name__})
    # All are saved under one name; what that name is read back with is `ScheduledOptimizer`.
    register = keras.saving.register_keras_serializable("keras_lr", "ScheduledOptimizer")
    register(made)
    register(ScheduledOptimizer)
    return made


def _property(name: str) -> property:
    def get(self: Any) -> Any:
        return self._book.given[name] if self._book.as_plain else self._book.cells[name]

    def set_(self: Any, value: Any) -> None:
        if name in self._book.schedules | self._book.rules:
            raise TypeError(
                f"`{name}` of `{self.name}` follows a schedule or a rule and can't be assigned. "
                f"Use `keras_lr.scheduled(optimizer, {name}=...)` to give it another one or a number."
            )
        self._book.cells[name].assign(value)

    return property(get, set_)


def _public(cls: type) -> type:
    if not cls.__module__.startswith("keras.src.backend."):
        return cls
    return next(base for base in cls.__mro__ if getattr(keras.optimizers, base.__name__, None) is base)


@contextlib.contextmanager
def _flag(book: Book, name: str) -> Iterator[None]:
    before = getattr(book, name)
    setattr(book, name, True)
    try:
        yield
    finally:
        setattr(book, name, before)
