"""Frozen dataclasses that OmegaConf and Hydra treat as values and not as configs."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform
else:  # the standard library has it from Python 3.11 on

    def dataclass_transform(**_: Any) -> Any:
        return lambda decorator: decorator


_Class = TypeVar("_Class", bound=type)
MARK = "__dataclass_fields__"  # the attribute by which others recognize a dataclass


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
def frozen(cls: _Class, **options: Any) -> _Class:
    """`dataclasses.dataclass(cls, frozen=True, **options)`, with its fields in `_fields`.

    OmegaConf turns every dataclass into a dictionary, also where objects are allowed.
    """
    made: Any = cls
    bases = [base for base in made.__mro__[1:] if "_fields" in vars(base)]
    for base in bases:  # so that their fields are inherited
        setattr(base, MARK, {field.name: field for field in base._fields})
    try:
        made = dataclasses.dataclass(made, frozen=True, **options)
        made._fields = dataclasses.fields(made)
        made.__replace__ = copy_with  # the one that `dataclasses` sets looks for the mark
        delattr(made, MARK)
    finally:
        for base in bases:
            delattr(base, MARK)
    return made


def fields_of(frozen_object: Any) -> tuple[dataclasses.Field, ...]:
    """What `dataclasses.fields` is for other dataclasses."""
    return frozen_object._fields


def copy_with(self: Any, /, **changes: Any) -> Any:
    """A copy with other values of some fields: what `copy.replace` calls, from Python 3.13 on."""
    return type(self)(**{field.name: getattr(self, field.name) for field in self._fields} | changes)
