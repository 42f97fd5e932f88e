"""Errors about what the user wrote, whose tracebacks don't go through keras_lr."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import TracebackType
from typing import Any, NoReturn, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])


def fail(error: Any) -> NoReturn:
    """Raise an error about what the user wrote."""
    error.is_of_keras_lr = True
    raise error from None


def without_internal_frames(function: Function) -> Function:
    """Decorate a public function to leave the frames of keras_lr out of the tracebacks of `fail`, but the innermost."""

    @functools.wraps(function)
    def wrapped(*args: Any, **keywords: Any) -> Any:
        try:
            return function(*args, **keywords)
        except (TypeError, ValueError) as error:
            if hasattr(error, "is_of_keras_lr"):
                error.__traceback__ = _frames_of_the_user(error.__traceback__)
            raise

    return wrapped  # type: ignore[return-value]


def _frames_of_the_user(frame: TracebackType | None) -> TracebackType | None:
    """The traceback from `frame` on, without frames of keras_lr but the innermost."""
    if frame is None or frame.tb_next is None:
        return frame
    rest = _frames_of_the_user(frame.tb_next)
    if str(frame.tb_frame.f_globals.get("__name__")).startswith("keras_lr."):
        return rest
    frame.tb_next = rest
    return frame
