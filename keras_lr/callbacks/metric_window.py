"""The value of a metric over the last batches alone, where Keras has it over the epoch so far."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np


class MetricWindow:
    """Reads the metrics of a model since they were last read.

    What Keras' metrics count in their variables adds up: sums and numbers of
    examples, hits and misses. So the difference between two moments is what the
    batches between them counted, and the result of that is the metric over them,
    for means as for `AUC`. Nothing is read from the device but here.
    """

    def __init__(self) -> None:
        self._then: list[np.ndarray] = []

    def begin(self) -> None:
        """Begin an epoch, for which Keras has set all metrics to their first state."""
        self._then = []

    def read(self, model: Any) -> dict[str, float]:
        """The metrics by name over the batches since the last `read`, or since `begin`."""
        variables = model.metrics_variables
        now = [keras.ops.convert_to_numpy(variable) for variable in variables]
        since = [a - b for a, b in zip(now, self._then, strict=True)] if self._then else now
        self._then = now
        with keras.StatelessScope(state_mapping=list(zip(variables, since, strict=True))):
            return {name: float(value) for name, value in model.get_metrics_result().items()}
