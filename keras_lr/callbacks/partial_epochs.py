"""A callback that checks metrics within an epoch, without waiting for the device at each batch, and keeps a state."""

from __future__ import annotations

import math
import warnings
from typing import Any

from . import earlier_state, fit
from .base import Callback
from .metric_window import MetricWindow, unwatch_resets, watch_resets
from .optimizer_callback import OptimizerCallback


class PartialEpochs(OptimizerCallback):
    """Calls `_check` with the metrics over every `_length` batches of an epoch; abstract.

    Its state is saved with the optimizer, as an array with the name `state_key`.
    """

    restart: bool
    _state_before: Any
    """The saved state when the model was set."""

    def __init__(self, optimizer: Any = None, verbose: int = 0) -> None:
        super().__init__(optimizer, verbose)
        self._window = MetricWindow()
        self._length: Any = math.inf  # batches between two checks
        self._checks = 0  # the checks of the epoch so far
        self._batch = 0  # the current batch of the epoch
        self._batches_done = 0  # in an epoch of a loop outside `fit`
        self._next_check: Any = math.inf  # how many batches make the next check due
        self._corrected: dict[str, float] = {}  # metrics of the epoch that `logs` lacks
        self._before, self._after = BeforeOthers(self), AfterOthers(self)

    def on_train_begin(self, logs: Any = None) -> None:
        """Prepare a `fit`. Subclasses set `_length` before."""
        self._is_first_epoch = True
        self._is_outside_fit = not fit.is_running(self.model)
        self._is_surrounded = fit.surround(self, self._before, self._after)
        self.__dict__.pop("on_train_batch_end", None)
        if self._is_outside_fit and not self._is_surrounded:
            self.on_train_batch_end = self._end_batch  # not for `fit`, see below
        if self._length < math.inf:
            watch_resets(self.model, self._window)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if self._is_first_epoch:  # now, because a callback further down the list may load a backup
            self._check_saved_state()
        self._is_first_epoch = False
        if self._length < math.inf:
            self._window.begin()
        self._batch, self._batches_done, self._corrected = 0, 0, {}
        self._set_checks(0)

    # The hooks at the end of a batch get the metrics, so Keras would wait for the device at each of them.
    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self._batch = batch
        if batch >= self._next_check:  # most batches cost only this comparison of integers
            self._check_after(batch)
        if not self._is_surrounded:
            self._begin_batch()

    def on_test_begin(self, logs: Any = None) -> None:
        self._end_epoch()  # now, because a validation begins by resetting the metrics

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.warn_if_unused()
        self._end_epoch()

    def on_train_end(self, logs: Any = None) -> None:
        unwatch_resets(self.model, self._window)
        earlier_state.end(self.model, self.optimizers, self.state_key)

    @property
    def state_key(self) -> str:
        raise NotImplementedError

    def _saved_state(self) -> Any:
        return next((one._managed.callback_state.get(self.state_key) for one in self.optimizers), None)

    def _restarts(self) -> bool:
        """Whether a `fit` that begins forgets the saved state, which is the one before unless a backup was restored."""
        return self.restart and self._saved_state() is self._state_before

    def _check_saved_state(self) -> None:
        """Warn if the saved state is damaged or seems to belong to another run; prepare a new one."""
        raise NotImplementedError

    def _warn(self, message: str) -> None:
        warnings.warn(f"`{type(self).__name__}`: {message}", stacklevel=3)

    def _on_epoch_end_before_others(self, logs: Any) -> None:
        """What is to do before any callback reads `logs`."""

    def _on_epoch_end_after_others(self, logs: Any) -> None:
        """What is to do once every callback has put its metrics into `logs`, and before the model is saved."""

    def _check(self, metrics: dict[str, Any]) -> None:
        raise NotImplementedError

    def _begin_batch(self) -> None:
        """Begin a batch, once the evaluations of other callbacks are done."""
        if self._window.is_interrupted:
            self._window.resume(self.model)
        self._window.is_training = self._is_outside_fit

    def _end_batch(self, batch: int, logs: Any = None) -> None:
        """End a batch of a loop outside `fit`."""
        self._window.is_training = False
        self._batches_done = batch + 1
        if logs and self._length < math.inf:
            self._window.add_logs(logs)

    def _end_epoch(self) -> None:
        steps = self.params.get("steps")
        if self._is_outside_fit:
            self._check_after(self._batches_done)
        elif steps is not None:  # otherwise the data may have ended before the batch that was announced last
            self._check_after(min(steps, self._batch + self.model.steps_per_execution))
        self._correct()
        self._window.end()

    def _correct(self) -> None:
        if self._window.is_incomplete:  # first, because on JAX `self.model` copies the state of the epoch back
            self._corrected = self._window.corrected(self.model)

    def _check_after(self, batches: int) -> None:
        """Check if a check is due after so many batches of the epoch."""
        if batches // self._length > self._checks:
            self._set_checks(batches // self._length)
            self._check(self._window.read(self.model))  # on JAX, `self.model` copies the state of the epoch back

    def _set_checks(self, checks: int) -> None:
        self._checks, next_check = checks, (checks + 1) * self._length
        self._next_check = next_check if next_check == math.inf else math.ceil(next_check)


class BeforeOthers(Callback):
    """Stands before the other callbacks, to correct the `logs` that they read, and to see a batch end."""

    def __init__(self, owner: PartialEpochs):
        super().__init__()
        self.owner = owner

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.owner._is_outside_fit:
            self.owner._end_batch(batch, logs)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.owner._correct()
        for name, value in self.owner._corrected.items():
            if logs is not None and name in logs:
                logs[name] = value
        self.owner._on_epoch_end_before_others(logs)


class AfterOthers(Callback):
    """Stands after the other callbacks: when it is called, their evaluations and their metrics are done."""

    def __init__(self, owner: PartialEpochs):
        super().__init__()
        self.owner = owner

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self.owner._begin_batch()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.owner._on_epoch_end_after_others(logs)
