"""A callback that looks at the metrics inside an epoch, without waiting for the device at each batch."""

from __future__ import annotations

import math
from typing import Any

import keras

from .metric_window import MetricWindow


class PartialEpochs(keras.callbacks.Callback):
    """Calls `_check` with the metrics over each part of an epoch; a part has `_length` batches."""

    def __init__(self) -> None:
        super().__init__()
        self._window = MetricWindow()
        self._length: Any = math.inf  # of the batches between two checks
        self._checks = self._begun = 0  # of the epoch: the checks so far, and the batch that was begun last
        self._due: Any = math.inf  # how many batches make the next check due

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._window.begin()
        self._begun = 0
        self._expect_after(0)

    # The hooks at the end of a batch get the metrics, and so Keras would wait for the device at each of them.
    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self._begun = batch
        if batch >= self._due:  # a comparison of integers is all that most batches get
            self._check_at(batch)

    def on_test_begin(self, logs: Any = None) -> None:
        self._check_at_end()  # now, since a validation begins by setting the metrics to their first state

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._check_at_end()

    def _check(self, metrics: dict[str, Any]) -> None:
        raise NotImplementedError

    def _check_at_end(self) -> None:
        steps = self.params.get("steps")
        if steps is not None:  # else the batch that was begun last may be one that the data did not have
            self._check_at(min(steps, self._begun + self.model.steps_per_execution))

    def _check_at(self, batches: int) -> None:
        """Make a check if one is due when so many batches of the epoch are done."""
        if batches // self._length > self._checks:
            self._expect_after(batches // self._length)
            self._check(self._window.read(self.model))  # `self.model` brings the state of a running JAX epoch back

    def _expect_after(self, checks: int) -> None:
        self._checks, due = checks, (checks + 1) * self._length
        self._due = due if due == math.inf else math.ceil(due)
