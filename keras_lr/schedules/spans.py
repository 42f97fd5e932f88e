"""Lengths of time: numbers of steps, and spans in epochs, examples or fractions of the run that become steps."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

from .errors import fail, without_internal_frames
from .exact import LONGEST, exact, is_length, is_number, positive, read_fraction, shown

UNITS = ("epochs", "examples", "fraction", "steps")
NEEDS = {"epochs": ["steps_per_epoch"], "examples": ["batch_size"], "fraction": ["steps_per_epoch", "epochs"]}
AS_TEXT = re.compile(r"\s*(\d{1,18}(?:_\d{1,18})*(?:\.\d{1,18})?)\s*(steps?|epochs?|examples?|%)\s*", re.IGNORECASE)


class Span:
    """A length of time in epochs, examples or fractions of the run. Once it is bound, `steps` is its number of steps.

    Create spans by `epochs`, `examples` and `fraction`. You can add, subtract and scale them, also across units; a
    plain number is in steps. Amounts are exact fractions: 60,000 examples in batches of 64 are 937.5 steps, and twice
    that length is 1875 steps.

    >>> span = epochs(20)
    >>> span.bind(steps_per_epoch=225)
    <epochs(20): 4500 steps>
    >>> (epochs(10) - 500).bind(steps_per_epoch=225).steps
    Fraction(1750, 1)
    """

    __slots__ = ("amounts", "steps")

    amounts: dict[str, Fraction]
    """The amount of each unit."""
    steps: Fraction | None
    """The length in steps, `None` until it is bound."""

    def __init__(self, amounts: dict[str, Fraction], steps: Fraction | None = None):
        if not isinstance(amounts, dict):
            raise TypeError(
                f"Spans are made by `epochs`, `examples` and `fraction`. Received: Span({shown(amounts)}, ...)"
            )
        for unit, amount in [*amounts.items(), *([] if steps is None else [("steps", steps)])]:
            if unit not in UNITS or not isinstance(amount, int | Fraction) or not is_length(amount):
                raise ValueError(
                    f"A span has at most {LONGEST:.0e} of {', '.join(UNITS)}, and at least 1e-18 or 0. "
                    f"Received: {shown(amount)} {shown(unit)}"
                )
        kept = {unit: Fraction(amounts[unit]) for unit in UNITS if amounts.get(unit)}
        object.__setattr__(self, "amounts", kept or {unit: Fraction(0) for unit in list(amounts)[:1]})
        object.__setattr__(self, "steps", steps)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"A span can't be changed. Received: {name}={value!r}")

    def bind(self, *, steps_per_epoch: Any = None, epochs: Any = None, batch_size: Any = None) -> Span:
        """This span with its `steps`, computed from the numbers that its units need."""
        known = {"steps_per_epoch": steps_per_epoch, "epochs": epochs, "batch_size": batch_size}
        steps = Fraction(0)
        for unit, amount in self.amounts.items():
            needs = NEEDS.get(unit, [])
            missing = " and ".join(f"`{name}`" for name in needs if known[name] is None)
            if missing:
                raise ValueError(f"A span in {unit} needs {missing} to become steps. Received: {self!r}")
            for name in needs:
                number = positive(name, known[name])
                amount = amount / number if name == "batch_size" else amount * number
            steps += amount
        if steps < 0 or not is_length(steps):
            using = ", ".join(f"{name}={number}" for name, number in known.items() if number is not None)
            rule = "at least 0 steps" if steps < 0 else "0 steps, or from 1e-18 to 1e+18"
            raise ValueError(f"A length must be {rule}. `{self!r}` is {_shortest(steps)} with {using}.")
        return Span(self.amounts, steps)

    @property
    def unit(self) -> str:
        """Its unit; `"mixed"` if it has several."""
        return next(iter(self.amounts)) if len(self.amounts) == 1 else "mixed"

    @property
    def amount(self) -> Fraction:
        """The amount of its only unit."""
        if len(self.amounts) != 1:
            raise ValueError(f"A span in several units has no single amount. Received: {self!r}")
        return next(iter(self.amounts.values()))

    def __mul__(self, ratio: float | Fraction) -> Span:
        if not is_number(ratio):
            return NotImplemented
        return Span({unit: amount * exact(ratio) for unit, amount in self.amounts.items()})

    __rmul__ = __mul__

    def __truediv__(self, ratio: float | Fraction) -> Span:
        if not is_number(ratio):
            return NotImplemented
        return self * (1 / exact(ratio))

    def __add__(self, other: Any) -> Span:
        if is_number(other):
            other = Span({"steps": exact(other)})
        if not isinstance(other, Span):
            return NotImplemented
        sums = {unit: self.amounts.get(unit, Fraction(0)) + amount for unit, amount in other.amounts.items()}
        return Span(self.amounts | sums)

    __radd__ = __add__

    def __neg__(self) -> Span:
        return self * -1

    def __sub__(self, other: Any) -> Span:
        return self + -other if isinstance(other, Span) or is_number(other) else NotImplemented

    def __rsub__(self, other: Any) -> Span:
        return -self + other

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Span) and (self.amounts, self.steps) == (other.amounts, other.steps)

    def __hash__(self) -> int:
        return hash((tuple(self.amounts.items()), self.steps))

    def __reduce__(self) -> Any:
        return Span, (self.amounts, self.steps)

    def how_to_bind(self) -> str:
        """The error message for a schedule that is evaluated while this span is not bound."""
        needs = dict.fromkeys(name for unit in self.amounts for name in NEEDS.get(unit, []))
        units = ["fractions of the run" if unit == "fraction" else unit for unit in self.amounts if unit in NEEDS]
        return (
            # Not the span itself: in a policy it may be one that the user did not write.
            f"A length of the schedule is in {' and '.join(units)} and is not a number of steps yet. Pass "
            "`callbacks=[keras_lr.BindSpans()]` to `fit`, or call "
            f"`schedule.bind({', '.join(f'{name}=...' for name in needs)})`."
        )

    def get_config(self) -> dict[str, Any]:
        config: dict[str, Any] = {unit: _json(amount) for unit, amount in self.amounts.items()}
        if len(config) > 1 or "steps" in config:
            config = {"sum": config}
        return config if self.steps is None else {**config, "steps": _json(self.steps)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Span:
        config = dict(config)
        steps = config.pop("steps", None)
        sizes = config.pop("sum", config)
        if not isinstance(sizes, dict) or not sizes:
            raise ValueError(f"A span must be an amount of at least one unit. Received: {shown(config)}")
        amounts = {unit: read_fraction(amount) for unit, amount in sizes.items()}
        return cls(amounts, None if steps is None else read_fraction(steps))

    def __repr__(self) -> str:
        text = ""
        for unit, amount in sorted(self.amounts.items(), key=lambda item: item[1] < 0):
            size = _shortest(abs(amount))
            term = f"{size} steps" if unit == "steps" else f"{unit}({size})"
            text += f" {'-' if amount < 0 else '+'} {term}" if text else "-" * (amount < 0) + term
        return text if self.steps is None else f"<{text}: {_shortest(self.steps)} steps>"


@without_internal_frames
def epochs(*amounts: float) -> Any:
    """A span in epochs, which are passes over the training data. Several amounts give a tuple of spans.

    >>> epochs(20)
    epochs(20)
    >>> epochs(20, 60, 100)
    (epochs(20), epochs(60), epochs(100))
    >>> epochs(0.5).bind(steps_per_epoch=225).steps
    Fraction(225, 2)
    >>> epochs(10) - 500
    epochs(10) - 500 steps

    Args:
        amounts: Numbers >= 0, not necessarily whole.
    """
    return _spans("epochs", amounts)


@without_internal_frames
def examples(*amounts: float) -> Any:
    """A span in training examples; a step uses `batch_size` of them. Several amounts give a tuple of spans.

    >>> examples(60_000).bind(batch_size=64).steps
    Fraction(1875, 2)

    Args:
        amounts: Numbers >= 0.
    """
    return _spans("examples", amounts)


@without_internal_frames
def fraction(*amounts: float) -> Any:
    """A span as a fraction of all epochs of the run. Several amounts give a tuple of spans.

    >>> fraction(0.3).bind(steps_per_epoch=100, epochs=12).steps
    Fraction(360, 1)
    >>> fraction(5 / 7).bind(steps_per_epoch=7, epochs=1).steps
    Fraction(5, 1)

    Args:
        amounts: Numbers in [0, 1]. A float means the simple fraction nearest to it, if there is one.
    """
    return _spans("fraction", amounts)


Length = int | Fraction | Span | str  # a string such as "20 epochs"


def from_text(text: str) -> Span | int | Fraction | None:
    """The length in a text such as "20 epochs", "60000 examples", "30 %" or "500 steps"; `None` if there is none."""
    match = AS_TEXT.fullmatch(text) if len(text) <= 100 else None
    if match is None:
        return None
    amount, unit = Fraction(match[1].replace("_", "")), match[2].lower()
    if amount > (100 if unit == "%" else LONGEST):
        return None
    if unit == "%":
        return Span({"fraction": amount / 100})
    if unit.startswith("step"):
        return int(amount) if amount.denominator == 1 else amount
    return Span({unit.rstrip("s") + "s": amount})


def in_steps(length: Any) -> int | Fraction:
    """The exact number of steps of `length`, which must be bound."""
    if not isinstance(length, Span):
        return length
    if length.steps is None:
        raise ValueError(length.how_to_bind())
    return length.steps


def _spans(unit: str, amounts: tuple[float, ...]) -> Any:
    most, rule = (1, "a number in [0, 1]") if unit == "fraction" else (LONGEST, "0 or a number from 1e-18 to 1e+18")
    if not amounts:
        fail(ValueError(f"`{unit}` needs at least one amount, as in `{unit}({0.5 if most == 1 else 20})`."))
    for amount in amounts:
        is_valid = is_number(amount) and 0 <= amount <= most and is_length(exact(amount))  # none with nan
        if not is_valid:
            fail(ValueError(f"The amount of `{unit}` must be {rule}. Received: {shown(amount)}"))
    spans = tuple(Span({unit: exact(amount)}) for amount in amounts)
    return spans if len(spans) > 1 else spans[0]


def _json(number: Fraction) -> int | str:
    return int(number) if number.denominator == 1 else str(number)


def _shortest(number: Fraction) -> int | float | Fraction:
    if number.denominator == 1:
        return int(number)
    return float(number) if exact(float(number)) == number else number
