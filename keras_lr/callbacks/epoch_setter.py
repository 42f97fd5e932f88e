"""The base of the callbacks that set a hyperparameter at the start of each epoch."""

from __future__ import annotations

from typing import Any

from ..optimizers.hyperparameters import NAMES, has_hyperparameter
from ..optimizers.inspection import current_value, inner_optimizers
from ..optimizers.scheduled import make_assignable
from ..optimizers.variables import shortest_decimal
from ..schedules import arguments
from . import fit
from .applied import by_name
from .base import Callback


class EpochSetter(Callback):
    """Sets `hyperparameter` to `value(epoch)` at the start of each epoch, and adds it to `logs`; abstract."""

    def __init__(self, hyperparameter: str):
        super().__init__()
        if not isinstance(hyperparameter, str) or hyperparameter not in NAMES:
            arguments.reject(self, "hyperparameter", f"one of {', '.join(sorted(NAMES))}", hyperparameter)
        self.hyperparameter = hyperparameter

    def value(self, epoch: int, current: float) -> float:
        """The value for an epoch, `current` being the one before. Both are the same after a restart."""
        raise NotImplementedError

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        # Before any `on_train_begin`, in which `BackupAndRestore` loads the variable.
        make_assignable(model, self.hyperparameter, type(self).__name__)

    def on_train_begin(self, logs: Any = None) -> None:
        fit.check_single_writer(self)
        fit.move_first(self)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        # On JAX, `self.model` first copies the state of the epoch back; see Keras' Callback.
        inner = inner_optimizers(self.model.optimizer)
        owners = [optimizer for optimizer in inner if has_hyperparameter(optimizer, self.hyperparameter)]
        # All before the first is assigned: a function may raise.
        values = [
            self.value(epoch, shortest_decimal(current_value(optimizer, self.hyperparameter))) for optimizer in owners
        ]
        for optimizer, value in zip(owners, values, strict=True):
            setattr(optimizer, self.hyperparameter, value)
        self._logged = by_name(owners, [{self.hyperparameter: value} for value in values])

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if logs is not None:
            logs.update(self._logged)
