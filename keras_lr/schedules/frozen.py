"""Frozen dataclasses that OmegaConf, and with it Hydra, takes for values and not for configs."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform
else:  # that of the standard library is of Python 3.11

    def dataclass_transform(**_: Any) -> Any:
        return lambda decorator: decorator


_Class = TypeVar("_Class", bound=type)
MARK = "__dataclass_fields__"  # what makes a class a dataclass to others


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
        made.__replace__ = _replace  # that of `dataclasses` looks for the mark
        delattr(made, MARK)
    finally:
        for base in bases:
            delattr(base, MARK)
    return made


def _replace(self: Any, /, **changes: Any) -> Any:
    """What `copy.replace` calls, from Python 3.13 on."""
    return type(self)(**{field.name: getattr(self, field.name) for field in self._fields} | changes)
