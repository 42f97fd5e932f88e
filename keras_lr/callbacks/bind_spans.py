"""Resolves epochs, examples and fractions of the run to steps at the start of `fit`."""

from __future__ import annotations

import warnings
from typing import Any

import keras

from ..optimizers.accumulation import per_update
from ..optimizers.compiled_step import atomic_change
from ..optimizers.inspection import batch_count, configured_rate, schedules_of
from ..optimizers.manage import manage, replace_schedule
from ..optimizers.resume_at import set_batch_count
from ..schedules import arguments
from ..schedules.base import Schedule
from . import backup, fit, position
from .optimizer_callback import OptimizerCallback


class BindSpans(OptimizerCallback):
    """Converts epochs, examples and fractions of the run in the model's schedules to steps, when `fit` starts.

    Every other callback of keras_lr does this, too. So you need `BindSpans` only if there is
    no other one, or for its arguments.

    It reads the number of batches per epoch from arrays, `tf.data` pipelines, `PyDataset`s
    and `steps_per_epoch`, and never guesses. The steps are saved with the model, so a
    loaded model needs no `BindSpans`. A later `fit` with another batch size converts again.

    Steps are updates: with `gradient_accumulation_steps=n`, the schedule is wrapped in
    `PerUpdate`, so that it counts updates and not batches.

    Schedules continue from one `fit` to the next, because the optimizer keeps counting. You
    get a warning if `fit` starts when a schedule is over (unless it is over at
    `initial_epoch` and its last value is above 0), if the learning rate would be 0
    throughout or almost 0 for a large part, if other data or another batch size moves the
    position in a schedule, or if `fit(initial_epoch=k)` starts with an optimizer that has made
    no step, for example after loading only the weights. The remedy is `restart`, or to call
    `resume_at` once before `fit`.

    On TensorFlow, at the end of data of unknown length, Keras begins another step, in which the
    optimizer counts an update and decays the weights. With this callback, an optimizer with a
    schedule of keras_lr does not.

    `BackupAndRestore(save_freq=n)` repeats the epoch in which it saved, but the optimizer has
    already counted some of its batches. The count is set back, so that schedules don't run
    ahead of the epochs. The weights learn from these batches twice: for exact results, save
    between epochs.

    >>> import keras, numpy as np, keras_lr as klr
    >>> model = keras.Sequential([keras.Input([3]), keras.layers.Dense(1)])
    >>> rate = klr.Intervals(klr.epochs(1, 2), [0.1, 0.01, 0.001])
    >>> model.compile(optimizer=keras.optimizers.SGD(rate), loss="mse")
    >>> history = model.fit(np.ones([32, 3]), np.ones([32]), batch_size=8, callbacks=[klr.BindSpans()], verbose=0)
    >>> float(model.optimizer.learning_rate)  # of the next update, the first of epoch 1
    0.009999999776482582

    Args:
        steps_per_epoch: Batches per epoch, an integer > 0, if the data does not tell: generators
            without `steps_per_epoch`.
        batch_size: Examples per batch, an integer > 0, if spans are in examples and the data
            does not tell: `PyDataset`, generators, `tf.data` with a partial last batch.
        restart: Whether each `fit` restarts the schedules, at `initial_epoch`, by setting the
            optimizer's `iterations`. Weights, moments and reductions of `PlateauReducer` stay.
            Adam corrects the bias of its moments by `iterations`, so its first steps after a
            restart are smaller, by a factor of at least 0.15 with the usual betas, unless
            `scheduled` drives `beta_1` and `beta_2`.
        optimizer: Which optimizers, one or a list: attributes of the model that hold them, their
            names, or the optimizers themselves. By default all optimizers that are attributes of
            the model. If this optimizer makes more or fewer than one step per batch, pass its steps
            per epoch as `steps_per_epoch`.

    Raises:
        TypeError, ValueError: An argument breaks its rule. At the start of `fit`: a number that a
            span or `restart` needs is unknown, or the data contradicts the argument.
    """

    is_first = True  # among the callbacks: it sets the step count that others read
    takes_all_optimizers = True

    def __init__(
        self,
        *,
        steps_per_epoch: int | None = None,
        batch_size: int | None = None,
        restart: bool = False,
        optimizer: Any = None,
    ):
        super().__init__(optimizer)
        for name, number in (("steps_per_epoch", steps_per_epoch), ("batch_size", batch_size)):
            if number is not None and not (arguments.is_integer(number) and number > 0):
                arguments.reject(self, name, "an integer > 0", number)
        self.steps_per_epoch = None if steps_per_epoch is None else int(steps_per_epoch)
        self.batch_size = None if batch_size is None else int(batch_size)
        if not isinstance(restart, bool):
            arguments.reject(self, "restart", "True or False", restart, error=TypeError)
        self.restart = restart

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        if any(outer.built for outer in self._outer_optimizers):
            self.build()  # a `fit` that failed without this callback may have left slots that are not usable
        self._counts = backup.counts_before_restore(self)

    def on_train_begin(self, logs: Any = None) -> None:
        fit.check_callbacks(self)
        fit.move_first(self)
        self._leave_to_others()
        self._is_first_epoch = True
        steps = self.params.get("steps")
        is_known = self.optimizer is not None and self.steps_per_epoch is not None
        self._batches = self._agreed("steps_per_epoch", self.steps_per_epoch, None if is_known else steps)
        if self._batches == 0:
            raise ValueError("The training data has no batches, so its epochs have no length.")
        self._batch_size = self._agreed("batch_size", self.batch_size, fit.batch_size(self.model))
        self._bind_all()
        if steps is None and keras.backend.backend() == "tensorflow" and fit.is_running(self.model):
            # At the end of data of unknown length, Keras begins another step, which a plain optimizer counts. One
            # without a schedule of keras_lr stays plain, so that its model can be loaded without keras_lr.
            with atomic_change(self._outer_optimizers, self.model):
                for optimizer in self.optimizers:
                    if isinstance(configured_rate(optimizer), Schedule):
                        manage(optimizer, {})

    def _bind_all(self) -> None:
        bound = [
            (optimizer, name, schedule, self._bind(optimizer, schedule, self._batches, self._batch_size))
            for optimizer in self.optimizers
            for name, schedule in schedules_of(optimizer).items()
        ]
        changed = [(optimizer, name, new) for optimizer, name, old, new in bound if new != old]
        if changed:
            with atomic_change(self._outer_optimizers, self.model):
                for optimizer, name, schedule in changed:
                    replace_schedule(optimizer, name, schedule)
        self._before = {(id(optimizer), name): old for optimizer, name, old, _ in bound}

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if self._is_first_epoch:  # now, because a callback further down the list may load a backup
            backup.rewind_iterations(self, epoch, self._counts, self._batches)
            if self.restart:
                self._set_position(epoch)
            self._warn_of_position(epoch)
            self._begins = [batch_count(one) for one in self.optimizers]
        else:
            self._bind_all()  # a schedule that another callback may have given the optimizer since

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.warn_if_unused()
        if self._is_first_epoch and self._batches and not getattr(self.model, "stop_training", False):
            self._warn_of_other_steps(self._batches)
        self._is_first_epoch = False

    def _leave_to_others(self) -> None:
        """Without the argument `optimizer`, leave out those that another `BindSpans` names."""
        if self.optimizer is None:
            others = [other for other in fit.other_callbacks(self) if isinstance(other, BindSpans) and other.optimizer]
            named = {id(one) for other in others for one in other._outer_optimizers}
            self._outer_optimizers = [one for one in self._outer_optimizers if id(one) not in named]

    def _set_position(self, epoch: int) -> None:
        if epoch and self._batches is None:
            raise ValueError(
                f"The data does not say how many batches an epoch has, and `BindSpans(restart=True)` begins at epoch "
                f"{epoch}. Pass `fit(steps_per_epoch=...)` or `BindSpans(steps_per_epoch=...)`."
            )
        for optimizer in self._outer_optimizers:
            set_batch_count(optimizer, epoch * (self._batches or 0))

    def _warn_of_position(self, epoch: int) -> None:
        """Warn, before the first update, where the schedules are not where `fit` seems to expect them."""
        epochs = self.params.get("epochs")
        remaining = None if self._batches is None or epochs is None else (epochs - epoch) * self._batches
        for message in position.warnings(self.optimizers, self._before, epoch, self._batches, remaining):
            warnings.warn(message, stacklevel=2)

    def _warn_of_other_steps(self, batches: int) -> None:
        """Warn if an optimizer makes several steps a batch, or one in several batches, and its schedules are in epochs.

        Other numbers have other reasons: a `LossScaleOptimizer` skips steps, and data may end early.
        """
        may_skip = any(hasattr(outer, "inner_optimizer") for outer in self._outer_optimizers)
        for optimizer, begin in zip(self.optimizers, self._begins, strict=True):
            steps = batch_count(optimizer) - begin
            units = {unit for x in schedules_of(optimizer).values() for span in x.spans for unit in span.amounts}
            is_fewer = 0 < steps < batches and batches % steps == 0 and not may_skip
            is_more = steps > batches and steps % batches == 0
            if (is_fewer or is_more) and units & {"epochs", "fraction"}:
                warnings.warn(
                    f"The optimizer `{optimizer.name}` made {steps} steps in an epoch of {batches} batches, so the "
                    "epochs in its schedules have the wrong length. Pass "
                    f"`BindSpans(optimizer=..., steps_per_epoch={steps})` for it.",
                    stacklevel=2,
                )

    def _bind(self, optimizer: Any, schedule: Schedule, batches: int | None, batch_size: int | None) -> Schedule:
        schedule = per_update(optimizer, schedule)
        units = {unit for span in schedule.spans for unit in span.amounts}
        if batches is None and units & {"epochs", "fraction"}:
            raise ValueError(
                "The data does not say how many batches an epoch has, and the schedule of the model counts in "
                f"{' and '.join(sorted(units))}. Pass `fit(steps_per_epoch=...)` or `BindSpans(steps_per_epoch=...)`."
            )
        if self.params.get("epochs") is None and "fraction" in units:
            raise ValueError(
                "The number of epochs is not known outside `fit`, and the schedule of the model counts in fractions of "
                "the run. Pass it to the list of callbacks, as in `CallbackList([...], model=model, epochs=...)`."
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


OptimizerCallback.span_binder = BindSpans
