"""Exact numbers: how they are read and shown, and a fraction that torch can compile."""

from __future__ import annotations

import math
import re
import reprlib
from fractions import Fraction
from numbers import Integral, Rational, Real
from typing import Any

LONGEST = 10**18  # steps, and amounts of any unit
SHORTEST = Fraction(1, 10**18)
SIMPLE = 10**6  # the largest denominator of a simple fraction
LARGEST = 3.4028234663852886e38  # of a float32, in which Keras computes
LONGEST_TEXT = 200  # characters of a value in an error
_repr = reprlib.Repr()
_repr.maxlist = _repr.maxtuple = _repr.maxarray = _repr.maxdict = _repr.maxset = 100
_repr.maxstring = _repr.maxlong = _repr.maxother = 1000
# Without exponents: the config may be hostile, and 1e999999999 takes hours to become a fraction.
NUMBER = re.compile(r"-?\d{1,400}(\.\d{1,400}|/0*[1-9]\d{0,400})?")


class Ratio:
    """`numerator / denominator`, reduced, with the operators that `Step` needs."""

    def __init__(self, numerator: int, denominator: int = 1):
        divisor, rest = numerator, denominator
        while rest:  # not `math.gcd`, which torch can't compile
            divisor, rest = rest, divisor % rest
        self.numerator, self.denominator = numerator // divisor, denominator // divisor

    @classmethod
    def of(cls, number: int | Fraction) -> Ratio:
        return cls(number.numerator, number.denominator) if isinstance(number, Fraction) else cls(number)

    def __add__(self, other: Ratio) -> Ratio:
        numerator = self.numerator * other.denominator + other.numerator * self.denominator
        return Ratio(numerator, self.denominator * other.denominator)

    def __sub__(self, other: Ratio) -> Ratio:
        return self + Ratio(-other.numerator, other.denominator)

    def __mul__(self, other: Ratio) -> Ratio:
        return Ratio(self.numerator * other.numerator, self.denominator * other.denominator)

    def __truediv__(self, other: Ratio) -> Ratio:
        """The quotient by a positive number."""
        return Ratio(self.numerator * other.denominator, self.denominator * other.numerator)

    @property
    def real(self) -> float:
        """The nearest float."""
        return self.numerator / self.denominator

    @property
    def ceil(self) -> int:
        return -(-self.numerator // self.denominator)

    @property
    def sign(self) -> int:
        return (self.numerator > 0) - (self.numerator < 0)


def exact(number: Any) -> Fraction:
    """`number` as a fraction; of a float the nearest simple fraction, or else its decimal.

    >>> exact(0.3), exact(5 / 7)
    (Fraction(3, 10), Fraction(5, 7))
    """
    if isinstance(number, Rational):
        return Fraction(int(number.numerator), int(number.denominator))  # numpy's integers would overflow
    if not math.isfinite(number):
        raise ValueError(f"An amount of time must be finite. Received: {number}")
    simple = Fraction(float(number)).limit_denominator(SIMPLE)
    return simple if float(simple) == number else Fraction(repr(float(number)))


def read_fraction(value: Any) -> Fraction:
    """A number of a config, an integer or a text like "1875/2"."""
    if is_number(value) and math.isfinite(value):
        return exact(value)
    if not isinstance(value, str) or not NUMBER.fullmatch(value):
        raise ValueError(f"An amount of time must be a number, as in 20 or '1875/2'. Received: {shown(value)}")
    return Fraction(value)


def positive(name: str, number: Any) -> Fraction:
    """A number that spans are bound by, which is checked."""
    amount = exact(number) if isinstance(number, Rational) and not isinstance(number, bool) else Fraction(0)
    if amount <= 0 or not is_length(amount):
        raise ValueError(f"Argument `{name}` of `bind` must be an integer > 0. Received: {name}={shown(number)}")
    return amount


def is_length(amount: int | Fraction) -> bool:
    """Whether an amount of time is one that float64 and JSON can hold, also after some arithmetic."""
    size: Any = abs(amount)
    return (size == 0 or SHORTEST <= size <= LONGEST) and amount.denominator <= LONGEST**2


def shown(value: Any) -> str:
    """A value in the text of an error, in one line of at most 200 characters, however large or deep it is."""
    try:
        text = " ".join(_repr.repr(value).split())
    except Exception:  # such as an integer of thousands of digits
        text = f"<{type(value).__name__}>"
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 3] + "..."


def is_integer(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
