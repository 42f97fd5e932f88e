"""Resolves epochs, examples and fractions of the run to steps at the start of `fit`."""

from __future__ import annotations

import warnings
from typing import Any

import keras

from ..optimizers.accumulation import per_update
from ..optimizers.compiled_step import retrace
from ..optimizers.inspection import batch_count, inner_optimizers, schedules_of
from ..optimizers.manage import replace_schedule
from ..schedules.base import Schedule
from . import backup, fit


class BindSpans(keras.callbacks.Callback):
    """Resolves the spans of the model's schedules to steps, from what `fit` knows of its data.

    It reads the batches per epoch of arrays, `tf.data` pipelines, `PyDataset`s
    and of anything with `steps_per_epoch`; it never guesses. Bound spans are saved
    with the model, so a loaded model continues without binding. A later `fit` with
    another batch size binds them again.

    Steps are updates: with `gradient_accumulation_steps=n` the schedule is
    wrapped in `PerUpdate`, so that an epoch is an epoch and a step an update.

    It warns when `fit(initial_epoch=k)` continues with an optimizer that has made no
    step, as after a restore of the weights alone; `resume_at` is the remedy.

    `BackupAndRestore(save_freq=n)` continues at the beginning of the epoch in which it
    saved, with an optimizer that has already counted some of its batches. The count is
    set back, so that schedules don't run ahead of the epochs. (The weights have learned
    from these batches, and do so again: only saves between epochs are exact.)

    >>> import keras, numpy as np, keras_lr as klr
    >>> model = keras.Sequential([keras.Input([3]), keras.layers.Dense(1)])
    >>> rate = klr.Intervals(klr.epochs(1, 2), [0.1, 0.01, 0.001])
    >>> model.compile(optimizer=keras.optimizers.SGD(rate), loss="mse")
    >>> history = model.fit(np.ones([32, 3]), np.ones([32]), batch_size=8, callbacks=[klr.BindSpans()], verbose=0)
    >>> float(model.optimizer.learning_rate)  # of the next update, the first of epoch 1
    0.009999999776482582

    Args:
        steps_per_epoch: Batches per epoch, where the data does not say
            (generators without `steps_per_epoch`), an integer > 0.
        batch_size: Examples per batch, where spans are in examples and the data
            does not say (`PyDataset`, generators, `tf.data` with a partial
            last batch), an integer > 0.

    Raises:
        ValueError: At the start of `fit`: a number that a span needs is not
            known, or the data contradicts the argument.
    """

    is_first = True  # among the callbacks: it sets the step count that others read

    def __init__(self, *, steps_per_epoch: int | None = None, batch_size: int | None = None):
        super().__init__()
        for name, number in (("steps_per_epoch", steps_per_epoch), ("batch_size", batch_size)):
            if number is not None and (not isinstance(number, int) or isinstance(number, bool) or number <= 0):
                raise ValueError(
                    f"Argument `{name}` of `BindSpans` must be an integer > 0. Received: {name}={number!r}"
                )
        self.steps_per_epoch = steps_per_epoch
        self.batch_size = batch_size

    def on_train_begin(self, logs: Any = None) -> None:
        fit.move_first(self)
        self._is_first_epoch = True
        batches = self._agreed("steps_per_epoch", self.steps_per_epoch, self.params.get("steps"))
        batch_size = self._agreed("batch_size", self.batch_size, fit.batch_size(self.model))
        optimizers = inner_optimizers(self.model.optimizer)
        bound = [
            (optimizer, name, schedule, self._bind(optimizer, schedule, batches, batch_size))
            for optimizer in optimizers
            for name, schedule in schedules_of(optimizer).items()
        ]
        changed = [(optimizer, name, new) for optimizer, name, old, new in bound if new != old]
        for optimizer, name, schedule in changed:
            replace_schedule(optimizer, name, schedule)
        if changed:
            retrace(self.model)
        begin = fit.local_variable(self.model, "initial_epoch")
        if begin and any(schedules_of(optimizer) and batch_count(optimizer) == 0 for optimizer in optimizers):
            warnings.warn(
                f"`fit` begins at epoch {begin}, but the optimizer has made no step, so its schedules restart. "
                f"Load the optimizer with the model, or call `keras_lr.resume_at(model, epoch={begin}, "
                f"steps_per_epoch={batches or '...'})` before.",
                stacklevel=2,
            )

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if self._is_first_epoch:  # now, because a callback further down the list may load a backup
            backup.rewind_iterations(self, epoch)
        self._is_first_epoch = False

    def _bind(self, optimizer: Any, schedule: Schedule, batches: int | None, batch_size: int | None) -> Schedule:
        schedule = per_update(optimizer, schedule)
        units = {unit for span in schedule.spans for unit in span.amounts}
        if batches is None and units & {"epochs", "fraction"}:
            raise ValueError(
                "The data does not say how many batches an epoch has, and the schedule of the model counts in "
                f"{' and '.join(sorted(units))}. Pass `fit(steps_per_epoch=...)` or `BindSpans(steps_per_epoch=...)`."
            )
        if batch_size is None and "examples" in units:
            raise ValueError(
                "The data does not say how many examples a batch has, and the schedule of the model counts in "
                "examples. Pass `BindSpans(batch_size=...)`."
            )
        return schedule.bind(steps_per_epoch=batches, epochs=self.params.get("epochs"), batch_size=batch_size)

    def _agreed(self, name: str, argument: int | None, found: int | None) -> int | None:
        if argument is not None and found is not None and argument != found:
            raise ValueError(
                f"Argument `{name}` of `BindSpans` must be what the data says, {found}, or be left out. "
                f"Received: {name}={argument}"
            )
        return found if argument is None else argument
