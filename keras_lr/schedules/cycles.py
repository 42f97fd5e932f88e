"""Curves that come back."""

from __future__ import annotations

import functools
import math
from dataclasses import KW_ONLY
from fractions import Fraction
from typing import Any

from . import arguments
from .arguments import Lengths, Member
from .base import Schedule, schedule
from .curves import swing
from .decays import Exponential
from .spans import Length, exact, in_steps
from .steps.lookup import looked_up
from .steps.native import cast, remainder
from .steps.pieces import MOST as MOST_PIECES
from .steps.pieces import Piece, Pieces, Time, scaled, within
from .steps.segments import Segments
from .steps.shares import between
from .steps.step import Step

LAST = 2**40  # the step up to which growing cycles are told apart
FEW = 1000  # cycles that shrink, which are looked up faster than they are computed
MOST = 100_000  # cycles of different lengths


@schedule
class Repeat(Schedule):
    """A schedule over and over: `schedule` at `t % period`, times `shrink ** n` in cycle n, 0 for the first.

    With `growth`, cycle n is `period * growth ** n` long, and the schedule is
    stretched as much. Where cycles begin is computed exactly.

    >>> from keras_lr import Linear
    >>> Repeat(Linear(0.4, 0.0, steps=4), period=4, shrink=0.5).values(10)
    array([0.4  , 0.3  , 0.2  , 0.1  , 0.2  , 0.15 , 0.1  , 0.05 , 0.1  ,
           0.075])
    >>> Repeat(Linear(0.4, 0.0, steps=2), period=2, growth=2).values(7)
    array([0.4, 0.2, 0.4, 0.3, 0.2, 0.1, 0.4])

    Args:
        schedule: A schedule, Keras' own too, or a number.
        period: How long the first cycle is: an integer > 0 or a span. Or several,
            one for each cycle, the last of which goes on.
        growth: How many times as long each cycle is as the one before, a number >= 1.
        shrink: What the value is multiplied by after each cycle, a number > 0.
        cycles: How many there are, the last of which goes on: an integer > 0;
            `None` for no limit.

    Raises:
        ValueError: An argument breaks its rule, or there are more than 100,000
            cycles of different lengths.

    Source: Loshchilov and Hutter, SGDR, 2016 (arXiv 1608.03983).
    """

    schedule: Member
    period: Lengths
    _: KW_ONLY
    growth: float = 1.0
    shrink: float = 1.0
    cycles: int | None = None

    def check(self) -> None:
        if isinstance(self.period, tuple) and (self.growth != 1 or self.cycles is not None):
            arguments.reject(self, "period", "a single one where `growth` or `cycles` is given", self.period)
        if self.is_bound:
            self._segments  # noqa: B018 - refuses too many

    @looked_up
    def at(self, step: Step) -> Any:
        if self._segments is not None:
            count, inside = step.segment(self._segments)
            value = self.schedule.at(inside)
            return value if self.shrink == 1 else value * self._shrinking.at(count)
        value = self.schedule.at(step.inside(self.period))
        return value if self.shrink == 1 else value * self._shrinking.at(step.count(self.period))

    def _pieces(self, begin: Time, ratio: Time) -> Pieces:
        segments = self._segments or self._until_nothing
        if segments is None:
            return None
        first = self.schedule._pieces(begin, ratio)  # as many as in any cycle, seen or not
        if first is None or len(first) * len(segments.starts) > MOST_PIECES:
            return None
        pieces: list[Piece] = []
        starts = [begin + scaled(start, ratio) for start in segments.starts]
        for n, (start, end) in enumerate(zip(starts, [*starts[1:], None], strict=True)):
            inner = self.schedule._pieces(start, scaled(segments.ratios[n], ratio))
            if inner is None:
                return None
            factor = math.exp(min(n * math.log(self.shrink), 88.0))  # nearly the largest float32
            inner = within(inner, start, end)
            if factor != 1:
                inner = [piece._replace(low=piece.low * factor, height=piece.height * factor) for piece in inner]
            pieces += inner
        return pieces

    @functools.cached_property
    def _shrinking(self) -> Exponential:
        return Exponential(1.0, self.shrink, steps=1)

    @functools.cached_property
    def _until_nothing(self) -> Segments | None:
        """The cycles until they have shrunk to nothing, if these are few enough to look them up."""
        cycles = 200 / -math.log(self.shrink) if self.shrink < 1 else math.inf  # from the largest float32 to 0
        return Segments((Fraction(in_steps(self.period)),) * math.ceil(cycles)) if cycles < FEW else None

    @functools.cached_property
    def _segments(self) -> Segments | None:
        if isinstance(self.period, tuple):
            return Segments(tuple(Fraction(in_steps(period)) for period in self.period))
        if self.growth == 1 and self.cycles is None:
            return None
        length, growth, over = Fraction(in_steps(self.period)), exact(self.growth), Fraction(0)
        lengths: list[Fraction] = []
        while over < LAST and len(lengths) < (self.cycles or MOST + 1):
            lengths.append(length)
            over += length
            length *= growth
            if len(lengths) > 64:  # exact fractions grow as well: from here on in 2**64-ths of a step
                length, over = (Fraction(round(x * 2**64), 2**64) for x in (length, over))
        if len(lengths) > MOST:
            arguments.reject(self, "cycles", f"at most {MOST:,}, or `growth` larger", self.cycles)
        return Segments(tuple(lengths))


@schedule
class CosineWaves(Schedule):
    """Waves: `end + (start - end) * (1 + cos(2 * pi * waves * t / steps)) / 2`, from `steps` on as it is there.

    >>> CosineWaves(0.1, 0.0, steps=6, waves=1.5).values(8).round(6)
    array([0.1 , 0.05, 0.  , 0.05, 0.1 , 0.05, 0.  , 0.  ])

    Args:
        start: The value at t = 0, a number >= 0.
        end: The value half a wave later, a number >= 0.
        steps: How long: an integer > 0 or a span.
        waves: How many waves there are in `steps`, a number > 0; 0.5 makes it a `Cosine`.

    Raises:
        ValueError: An argument breaks its rule.

    Source: the `num_cycles` of transformers.
    """

    start: float
    end: float
    steps: Length
    waves: float

    def at(self, step: Step) -> Any:
        halves = 2 * exact(self.waves)
        half = Fraction(in_steps(self.steps)) / halves
        falls, per_step = self.start >= self.end, math.lcm(half.denominator, Fraction(in_steps(self.steps)).denominator)
        length = int(half * per_step)
        ticks = step.ticks(per_step, self.steps, room=length)
        if ticks is None:
            share = swing(self._distance(step, half, halves), step)
        else:  # from where the wave is low, since there nothing cancels
            ticks = remainder(ticks if falls else ticks + length, 2 * length) - length
            share = swing(cast(ticks, step.ops, "float32"), step, 1 / length)
        low, high = sorted([self.start, self.end])
        return between(step, low, high, share)

    def _distance(self, step: Step, half: Fraction, halves: Fraction) -> Any:
        """The same in halves, where the time is no integer, as inside other cycles."""
        ops, falls = step.ops, self.start >= self.end
        count, inside = step.count(half), step.inside(half)
        goes_down = ops.equal(count.value % 2, 0 if falls else 1)
        distance = ops.where(goes_down, inside.left(half), inside.done(half))
        whole, part = divmod(halves, 1)  # where the last wave ends
        last = float(1 - part if whole % 2 == (0 if falls else 1) else part)
        return ops.where(step.reached(self.steps), step.constant(last), distance)
