"""The base of the callbacks that set a hyperparameter at the start of each epoch."""

from __future__ import annotations

from typing import Any

from ..optimizers.hyperparameters import BELOW_ONE, NAMES, has_hyperparameter
from ..optimizers.inspection import current_value
from ..optimizers.scheduled import make_assignable
from ..optimizers.variables import shortest_decimal
from ..schedules import arguments
from . import fit
from .optimizer_callback import OptimizerCallback


class EpochSetter(OptimizerCallback):
    """Sets `hyperparameter` to `value(epoch)` at the start of each epoch, and adds it to `logs`; abstract."""

    def __init__(self, hyperparameter: str, optimizer: Any = None, verbose: int = 0):
        super().__init__(optimizer, verbose)
        if not arguments.is_one_of(hyperparameter, NAMES):
            arguments.reject(self, "hyperparameter", f"one of {', '.join(sorted(NAMES))}", hyperparameter)
        self.hyperparameter = hyperparameter
        self._is_below_one = hyperparameter in BELOW_ONE

    def value(self, epoch: int, current: float) -> float:
        """The value for an epoch, `current` being the one before. Both are the same after a restart."""
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
        owners = [optimizer for optimizer in self.optimizers if has_hyperparameter(optimizer, self.hyperparameter)]
        # All before the first is assigned: a function may raise.
        values = [
            self.value(epoch, shortest_decimal(current_value(optimizer, self.hyperparameter))) for optimizer in owners
        ]
        for optimizer, value in zip(owners, values, strict=True):
            setattr(optimizer, self.hyperparameter, value)
        shown = ", ".join(f"{value:.6g}" for value in dict.fromkeys(values))
        self._print(f"\nEpoch {epoch + 1}: {type(self).__name__} setting {self.hyperparameter} to {shown}.")
        self._logged = self.by_name(owners, [{self.hyperparameter: value} for value in values])

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.warn_if_unused()
        if logs is not None:
            logs.update(self._logged)
