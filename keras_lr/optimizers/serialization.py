"""The config of managed optimizers: that of the plain optimizer, with what its hyperparameters follow."""

from __future__ import annotations

from typing import Any

import keras

from ..rules.base import Rule
from ..schedules import arguments
from .inspection import source_of
from .state import FACTOR
from .variables import to_decimal

KEY = "keras_lr"  # in a config, for what the plain optimizer doesn't have
OWNER = "ScheduledOptimizer"
CLASS_KEYS = ("module", "class_name", "registered_name")


def config_of(optimizer: Any, plain: dict[str, Any]) -> dict[str, Any]:
    """The config of a managed optimizer; `plain` is the config that its plain class makes of its initial values.

    Numbers and schedules are where the plain optimizer has its numbers, so that they can be read and edited there.
    """
    managed = optimizer._managed
    sources = managed.schedules | {name: source_of(optimizer, name) for name in managed.rules}
    values = {name: to_decimal(managed.variables[name]) for name in managed.initial_values}
    values |= {name: keras.saving.serialize_keras_object(source) for name, source in sources.items()}
    # As its public class: on torch, Keras would name a class that other backends do not have.
    stand_in: Any = object.__new__(_public_class(managed.plain_class))
    object.__setattr__(stand_in, "get_config", dict)
    serialized = keras.saving.serialize_keras_object(stand_in)
    extra = {
        "class": {key: serialized[key] for key in CLASS_KEYS},
        "initial_values": dict(managed.initial_values),
        "correct_bias": managed.correct_bias,
    }
    if FACTOR in managed.variables:
        extra[FACTOR] = to_decimal(managed.variables[FACTOR])
    return plain | values | {KEY: extra}


def split_config(
    config: dict[str, Any], custom_objects: Any = None
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The serialized plain optimizer in a config, the values of the managed hyperparameters, and the other settings."""

    def read(value: Any) -> Any:
        value = value if value is not None else True  # a weight decay that was never set
        is_serialized = isinstance(value, dict)
        return keras.saving.deserialize_keras_object(value, custom_objects=custom_objects) if is_serialized else value

    if "hyperparameters" in config:  # as keras_lr 0.1.0 wrote it
        _check(config["hyperparameters"], config.get("correct_bias"))
        values = {name: read(value) for name, value in config["hyperparameters"].items()}
        return config.get("optimizer", {}), values, {"correct_bias": config.get("correct_bias")}
    extra = config[KEY]
    if not isinstance(extra, dict) or not isinstance(extra.get("class"), dict):
        arguments.reject(OWNER, KEY, "a dictionary, as `get_config` makes it", extra)
    _check(extra.get("initial_values"), extra.get("correct_bias"))
    plain = {name: value for name, value in config.items() if name != KEY} | extra["initial_values"]
    values = {name: read(config.get(name)) for name in extra["initial_values"]}
    rate = config.get("learning_rate")
    if isinstance(rate, dict) and isinstance(rule := read(rate), Rule):
        if "learning_rate" not in rule.hyperparameters:
            arguments.reject(OWNER, "learning_rate", "a number, a schedule or a rule for it", rule)
        values["learning_rate"] = rule
        plain["learning_rate"] = keras.saving.serialize_keras_object(rule.schedule)  # type: ignore[attr-defined]
    if FACTOR in extra:
        values[FACTOR] = extra[FACTOR]
    return extra["class"] | {"config": plain}, values, {"correct_bias": extra["correct_bias"]}


def _check(hyperparameters: Any, correct_bias: Any) -> None:
    if not isinstance(hyperparameters, dict):
        arguments.reject(OWNER, "hyperparameters", "a dictionary", hyperparameters)
    if correct_bias is not None and not isinstance(correct_bias, bool):
        arguments.reject(OWNER, "correct_bias", "True, False or None", correct_bias)


def _public_class(cls: type) -> type:
    if not cls.__module__.startswith("keras.src.backend."):
        return cls
    return next(base for base in cls.__mro__ if getattr(keras.optimizers, base.__name__, None) is base)
