"""Lengths of time: steps, and the units that become steps once the data is known."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from numbers import Integral, Rational, Real
from typing import Any

UNITS = ("epochs", "examples", "fraction")


@dataclasses.dataclass(frozen=True, repr=False)
class Span:
    """A length of time in a unit; `steps` is its number of steps once bound.

    Made by `epochs`, `examples` and `fraction`. Amount and steps are exact
    fractions, so that nothing drifts: 60,000 examples at 64 a step are 937.5
    steps, and the 2nd boundary of that length falls on step 1875.

    >>> span = epochs(20)
    >>> span.unit, span.amount, span.steps
    ('epochs', Fraction(20, 1), None)
    >>> span.bind(steps_per_epoch=225)
    <epochs(20): 4500 steps>
    """

    amount: Fraction
    unit: str
    steps: Fraction | None = None

    def bind(self, *, steps_per_epoch: Any = None, epochs: Any = None, batch_size: Any = None) -> Span:
        """This span with its `steps`, from the numbers that its unit needs."""
        needs = {
            "epochs": {"steps_per_epoch": steps_per_epoch},
            "examples": {"batch_size": batch_size},
            "fraction": {"steps_per_epoch": steps_per_epoch, "epochs": epochs},
        }[self.unit]
        missing = " and ".join(f"`{name}`" for name, number in needs.items() if number is None)
        if missing:
            raise ValueError(f"A span in {self.unit} needs {missing} to become steps. Received: {self!r}")
        steps = self.amount
        for name, number in needs.items():
            if not isinstance(number, Rational) or isinstance(number, bool) or number <= 0:
                raise ValueError(f"Argument `{name}` of `bind` must be an integer > 0. Received: {name}={number!r}")
            steps = steps / Fraction(number) if name == "batch_size" else steps * Fraction(number)
        return dataclasses.replace(self, steps=steps)

    def __mul__(self, ratio: float | Fraction) -> Span:
        """The same unit, `ratio` times as long; not bound."""
        return Span(self.amount * exact(ratio), self.unit)

    __rmul__ = __mul__

    def __add__(self, other: Span) -> Span:
        """Two lengths in the same unit one after the other; not bound."""
        if not isinstance(other, Span) or other.unit != self.unit:
            raise TypeError(f"Only spans of one unit can be added. Received: {self!r} + {other!r}")
        return Span(self.amount + other.amount, self.unit)

    def get_config(self) -> dict[str, int | str]:
        bound = {} if self.steps is None else {"steps": _json(self.steps)}
        return {self.unit: _json(self.amount), **bound}

    @classmethod
    def from_config(cls, config: dict[str, int | str]) -> Span:
        config = dict(config)
        steps = config.pop("steps", None)
        ((unit, amount),) = config.items()
        return cls(Fraction(amount), unit, None if steps is None else Fraction(steps))

    def __repr__(self) -> str:
        said = f"{self.unit}({_shortest(self.amount)})"
        return said if self.steps is None else f"<{said}: {_shortest(self.steps)} steps>"


def epochs(*amounts: float) -> Any:
    """A length, or several, in epochs: passes over the training data.

    >>> epochs(20)
    epochs(20)
    >>> epochs(20, 60, 100)
    (epochs(20), epochs(60), epochs(100))
    >>> epochs(0.5).bind(steps_per_epoch=225).steps
    Fraction(225, 2)

    Args:
        amounts: Numbers > 0; parts of an epoch are fine.

    Returns:
        A span; for several amounts, a tuple of spans.

    Raises:
        ValueError: An amount is not a number > 0.
    """
    return _spans("epochs", amounts)


def examples(*amounts: float) -> Any:
    """A length, or several, in training examples: `batch_size` of them make a step.

    >>> examples(60_000).bind(batch_size=64).steps
    Fraction(1875, 2)

    Args:
        amounts: Numbers > 0.

    Returns:
        A span; for several amounts, a tuple of spans.

    Raises:
        ValueError: An amount is not a number > 0.
    """
    return _spans("examples", amounts)


def fraction(*amounts: float) -> Any:
    """A length, or several, as a share of the whole run, all its epochs.

    >>> fraction(0.3).bind(steps_per_epoch=100, epochs=12).steps
    Fraction(360, 1)

    Args:
        amounts: Numbers in (0, 1]. A float means the decimal that it prints as.

    Returns:
        A span; for several amounts, a tuple of spans.

    Raises:
        ValueError: An amount is not a number in (0, 1].
    """
    return _spans("fraction", amounts)


Length = int | Fraction | Span


def in_steps(span: Length) -> int | Fraction:
    """The exact number of steps of `span`, which must be bound."""
    if not isinstance(span, Span):
        return span
    if span.steps is None:
        raise ValueError(f"{span!r} is not a number of steps yet. {HOW_TO_BIND}")
    return span.steps


HOW_TO_BIND = (
    "Pass `callbacks=[keras_lr.BindSpans()]` to `fit`, or call "
    "`schedule.bind(steps_per_epoch=..., epochs=..., batch_size=...)`."
)


def exact(number: float | Fraction) -> Fraction:
    """`number` as a fraction; a float is the decimal that it prints as, so 0.3 is 3/10."""
    return Fraction(number) if isinstance(number, Rational) else Fraction(repr(float(number)))


def _spans(unit: str, amounts: tuple[float, ...]) -> Any:
    top, rule = (1, "a number in (0, 1]") if unit == "fraction" else (float("inf"), "a number > 0")
    if not amounts:
        raise ValueError(f"`{unit}` needs at least one amount, as in `{unit}({Fraction(1, 2) if top == 1 else 20})`.")
    for amount in amounts:
        # `not 0 < nan` and `inf == inf`: neither becomes a fraction.
        if not isinstance(amount, Real) or isinstance(amount, bool) or not 0 < amount <= top or amount == float("inf"):
            raise ValueError(f"The amount of `{unit}` must be {rule}. Received: {amount!r}")
    spans = tuple(Span(exact(amount), unit) for amount in amounts)
    return spans if len(spans) > 1 else spans[0]


def _json(number: Fraction) -> int | str:
    return int(number) if number.denominator == 1 else str(number)


def _shortest(number: Fraction) -> int | float | Fraction:
    if number.denominator == 1:
        return int(number)
    return float(number) if exact(float(number)) == number else number


def is_integer(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)
