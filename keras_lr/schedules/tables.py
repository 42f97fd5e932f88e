"""Values that are looked up."""

from __future__ import annotations

import functools
import itertools
from dataclasses import KW_ONLY
from fractions import Fraction
from typing import Any

from . import arguments
from .arguments import Lengths, Numbers
from .base import Schedule, schedule
from .curves import swing
from .spans import in_steps
from .steps.lookup import lookup_for
from .steps.pieces import LINE, MOST, WAVE, Piece, Pieces, Time, curve, scaled
from .steps.segments import Segments
from .steps.step import Step


@schedule
class Table(Schedule):
    """A value for each step: `values[t]`, then the last one.

    >>> Table([0.1, 0.1, 0.01, 0.01]).values(6)
    array([0.1 , 0.1 , 0.01, 0.01, 0.01, 0.01])

    Args:
        values: Numbers >= 0, at least one; ten million are fine, held once in memory, in the graph and in the file.

    Raises:
        ValueError: There are no `values`, or one is negative or not finite.
    """

    values: Numbers

    def at(self, step: Step) -> Any:
        return step.take(self.values)


@schedule
class Intervals(Schedule):
    """A value for each interval of time: `values[i]`, i being how many `boundaries` are <= t.

    >>> rate = Intervals([2, 4], [0.1, 0.01, 0.001])
    >>> rate.values(6)
    array([0.1  , 0.1  , 0.01 , 0.01 , 0.001, 0.001])

    In epochs (0.1 in epochs 0-19, 0.01 in 20-59, ...) nobody counts steps:

    >>> from keras_lr import epochs
    >>> rate = Intervals(epochs(20, 60, 100), [0.1, 0.01, 0.001, 0.0001])
    >>> rate.bind(steps_per_epoch=225).values([4499, 4500])
    array([0.1 , 0.01])

    A boundary is the first step with the new value, as in torch and optax; with
    Keras' `PiecewiseConstantDecay` it is the last step with the old one.

    Args:
        boundaries: Strictly increasing integers > 0, or spans.
        values: Numbers >= 0, one more than `boundaries`.

    Raises:
        ValueError: An argument breaks its rule.
    """

    boundaries: Lengths
    values: Numbers

    def check(self) -> None:
        require_one_more(self)

    def at(self, step: Step) -> Any:
        return step.chosen(self.boundaries, self.values)

    def _pieces(self, begin: Time, ratio: Time) -> Pieces:
        if len(self.values) > MOST:
            return None
        begins = [begin, *(begin + scaled(boundary, ratio) for boundary in self.boundaries)]
        return [Piece(begin, value) for begin, value in zip(begins, self.values, strict=True)]


@schedule
class Knots(Schedule):
    """Lines from value to value: `values[0]` at t = 0, `values[i]` at `boundaries[i - 1]`, then the last one.

    >>> Knots([2, 6], [0.0, 0.4, 0.0]).values(8)
    array([0. , 0.2, 0.4, 0.3, 0.2, 0.1, 0. , 0. ])

    Args:
        boundaries: Strictly increasing integers > 0, or spans.
        values: Numbers >= 0, one more than `boundaries`.
        interpolation: `"linear"`, `"cosine"` for half a wave each, or `"constant"` for the value before.

    Raises:
        ValueError: An argument breaks its rule.
    """

    boundaries: Lengths
    values: Numbers
    _: KW_ONLY
    interpolation: str = "linear"

    def check(self) -> None:
        require_one_more(self)

    def at(self, step: Step) -> Any:
        lookup = lookup_for(self, step)
        if lookup is not None:
            return lookup.at(step)
        if not self.boundaries:
            return step.full(self.values.array[0])
        count, inside = step.segment(self._segments)
        before, after = step.take(self.values.array[:-1], count.value), step.take(self.values.array[1:], count.value)
        if self.interpolation == "constant":
            return step.ops.where(step.reached(self.boundaries[-1]), after, before)
        first = self.boundaries[0]  # as long as all of them seem from inside
        left, done = inside.left(first), inside.done(first)
        if self.interpolation == "cosine":
            left, done = swing(left, step), swing(done, step)
        return before * left + after * done

    def _pieces(self, begin: Time, ratio: Time) -> Pieces:
        if len(self.values) > MOST:
            return None
        times = [begin, *(begin + scaled(boundary, ratio) for boundary in self.boundaries)]
        values, shape = [*self.values], WAVE if self.interpolation == "cosine" else LINE
        pieces = [Piece(time, value) for time, value in zip(times, values, strict=True)]
        if self.interpolation != "constant":
            for n, (start, end) in enumerate(itertools.pairwise(times)):
                pieces[n] = curve(start, values[n], values[n + 1], end - start, shape=shape)[0]
        return pieces

    @functools.cached_property
    def _segments(self) -> Segments:
        ends = [Fraction(in_steps(boundary)) for boundary in self.boundaries]
        return Segments(tuple(end - start for start, end in zip([Fraction(0), *ends], ends, strict=False)))


def require_one_more(table: Any) -> None:
    """Refuse `values` that are not one more than `boundaries`."""
    if len(table.values) != len(table.boundaries) + 1:
        rule = f"one more than the {len(table.boundaries)} `boundaries`"
        arguments.reject(table, "values", rule, table.values)
