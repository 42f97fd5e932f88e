"""Assigns a hyperparameter at the start of epochs: `Intervals` as a callback."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from ..schedules import arguments
from ..schedules.spans import Span
from .epoch_setter import EpochSetter


class EpochIntervalSwitcher(EpochSetter):
    """Sets a hyperparameter to `values[i]` at the start of an epoch, with i the number of `boundaries` <= epoch.

    It depends only on the epoch, so it continues correctly with `initial_epoch` and after a
    restart. It adds the value to `logs[hyperparameter]`.

    >>> import keras, numpy as np, keras_lr as klr
    >>> model = keras.Sequential([keras.Input([3]), keras.layers.Dense(1)])
    >>> model.compile(optimizer=keras.optimizers.SGD(0.1), loss="mse")
    >>> switcher = klr.EpochIntervalSwitcher([1, 3], [0.1, 0.01, 0.001])
    >>> history = model.fit(np.ones([8, 3]), np.ones([8]), epochs=4, callbacks=[switcher], verbose=0)
    >>> history.history["learning_rate"]
    [0.1, 0.01, 0.01, 0.001]

    Args:
        boundaries: The first epoch of each value except the first: strictly increasing
            integers > 0, or whole `epochs(...)`.
        values: Numbers >= 0, one more than `boundaries`; of a momentum, a beta or rho also < 1.
        hyperparameter: `"learning_rate"`, `"momentum"`, `"weight_decay"`, ...
        optimizer: Which optimizer, if the model has several: the attribute of the model
            that holds it, its name, or the optimizer itself; or a list of these.
        verbose: 1 to print a line for each epoch, 0 for none.

    Raises:
        TypeError, ValueError: An argument breaks its rule; or, at the start of
            `fit`, the hyperparameter follows a schedule or another callback also sets
            it.
    """

    def __init__(
        self,
        boundaries: Any,
        values: Sequence[float],
        hyperparameter: str = "learning_rate",
        *,
        optimizer: Any = None,
        verbose: int = 0,
    ):
        super().__init__(hyperparameter, optimizer, verbose)
        spans = arguments.validate(self, "boundaries", boundaries)
        amounts = [span.amounts.get("epochs", 0) if isinstance(span, Span) else span for span in spans]
        in_epochs = all(span.unit == "epochs" for span in spans if isinstance(span, Span))
        if not in_epochs or any(amount != int(amount) for amount in amounts):
            arguments.reject(self, "boundaries", "whole numbers of epochs", boundaries, "`Intervals` takes any span.")
        self.boundaries = [int(amount) for amount in amounts]
        if any(a >= b for a, b in itertools.pairwise(self.boundaries)):
            arguments.reject(self, "boundaries", "strictly increasing", boundaries)
        self.values = arguments.validate(self, "values", values)
        if self._is_below_one and max(self.values) >= 1:
            arguments.reject(self, "values", f"numbers >= 0 and < 1 for `{hyperparameter}`", values)
        if len(self.values) != len(self.boundaries) + 1:
            arguments.reject(self, "values", f"one more than the {len(self.boundaries)} `boundaries`", self.values)

    def value(self, epoch: int, current: float) -> float:
        return self.values[bisect_right(self.boundaries, epoch)]
