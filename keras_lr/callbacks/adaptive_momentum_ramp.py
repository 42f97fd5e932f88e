"""Adapts the momentum of a compiled model to its gradients and its loss."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import keras
import numpy as np

from ..optimizers.compiled_step import atomic_change
from ..optimizers.feedback import start_rule, takes_rule
from ..optimizers.hyperparameters import validate_owners
from ..optimizers.inspection import batch_count, class_name, is_scheduled, rules_of, source_of
from ..optimizers.scheduled import scheduled
from ..optimizers.variables import strategy_scope
from ..rules.adaptive_momentum import LIMIT, MEMORY, OVERSHOOT, USUAL, AdaptiveMomentum, check_limits, memory_of
from ..schedules import arguments
from . import earlier_state, fit
from .partial_epochs import PartialEpochs

LARGEST = 2.0**24  # steps: that of a momentum of 1 - 1e-7, the largest below 1 that float32 has
MAX_WINDOWS = 3  # in an epoch
MIN_BATCHES = 40  # in a window, for its mean loss to be comparable
INITIAL_FACTOR = 2.0  # the usual memory at first, relative to that of `start`
GROWTH, SHRINKAGE = 2.0, 0.25  # of the usual memory after a lower and after a higher loss


class AdaptiveMomentumRamp(PartialEpochs):
    """Adapts the momentum: it starts low, rises while successive gradients agree, and drops when training oscillates.

    The callback applies the rule `AdaptiveMomentum`. For the momentum of SGD it also uses
    the training loss, which an optimizer can't see: it adjusts the usual memory, which is
    1 / (1 - momentum) and starts at twice that of `start`. After each window of batches, the
    memory doubles if the mean loss is lower than in the previous window, and is divided by
    4 if it is higher, within the memories of `start` and `peak`. So it is long for a small
    rate, short for a large one, and short near the end of training. A window is a third, a
    half or the whole of an epoch, with at least 40 batches. In shorter epochs, in epochs of
    unknown length and for beta_1, the rule is used alone, with `usual`.

    The state is saved with the optimizer, so n fits of k epochs equal one fit of n * k, also
    with a loaded model. Without the callback, the rule continues with the last usual memory.
    To start another run with the same model, pass `restart=True`. You get a warning if the
    saved state seems to belong to another run.

    >>> import keras, numpy as np, keras_lr as klr
    >>> model = keras.Sequential([keras.Input([3]), keras.layers.Dense(1)])
    >>> model.compile(optimizer=keras.optimizers.SGD(0.01), loss="mse")
    >>> x, ramp = np.ones([32, 3]), klr.AdaptiveMomentumRamp(peak=0.95)
    >>> history = model.fit(x, np.ones([32]), batch_size=8, epochs=2, callbacks=[ramp, klr.Monitor()], verbose=0)
    >>> [round(momentum, 6) for momentum in history.history["momentum"]]
    [0.242424, 0.390244]

    Args:
        start: The initial momentum, and the lowest one except after an overshoot.
        usual: The limit if the gradients are nearly uncorrelated and the loss is not used.
        peak: The limit if they agree, or while the loss falls. All three are >= 0 and < 1, in this order.
        hyperparameter: `"momentum"` (of SGD), `"beta_1"` (of Adam and AdamW), or `"auto"`
            for what each optimizer has.
        restart: Whether each `fit` starts with `start` and without the loss of an earlier one. `False`
            continues. A restore by `BackupAndRestore` always continues.
        optimizer: Which optimizer, if the model has several: the attribute of the model
            that holds it, its name, or the optimizer itself; or a list of these.

    Raises:
        TypeError, ValueError: An argument breaks its rule. At the start of `fit`:
            the optimizer is of another class, was built without momentum, or has a
            schedule for it; or another callback sets it.
    """

    state_key = "ramp.loss"  # of an array with the mean loss of the previous window, NaN before the first one

    def __init__(
        self,
        *,
        start: float = 0.0,
        usual: float = 0.9,
        peak: float = 0.99,
        hyperparameter: str = "auto",
        restart: bool = False,
        optimizer: Any = None,
    ):
        super().__init__(optimizer)
        limits = {"start": start, "usual": usual, "peak": peak}
        limits = {name: arguments.validate_as(arguments.MOMENTUM, self, name, limits[name]) for name in limits}
        check_limits(self, **limits)
        self.rule = AdaptiveMomentum(**limits)
        if not arguments.is_one_of(hyperparameter, ("auto", "momentum", "beta_1")):
            arguments.reject(self, "hyperparameter", '"auto", "momentum" or "beta_1"', hyperparameter)
        self.hyperparameter = self._requested = hyperparameter
        self.restart = arguments.validate_as(arguments.FLAG, self, "restart", restart)

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        if not self.optimizers:  # a `MultiOptimizer` that is not built
            self.build()
        optimizers = self.optimizers
        targets = [(optimizer, _momentum_name(optimizer, self.rule)) for optimizer in optimizers]
        if self._requested != "auto":
            targets = [(optimizer, name) for optimizer, name in targets if name == self._requested]
        if not targets or any(name is None for _, name in targets):
            classes = ", ".join(class_name(optimizer) for optimizer in optimizers)
            rule = "what an SGD (momentum) or an Adam (beta_1) of the model has"
            arguments.reject(self, "hyperparameter", rule, self._requested, f"The model was compiled with `{classes}`.")
        self._names = sorted({str(name) for _, name in targets})
        with atomic_change(self._outer_optimizers, model):
            for optimizer, name in targets:
                self._apply_rule(optimizer, str(name))
            # Before any `on_train_begin`, in which `BackupAndRestore` loads the variables.
            self.build()
        self._state_before = self._saved_state()

    def on_train_begin(self, logs: Any = None) -> None:
        for name in self._names:
            self.hyperparameter = name
            fit.check_single_writer(self)
        steps = self.params.get("steps") or 0
        windows = min(MAX_WINDOWS, steps // MIN_BATCHES)
        self._length = Fraction(steps, windows) if self._with_momentum_rule() and windows else math.inf
        super().on_train_begin(logs)
        if self._restarts():
            self._begin_anew()
        elif self._saved_state() is None:
            self._save_loss(math.nan)
            self._start_usual_memory()

    def _check(self, metrics: dict[str, Any]) -> None:
        loss = metrics.get("loss", math.nan)
        if not math.isfinite(loss):
            return
        previous_loss = float(self._saved_state()[0])
        for optimizer in self._with_momentum_rule():
            if not math.isnan(previous_loss) and loss != previous_loss:
                self._scale_memory(optimizer, GROWTH if loss < previous_loss else SHRINKAGE)
        self._save_loss(loss)

    def _save_loss(self, loss: float) -> None:
        for optimizer in self.optimizers:
            optimizer._managed.callback_state[self.state_key] = np.array([loss], "float64")

    def _begin_anew(self) -> None:
        for optimizer, name in self._with_rule():
            start_rule(optimizer, name, self.rule)
        self._start_usual_memory()
        self._save_loss(math.nan)

    def _start_usual_memory(self) -> None:
        for optimizer in self._with_momentum_rule() if self._length < math.inf else ():
            initial_memory = self._clip(INITIAL_FACTOR * memory_of(self.rule.start))
            optimizer._managed.variables[f"momentum_{USUAL}"].assign(initial_memory)

    def _check_saved_state(self) -> None:
        saved = np.asarray(self._saved_state())
        is_loss = saved.shape == (1,) and saved.dtype.kind == "f" and not np.isinf(saved[0])
        if not is_loss or not all(_is_state(optimizer, name) for optimizer, name in self._with_rule()):
            self._warn("The saved state is dropped, because it is damaged.")
            self._begin_anew()
        if np.isnan(self._saved_state()[0]):
            earlier_state.begin(self.model, self.optimizers, self.state_key)
        elif reason := earlier_state.reason_to_doubt(self.model, self.optimizers, self.state_key):
            self._warn(
                f"It continues with the loss and the memory of an earlier `fit`, but {reason}. Pass "
                "`AdaptiveMomentumRamp(restart=True)` to restart."
            )

    def _with_rule(self) -> list[tuple[Any, str]]:
        """The optimizers and their hyperparameters that follow the rule of this callback."""
        return [(one, name) for one in self.optimizers for name, rule in rules_of(one).items() if rule == self.rule]

    def _with_momentum_rule(self) -> list[Any]:
        """The optimizers whose usual memory follows the loss."""
        return [optimizer for optimizer, name in self._with_rule() if name == "momentum"]

    def _clip(self, memory: float) -> float:
        return min(max(memory, memory_of(self.rule.start)), memory_of(self.rule.peak))

    def _scale_memory(self, optimizer: Any, factor: float) -> None:
        usual, memory = (optimizer._managed.variables[f"momentum_{suffix}"] for suffix in (USUAL, MEMORY))
        new = self._clip(float(keras.ops.convert_to_numpy(usual)) * factor)
        usual.assign(new)
        if factor < 1:
            memory.assign(min(new, float(keras.ops.convert_to_numpy(memory))))

    def _apply_rule(self, optimizer: Any, name: str) -> None:
        """Make a momentum follow the rule."""
        if is_scheduled(optimizer, name) and name not in rules_of(optimizer):
            raise ValueError(
                f"`AdaptiveMomentumRamp` can't set `{name}`, because it follows a schedule. Use a number instead, or "
                f"leave the callback out. Received: {name}={source_of(optimizer, name)!r}"
            )
        if rules_of(optimizer).get(name) != self.rule:
            _add_momentum_slots(optimizer)
            validate_owners(name, optimizer, [optimizer], type(self).__name__, "hyperparameter", self._requested)
            scheduled(optimizer, correct_bias=None, **{name: self.rule})


def _momentum_name(optimizer: Any, rule: AdaptiveMomentum) -> str | None:
    """The name of the momentum that the rule can drive in an optimizer; `None` if there is none."""
    return next((name for name in rule.hyperparameters if takes_rule(optimizer, name, rule)), None)


def _is_state(optimizer: Any, name: str) -> bool:
    """Whether the variables of a rule have values that it leads to."""
    variables = optimizer._managed.variables
    memory, usual, overshoot = (
        float(keras.ops.convert_to_numpy(variables[f"{name}_{suffix}"])) for suffix in (MEMORY, USUAL, OVERSHOOT)
    )
    return all(1 - 1e-6 <= steps <= LARGEST for steps in (memory, usual)) and abs(overshoot) <= 2 * LIMIT


def _add_momentum_slots(optimizer: Any) -> None:
    """Add the slots that SGD lacks when it was built without momentum, as `fit` on JAX does before its callbacks."""
    is_sgd = isinstance(optimizer, keras.optimizers.SGD)
    if is_sgd and optimizer.built and not optimizer.momentums and batch_count(optimizer) == 0:
        weights = optimizer._trainable_variables
        with strategy_scope(optimizer):
            optimizer.momentums = [optimizer.add_variable_from_reference(w, name="momentum") for w in weights]
