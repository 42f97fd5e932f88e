"""Reduces the learning rate when a metric stops improving, on top of any schedule."""

from __future__ import annotations

import functools
from typing import Any, ClassVar

import keras

from ..optimizers.compiled_step import atomic_change
from ..optimizers.inspection import current_value, is_scheduled
from ..optimizers.manage import manage
from ..optimizers.state import FACTOR
from ..schedules import arguments
from ..schedules.spans import Length
from . import earlier_state, fit, reductions
from .best_weights import BestWeights
from .changes import make
from .metric_checks import MetricChecks
from .metric_names import mode_of
from .plateau_state import PlateauState, after_check, from_array, to_array


class PlateauReducer(MetricChecks):
    """Multiplies the learning rate by `factor` after `patience` checks in a row in which `monitor` did not improve.

    The rate may be a number or any schedule. There is a check at the end of each epoch that
    reports the metric, so `validation_freq` is respected. With `every`, there are checks
    inside the epoch, each with the metric of its batches only. An improvement is better than
    the best value by more than `threshold` (times |best| if `relative`) plus `atol`; NaN is
    never an improvement. Several reducers may watch different metrics: their factors multiply.

    >>> import keras, numpy as np, keras_lr as klr
    >>> model = keras.Sequential([keras.Input([3]), keras.layers.Dense(1)])
    >>> model.compile(optimizer=keras.optimizers.SGD(klr.Constant(1e-9)), loss="mse")  # too low to learn
    >>> reducer = klr.PlateauReducer("loss", factor=0.5, patience=2)
    >>> history = model.fit(np.ones([8, 3]), np.ones([8]), epochs=5, callbacks=[reducer], verbose=0)
    >>> float(reducer.total_factor)
    0.25

    The factor, the best value and the counts are saved with the optimizer, so n fits of k
    epochs equal one fit of n * k, also with a restart in between. Arguments are not saved:
    those of the current callback apply. To start another run with the same model, such as
    the next fold of a cross-validation, pass `restart=True`. You get a warning if the saved
    state seems to belong to another run, because the optimizer has made no step, or the
    weights are those with which that run began.

    With `increase`, it also raises the rate after improvements. `PlateauReducer("loss", factor=0.95,
    patience=11, threshold=1e-6, relative=False, increase=1 / 0.95, minimum=1e-3, maximum=1.0)`
    is GreedyLR with its usual arguments.

    Args:
        monitor: The name of a metric in `logs`, also one that another callback adds.
        factor: The factor of a reduction, a number > 0 and < 1.
        patience: The number of checks in a row without an improvement before a reduction, an integer > 0.
        mode: `"min"`, `"max"`, or `"auto"` to infer it from the name of the metric.
        cooldown: The number of checks that don't count after a reduction, an integer >= 0.
        threshold: The smallest change that is an improvement, a number >= 0.
        relative: Whether `threshold` is a fraction of |best|.
        atol: A number >= 0 that is added to the threshold. With `relative`, they are the
            `rtol` and `atol` of optax.
        minimum: The smallest rate after a reduction, a number >= 0.
        smoothing: How many values of the metric are averaged for a check, an integer > 0.
        growth: The factor of `patience` after each reduction, a number >= 1.
        increase: The factor of an increase, a number > 1; `None` for no increases.
        increase_patience: The number of improvements in a row before an increase, an integer > 0;
            by default `patience`.
        increase_cooldown: The number of checks that don't count after an increase; by default `cooldown`.
        maximum: The largest rate after an increase, a number > 0; `None` for no limit.
        stop_at_minimum: Whether to end the training when a reduction is due at the minimum.
        every: The number of batches per check, an integer > 0 or a span, at most an epoch;
            `None` for a check each epoch. It is counted from the start of each epoch: with 225
            batches, the checks for `every=100` are at 100 and 200, and for `epochs(0.25)` at 57,
            113, 169 and 225. Works for training metrics that are sums or means over batches.
        restore_best: Whether a reduction, or the end by `stop_at_minimum`, restores the weights of
            the best check, trainable or not, with the optimizer's moments, averaged weights and
            loss scale, and the state of an `AdaptiveMomentum`. Iterations and hyperparameters
            stay, and gradients of an unfinished update are dropped. The copy is kept in host
            memory and not saved, so after a restart nothing is restored until the metric has
            improved again.
        restart: Whether each `fit` forgets the best value, the counts and the reductions of this
            callback, unless something else has set the rate since. Weights and moments stay: for
            a new fold, use a new model. `False` continues. A restore by `BackupAndRestore` always
            continues.
        verbose: 1 to print a line for each change of the rate, 0 for none.
        optimizer: Which optimizer, if the model has several: the attribute of the model
            that holds it, its name, or the optimizer itself; or a list of these.

    Raises:
        TypeError, ValueError: An argument breaks its rule, or `mode` can't be inferred from the
            name. At the start of `fit`: another callback sets the rate or watches the same metric,
            `monitor` is a validation metric and there is no validation data, or `every` is longer
            than an epoch or needs a number that the data does not tell. At the first check: there
            is no such metric, and no other callback could report it.

    Source: the rule of torch's ReduceLROnPlateau; `patience` counts as in Keras. Increases: GreedyLR (Subramanian,
        Krishnamoorthy and Murthy 2025, arXiv 2512.14527).
    """

    hyperparameter = "learning_rate"
    only_multiplies = True
    other_names: ClassVar[dict[str, str]] = {
        "min_lr": "`minimum`",
        "max_lr": "`maximum`",
        "min_delta": "`threshold`, with `relative=False`",
        "epsilon": "`threshold`, with `relative=False`",
        "threshold_mode": "`relative`",
        "rtol": "`threshold`",
        "window_size": "`smoothing`",
    }

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
        atol: float = 0.0,
        minimum: float = 0.0,
        smoothing: int = 1,
        growth: float = 1.0,
        increase: float | None = None,
        increase_patience: int | None = None,
        increase_cooldown: int | None = None,
        maximum: float | None = None,
        stop_at_minimum: bool = False,
        every: Length | None = None,
        restore_best: bool = False,
        restart: bool = False,
        verbose: int = 0,
        optimizer: Any = None,
    ):
        super().__init__(optimizer, verbose)
        if not isinstance(monitor, str):
            rule = 'the name of a metric, as in `PlateauReducer("val_loss")`'
            arguments.reject(self, "monitor", rule, monitor, error=TypeError)
        read, read_as = arguments.validate, arguments.validate_as
        increase_patience = patience if increase_patience is None else increase_patience
        increase_cooldown = cooldown if increase_cooldown is None else increase_cooldown
        self.monitor = monitor
        self.factor = read(self, "factor", factor)
        self.patience = read(self, "patience", patience)
        self.cooldown = read(self, "cooldown", cooldown)
        self.threshold = read(self, "threshold", threshold)
        self.relative = read(self, "relative", relative)
        self.atol = read_as(arguments.VALUE, self, "atol", atol)
        self.minimum = read(self, "minimum", minimum)
        self.smoothing = read(self, "smoothing", smoothing)
        self.growth = read(self, "growth", growth)
        self.increase = None if increase is None else read_as(arguments.ABOVE_ONE, self, "increase", increase)
        self.increase_patience = read_as(arguments.COUNT, self, "increase_patience", increase_patience)
        self.increase_cooldown = read_as(arguments.COUNT_OR_ZERO, self, "increase_cooldown", increase_cooldown)
        self.maximum = None if maximum is None else read_as(arguments.POSITIVE, self, "maximum", maximum)
        if self.maximum is not None and self.maximum < self.minimum:
            arguments.reject(self, "maximum", f"at least `minimum`, {self.minimum}", maximum)
        self.stop_at_minimum = read(self, "stop_at_minimum", stop_at_minimum)
        self.every = None if every is None else read(self, "every", every)
        self.restore_best = read(self, "restore_best", restore_best)
        self.restart = read_as(arguments.FLAG, self, "restart", restart)
        if every is not None and monitor.startswith("val_"):
            rule = "a metric of the training where checks are made `every` so many batches"
            arguments.reject(self, "monitor", rule, monitor)
        if not arguments.is_one_of(mode, ("auto", "min", "max")):
            arguments.reject(self, "mode", '"auto", "min" or "max"', mode)
        self.mode = mode_of(self, monitor) if mode == "auto" else mode
        self._best = BestWeights()

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        # Before any `on_train_begin`, in which `BackupAndRestore` loads the state.
        self.build()
        with atomic_change(self._outer_optimizers, model):
            for optimizer in self.optimizers:
                manage(optimizer, {FACTOR: True} if is_scheduled(optimizer) else {})
        self._state_before = self._saved_state()

    def on_train_begin(self, logs: Any = None) -> None:
        fit.check_single_writer(self)
        super().on_train_begin(logs)
        if self._restarts():
            self._begin_anew()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        super().on_epoch_begin(epoch, logs)
        self._epoch = epoch

    def _check_value(self, value: float) -> None:
        optimizers, before = self.optimizers, self._read_state()
        state, due = after_check(self, before, value if self.mode == "min" else -value)
        if self.restore_best and state.best != before.best:
            self._best.save(self.model, self._outer_optimizers, state.best)
        to_make = reductions.changes(self, optimizers, due)
        at_limit = not to_make
        if due == "reduction" and self.restore_best and (self.stop_at_minimum or not at_limit):
            to_make.append(functools.partial(self._best.restore, state.best))
        for optimizer in optimizers:
            saved = {self.state_key: to_array(self, state)}
            to_make.append(functools.partial(optimizer._managed.callback_state.update, saved))
        make(to_make)
        if due == "reduction" and at_limit and self.stop_at_minimum:
            self.model.stop_training = True
        if due and not at_limit:
            rates = ", ".join(f"{current_value(optimizer):.6g}" for optimizer in optimizers)
            verb = "reducing" if due == "reduction" else "increasing"
            self._print(f"\nEpoch {self._epoch + 1}: PlateauReducer {verb} learning rate to {rates}.")

    @property
    def total_factor(self) -> float:
        """The product of the reductions, for an optimizer that follows a schedule."""
        factor = self.optimizers[0]._managed.variables[FACTOR]
        return float(keras.ops.convert_to_numpy(factor))

    @property
    def state_key(self) -> str:
        """The name of the saved state: one for each metric."""
        return f"plateau.{self.monitor}"

    def _read_state(self) -> PlateauState:
        saved = self._saved_state()
        return PlateauState() if saved is None else from_array(self, saved)

    def _check_saved_state(self) -> None:
        optimizers = self.optimizers
        try:
            state = self._read_state()
        except ValueError as error:
            self._warn(f"The saved state of `{self.monitor}` is dropped, because {error}. The rate stays.")
            state = PlateauState()
            for optimizer in optimizers:
                del optimizer._managed.callback_state[self.state_key]
        for factor in reductions.repair(optimizers):
            self._warn(f"The saved factor of the schedule is dropped, because it can't be one. Received: {factor:.6g}")
        if state == PlateauState():
            earlier_state.begin(self.model, optimizers, self.state_key)
        elif reason := earlier_state.reason_to_doubt(self.model, optimizers, self.state_key):
            self._warn(
                f"It continues with the best value and the counts of an earlier `fit`, but {reason}. Pass "
                "`PlateauReducer(restart=True)` to restart, also the rate."
            )

    def _begin_anew(self) -> None:
        to_make = []
        for optimizer in self.optimizers:
            to_make += reductions.take_back(optimizer, self.state_key)
            to_make.append(functools.partial(optimizer._managed.callback_state.pop, self.state_key, None))
        make(to_make)
        self._best = BestWeights()
