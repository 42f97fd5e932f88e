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
    means as for `AUC`. Only `read` reads from the device.
    """

    def __init__(self) -> None:
        self._previous: list[np.ndarray] = []

    def begin(self) -> None:
        """Begin an epoch, at which Keras resets all metrics."""
        self._previous = []

    def read(self, model: Any) -> dict[str, float]:
        """The metrics by name over the batches since the last `read`, or since `begin`."""
        variables = model.metrics_variables
        current = [keras.ops.convert_to_numpy(variable) for variable in variables]
        difference = [a - b for a, b in zip(current, self._previous, strict=True)] if self._previous else current
        self._previous = current
        with keras.StatelessScope(state_mapping=list(zip(variables, difference, strict=True))):
            return {name: float(value) for name, value in model.get_metrics_result().items()}
