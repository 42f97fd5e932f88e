"""Values that are looked up."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from . import words
from .base import Schedule, schedule
from .step import Step
from .words import Lengths, Numbers


@schedule
class Table(Schedule):
    """A value for each step: `values[t]`, then the last one.

    >>> Table([0.1, 0.1, 0.01, 0.01]).values(6)
    array([0.1 , 0.1 , 0.01, 0.01, 0.01, 0.01])

    Args:
        values: Numbers >= 0, at least one; a million are fine.

    Raises:
        ValueError: There are no `values`, or one is negative or not finite.
    """

    values: Numbers

    def at(self, step: Step) -> Any:
        return step.take(self._table)

    @functools.cached_property
    def _table(self) -> np.ndarray:
        return np.array(self.values, "float64")


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
        if len(self.values) != len(self.boundaries) + 1:
            rule = f"one more than the {len(self.boundaries)} `boundaries`"
            words.refuse(self, "values", rule, tuple(self.values))

    def at(self, step: Step) -> Any:
        return step.take(self._table, step.index(self.boundaries))

    @functools.cached_property
    def _table(self) -> np.ndarray:
        return np.array(self.values, "float64")
