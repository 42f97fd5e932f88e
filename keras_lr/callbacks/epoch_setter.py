"""The base of the callbacks that set a hyperparameter at the start of each epoch."""

from __future__ import annotations

from typing import Any

from ..optimizers.hyperparameters import NAMES
from ..optimizers.scheduled import assign_hyperparameter, make_assignable
from ..schedules import arguments
from . import fit
from .optimizer_callback import OptimizerCallback


class EpochSetter(OptimizerCallback):
    """Sets `hyperparameter` to `value(epoch)` at the start of each epoch, and adds it to `logs`; abstract."""

    def __init__(self, hyperparameter: str, optimizer: Any = None):
        super().__init__(optimizer)
        if not arguments.is_one_of(hyperparameter, NAMES):
            arguments.reject(self, "hyperparameter", f"one of {', '.join(sorted(NAMES))}", hyperparameter)
        self.hyperparameter = hyperparameter

    def value(self, epoch: int) -> float:
        """The value for an epoch. It depends on the number of the epoch alone, so a restart changes nothing."""
        raise NotImplementedError

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        # Before any `on_train_begin`, in which `BackupAndRestore` loads the variable.
        self.build()
        make_assignable(model, self._outer_optimizers, self.hyperparameter, type(self).__name__)

    def on_train_begin(self, logs: Any = None) -> None:
        fit.check_single_writer(self)
        fit.move_first(self)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        assign_hyperparameter(self.optimizers, self.hyperparameter, self.value(epoch))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.warn_if_unused()
        if logs is None:
            return
        # One value for the whole model has a plain name.
        names = {self.hyperparameter}
        if self.optimizer is not None:
            names = {self.name_in_logs(self.hyperparameter, one) for one in self.optimizers}
        logs.update(dict.fromkeys(names, self.value(epoch)))
