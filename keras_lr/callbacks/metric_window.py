"""Reads metrics over the last batches alone, where Keras reports them over the epoch so far."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from . import fit


class MetricWindow:
    """Reads the metrics of a model over the batches since they were last read.

    The variables of Keras' metrics are sums over batches, such as totals and
    numbers of examples. So the difference of two readings belongs to the batches
    between them, and the result of the difference is the metric over these, for
    means as for `AUC`. It reads from the device only in `read`, and where something
    interrupts the epoch.

    Outside `fit` a loop may report metrics that the model knows nothing of, in the
    `logs` of each batch. The metric of a window is their mean.
    """

    def __init__(self) -> None:
        self.end()

    def begin(self) -> None:
        """Begin an epoch. What the metrics see up to the first `resume` does not matter."""
        self.end()
        self._is_open = self.is_interrupted = True

    def end(self) -> None:
        """End an epoch: what happens to the metrics from now on does not matter."""
        self._is_open = self.is_interrupted = False
        self.is_training = False  # whether a reset is a part of the training, as in `train_on_batch`
        self._previous: list[np.ndarray] = []  # the sums at the last reading; empty for zeros
        self._kept: list[np.ndarray] = []  # the sums of this window up to the last interruption
        self._removed: list[np.ndarray] = []  # the sums of the epoch that were not finite
        self._logs: list[dict[str, Any]] = []  # those of the batches of this window

    def read(self, model: Any) -> dict[str, float]:
        """The metrics by name over the batches since the last `read`, or since `begin`."""
        window, logs = self._sums_of_window(model), self._logs
        self._kept, self._logs = [], []
        if not self.is_interrupted:
            self._restart(model)
        results = _results(model, window)
        if not logs:
            return results
        return _means(logs) | (results if any(array.any() for array in window) else {})

    def add_logs(self, logs: dict[str, Any]) -> None:
        """Add the metrics of a batch that a loop reports."""
        self._logs.append(dict(logs))

    def interrupt(self, model: Any) -> None:
        """Keep the sums, because something is about to reset them within the epoch, as an evaluation does."""
        if self._is_open and not self.is_interrupted:
            self._kept = self._sums_of_window(model)
            self._previous = []
            self.is_interrupted = not self.is_training

    def resume(self, model: Any) -> None:
        """Leave what the metrics have seen since `interrupt` out."""
        self._restart(model)
        self.is_interrupted = False

    @property
    def is_incomplete(self) -> bool:
        """Whether sums that were not finite were taken out of those that Keras reports for the epoch."""
        return bool(self._removed)

    def corrected(self, model: Any) -> dict[str, float]:
        """The metrics of the whole epoch, with what was taken out."""
        return _results(model, _add(_sums(model), self._removed))

    def _sums_of_window(self, model: Any) -> list[np.ndarray]:
        if self.is_interrupted:
            return self._kept
        return _add(_add(_sums(model), self._previous, sign=-1), self._kept)

    def _restart(self, model: Any) -> None:
        sums = _sums(model)
        if all(np.isfinite(array).all() for array in sums):
            self._previous = sums
            return
        # No later window could be computed from the sums: NaN and infinity stay in them.
        self._removed, self._previous = _add(sums, self._removed), []
        is_open, self._is_open = self._is_open, False  # this reset is no interruption
        model.reset_metrics()
        self._is_open = is_open


class ResetHook:
    """Stands in for `reset_metrics` of a model while it is trained, to interrupt the windows of its callbacks."""

    def __init__(self, model: Any):
        self._model, self._reset = model, model.reset_metrics
        self._callbacks = fit.local_variable(model, "callbacks")  # `None` outside `fit`
        self.windows: list[MetricWindow] = []

    @property
    def is_left_over(self) -> bool:
        """Whether the `fit` that it was made for has ended without telling its callbacks, as by Ctrl-C."""
        return self._callbacks is not None and not fit.is_running(self._model, self._callbacks)

    def __call__(self) -> None:
        if self.is_left_over:
            del self._model.reset_metrics
        else:
            for window in self.windows:
                window.interrupt(self._model)
        self._reset()


def watch_resets(model: Any, window: MetricWindow) -> None:
    """Have `window` interrupted when the metrics of `model` are reset.

    Keras tells callbacks nothing of an `evaluate` or a `fit` that another callback calls; both begin with a reset.
    """
    if isinstance(model.reset_metrics, ResetHook) and model.reset_metrics.is_left_over:
        del model.reset_metrics
    if not isinstance(model.reset_metrics, ResetHook):
        model.reset_metrics = ResetHook(model)
    if window not in model.reset_metrics.windows:
        model.reset_metrics.windows.append(window)


def unwatch_resets(model: Any, window: MetricWindow) -> None:
    """Undo `watch_resets`."""
    hook = model.reset_metrics
    if isinstance(hook, ResetHook) and window in hook.windows:
        hook.windows.remove(window)
        if not hook.windows:
            del model.reset_metrics


def _sums(model: Any) -> list[np.ndarray]:
    return [keras.ops.convert_to_numpy(variable) for variable in model.metrics_variables]


def _add(sums: list[np.ndarray], others: list[np.ndarray], sign: int = 1) -> list[np.ndarray]:
    """The sums together. Those from before the first batch, or before a `compile`, may be of other metrics."""
    if len(others) != len(sums):
        return sums
    with np.errstate(invalid="ignore"):  # infinity minus infinity
        return [a + sign * b for a, b in zip(sums, others, strict=True)]


def _results(model: Any, sums: list[np.ndarray]) -> dict[str, float]:
    mapping = list(zip(model.metrics_variables, sums, strict=True))
    with keras.StatelessScope(state_mapping=mapping):
        return {name: float(value) for name, value in model.get_metrics_result().items()}


def _means(logs: list[dict[str, Any]]) -> dict[str, float]:
    """The means of what batches have reported, of the names in all of them."""
    names = [name for name in logs[0] if all(name in batch for batch in logs)]
    return {name: float(np.mean([keras.ops.convert_to_numpy(batch[name]) for batch in logs])) for name in names}
