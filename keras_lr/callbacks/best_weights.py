"""Keeps a copy of the best weights of a model, and of what its optimizer has of them, to restore both."""

from __future__ import annotations

import functools
from typing import Any

import keras
import numpy as np

from ..optimizers.bias_correction import PRODUCT
from ..optimizers.inspection import configured_rate, inner_optimizers
from .changes import make

Copies = list[tuple[Any, np.ndarray]]


class BestWeights:
    """A copy of all weights and moments, and the value of the metric that they reached."""

    def __init__(self) -> None:
        self._copy: tuple[float | None, Copies] = None, []

    def __getstate__(self) -> dict[str, Any]:
        return vars(BestWeights())  # not the variables of a model

    def save(self, model: Any, optimizers: list[Any], value: float) -> None:
        variables = [*model.weights, *(moment for optimizer in optimizers for moment in _moments(optimizer))]
        copies = [(variable, np.array(keras.ops.convert_to_numpy(variable))) for variable in variables]
        gradients = [gradient for optimizer in optimizers for gradient in _accumulated_gradients(optimizer)]
        zeros = [(variable, np.zeros(variable.shape, "float32")) for variable in gradients]
        self._copy = value, copies + zeros  # a single assignment, so that the two belong together

    def restore(self, value: float) -> None:
        """Restore what reached `value`; do nothing if that was not saved here, as after a restart."""
        if value == self._copy[0]:
            make([functools.partial(variable.assign, array) for variable, array in self._copy[1]])


def _moments(optimizer: Any) -> list[Any]:
    """The variables of an optimizer that come from its gradients.

    Those are its slots, its averages of weights, its loss scale, and the state of rules and of corrected biases; not
    its iterations, its hyperparameters, nor the gradients of an update that is not complete.
    """
    inner = inner_optimizers(optimizer)
    left_out = {id(variable) for variable in _accumulated_gradients(optimizer)}
    for one in [optimizer, *inner]:
        left_out |= {id(one._iterations), id(configured_rate(one))}
    for one in inner:
        managed = getattr(one, "_managed", None)
        if managed:
            from_gradients = managed.rule_variables
            left_out |= {
                id(variable)
                for name, variable in managed.variables.items()
                if name not in from_gradients and not name.endswith(PRODUCT)
            }
    unique = {id(variable): variable for one in [optimizer, *inner] for variable in one.variables}
    return [variable for key, variable in unique.items() if key not in left_out]


def _accumulated_gradients(optimizer: Any) -> list[Any]:
    return [
        variable
        for one in inner_optimizers(optimizer)
        for variable in getattr(one, "_accumulated_gradients", None) or ()
    ]
