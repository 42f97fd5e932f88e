"""What the callbacks that set a hyperparameter at the start of each epoch have in common."""

from __future__ import annotations

from typing import Any

import keras

from ..optimizers.scheduled import NAMES, assign, make_assignable
from ..schedules import arguments
from . import fit


class EpochSetter(keras.callbacks.Callback):
    """Sets `hyperparameter` to `value(epoch)` at the start of each epoch, and puts it into `logs`; abstract."""

    def __init__(self, hyperparameter: str):
        super().__init__()
        if hyperparameter not in NAMES:
            arguments.reject(self, "hyperparameter", f"one of {', '.join(sorted(NAMES))}", hyperparameter)
        self.hyperparameter = hyperparameter

    def value(self, epoch: int) -> float:
        """The value of the epoch: a function of its number alone, so that a restart changes nothing."""
        raise NotImplementedError

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        # Before any `on_train_begin`, where `BackupAndRestore` loads what the variable must be there for.
        make_assignable(model, self.hyperparameter, type(self).__name__)

    def on_train_begin(self, logs: Any = None) -> None:
        fit.require_one_writer(self)
        fit.be_first(self)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        # `self.model` brings the state of a running JAX epoch back first; see Keras' Callback.
        assign(self.model.optimizer, self.hyperparameter, self.value(epoch))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if logs is not None:
            logs[self.hyperparameter] = self.value(epoch)
