"""Assigns the learning rate at the start of epochs: the callback twin of `Intervals`."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

import keras

from ..optimizers import build, follows_schedule, leaves
from ..schedules import words
from ..schedules.spans import Span


class EpochIntervalSwitcher(keras.callbacks.Callback):
    """Sets the learning rate to `values[i]` at the start of an epoch, i being how many `boundaries` are <= epoch.

    It needs no step counts, and depends on the epoch's number alone: it goes on
    rightly with `initial_epoch` and after a restart. The rate of the epoch is in
    `logs["learning_rate"]`.

    >>> import keras, numpy as np, keras_lr as klr
    >>> model = keras.Sequential([keras.Input([3]), keras.layers.Dense(1)])
    >>> model.compile(optimizer=keras.optimizers.SGD(0.1), loss="mse")
    >>> switcher = klr.EpochIntervalSwitcher([1, 3], [0.1, 0.01, 0.001])
    >>> history = model.fit(np.ones([8, 3]), np.ones([8]), epochs=4, callbacks=[switcher], verbose=0)
    >>> history.history["learning_rate"]
    [0.1, 0.01, 0.01, 0.001]

    Args:
        boundaries: The first epochs of the values after the first: strictly
            increasing integers > 0, or whole `epochs(...)`.
        values: Numbers >= 0, one more than `boundaries`.
        hyperparameter: What is set; only `"learning_rate"` so far.

    Raises:
        TypeError, ValueError: An argument breaks its rule; or, at the start of
            `fit`, the learning rate follows a schedule, which owns it.
    """

    def __init__(self, boundaries: Any, values: Sequence[float], hyperparameter: str = "learning_rate"):
        super().__init__()
        spans = words.read(self, "boundaries", boundaries)
        self.boundaries = [span.amount if isinstance(span, Span) else span for span in spans]
        in_epochs = all(span.unit == "epochs" for span in spans if isinstance(span, Span))
        if not in_epochs or any(boundary != int(boundary) for boundary in self.boundaries):
            words.refuse(self, "boundaries", "whole numbers of epochs", boundaries, "`Intervals` takes any span.")
        self.boundaries = [int(boundary) for boundary in self.boundaries]
        if any(a >= b for a, b in itertools.pairwise(self.boundaries)):
            words.refuse(self, "boundaries", "strictly increasing", boundaries)
        self.values = words.read(self, "values", values)
        if len(self.values) != len(self.boundaries) + 1:
            words.refuse(self, "values", f"one more than the {len(self.boundaries)} `boundaries`", self.values)
        if hyperparameter != "learning_rate":
            words.refuse(self, "hyperparameter", '"learning_rate", the only one that can be set so far', hyperparameter)
        self.hyperparameter = hyperparameter

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        build(model)
        for leaf in leaves(model.optimizer):
            if follows_schedule(leaf):
                raise ValueError(
                    "`EpochIntervalSwitcher` can't set the learning rate of an optimizer that follows a schedule. "
                    "Compile with a number, as in `SGD(0.1)`, or use the schedule `keras_lr.Intervals` instead of "
                    f"the callback. Received: learning_rate={leaf._learning_rate!r}"
                )

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        # `self.model` brings the state of a running JAX epoch back first; see Keras' Callback.
        for leaf in leaves(self.model.optimizer):
            leaf.learning_rate = self._value(epoch)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if logs is not None:
            logs[self.hyperparameter] = self._value(epoch)

    def _value(self, epoch: int) -> float:
        return self.values[bisect_right(self.boundaries, epoch)]
