"""Compositions of curves as one table: the graph looks up the curve of a step and computes that one alone."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from ..shared import Shared
from ..spans import Length, in_steps
from .segments import LAST
from .step import Step

MOST = 20_000  # pieces of a table; what has more is computed member by member
LINE, WAVE, EXPONENTIAL = range(3)  # shapes: the share itself, half a cosine wave, and what falls to an e-th
WHOLE = 2**24  # up to here a float32 tells integers apart
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


Pieces = list[Piece] | None


def curve(begin: Time, start: float, end: float, length: Time, power: float = 1.0, shape: int = LINE) -> list[Piece]:
    """A curve from `start` to `end`, which is held; where it rises, its power must be 1."""
    near = begin + length if start > end else begin
    height = abs(start - end)
    return [Piece(begin, min(start, end), height, near, length, power, shape), Piece(begin + length, end)]


def scaled(length: Length, ratio: Time) -> Time:
    """A length that is `ratio` times as long; an integer where it is one, since those are 20 times as fast."""
    steps = in_steps(length) * ratio
    return int(steps) if steps.denominator == 1 else steps


def within(pieces: list[Piece], begin: Time, end: Time | None = None) -> list[Piece]:
    """The pieces as far as they are seen from `begin` on and before `end`."""
    if end is not None:
        if end <= begin:
            return []
        pieces = [piece for piece in pieces if piece.begin < end]
    late = sum(piece.begin <= begin for piece in pieces)
    return [pieces[late - 1]._replace(begin=begin), *pieces[late:]]


def value_at(pieces: list[Piece], time: Time) -> float:
    """The value at a time from 0 on."""
    piece = within(pieces, time)[0]
    if piece.height == 0:
        return piece.low
    share = abs(float(time - piece.near)) / float(piece.length)
    if piece.shape != LINE:
        share = math.sin(math.pi / 2 * share) ** 2 if piece.shape == WAVE else math.exp(-share)
    return float(piece.low + piece.height * share**piece.power)


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
    if len(known) < len(members):
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


def looked_up(at: Callable[[Any, Step], Any]) -> Callable[[Any, Step], Any]:
    """Have a schedule's `at` look its curve up in the graph, where the schedule is made of curves alone."""

    @functools.wraps(at)
    def looking_up(self: Any, step: Step) -> Any:
        lookup = None if step.ops is np else lookup_for(self, step)
        return at(self, step) if lookup is None else lookup.at(step)

    return looking_up


def lookup_for(schedule: Any, step: Step) -> Lookup | None:
    """The table of a schedule, if it has one and if it holds for the step."""
    if not step.is_plain:
        return None
    lookups = schedule._lookups
    if step.dtype not in lookups:
        lookups[step.dtype] = Lookup.of(schedule, step.dtype)
    return lookups[step.dtype]


class Lookup:
    """The tables of a list of pieces, for integers up to `last`."""

    def __init__(self, pieces: list[Piece], last: int):
        # A piece that the next one follows within the same step is never seen.
        begins = [math.ceil(piece.begin) for piece in pieces]
        seen = [n for n in range(len(pieces)) if n + 1 == len(pieces) or begins[n + 1] > begins[n]]
        seen = [n for n in seen if begins[n] <= last]
        pieces = [Piece(-1, value_at(pieces, 0)), *(pieces[n] for n in seen)]
        # What is constant is a line as well.
        pieces = [piece if piece.height else Piece(piece.begin, piece.low) for piece in pieces]
        ends = [0, *(begins[n] for n in seen[1:]), last]
        if all(_is_told_apart(piece, end) for piece, end in zip(pieces, ends, strict=True)):
            self.near, near = None, [math.floor(piece.near) for piece in pieces]
        else:  # in integers, as far as the differences from all steps are
            near = [min(max(math.floor(p.near), end - last), last) for p, end in zip(pieces, ends, strict=True)]
            self.near = Shared(np.array(near))
        self.last_before = Shared(np.array([max(begins[n], 0) - 1 for n in seen]))
        self.shapes = {piece.shape for piece in pieces if piece.height} or {LINE}
        columns = {
            "low": [piece.low for piece in pieces],
            "height": [piece.height for piece in pieces],
            "length": [_signed_length(piece) for piece in pieces],
        }
        if self.near is None:
            columns["near"] = [float(each) for each in near]
        parts = [float(piece.near - whole) for piece, whole in zip(pieces, near, strict=True)]
        if any(parts):
            columns["part"] = parts
        if any(piece.power != 1 for piece in pieces):
            columns["power"] = [piece.power for piece in pieces]
        if EXPONENTIAL in self.shapes and len(self.shapes) > 1:
            columns["is_exponential"] = [float(piece.shape == EXPONENTIAL) for piece in pieces]
        largest = float(np.finfo("float32").max)
        self.names, self.columns = [*columns], Shared(np.clip(np.array([*columns.values()]).T, -largest, largest))

    @classmethod
    def of(cls, schedule: Any, dtype: str) -> Lookup | None:
        """That of a schedule; `None` if it is not made of curves alone, or of too many."""
        pieces = schedule._pieces(0, 1)
        if not pieces or len(pieces) > MOST:
            return None
        return cls(pieces, LAST[dtype])

    def at(self, step: Step) -> Any:
        row = step.row(self.last_before)
        of = dict(zip(self.names, row.columns(self.columns), strict=True))
        distance = row.step - of["near"] if self.near is None else row.distance(self.near)
        share = (distance - of["part"] if "part" in of else distance) / of["length"]
        return of["low"] + of["height"] * self._bent(share, of, step.ops)

    def _bent(self, share: Any, of: dict[str, Any], ops: Any) -> Any:
        bent = share
        if WAVE in self.shapes:
            sine = ops.sin(share)
            wave = sine * sine
            # The share of a line is positive, and so at least as much; that of a wave is not.
            bent = ops.maximum(share, wave) if LINE in self.shapes else wave
        if "power" in of:
            bent = bent ** of["power"]
        if EXPONENTIAL in self.shapes:
            if "is_exponential" not in of:
                return ops.exp(share)
            bent = ops.where(of["is_exponential"] > 0.5, ops.exp(ops.minimum(share, 0.0)), bent)
        return bent


def _is_told_apart(piece: Piece, end: int) -> bool:
    """Whether the difference of two float32 has all its digits, at all times at which the piece is seen."""
    return piece.height == 0 or piece.near <= WHOLE // 2 or max(piece.near, end) <= WHOLE


def _signed_length(piece: Piece) -> float:
    """The length, with a sign that makes the share of a line positive, and that of any other shape negative."""
    sign = 1 if (piece.begin >= piece.near) == (piece.shape == LINE) else -1
    # A wave is the square of a sine, whose angle is the share of a quarter of a turn.
    return sign * float(piece.length) * (2 / math.pi if piece.shape == WAVE else 1)
