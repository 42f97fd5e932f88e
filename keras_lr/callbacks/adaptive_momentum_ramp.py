"""Has the momentum of a compiled model follow its gradients and its loss."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import keras
import numpy as np

from ..optimizers.compiled_step import retrace_if_changed
from ..optimizers.feedback import momentum_name
from ..optimizers.inspection import batch_count, is_scheduled, rules_of, source_of
from ..optimizers.scheduled import scheduled
from ..optimizers.variables import strategy_scope
from ..rules.adaptive_momentum import MEMORY, USUAL, AdaptiveMomentum, memory_of
from ..schedules import arguments
from . import fit
from .partial_epochs import PartialEpochs

STATE_KEY = "ramp.loss"  # the mean loss of the previous window
MAX_WINDOWS = 3  # in an epoch
MIN_BATCHES = 40  # in a window, for its mean loss to be comparable
INITIAL_FACTOR = 2.0  # the usual memory at first, relative to that of `start`
GROWTH, SHRINKAGE = 2.0, 0.25  # of the usual memory after a lower and after a higher loss


class AdaptiveMomentumRamp(PartialEpochs):
    """Has the momentum start low, rise while the gradients agree, and drop where training oscillates.

    The rule is `AdaptiveMomentum`, computed in the graph. With the momentum of SGD,
    the callback adds what an optimizer can't see, the loss. The usual memory begins
    at two steps (twice that of `start`). It is doubled at the end of a window with a
    lower mean training loss than the previous window, and quartered, with the memory
    in use, after a higher one; it stays between the memories of `start` and `peak`.
    So a small rate gets a long memory, a large one a short memory, and both a short
    one in the end. A window is a third of an epoch, or a half or the whole so that
    it has 40 batches. Shorter epochs, epochs of unknown length and a beta_1 use the
    rule alone, with `usual`.

    The state is saved with the optimizer: n fits of k epochs equal one fit of n * k,
    also with the loaded model. Without the callback the rule continues with the
    current usual memory.

    >>> import keras, numpy as np, keras_lr as klr
    >>> model = keras.Sequential([keras.Input([3]), keras.layers.Dense(1)])
    >>> model.compile(optimizer=keras.optimizers.SGD(0.01), loss="mse")
    >>> x, ramp = np.ones([32, 3]), klr.AdaptiveMomentumRamp(peak=0.95)
    >>> history = model.fit(x, np.ones([32]), batch_size=8, epochs=2, callbacks=[ramp, klr.Monitor()], verbose=0)
    >>> [round(momentum, 6) for momentum in history.history["momentum"]]
    [0.242424, 0.390244]

    Args:
        start: The initial momentum, and the lowest one except after an overshoot.
        usual: The limit where the gradients are nearly uncorrelated, if the loss is not used.
        peak: The limit where they agree, or while the loss falls; all three are >= 0 and < 1, in this order.
        hyperparameter: `"momentum"` (of SGD), `"beta_1"` (of Adam and AdamW), or `"auto"`
            for what each optimizer has.
        optimizer: Which optimizer, where the model has several: the attribute of the model
            that holds it, its name, or the optimizer itself; or a list of these.

    Raises:
        TypeError, ValueError: An argument breaks its rule. At the start of `fit`:
            the optimizer is of another class, was built without momentum, or has a
            schedule for it; or another callback sets it.
    """

    def __init__(
        self,
        *,
        start: float = 0.0,
        usual: float = 0.9,
        peak: float = 0.99,
        hyperparameter: str = "auto",
        optimizer: Any = None,
    ):
        super().__init__(optimizer)
        self.rule = AdaptiveMomentum(start, usual, peak)
        if not arguments.is_one_of(hyperparameter, ("auto", "momentum", "beta_1")):
            arguments.reject(self, "hyperparameter", '"auto", "momentum" or "beta_1"', hyperparameter)
        self.hyperparameter = self._requested = hyperparameter

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        if not self.optimizers:  # a `MultiOptimizer` that is not built
            self.build()
        optimizers = self.optimizers
        targets = [(optimizer, momentum_name(optimizer)) for optimizer in optimizers]
        if self._requested != "auto":
            targets = [(optimizer, name) for optimizer, name in targets if name == self._requested]
        if not targets or any(name is None for _, name in targets):
            classes = ", ".join(type(optimizer).__name__.removeprefix("Scheduled") for optimizer in optimizers)
            rule = "what an SGD (momentum) or an Adam (beta_1) of the model has"
            arguments.reject(self, "hyperparameter", rule, self._requested, f"The model was compiled with `{classes}`.")
        self._names = sorted({str(name) for _, name in targets})
        with retrace_if_changed(model, self._outer_optimizers):
            for optimizer, name in targets:
                self._apply_rule(optimizer, str(name))
            # Before any `on_train_begin`, in which `BackupAndRestore` loads the variables.
            self.build()

    def on_train_begin(self, logs: Any = None) -> None:
        for name in self._names:
            self.hyperparameter = name
            fit.check_single_writer(self)
        optimizers, steps = self._optimizers_with_rule(), self.params.get("steps") or 0
        windows = min(MAX_WINDOWS, steps // MIN_BATCHES)
        self._length = Fraction(steps, windows) if optimizers and windows else math.inf
        if self._length < math.inf and STATE_KEY not in optimizers[0]._managed.callback_state:
            for optimizer in optimizers:
                initial_memory = self._clip(INITIAL_FACTOR * memory_of(self.rule.start))
                optimizer._managed.variables["momentum" + USUAL].assign(initial_memory)
        super().on_train_begin(logs)

    def _check(self, metrics: dict[str, Any]) -> None:
        optimizers, loss = self._optimizers_with_rule(), metrics.get("loss", math.nan)
        if not math.isfinite(loss):
            return
        previous_loss = optimizers[0]._managed.callback_state.get(STATE_KEY, [loss])[0]
        for optimizer in optimizers:
            if loss != previous_loss:
                self._scale_memory(optimizer, GROWTH if loss < previous_loss else SHRINKAGE)
            optimizer._managed.callback_state[STATE_KEY] = np.array([loss], "float64")

    def _optimizers_with_rule(self) -> list[Any]:
        """The optimizers whose usual memory follows the loss."""
        return [one for one in self.optimizers if rules_of(one).get("momentum") == self.rule]

    def _clip(self, memory: float) -> float:
        return min(max(memory, memory_of(self.rule.start)), memory_of(self.rule.peak))

    def _scale_memory(self, optimizer: Any, factor: float) -> None:
        usual, memory = (optimizer._managed.variables["momentum" + suffix] for suffix in (USUAL, MEMORY))
        new = self._clip(float(keras.ops.convert_to_numpy(usual.value)) * factor)
        usual.assign(new)
        if factor < 1:
            memory.assign(min(new, float(keras.ops.convert_to_numpy(memory.value))))

    def _apply_rule(self, optimizer: Any, name: str) -> bool:
        """Have a momentum follow the rule; whether that changed the optimizer."""
        if is_scheduled(optimizer, name) and name not in rules_of(optimizer):
            raise ValueError(
                f"`AdaptiveMomentumRamp` can't set `{name}` of an optimizer where it follows a schedule. Give it a "
                f"number, or leave the callback out. Received: {name}={source_of(optimizer, name)!r}"
            )
        if rules_of(optimizer).get(name) == self.rule:
            return False
        _add_momentum_slots(optimizer)
        scheduled(optimizer, correct_bias=None, **{name: self.rule})
        return True


def _add_momentum_slots(optimizer: Any) -> None:
    """Add the slots that SGD lacks when it was built without momentum, as `fit` on JAX does before its callbacks."""
    is_sgd = isinstance(optimizer, keras.optimizers.SGD)
    if is_sgd and optimizer.built and not optimizer.momentums and batch_count(optimizer) == 0:
        weights = optimizer._trainable_variables
        with strategy_scope(optimizer):
            optimizer.momentums = [optimizer.add_variable_from_reference(w, name="momentum") for w in weights]
