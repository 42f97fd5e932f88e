"""Turns a plain optimizer into a managed one, in place, and connects its hyperparameters to what they follow."""

from __future__ import annotations

import functools
from typing import Any

import keras
from keras.optimizers.schedules import LearningRateSchedule

from ..rules.base import Rule
from ..schedules import arguments
from ..schedules.base import Schedule
from ..schedules.exact import LARGEST, is_number
from .accumulation import per_update
from .bias_correction import BETAS, add_product
from .feedback import start_rule, stop_rule, takes_rule
from .hyperparameters import has_hyperparameter
from .mixin import ScheduledMixin, managed_property, prepare_rate
from .serialization import KEY, split_config
from .state import FACTOR, ManagedState, SavedState, managed_state
from .variables import add_variable


@keras.saving.register_keras_serializable("keras_lr")
class ScheduledOptimizer(ScheduledMixin, keras.optimizers.Optimizer):
    """The name under which managed optimizers are saved; their own classes are created when they are needed."""

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        if KEY not in config and "hyperparameters" not in config:  # a config of the plain optimizer
            return cls(**config)
        plain_class = cls.__bases__[-1]  # it may be one that is not registered, as for the plain optimizer
        custom_objects = {plain_class.__name__: plain_class} | (custom_objects or {})
        plain, values, settings = split_config(config, custom_objects)
        optimizer = keras.saving.deserialize_keras_object(plain, custom_objects=custom_objects)
        if not isinstance(optimizer, keras.optimizers.Optimizer):
            arguments.reject(cls.__name__, "optimizer", "an optimizer", optimizer)
        for name, value in values.items():
            is_source = value is True or isinstance(value, LearningRateSchedule | Rule)
            if name != FACTOR and not has_hyperparameter(optimizer, name):
                arguments.reject(cls.__name__, "hyperparameters", f"those of `{type(optimizer).__name__}`", name)
            if not is_source and not (is_number(value) and abs(value) <= LARGEST):
                arguments.reject(cls.__name__, name, "a schedule, a rule or a finite number", value)
            if isinstance(value, Rule) and not takes_rule(optimizer, name, value):
                arguments.reject(cls.__name__, name, f"what `{type(optimizer).__name__}` can follow", value)
        return manage(optimizer, {name: per_update(optimizer, value) for name, value in values.items()}, **settings)


def manage(optimizer: Any, hyperparameters: dict[str, Any], correct_bias: bool | None = None) -> Any:
    """Make a managed optimizer of a plain one, in place, and set `hyperparameters`.

    Each is a schedule, a rule, a number, or `True` for a variable with the present number.
    """
    if managed_state(optimizer) is None:
        # Past Keras' own attribute tracking.
        object.__setattr__(optimizer, "_managed", ManagedState(type(optimizer)))
        optimizer.__class__ = _managed_class(optimizer._managed.plain_class, frozenset())
        object.__setattr__(optimizer, "keras_lr", SavedState(optimizer))
    managed = optimizer._managed
    if correct_bias is not None:
        managed.correct_bias = correct_bias
    prepare_rate(optimizer)
    for name, value in hyperparameters.items():
        if name == FACTOR:
            add_variable(optimizer, managed.variables, name, 1.0)
        elif name not in managed.variables:
            initial_value = managed.initial_values[name] = optimizer.__dict__[name]
            add_variable(optimizer, managed.variables, name, initial_value or 0.0)
            if name in BETAS:
                add_product(optimizer, name)
        _connect(optimizer, name, value)
    optimizer.__class__ = _managed_class(managed.plain_class, frozenset(managed.initial_values))
    return optimizer


def replace_schedule(optimizer: Any, name: str, schedule: LearningRateSchedule) -> None:
    """Replace the schedule of a hyperparameter; a compiled step sees it after `retrace`."""
    if name == "learning_rate":
        # Not by the public setter: on TensorFlow it reads the old rate first, and an unbound schedule has none.
        optimizer._learning_rate = schedule
    else:
        manage(optimizer, {name: schedule})


def _connect(optimizer: Any, name: str, value: Any) -> None:
    """Have a managed hyperparameter follow a schedule or a rule, or give it a number; `True` leaves its number."""
    managed = optimizer._managed
    managed.schedules.pop(name, None)
    connect_rule(optimizer, name, value if isinstance(value, Rule) else None)
    if isinstance(value, Schedule):
        managed.schedules[name] = value
    elif value is not True and not isinstance(value, Rule):
        managed.variables[name].assign(value)


def connect_rule(optimizer: Any, name: str, rule: Rule | None) -> None:
    """Have a managed hyperparameter follow a rule, or none; one of the same class continues with its state."""
    rules = optimizer._managed.rules
    previous = rules.pop(name, None)
    if rule is not None:
        rules[name] = rule
    if type(previous) is not type(rule):
        if previous is not None:
            stop_rule(optimizer, name, previous)
        if rule is not None:
            start_rule(optimizer, name, rule)


@functools.cache
def _managed_class(plain_class: type, names: frozenset[str]) -> Any:
    """The class of managed optimizers of a plain class with these managed hyperparameters."""

    def initialize(self: Any, *args: Any, **kwargs: Any) -> None:
        values: dict[str, Any] = dict.fromkeys(names, True)
        settings: dict[str, Any] = {}
        if KEY in kwargs:  # `type(optimizer)(**optimizer.get_config())`
            plain, values, settings = split_config(kwargs)
            kwargs = plain["config"]
            if isinstance(kwargs.get("learning_rate"), dict):
                kwargs["learning_rate"] = keras.saving.deserialize_keras_object(kwargs["learning_rate"])
        object.__setattr__(self, "__class__", plain_class)  # past Keras, for which nothing can be set yet
        self.__init__(*args, **kwargs)
        manage(self, {name: per_update(self, value) for name, value in values.items()}, **settings)

    members: dict[str, Any] = {name: managed_property(name) for name in names}
    members |= {"__module__": __name__, "__init__": initialize}
    members["from_config"] = ScheduledOptimizer.__dict__["from_config"]
    cls = type(f"Scheduled{plain_class.__name__}", (ScheduledMixin, plain_class), members)
    # All are saved under one name, with which Keras finds `ScheduledOptimizer` when it loads.
    register = keras.saving.register_keras_serializable("keras_lr", "ScheduledOptimizer")
    register(cls)
    register(ScheduledOptimizer)
    keras.saving.get_custom_objects()[cls.__name__] = ScheduledOptimizer  # for `keras.optimizers.get` of a class's name
    return cls
