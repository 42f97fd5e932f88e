"""Schedules that repeat."""

from __future__ import annotations

import itertools
import math
from dataclasses import KW_ONLY
from fractions import Fraction
from typing import Any

import numpy as np

from . import arguments
from .arguments import Lengths, Member
from .base import Schedule, schedule
from .exact import LARGEST, exact
from .formulas import between, half_wave
from .spans import Length, in_steps
from .step import Step

LAST = 2**40  # the step up to which growing cycles are distinguished
MOST = 100_000  # cycles of different lengths


@schedule
class Repeat(Schedule):
    """A schedule in cycles: `schedule` at `t % period`, times `shrink ** n` in cycle n = 0, 1, ...

    With `growth`, cycle n takes `period * growth ** n` steps, and the schedule is stretched to fit. Cycles start
    exactly, without rounding.

    >>> from keras_lr import Linear
    >>> Repeat(Linear(0.4, 0.0, steps=4), period=4, shrink=0.5).values(10)
    array([0.4  , 0.3  , 0.2  , 0.1  , 0.2  , 0.15 , 0.1  , 0.05 , 0.1  ,
           0.075])
    >>> Repeat(Linear(0.4, 0.0, steps=2), period=2, growth=2).values(7)
    array([0.4, 0.2, 0.4, 0.3, 0.2, 0.1, 0.4])

    Args:
        schedule: A schedule, also of Keras, or a number >= 0.
        period: The length of the first cycle: an integer > 0 or a span; or a list of such lengths, one for each cycle.
        growth: The factor of the length after each cycle, a number >= 1; at most 100,000 different lengths.
        shrink: The factor of the value after each cycle, a number > 0.
        cycles: The number of cycles, an integer > 0; the last one does not end. `None` for no limit.

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

    def prepare(self) -> None:
        if isinstance(self.period, tuple):
            lengths = [Fraction(in_steps(period)) for period in self.period]
            starts = [Fraction(0), *itertools.accumulate(lengths[:-1])]
        elif self.growth != 1:
            starts, lengths = self._growing_cycles()
        else:
            self._store("_cycles", None)
            return
        cycles = [(float(start), float(length / lengths[0])) for start, length in zip(starts, lengths, strict=True)]
        self._store("_cycles", np.array(cycles))
        self._store("_later_starts", np.array([start for start, _ in cycles[1:]]))

    def at(self, step: Step) -> Any:
        if self._cycles is None:
            cycle, inside = step.cycle(self.period, self.cycles)
        else:
            index = step.index(self._later_starts)
            start, ratio = step.ops.columns(step.take(self._cycles, index), 2)
            cycle, inside = step.ops.real(index), step.at(step.ops.maximum((step.time - start) / ratio, 0.0))
        value = self.schedule.at(inside)
        if self.shrink == 1:
            return value
        value = value * step.ops.exp(step.ops.minimum(math.log(self.shrink) * cycle, 700.0))
        return value if self.shrink < 1 else step.ops.minimum(value, LARGEST)

    def _growing_cycles(self) -> tuple[list[Fraction], list[Fraction]]:
        """The starts and lengths of the cycles up to the step `LAST`, rounded to 2**-64 of a step."""
        growth, unit = exact(self.growth), 2**64
        length, start = round(in_steps(self.period) * unit), 0
        starts: list[Fraction] = []
        lengths: list[Fraction] = []
        while start < LAST * unit and len(starts) < min(self.cycles or MOST + 1, MOST + 1):
            starts.append(Fraction(start, unit))
            lengths.append(Fraction(length, unit))
            start += length
            length = length * growth.numerator // growth.denominator
        if len(starts) > MOST:
            arguments.reject(self, "cycles", f"at most {MOST:,}, or `growth` larger", self.cycles)
        return starts, lengths


@schedule
class CosineWaves(Schedule):
    """Cosine waves: `end + (start - end) * (1 + cos(2 * pi * waves * t / steps)) / 2`, then its value at t = `steps`.

    >>> CosineWaves(0.1, 0.0, steps=6, waves=1.5).values(8).round(6)
    array([0.1 , 0.05, 0.  , 0.05, 0.1 , 0.05, 0.  , 0.  ])

    Args:
        start, end: The values at t = 0 and half a wave later, numbers >= 0.
        steps: The length of all waves: an integer > 0 or a span.
        waves: The number of waves in `steps`, a number > 0; 0.5 makes it a `Cosine`.

    Source: the `num_cycles` of transformers.
    """

    start: float
    end: float
    steps: Length
    waves: float

    def prepare(self) -> None:
        self._store("_period", in_steps(self.steps) / exact(self.waves))
        self._store("_half", self._period / 2)
        begin = Fraction(1, 2) if self.start >= self.end else Fraction(0)  # of a wave, from where it is lowest
        self._store("_begin", begin * self._period)
        last = (exact(self.waves) + begin) % 1
        low, high = sorted([self.start, self.end])
        self._store("_last", between(low, high, math.sin(math.pi * min(last, 1 - last)) ** 2))

    def at(self, step: Step) -> Any:
        _, inside = step.ahead(self._begin).cycle(self._period)
        rise = step.ops.minimum(inside.done(self._half), 2.0 * inside.left(self._period))
        value = between(min(self.start, self.end), max(self.start, self.end), half_wave(step.ops, rise))
        return step.ops.where(step.reached(self.steps), self._last, value)
