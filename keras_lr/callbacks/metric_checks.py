"""A callback that checks a metric, wherever its values come from: of an epoch, of a part of it, of another callback."""

from __future__ import annotations

import warnings
from fractions import Fraction
from typing import Any

from ..schedules import arguments
from ..schedules.spans import Length, Span, in_steps
from . import fit
from .metric_names import did_you_mean
from .partial_epochs import PartialEpochs


class MetricChecks(PartialEpochs):
    """Calls `_check_value` with each value of the metric `monitor`; abstract."""

    monitor: str
    every: Length | None

    def on_train_begin(self, logs: Any = None) -> None:
        self._has_sources = fit.has_metric_sources(self)
        self._has_checked = False
        self._added: list[str] = []  # the names that this callback adds to `logs`
        self._missing_in: list[str] = []  # the metrics of an epoch that lacked the watched one
        data, split = (fit.local_variable(self.model, name) for name in ("validation_data", "validation_split"))
        if self.monitor.startswith("val_") and data is None and not split and not self._has_sources:
            raise ValueError(
                f"`{type(self).__name__}` watches `{self.monitor}`, and there is no validation data. Pass "
                "`validation_data` or `validation_split` to `fit`, or watch a metric of the training, as in "
                f'`{type(self).__name__}("loss")`.'
            )
        if self.every is not None:
            self._length = self._batches_per_check(self.every)
        super().on_train_begin(logs)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.warn_if_unused()
        self._on_epoch_end_before_others(logs)  # where nothing is before it
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

    def _on_epoch_end_before_others(self, logs: Any) -> None:
        if logs is not None:
            applied = self.last_applied()
            self._added = [name for name in applied if name not in logs] or self._added
            logs |= applied | logs

    def _on_epoch_end_after_others(self, logs: Any) -> None:
        logs = logs or {}
        if self.every is not None or self._is_checked:
            return
        if self.monitor in logs:  # now, from a callback further down the list
            self._check(logs)
        elif self.monitor.startswith("val_") and not any(name.startswith("val_") for name in logs):
            pass  # an epoch without a validation is not a check
        elif self._has_sources:  # one of them may report it in later epochs
            self._missing_in = self._names(logs)
        else:
            self._check(logs)  # raises

    def on_train_end(self, logs: Any = None) -> None:
        super().on_train_end(logs)
        if self._missing_in and not self._has_checked:
            warnings.warn(
                f"`{type(self).__name__}` did nothing, because no epoch of this `fit` reported `{self.monitor}`. "
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
            known = ", ".join(self._names(metrics))
            raise ValueError(
                f"`{type(self).__name__}` watches `{self.monitor}`, which is none of the metrics: {known}. "
                f"{did_you_mean(self.monitor, metrics)}".rstrip()
            )
        self._has_checked = True
        self._check_value(float(metrics[self.monitor]))

    def _names(self, logs: dict[str, Any]) -> list[str]:
        return sorted(name for name in logs if name not in self._added)

    def _check_value(self, value: float) -> None:
        raise NotImplementedError
