"""The base of the callbacks that read or change optimizers: which ones these are, in `fit` and in any other loop."""

from __future__ import annotations

import warnings
from typing import Any

import keras

from ..optimizers import compiled_step
from ..optimizers.inspection import batch_count, inner_optimizers
from ..optimizers.model_optimizers import find_optimizers, names_of_inner_optimizers, validate_optimizer


class OptimizerCallback(keras.callbacks.Callback):
    """Finds the optimizers of its model by the argument `optimizer`; abstract."""

    takes_all_optimizers = False  # where there are several and none is named

    def __init__(self, optimizer: Any = None):
        super().__init__()
        self.params: Any = {}  # a loop of the user's own may never set them
        self.optimizer = validate_optimizer(self, optimizer)
        self._outer_optimizers: list[Any] = []

    def set_params(self, params: Any) -> None:
        self.params = params or {}

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        name, several = type(self).__name__, self.takes_all_optimizers
        self._outer_optimizers = find_optimizers(model, self.optimizer, name, several=several)
        self._is_first_use = True

    @property
    def optimizers(self) -> list[Any]:
        """The optimizers of this callback, those inside `LossScaleOptimizer` and `MultiOptimizer`."""
        _ = self.model  # on JAX, it copies the state of the epoch back
        return [inner for outer in self._outer_optimizers for inner in inner_optimizers(outer)]

    def name_in_logs(self, hyperparameter: str, optimizer: Any) -> str:
        """The name of a hyperparameter in `logs`: with that of its optimizer where the model has several."""
        suffix = names_of_inner_optimizers(self.model, self._outer_optimizers)[id(optimizer)]
        return f"{hyperparameter}_{suffix}" if suffix else hyperparameter

    def warn_if_unused(self) -> None:
        """Warn at the end of the first epoch if the training has used other optimizers; to be called in each epoch."""
        if not self._is_first_use:
            return
        self._is_first_use, outer = False, self._outer_optimizers
        # A `LossScaleOptimizer` may have skipped all steps.
        if any(hasattr(one, "inner_optimizer") for one in outer) or any(map(batch_count, self.optimizers)):
            return
        warnings.warn(
            f"The optimizer `{outer[0].name}` made no step in the first epoch, so callbacks for it have no effect. If "
            "the training uses another one, pass that as the argument `optimizer` of the callback.",
            stacklevel=2,
        )

    def build(self) -> None:
        """Build `model.optimizer`, if it is one of these. The variables of others are not known here."""
        compiled = getattr(self.model, "optimizer", None)
        if any(compiled is one for one in self._outer_optimizers):
            compiled_step.build(self.model)
