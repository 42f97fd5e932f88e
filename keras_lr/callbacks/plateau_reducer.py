"""Reduces the learning rate when a metric stops improving, on top of any schedule."""

from __future__ import annotations

import math
import warnings
from fractions import Fraction
from typing import Any

import keras
import numpy as np

from ..optimizers.compiled_step import retrace_if_changed
from ..optimizers.inspection import current_value, is_scheduled
from ..optimizers.manage import manage
from ..optimizers.state import FACTOR
from ..schedules import arguments
from ..schedules.spans import Length, Span, in_steps
from . import fit
from .best_weights import BestWeights
from .partial_epochs import PartialEpochs

MINIMIZED = ("loss", "error", "mae", "mse", "rmse", "mape", "msle", "perplexity", "divergence")
MAXIMIZED = ("accuracy", "acc", "auc", "precision", "recall", "f1_score", "fbeta_score", "iou", "r2_score")


class PlateauReducer(PartialEpochs):
    """Multiplies the learning rate by `factor` after `patience` checks in which `monitor` did not improve.

    A check is an epoch that reports the metric, so it follows `validation_freq`;
    or, with `every`, a part of an epoch, by the metric over the batches of this
    part alone. It is an improvement if the metric is better than the best so far by
    more than `threshold` (times |best| if `relative`); NaN never is. The rate may be
    a number or any schedule: the factor is kept in addition to the schedule and
    multiplies it. The factor, the best value and the counts are saved with the
    optimizer: n fits of k epochs equal one fit of n * k, also with a restart in between.
    Several reducers may watch different metrics: their factors multiply.

    >>> import keras, numpy as np, keras_lr as klr
    >>> model = keras.Sequential([keras.Input([3]), keras.layers.Dense(1)])
    >>> model.compile(optimizer=keras.optimizers.SGD(klr.Constant(0.0)), loss="mse")  # it learns nothing
    >>> reducer = klr.PlateauReducer("loss", factor=0.5, patience=2)
    >>> history = model.fit(np.ones([8, 3]), np.ones([8]), epochs=5, callbacks=[reducer], verbose=0)
    >>> float(reducer.total_factor)
    0.25

    Args:
        monitor: The name of a metric in `logs`, also one that another callback puts there,
            wherever that is in the list. An epoch in which it does not is not a check.
        factor: What a reduction multiplies the rate by, a number > 0 and < 1.
        patience: How many checks without an improvement lead to a reduction, an integer > 0.
        mode: `"min"`, `"max"`, or `"auto"` to infer it from the name of the metric.
        cooldown: How many checks after a reduction do not count, an integer >= 0.
        threshold: The smallest change that is an improvement, a number >= 0.
        relative: Whether `threshold` is a fraction of |best|.
        minimum: The smallest rate that a reduction leads to, a number >= 0.
        smoothing: How many values of the metric are averaged for a check, an integer > 0.
        growth: What `patience` is multiplied by at each reduction, a number >= 1.
        stop_at_minimum: Whether to end the training when a reduction at the minimum is due.
        every: How many batches make a check, an integer > 0 or a span, at most an
            epoch; `None` for a check each epoch. Counted from the start of each
            epoch: with 225 batches and `every=100` checks are at 100 and 200, with
            `epochs(0.25)` at 57, 113, 169 and 225 (if the data says that there
            are 225). For metrics of the training that are sums or means over
            batches.
        restore_best: Whether a reduction, or the end by `stop_at_minimum`, restores
            the weights of the best check, trainable or not. They are a copy in host
            memory, made at each improvement, and are lost in a restart: a reduction
            before the next improvement restores nothing. The moments and iterations
            of the optimizer stay as they are.
        optimizer: Which optimizer, where the model has several: the attribute of the model
            that holds it, its name, or the optimizer itself; or a list of these.

    Raises:
        TypeError, ValueError: An argument breaks its rule, or `mode` can't be inferred
            from the name. At the start of `fit`: another callback sets the rate or watches the same metric,
            `monitor` is a validation metric and there is no validation data, or
            `every` is longer than an epoch or needs a number that the data does not
            say. At the first check: there is no such metric, nor another callback to report it.

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
        optimizer: Any = None,
    ):
        super().__init__(optimizer)
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
        self.mode = self._infer_mode() if mode == "auto" else mode
        self._sign = 1.0 if self.mode == "min" else -1.0
        self._best = BestWeights()

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        # Before any `on_train_begin`, in which `BackupAndRestore` loads the state.
        self.build()
        with retrace_if_changed(model, self._outer_optimizers):
            for optimizer in self.optimizers:
                manage(optimizer, {FACTOR: True} if is_scheduled(optimizer) else {})

    def on_train_begin(self, logs: Any = None) -> None:
        fit.check_single_writer(self)
        self._has_sources = fit.has_metric_sources(self)
        self._has_checked = False
        self._missing_in: list[str] = []  # the metrics of an epoch that lacked the watched one
        data, split = (fit.local_variable(self.model, name) for name in ("validation_data", "validation_split"))
        if self.monitor.startswith("val_") and data is None and not split and not self._has_sources:
            raise ValueError(
                f"`PlateauReducer` watches `{self.monitor}`, and there is no validation data. Pass `validation_data` "
                'or `validation_split` to `fit`, or watch a metric of the training, as in `PlateauReducer("loss")`.'
            )
        if self.every is not None:
            self._length = self._batches_per_check(self.every)
        super().on_train_begin(logs)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.warn_if_unused()
        if self.every is not None:
            self._end_epoch()
            if not self._checks and not getattr(self.model, "stop_training", False):
                remedy = "A loop of your own calls `on_train_batch_begin` and `on_train_batch_end`."
                arguments.reject(
                    self, "every", "at most an epoch long", self.every, remedy if self._is_outside_fit else ""
                )
            return
        self._is_checked = self.monitor in (logs or {})
        if self._is_checked:
            self._check(logs)
        elif not self._is_surrounded:
            self._on_epoch_end_after_others(logs)

    def _on_epoch_end_after_others(self, logs: Any) -> None:
        logs = logs or {}
        if self.every is not None or self._is_checked:
            return
        if self.monitor in logs:  # now, from a callback further down the list
            self._check(logs)
        elif self.monitor.startswith("val_") and not any(name.startswith("val_") for name in logs):
            pass  # an epoch without a validation is not a check
        elif self._has_sources:  # one of them may report it in later epochs
            self._missing_in = sorted(logs)
        else:
            self._check(logs)  # raises

    def on_train_end(self, logs: Any = None) -> None:
        super().on_train_end(logs)
        if self._missing_in and not self._has_checked:
            warnings.warn(
                f"`PlateauReducer` watches `{self.monitor}`, which no epoch of this `fit` reported, so it did nothing. "
                f"The metrics were: {', '.join(self._missing_in)}.",
                stacklevel=2,
            )

    def _batches_per_check(self, every: Length) -> Fraction | int:
        steps, epochs = self.params.get("steps"), self.params.get("epochs")
        if isinstance(every, Span):
            if steps is None and {"epochs", "fraction"} & {*every.amounts}:
                rule = "an integer where it is not known how many batches an epoch has"
                remedy = "Or pass `fit(steps_per_epoch=...)`; in a loop of your own, `CallbackList(..., steps=...)`."
                arguments.reject(self, "every", rule, every, remedy)
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
        self._has_checked = True
        optimizers = self.optimizers
        state = self._read_state(optimizers)
        previous_best = state[0]
        is_due = self._update_state(state, self._sign * float(metrics[self.monitor]))
        if self.restore_best and state[0] != previous_best:
            self._best.save(self.model, state[0])
        if is_due:
            at_minimum = self._reduce(optimizers)
            if at_minimum and self.stop_at_minimum:
                self.model.stop_training = True
            if self.restore_best and (self.stop_at_minimum or not at_minimum):
                self._best.restore(state[0])
        for optimizer in optimizers:
            optimizer._managed.callback_state[self.state_key] = np.array([*state[:4], *state[4]], "float64")

    @property
    def total_factor(self) -> float:
        """The product of the reductions, for an optimizer that follows a schedule."""
        factor = self.optimizers[0]._managed.variables[FACTOR]
        return float(keras.ops.convert_to_numpy(factor.value))

    @property
    def state_key(self) -> str:
        """The name of the saved state. Reducers with different ones work side by side: they only multiply."""
        return f"plateau.{self.monitor}"

    def _read_state(self, optimizers: list[Any]) -> list[Any]:
        """Best value, bad checks, remaining checks of the cooldown, patience, and the values to average."""
        saved = optimizers[0]._managed.callback_state.get(self.state_key)
        if saved is None:
            return [math.inf, 0.0, 0.0, float(self.patience), []]
        return [*saved[:4].tolist(), saved[4:].tolist()]

    def _update_state(self, state: list[Any], value: float) -> bool:
        """Update the state with a value of the metric, where smaller is better; whether a reduction is due."""
        best, bad_checks, cooldown, patience, window = state
        window = [*window, value][-self.smoothing :]
        mean = sum(window) / len(window)
        is_better = mean < best - self.threshold * (abs(best) if self.relative and math.isfinite(best) else 1.0)
        if is_better and math.isfinite(mean):
            best, bad_checks = mean, 0.0
        elif cooldown == 0:
            bad_checks += 1
        is_due = bad_checks >= math.floor(patience)
        if is_due:
            bad_checks, patience = 0.0, patience * self.growth
        state[:] = [best, bad_checks, float(self.cooldown) if is_due else max(0.0, cooldown - 1), patience, window]
        return is_due

    def _reduce(self, optimizers: list[Any]) -> bool:
        """Multiply every rate by the factor; whether all of them were at the minimum already."""
        at_minimum = True
        for optimizer in optimizers:
            rate = current_value(optimizer)
            factor = max(self.factor, self.minimum / rate if rate > 0 else 0.0)
            if factor > 1 - 1e-6:  # 0.1 in float32 is slightly above a `minimum` of 0.1
                continue
            at_minimum = False
            if is_scheduled(optimizer):
                variable = optimizer._managed.variables[FACTOR]
                variable.assign(float(keras.ops.convert_to_numpy(variable.value)) * factor)
            else:
                optimizer.learning_rate = rate * factor
        return at_minimum

    def _infer_mode(self) -> str:
        name = self.monitor.removeprefix("val_").lower()
        for mode, endings in (("min", MINIMIZED), ("max", MAXIMIZED)):
            if any(name == ending or name.endswith(("_" + ending, ending)) for ending in endings):
                return mode
        return arguments.reject(
            self,
            "mode",
            f'"min" or "max" where the name of the metric, here `{self.monitor}`, does not tell, as `val_loss` does',
            "auto",
        )
