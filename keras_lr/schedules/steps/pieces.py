"""Compositions of curves as one table: the graph looks up the curve of a step and computes that one alone."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple

import keras
import numpy as np

from ..shared import Shared
from ..spans import Length, in_steps
from .segments import LAST
from .step import Step

MOST = 20_000  # pieces of a table; what has more is computed member by member
FUSED = 8  # pieces up to which JAX is faster without a table
Time = int | Fraction


class Piece(NamedTuple):
    """A curve: `low + height * shape(share)`, share being how far the step is from `near`, in `length`s.

    `near` is the time at which it is low. Measured from there, nothing cancels,
    and both terms are positive.
    """

    begin: Time
    low: float
    height: float = 0.0
    near: Time = 0
    length: Time = 2**63  # so long that no power of the share is past the last float
    power: float = 1.0
    is_wave: bool = False  # half a cosine wave; a straight line otherwise


Pieces = list[Piece] | None


def curve(
    begin: Time, start: float, end: float, length: Time, power: float = 1.0, is_wave: bool = False
) -> list[Piece]:
    """A curve from `start` to `end`, which is held; where it rises, its power must be 1."""
    near = begin + length if start > end else begin
    height = abs(start - end)
    return [Piece(begin, min(start, end), height, near, length, power, is_wave), Piece(begin + length, end)]


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
    share = abs(float(time - piece.near)) / float(piece.length)
    bent = math.sin(math.pi / 2 * share) ** 2 if piece.is_wave else share
    return float(piece.low + piece.height * bent**piece.power)


def looked_up(at: Callable[[Any, Step], Any]) -> Callable[[Any, Step], Any]:
    """Have a schedule's `at` look its curve up in the graph, where the schedule is made of curves alone."""

    @functools.wraps(at)
    def looking_up(self: Any, step: Step) -> Any:
        lookup = None if step.ops is np else lookup_for(self, step)
        # XLA makes one operation of a few members, and several of a lookup.
        if lookup is None or (keras.backend.backend() == "jax" and len(lookup.columns) <= FUSED):
            return at(self, step)
        return lookup.at(step)

    return looking_up


def lookup_for(schedule: Any, step: Step) -> Lookup | None:
    """The table of a schedule, if it has one and if it holds for the step."""
    lookup = schedule._lookup if step.is_plain else None
    return lookup if lookup is not None and lookup.is_for(step) else None


class Lookup:
    """The tables of a list of pieces."""

    def __init__(self, pieces: list[Piece]):
        # A piece that the next one follows within the same step is never seen.
        begins = [math.ceil(piece.begin) for piece in pieces]
        seen = [n for n in range(len(pieces)) if n + 1 == len(pieces) or begins[n + 1] > begins[n]]
        pieces = [Piece(-1, value_at(pieces, 0)), *(pieces[n] for n in seen)]
        near = [math.floor(piece.near) for piece in pieces]
        last_before = [max(begins[n], 0) - 1 for n in seen]
        self.latest = max(map(abs, (*near, *last_before)))
        self.last_before, self.near = Shared(np.array(last_before)), Shared(np.array(near))
        self.shapes = sorted({(piece.power, piece.is_wave) for piece in pieces if piece.height} or {(1.0, False)})
        kinds = [float(self.shapes.index((p.power, p.is_wave))) if p.height else 0.0 for p in pieces]
        columns = [
            [piece.low for piece in pieces],
            [piece.height for piece in pieces],
            # A wave is the square of a sine, whose angle is the share of a quarter of a turn.
            [float(piece.length) * (2 / math.pi if piece.is_wave else 1) for piece in pieces],
        ]
        self.parts = [float(piece.near - whole) for piece, whole in zip(pieces, near, strict=True)]
        if any(self.parts):
            columns.append(self.parts)
        if len(self.shapes) > 1:
            columns.append(kinds)
        self.columns = Shared(np.minimum(np.array(columns).T, np.finfo("float32").max))

    @classmethod
    def of(cls, schedule: Any) -> Lookup | None:
        """That of a schedule; `None` if it is not made of curves alone, or of too many."""
        pieces = schedule._pieces(0, 1)
        if not pieces or len(pieces) > MOST:
            return None
        return cls(pieces)

    def is_for(self, step: Step) -> bool:
        """Whether all times are integers of the step's dtype, and their differences."""
        return self.latest < LAST[step.dtype] // 2

    def at(self, step: Step) -> Any:
        ops, row = step.ops, step.rank(self.last_before)
        distance = step.distance(self.near, row)
        low, height, length, *rest = step.columns(self.columns, row)
        if any(self.parts):
            part, *rest = rest
            distance = distance - part
        share = ops.abs(distance) / length
        bent = _bent(share, *self.shapes[0], ops)
        for kind, shape in enumerate(self.shapes[1:], 1):
            bent = ops.where(rest[0] > kind - 0.5, _bent(share, *shape, ops), bent)
        return low + height * bent


def _bent(share: Any, power: float, is_wave: bool, ops: Any) -> Any:
    if is_wave:
        sine = ops.sin(share)
        return sine * sine if power == 1 else ops.abs(sine) ** (2 * power)
    return share if power == 1 else share**power
