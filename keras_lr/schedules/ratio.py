"""Exact fractions in a form that torch can compile, which `fractions.Fraction` is not."""

from __future__ import annotations

from fractions import Fraction


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
