"""A callback that checks the metrics within an epoch without waiting for the device at each batch."""

from __future__ import annotations

import math
from typing import Any

import keras

from .metric_window import MetricWindow


class PartialEpochs(keras.callbacks.Callback):
    """Calls `_check` with the metrics over every `_length` batches of an epoch; abstract."""

    def __init__(self) -> None:
        super().__init__()
        self._window = MetricWindow()
        self._length: Any = math.inf  # batches between two checks
        self._checks = 0  # the checks of the epoch so far
        self._batch = 0  # the current batch of the epoch
        self._next_check: Any = math.inf  # how many batches make the next check due

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._window.begin()
        self._batch = 0
        self._set_checks(0)

    # The hooks at the end of a batch get the metrics, so Keras would wait for the device at each of them.
    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self._batch = batch
        if batch >= self._next_check:  # most batches cost only this comparison of integers
            self._check_after(batch)

    def on_test_begin(self, logs: Any = None) -> None:
        self._check_at_end()  # now, because a validation begins by resetting the metrics

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._check_at_end()

    def _check(self, metrics: dict[str, Any]) -> None:
        raise NotImplementedError

    def _check_at_end(self) -> None:
        steps = self.params.get("steps")
        if steps is not None:  # otherwise the data may have ended before the batch that was announced last
            self._check_after(min(steps, self._batch + self.model.steps_per_execution))

    def _check_after(self, batches: int) -> None:
        """Check if a check is due after so many batches of the epoch."""
        if batches // self._length > self._checks:
            self._set_checks(batches // self._length)
            self._check(self._window.read(self.model))  # on JAX, `self.model` copies the state of the epoch back

    def _set_checks(self, checks: int) -> None:
        self._checks, next_check = checks, (checks + 1) * self._length
        self._next_check = next_check if next_check == math.inf else math.ceil(next_check)
