"""What policies share: a check of their arguments, runs cut into parts, and curves by name."""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Callable
from fractions import Fraction
from typing import Any, TypeVar

from keras.optimizers.schedules import LearningRateSchedule

from .. import arguments
from ..base import Schedule
from ..compose import Sequence
from ..curves import Cosine, Linear, Polynomial
from ..errors import without_internal_frames
from ..hints import check_names
from ..readers import position
from ..spans import Length, Span

Curve = str | Callable[[float, float, Any], Schedule]
Part = float | Length
Function = TypeVar("Function", bound=Callable[..., Any])
CURVES: dict[str, Any] = {"linear": Linear, "cosine": Cosine, "1-sqrt": functools.partial(Polynomial, k=0.5)}


def policy(function: Function) -> Function:
    """Check each argument of a policy by the rule of its name, as those of schedules are."""
    signature = inspect.signature(function)

    @without_internal_frames
    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        check_names(function.__name__, signature.parameters, kwargs)
        try:
            given = signature.bind(*args, **kwargs)
        except TypeError:
            return function(*args, **kwargs)  # raises Python's own error, which names the policy and the argument
        given.apply_defaults()
        for name, value in given.arguments.items():
            if value is not None or signature.parameters[name].default is not None:
                given.arguments[name] = arguments.validate(function.__name__, name, value)
        if "curve" in given.arguments:
            given.arguments["curve"] = _checked_curve(function.__name__, given.arguments["curve"])
        return function(*given.args, **given.kwargs)

    checked.__doc__ = inspect.cleandoc(function.__doc__ or "").rstrip() + arguments.RAISES
    return checked  # type: ignore[return-value]


def _checked_curve(name: str, curve: Any) -> Callable[..., Any]:
    """The argument `curve` of a policy as a function, whose result is checked."""
    if isinstance(curve, str):
        return CURVES[curve]

    def checked(start: float, end: float, steps: Any) -> Any:
        made = curve(start, end, steps)
        if not isinstance(made, LearningRateSchedule):
            rule = "a class or function of `start`, `end` and `steps` that returns a schedule"
            arguments.reject(name, "curve", rule, made, error=TypeError)
        return made

    return checked


def cut(
    name: str,
    steps: Any,
    leading: list[tuple[str, Any]],
    trailing: tuple[str, Any] | None = None,
    whole: str = "steps",
) -> list[Any]:
    """The lengths of the `leading` parts of `steps`, of the rest, and of the `trailing` part.

    A part is the name and the value of an argument of the policy `name`: a fraction of `steps`, a length, or 0 for
    none; `whole` is the name of the argument `steps`. Fractions of a number of steps are rounded to whole steps, at
    least one.
    """
    given = [*leading, *([trailing] if trailing else [])]
    parts = [value for _, value in given]
    lengths = [steps * part if _is_fraction(part) else part for part in parts]
    ends = list(itertools.accumulate(lengths[: len(leading)]))
    if trailing:
        ends.append(steps - lengths[-1])
    found = _between(ends, steps)
    if not all(_has_room(length) for length in found[:-1]) or (_is_short(found[-1]) and not is_zero(parts[-1])):
        alone = [item for item, length in zip(given, lengths, strict=True) if _is_short(steps - length)]
        part, value = alone[0] if alone else given[-1]
        others = "" if alone else "".join(f" less `{part}`, {_shown(value)}" for part, value in given[:-1])
        arguments.reject(name, part, f"shorter than `{whole}`, {steps!r}{others}", _shown(value))
    if any(isinstance(length, Span) for length in (steps, *lengths)) or not any(map(_is_fraction, parts)):
        return found
    fewest = [int(part != 0) for part in parts]
    fewest.insert(len(leading), int(found[len(leading)] != 0))
    if steps < sum(fewest):
        arguments.reject(name, whole, f"an integer >= {sum(fewest)} or a span", steps)
    return _between(_to_whole_steps(ends, fewest, steps), steps)


def _between(ends: list[Any], steps: Any) -> list[Any]:
    return [end - start for start, end in itertools.pairwise([0, *ends, steps])]


def _has_room(length: Any) -> bool:
    """Whether a length is at least 0, as far as it is known before it is bound."""
    return position(length)[1] >= 0


def _is_short(length: Any) -> bool:
    """Whether a length is known to be 0 or less."""
    unit, amount = position(length)
    return amount <= 0 and (amount < 0 or unit != "mixed")


def _is_fraction(part: Any) -> bool:
    return isinstance(part, Fraction) and 0 < part < 1


def _to_whole_steps(ends: list[Any], fewest: list[int], steps: Any) -> list[Any]:
    """The ends rounded to whole steps, with at least `fewest` steps between each two."""
    whole = [0]
    for n, end in enumerate(ends):
        whole.append(min(max(whole[-1] + fewest[n], round(end)), steps - sum(fewest[n + 1 :])))
    return whole[1:]


def join(*parts: tuple[Any, Callable[[Any], Any]]) -> Sequence:
    """A sequence of parts, each a length and a function that makes its schedule; those of length 0 are left out."""
    kept = [(length, make) for length, make in parts if not is_zero(length)]
    boundaries = list(itertools.accumulate(length for length, _ in kept[:-1]))
    return Sequence([make(length) for length, make in kept], boundaries)


def is_zero(length: Any) -> bool:
    return not any(length.amounts.values()) if isinstance(length, Span) else length == 0


def _shown(value: Any) -> Any:
    return float(value) if isinstance(value, Fraction) else value
