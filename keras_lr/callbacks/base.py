"""The base of the callbacks: each can be copied and pickled at any time, and knows what Keras calls its arguments."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, ClassVar

import keras

from ..schedules.errors import without_internal_frames
from ..schedules.hints import check_names

if TYPE_CHECKING:
    from typing_extensions import Self


class Callback(keras.callbacks.Callback):
    """A callback whose copies have its arguments and its record, but not the model nor anything of a running `fit`."""

    other_names: ClassVar[dict[str, str]] = {}
    """What other libraries call an argument and what to pass here, beside those that `schedules/hints.py` has."""
    verbose: int = 0
    of_the_run: ClassVar[tuple[str, ...]] = ()
    """The attributes that belong to a running `fit`, `None` in a copy."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__init__" in vars(cls):
            cls.__init__ = without_internal_frames(cls.__init__)  # type: ignore[method-assign]

    @without_internal_frames
    def __new__(cls, *_: Any, **keywords: Any) -> Self:
        parameters = [*inspect.signature(cls.__init__).parameters.values()][1:] if keywords else []
        if not any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters):
            check_names(cls.__name__, [one.name for one in parameters], keywords, cls.other_names)
        return super().__new__(cls)

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | dict.fromkeys(("_model", *self.of_the_run))

    def _print(self, message: str) -> None:
        if self.verbose and keras.config.is_interactive_logging_enabled():
            print(message)
