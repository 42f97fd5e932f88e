"""The base of the callbacks that set a hyperparameter at the start of each epoch."""

from __future__ import annotations

from typing import Any

import keras

from ..optimizers.hyperparameters import NAMES
from ..optimizers.scheduled import assign_hyperparameter, make_assignable
from ..schedules import arguments
from . import fit


class EpochSetter(keras.callbacks.Callback):
    """Sets `hyperparameter` to `value(epoch)` at the start of each epoch, and adds it to `logs`; abstract."""

    def __init__(self, hyperparameter: str):
        super().__init__()
        if not arguments.is_one_of(hyperparameter, NAMES):
            arguments.reject(self, "hyperparameter", f"one of {', '.join(sorted(NAMES))}", hyperparameter)
        self.hyperparameter = hyperparameter

    def value(self, epoch: int) -> float:
        """The value for an epoch. It depends on the number of the epoch alone, so a restart changes nothing."""
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
        assign_hyperparameter(self.model.optimizer, self.hyperparameter, self.value(epoch))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if logs is not None:
            logs[self.hyperparameter] = self.value(epoch)
