"""Objects that are a frozen set of checked arguments: config, `==`, hash, repr and pickle follow from these."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from typing import TYPE_CHECKING, Any, ClassVar

import keras

from . import arguments
from .config import from_json, to_json
from .errors import without_internal_frames
from .frozen import frozen
from .hints import check_names
from .values import SHOWN, short_repr

if TYPE_CHECKING:
    from typing_extensions import Self


def register(cls: Any, package: str | None = None) -> Any:
    """Make a frozen dataclass of a subclass of `Settings` and register it, so that saved models find it by name."""
    cls = frozen(cls, eq=False, repr=False)
    cls.__doc__ = inspect.cleandoc(cls.__doc__ or "").rstrip() + arguments.RAISES
    package = package or ("keras_lr" if cls.__module__.startswith("keras_lr.") else "Custom")
    return keras.saving.register_keras_serializable(package)(cls)


class Settings:
    """The base of schedules and rules, which are made by `register`."""

    _fields: ClassVar[tuple[dataclasses.Field, ...]]  # set by `frozen`

    argument_rules: ClassVar[dict[str, arguments.ArgumentRule]] = {}
    """The rules for arguments that are not the usual ones of their names."""

    @without_internal_frames
    def __new__(cls, *_: Any, **keywords: Any) -> Self:
        if "_fields" in vars(cls):
            check_names(cls.__name__, cls._names(), keywords)
        return super().__new__(cls)

    def check(self) -> None:
        """Check the rules between arguments, which keep their own rules by then; raise by `arguments.reject`."""

    def _validate(self) -> None:
        for name in self._names():
            value = vars(self)[name]
            if value is None and self._defaults().get(name, 0) is None:
                continue
            self._store(name, arguments.validate(self, name, value))

    def _store(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def get_config(self) -> dict[str, Any]:
        return {name: to_json(getattr(self, name)) for name in self._names()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        try:
            return cls(**{name: from_json(value) for name, value in config.items()})
        except RecursionError:
            reason = "It is nested too deeply."
        except (TypeError, AttributeError) as error:
            reason = str(error)[:500]
        # To a `TypeError` Keras would add the whole config, once more at each level.
        raise ValueError(f"The config of `{cls.__name__}` can't be read. {reason}")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __repr__(self) -> str:
        shown = (
            f"{name}={_short_repr(getattr(self, name))}"
            for name in self._names()
            if name not in self._defaults() or getattr(self, name) != self._defaults()[name]
        )
        return f"{type(self).__name__}({', '.join(shown)})"

    def __reduce__(self) -> Any:
        values = {name: vars(self)[name] for name in self._names()}
        return _rebuild, (type(self), values, keras.saving.get_registered_name(type(self)))

    @functools.cached_property
    def _key(self) -> tuple:
        return tuple(vars(self)[name] for name in self._names())

    @classmethod
    def _names(cls) -> list[str]:
        return [field.name for field in cls._fields]

    @classmethod
    def _defaults(cls) -> dict[str, Any]:
        return {field.name: field.default for field in cls._fields if field.default is not dataclasses.MISSING}


def _rebuild(cls: Any, data: dict[str, Any], registered_name: str = "") -> Any:
    package, _, name = registered_name.rpartition(">")
    if package and keras.saving.get_registered_name(cls) != registered_name:
        # In another process, where a class of a notebook arrives by value, without having been registered.
        keras.saving.register_keras_serializable(package, name)(cls)
    return cls(**data)


def _short_repr(value: Any) -> str:
    return short_repr(value) if isinstance(value, tuple) and len(value) > SHOWN else repr(value)
