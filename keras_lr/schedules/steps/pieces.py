"""What compositions of curves are made of: pieces, each of one shape, one after the other."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from ..spans import Length, in_steps
from .shares import to_power

MOST = 20_000  # pieces of a table; what has more is computed member by member
LINE, WAVE, EXPONENTIAL = range(3)  # shapes: the share itself, half a cosine wave, and what falls to an e-th
Time = int | Fraction


class Piece(NamedTuple):
    """A curve: `low + height * shape(share) ** power`, share being how far the step is from `near`, in `length`s.

    `near` is the time at which a line or a wave is low, and at which an
    exponential is high. Measured from there, nothing cancels, and both terms are
    positive.
    """

    begin: Time
    low: float
    height: float = 0.0
    near: Time = 0
    length: float | Time = 2**63  # so long that no power of the share is past the last float
    power: float = 1.0
    shape: int = LINE

    def at(self, times: Any) -> Any:
        """The values at some times, by numpy."""
        if self.height == 0:
            return np.full(np.shape(times), self.low)
        share = np.abs(times - float(self.near)) / float(self.length)
        if self.shape == WAVE:
            sine = np.sin(math.pi / 2 * share)
            share = sine * sine
        bent = np.exp(-share) if self.shape == EXPONENTIAL else to_power(share, self.power)
        return self.low + self.height * bent


Pieces = list[Piece] | None


def curve(begin: Time, start: float, end: float, length: Time, power: float = 1.0, shape: int = LINE) -> list[Piece]:
    """A curve from `start` to `end`, which is held; where it rises, its power must be 1."""
    near = begin + length if start > end else begin
    height = abs(start - end)
    return [Piece(begin, min(start, end), height, near, length, power, shape), Piece(begin + length, end)]


def scaled(length: Length, ratio: Time) -> Time:
    """A length that is `ratio` times as long; an integer where it is one, since those are 20 times as fast."""
    steps = in_steps(length)
    whole, rest = divmod(steps.numerator * ratio.numerator, steps.denominator * ratio.denominator)
    return steps * ratio if rest else whole


def within(pieces: list[Piece], begin: Time, end: Time | None = None) -> list[Piece]:
    """The pieces as far as they are seen from `begin` on, which is not before the first, and before `end`."""
    if end is not None:
        if end <= begin:
            return []
        pieces = [piece for piece in pieces if piece.begin < end]
    late = sum(piece.begin <= begin for piece in pieces)
    first = pieces[late - 1]
    return [first if first.begin == begin else first._replace(begin=begin), *pieces[late:]]


def value_at(pieces: list[Piece], time: Time) -> float:
    """The value at a time from 0 on."""
    piece = within(pieces, time)[0]
    return float(piece._replace(near=0).at(abs(float(time - piece.near))))


def turned_over(piece: Piece) -> Piece | None:
    """As far below its high end as the piece is above its low one, plus that; `None` if it has no such end."""
    if piece.power != 1 or piece.shape == EXPONENTIAL:
        return None
    length: Any = piece.length
    far = piece.near + length if piece.begin >= piece.near else piece.near - length
    return piece._replace(near=far)


def overlaid(members: list[Pieces], combine: Callable[[Piece, list[float]], Piece]) -> Pieces:
    """The pieces of several schedules at once, of which all but one are constant at any time.

    `combine` is given that one, or any, and the values of the others.
    """
    known = [member for member in members if member is not None]
    if len(known) < len(members) or sum(map(len, known)) > MOST:
        return None
    begins = sorted({piece.begin for member in known for piece in member})
    pieces, places = [], [0] * len(known)
    for begin in begins:
        for n, member in enumerate(known):
            while places[n] + 1 < len(member) and member[places[n] + 1].begin <= begin:
                places[n] += 1
        now = [member[place] for member, place in zip(known, places, strict=True)]
        now.sort(key=lambda piece: piece.height == 0)
        if len(now) > 1 and now[1].height:
            return None
        pieces.append(combine(now[0], [piece.low for piece in now[1:]])._replace(begin=begin))
    return pieces
