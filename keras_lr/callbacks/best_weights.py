"""The weights of a model at its best, kept in memory to go back to."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np


class BestWeights:
    """A copy of all weights, and the value of the metric that it belongs to."""

    def __init__(self) -> None:
        self._value: float | None = None
        self._weights: list[tuple[Any, np.ndarray]] = []

    def keep(self, model: Any, value: float) -> None:
        self._weights = [(weight, keras.ops.convert_to_numpy(weight)) for weight in model.weights]  # copies
        self._value = value

    def restore(self, value: float) -> None:
        """Go back to the weights of `value`; to nothing if they were never seen here, as after a restart."""
        if value != self._value:
            return
        try:
            self._assign()
        except BaseException:  # as by Ctrl-C: not a model of which one half is older
            self._assign()
            raise

    def _assign(self) -> None:
        for weight, kept in self._weights:
            weight.assign(kept)
