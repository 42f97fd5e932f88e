"""Keeps a copy of the best weights of a model in memory, to restore them."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np


class BestWeights:
    """A copy of all weights, and the value of the metric that they reached."""

    def __init__(self) -> None:
        self._value: float | None = None
        self._weights: list[tuple[Any, np.ndarray]] = []

    def save(self, model: Any, value: float) -> None:
        self._weights = [(weight, keras.ops.convert_to_numpy(weight)) for weight in model.weights]  # copies
        self._value = value

    def restore(self, value: float) -> None:
        """Restore the weights that reached `value`; do nothing if they were not saved here, as after a restart."""
        if value != self._value:
            return
        try:
            self._assign()
        except BaseException:  # such as Ctrl-C: finish, so that the model is no mixture
            self._assign()
            raise

    def _assign(self) -> None:
        for weight, array in self._weights:
            weight.assign(array)
