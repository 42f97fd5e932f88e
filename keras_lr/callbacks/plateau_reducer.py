"""Reduces the learning rate when a metric stops improving, on top of any schedule."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import keras
import numpy as np

from ..optimizers.inspection import build, current_value, follows_schedule, leaves, retrace
from ..optimizers.mixin import FACTOR, swap
from ..schedules import arguments
from ..schedules.spans import Length, Span, in_steps
from . import fit
from .best_weights import BestWeights
from .partial_epochs import PartialEpochs

FALLING = ("loss", "error", "mae", "mse", "rmse", "mape", "msle", "perplexity", "divergence")
RISING = ("accuracy", "acc", "auc", "precision", "recall", "f1_score", "fbeta_score", "iou", "r2_score")


class PlateauReducer(PartialEpochs):
    """Multiplies the learning rate by `factor` after `patience` checks in which `monitor` did not improve.

    A check is an epoch that reports the metric, so it goes with `validation_freq`;
    or, with `every`, a part of an epoch, by the metric over the batches of this
    part alone. It is an improvement if the metric is better than the best so far by more than
    `threshold` (times |best| if `relative`); NaN never is. The rate may be a
    number or any schedule: the factor is kept beside the schedule and multiplies
    it. The factor, the best value and the counts are saved with the optimizer: n
    fits of k epochs are one fit of n * k, also with a restart in between.

    >>> import keras, numpy as np, keras_lr as klr
    >>> model = keras.Sequential([keras.Input([3]), keras.layers.Dense(1)])
    >>> model.compile(optimizer=keras.optimizers.SGD(klr.Constant(0.0)), loss="mse")  # it learns nothing
    >>> reducer = klr.PlateauReducer("loss", factor=0.5, patience=2)
    >>> history = model.fit(np.ones([8, 3]), np.ones([8]), epochs=5, callbacks=[reducer], verbose=0)
    >>> float(reducer.total_factor)
    0.25

    Args:
        monitor: The name of a metric in `logs`.
        factor: What the rate is multiplied by, a number > 0 and < 1.
        patience: How many checks without an improvement are waited for, an integer > 0.
        mode: `"min"`, `"max"`, or `"auto"` for what the name of the metric says.
        cooldown: How many checks after a reduction do not count, an integer >= 0.
        threshold: How much better is better, a number >= 0.
        relative: Whether `threshold` is a share of |best|.
        minimum: No reduction makes the rate smaller, a number >= 0.
        smoothing: How many values of the metric are averaged for a check, an integer > 0.
        growth: What `patience` is multiplied by at each reduction, a number >= 1.
        stop_at_minimum: Whether to end the training when a reduction at the minimum is due.
        every: How many batches make a check, an integer > 0 or a span, at most an
            epoch; `None` for a check each epoch. Counted from the start of each
            epoch: with 225 batches and `every=100` checks are at 100 and 200, with
            `epochs(0.25)` at 57, 113, 169 and 225 (where the data tells that there
            are 225). For metrics of the training, of those that add up over batches,
            as all means do.
        restore_best: Whether a reduction, or the end by `stop_at_minimum`, takes the
            model back to its weights at the best check, trainable or not. They are
            a copy in host memory, made at each improvement, and are lost in a
            restart: a reduction before the next improvement restores nothing. What
            the optimizer has, moments and iterations, stays as it is.

    Raises:
        TypeError, ValueError: An argument breaks its rule, or `mode` can't be told
            from the name. At the start of `fit`: another callback sets the rate,
            a validation metric is to be watched and there is no validation data,
            or `every` is longer than an epoch or needs a number that the data does
            not tell. At the first check: there is no such metric.

    Source: the rule of torch's ReduceLROnPlateau; `patience` counts as in Keras.
    """

    hyperparameter = "learning_rate"

    def __init__(
        self,
        monitor: str = "val_loss",
        *,
        factor: float = 0.1,
        patience: int = 10,
        mode: str = "auto",
        cooldown: int = 0,
        threshold: float = 1e-4,
        relative: bool = True,
        minimum: float = 0.0,
        smoothing: int = 1,
        growth: float = 1.0,
        stop_at_minimum: bool = False,
        every: Length | None = None,
        restore_best: bool = False,
    ):
        super().__init__()
        self.monitor = monitor
        self.factor = arguments.validate(self, "factor", factor)
        self.patience = arguments.validate(self, "patience", patience)
        self.cooldown = arguments.validate(self, "cooldown", cooldown)
        self.threshold = arguments.validate(self, "threshold", threshold)
        self.relative = arguments.validate(self, "relative", relative)
        self.minimum = arguments.validate(self, "minimum", minimum)
        self.smoothing = arguments.validate(self, "smoothing", smoothing)
        self.growth = arguments.validate(self, "growth", growth)
        self.stop_at_minimum = arguments.validate(self, "stop_at_minimum", stop_at_minimum)
        self.every = None if every is None else arguments.validate(self, "every", every)
        self.restore_best = arguments.validate(self, "restore_best", restore_best)
        if every is not None and monitor.startswith("val_"):
            rule = "a metric of the training where checks are made `every` so many batches"
            arguments.reject(self, "monitor", rule, monitor)
        if mode not in ("auto", "min", "max"):
            arguments.reject(self, "mode", '"auto", "min" or "max"', mode)
        self.mode = self._told_by_name() if mode == "auto" else mode
        self._sign = 1.0 if self.mode == "min" else -1.0
        self._best = BestWeights()

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        # Before any `on_train_begin`, where `BackupAndRestore` loads what must be there by then.
        build(model)
        before = [(type(part), len(part.variables)) for part in leaves(model.optimizer)]
        for part in leaves(model.optimizer):
            swap(part, {FACTOR: True} if follows_schedule(part) else {})
        if before != [(type(part), len(part.variables)) for part in leaves(model.optimizer)]:
            retrace(model)

    def on_train_begin(self, logs: Any = None) -> None:
        fit.require_one_writer(self)
        fit.be_before(self, (keras.callbacks.ModelCheckpoint, keras.callbacks.BackupAndRestore))
        validated = fit.of_fit(self.model, "validation_data") is not None or fit.of_fit(self.model, "validation_split")
        if self.monitor.startswith("val_") and not validated:
            raise ValueError(
                f"`PlateauReducer` watches `{self.monitor}`, and there is no validation data. Pass `validation_data` "
                'or `validation_split` to `fit`, or watch a metric of the training, as in `PlateauReducer("loss")`.'
            )
        if self.every is not None:
            self._length = self._batches(self.every)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self.every is not None:
            self._check_at_end()
            if not self._checks and not self.model.stop_training:
                arguments.reject(self, "every", "at most an epoch long", self.every)
            return
        logs = logs or {}
        # An epoch without a validation is no check; one without the metric is an error.
        if self.monitor in logs or not self.monitor.startswith("val_") or any(name.startswith("val_") for name in logs):
            self._check(logs)

    def _batches(self, every: Length) -> Fraction | int:
        steps, epochs = self.params.get("steps"), self.params.get("epochs")
        if isinstance(every, Span):
            every = every.bind(steps_per_epoch=steps, epochs=epochs, batch_size=fit.batch_size(self.model))
        batches = in_steps(every)
        if steps is not None and batches > steps:
            arguments.reject(
                self, "every", f"at most an epoch, {steps} batches", self.every, "`smoothing` spans several."
            )
        return batches

    def _check(self, metrics: dict[str, Any]) -> None:
        if self.monitor not in metrics:
            known = ", ".join(sorted(metrics))
            raise ValueError(f"`PlateauReducer` watches `{self.monitor}`, which is none of the metrics: {known}.")
        parts = leaves(self.model.optimizer)
        state = self._state(parts)
        best = state[0]
        due = self._judge(state, self._sign * float(metrics[self.monitor]))
        if self.restore_best and state[0] != best:
            self._best.keep(self.model, state[0])
        if due:
            stuck = self._reduce(parts)
            if stuck and self.stop_at_minimum:
                self.model.stop_training = True
            if self.restore_best and (self.stop_at_minimum or not stuck):
                self._best.restore(state[0])
        for part in parts:
            part._book.notes[self._key] = np.array([*state[:4], *state[4]], "float64")

    @property
    def total_factor(self) -> float:
        """The product of the reductions, of an optimizer that follows a schedule."""
        return float(keras.ops.convert_to_numpy(leaves(self.model.optimizer)[0]._book.cells[FACTOR].value))

    @property
    def _key(self) -> str:
        return f"plateau.{self.monitor}"

    def _state(self, parts: list[Any]) -> list[Any]:
        """best, bad checks, checks of the cooldown left, patience, and the values that are averaged."""
        note = parts[0]._book.notes.get(self._key)
        if note is None:
            return [math.inf, 0.0, 0.0, float(self.patience), []]
        return [*note[:4].tolist(), note[4:].tolist()]

    def _judge(self, state: list[Any], value: float) -> bool:
        """Take a value of the metric, the smaller the better, into account; whether a reduction is due."""
        best, bad, cooling, patience, window = state
        window = [*window, value][-self.smoothing :]
        mean = sum(window) / len(window)
        better = mean < best - self.threshold * (abs(best) if self.relative and math.isfinite(best) else 1.0)
        if better and math.isfinite(mean):
            best, bad = mean, 0.0
        elif cooling == 0:
            bad += 1
        due = bad >= math.floor(patience)
        if due:
            bad, patience = 0.0, patience * self.growth
        state[:] = [best, bad, float(self.cooldown) if due else max(0.0, cooling - 1), patience, window]
        return due

    def _reduce(self, parts: list[Any]) -> bool:
        """Multiply every rate by the factor; whether all of them are at the minimum already."""
        stuck = True
        for part in parts:
            rate = current_value(part)
            factor = max(self.factor, self.minimum / rate if rate > 0 else 0.0)
            if factor > 1 - 1e-6:  # 0.1 in float32 is a little above a `minimum` of 0.1
                continue
            stuck = False
            if follows_schedule(part):
                cell = part._book.cells[FACTOR]
                cell.assign(float(keras.ops.convert_to_numpy(cell.value)) * factor)
            else:
                part.learning_rate = rate * factor
        return stuck

    def _told_by_name(self) -> str:
        name = self.monitor.removeprefix("val_").lower()
        for mode, endings in (("min", FALLING), ("max", RISING)):
            if any(name == ending or name.endswith(("_" + ending, ending)) for ending in endings):
                return mode
        return arguments.reject(  # type: ignore[return-value, func-returns-value]
            self,
            "mode",
            f'"min" or "max" where the name of the metric, here `{self.monitor}`, does not tell, as `val_loss` does',
            "auto",
        )
