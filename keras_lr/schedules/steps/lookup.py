"""Compositions of curves as one table: the graph looks up the curve of a step and computes that one alone."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..shared import Shared
from .pieces import EXPONENTIAL, LINE, MOST, WAVE, Piece, value_at
from .segments import LAST
from .step import Step

WHOLE = 2**24  # up to here a float32 tells integers apart


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
            self.near, near = None, [round(piece.near) for piece in pieces]
        else:  # in integers that can be subtracted from all steps at which the piece is seen; the rest is in `part`
            near = [min(max(round(p.near), end - last), last) for p, end in zip(pieces, ends, strict=True)]
            self.near = Shared(np.array(near))
        self.lasts = Shared(np.array([*(max(begins[n], 0) - 1 for n in seen), last]))
        self.pieces = pieces
        self.shapes = {piece.shape for piece in pieces if piece.height} or {LINE}
        columns = {
            "height": [piece.height for piece in pieces],
            "length": [_signed_length(piece) for piece in pieces],
        }
        if any(piece.low for piece in pieces):
            columns["low"] = [piece.low for piece in pieces]
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
        return self._by_numpy(step) if step.ops is np else self.of_row(step)

    def _by_numpy(self, step: Step) -> np.ndarray:
        """Piece by piece, where few are in use or the steps are in a row, since numbers are faster than arrays."""
        t, lasts = step.value, self.lasts.array
        low, high = np.searchsorted(lasts, [t.min(), t.max()])
        pieces = self.pieces[low : high + 1]
        with np.errstate(all="ignore"):  # of a piece where it is not seen
            if len(pieces) == 1:
                return pieces[0].at(t)
            if len(pieces) == 2:
                return np.where(t > lasts[low], pieces[1].at(t), pieces[0].at(t))
        if t.ndim > 1 or 64 * len(pieces) > t.size or not (t[1:] - t[:-1] == 1).all():
            return self.of_row(step)
        cuts = [0, *(lasts[low:high] + 1 - t[0]), t.size]
        parts = zip(pieces, itertools.pairwise(cuts), strict=True)
        return np.concatenate([piece.at(t[begin:end]) for piece, (begin, end) in parts])

    def of_row(self, step: Step) -> Any:
        """From the tables, as the graph computes it."""
        row = step.row(self.lasts)
        of = dict(zip(self.names, row.columns(self.columns), strict=True))
        distance = row.step - of["near"] if self.near is None else row.distance(self.near)
        share = (distance - of["part"] if "part" in of else distance) / of["length"]
        value = of["height"] * self._bent(share, of, step.ops)
        return of["low"] + value if "low" in of else value

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
