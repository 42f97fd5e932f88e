"""Reads metrics over the last batches alone, where Keras reports them over the epoch so far."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np


class MetricWindow:
    """Reads the metrics of a model over the batches since they were last read.

    The variables of Keras' metrics are sums over batches, such as totals and
    numbers of examples. So the difference of two readings belongs to the batches
    between them, and the result of the difference is the metric over these, for
    means as for `AUC`. It reads from the device only in `read`, and where something
    interrupts the epoch.
    """

    def __init__(self) -> None:
        self.end()

    def begin(self) -> None:
        """Begin an epoch, at which Keras resets all metrics."""
        self.end()
        self._is_open = True

    def end(self) -> None:
        """End an epoch: what happens to the metrics from now on does not matter."""
        self._is_open = self.is_interrupted = False
        self._previous: list[np.ndarray] = []  # the sums at the last reading; empty for zeros
        self._kept: list[np.ndarray] = []  # the sums of this window up to the last interruption
        self._removed: list[np.ndarray] = []  # the sums of the epoch that were not finite

    def read(self, model: Any) -> dict[str, float]:
        """The metrics by name over the batches since the last `read`, or since `begin`."""
        window = self._sums_of_window(model)
        self._kept = []
        if not self.is_interrupted:
            self._restart(model)
        return _results(model, window)

    def interrupt(self, model: Any) -> None:
        """Keep the sums, because something is about to reset them within the epoch, as an evaluation does."""
        if self._is_open and not self.is_interrupted:
            self._kept = self._sums_of_window(model)
            self.is_interrupted = True

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
    """Stands in for `reset_metrics` of a model while it is fitted, to interrupt the windows of its callbacks."""

    def __init__(self, model: Any):
        self._model, self._reset = model, model.reset_metrics
        self.windows: list[MetricWindow] = []

    def __call__(self) -> None:
        for window in self.windows:
            window.interrupt(self._model)
        self._reset()


def watch_resets(model: Any, window: MetricWindow) -> None:
    """Have `window` interrupted when the metrics of `model` are reset.

    Keras tells callbacks nothing of an `evaluate` or a `fit` that another callback calls; both begin with a reset.
    """
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
    """The sums together. Those from before the first batch may be fewer, and are zeros."""
    if len(others) < len(sums):
        return sums
    with np.errstate(invalid="ignore"):  # infinity minus infinity
        return [a + sign * b for a, b in zip(sums, others, strict=True)]


def _results(model: Any, sums: list[np.ndarray]) -> dict[str, float]:
    mapping = list(zip(model.metrics_variables, sums, strict=True))
    with keras.StatelessScope(state_mapping=mapping):
        return {name: float(value) for name, value in model.get_metrics_result().items()}
