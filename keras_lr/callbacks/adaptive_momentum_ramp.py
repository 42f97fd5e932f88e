"""Has the momentum of any compiled model follow its gradients."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import keras
import numpy as np

from ..optimizers.inspection import batches_seen, build, follows_schedule, leaves, retrace, rules_of, schedule_of
from ..optimizers.scheduled import scheduled
from ..rules.adaptive_momentum import MEMORY, USUAL, AdaptiveMomentum, hyperparameter_of, memory_of
from ..schedules import arguments
from . import fit
from .partial_epochs import PartialEpochs

NOTE = "ramp.loss"  # of the window before
PARTS, LEAST = 3, 40  # windows of an epoch at most, and the batches that make a mean of a loss worth comparing
FIRST, LONGER, SHORTER = 2.0, 2.0, 0.25


class AdaptiveMomentumRamp(PartialEpochs):
    """Has the momentum start low, rise while the gradients allow it, and give way where training oscillates.

    The rule is `AdaptiveMomentum`, computed in the graph. With the momentum of SGD,
    the callback adds what an optimizer can't see, the loss. The usual memory begins
    at two steps (twice that of `start`). It is doubled at the end of a window with a
    lower mean training loss than the window before, and quartered, with the memory
    in use, after a higher one, and stays between the memories of `start` and `peak`.
    So a small rate gets a long memory, a large one a short memory, and both a short
    one in the end. A window is a third of an epoch, or a half or the whole so that
    it has 40 batches. Shorter epochs, epochs of unknown length and a beta_1 have
    the rule alone, with `usual`.

    The state is saved with the optimizer: n fits of k epochs are one fit of n * k,
    also of the loaded model. Without the callback the rule goes on with the usual
    memory as it is.

    >>> import keras, numpy as np, keras_lr as klr
    >>> model = keras.Sequential([keras.Input([3]), keras.layers.Dense(1)])
    >>> model.compile(optimizer=keras.optimizers.SGD(0.01), loss="mse")
    >>> x, ramp = np.ones([32, 3]), klr.AdaptiveMomentumRamp(peak=0.95)
    >>> history = model.fit(x, np.ones([32]), batch_size=8, epochs=2, callbacks=[ramp, klr.Monitor()], verbose=0)
    >>> [round(momentum, 6) for momentum in history.history["momentum"]]
    [0.242424, 0.390244]

    Args:
        start: What the momentum starts from, and the least but for an overshoot.
        usual: What it rises to where the gradients are as good as unrelated, where the loss does not say it.
        peak: What it rises to where they agree, or while the loss falls; all three are >= 0 and < 1, in this order.
        hyperparameter: `"momentum"` (of SGD), `"beta_1"` (of Adam and AdamW), or `"auto"`
            for what each optimizer has.

    Raises:
        TypeError, ValueError: An argument breaks its rule. At the start of `fit`:
            the optimizer is of another kind, was built without momentum, or has a
            schedule for it; or another callback sets it.
    """

    def __init__(
        self,
        *,
        start: float = 0.0,
        usual: float = 0.9,
        peak: float = 0.99,
        hyperparameter: str = "auto",
    ):
        super().__init__()
        self.rule = AdaptiveMomentum(start, usual, peak)
        if hyperparameter not in ("auto", "momentum", "beta_1"):
            arguments.reject(self, "hyperparameter", '"auto", "momentum" or "beta_1"', hyperparameter)
        self.hyperparameter = self._given = hyperparameter

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        if not leaves(model.optimizer):  # a `MultiOptimizer` has no parts before
            build(model)
        taken = [(part, hyperparameter_of(part)) for part in leaves(model.optimizer)]
        if self._given != "auto":
            taken = [(part, name) for part, name in taken if name == self._given]
        if not taken or any(name is None for _, name in taken):
            kinds = ", ".join(type(part).__name__.removeprefix("Scheduled") for part in leaves(model.optimizer))
            rule = "what an SGD (momentum) or an Adam (beta_1) of the model has"
            arguments.reject(self, "hyperparameter", rule, self._given, f"The model was compiled with `{kinds}`.")
        self._names = sorted({str(name) for _, name in taken})
        changed = [self._take(part, str(name)) for part, name in taken]
        # Before any `on_train_begin`, where `BackupAndRestore` loads what must be there by then.
        build(model)
        if any(changed):
            retrace(model)

    def on_train_begin(self, logs: Any = None) -> None:
        for name in self._names:
            self.hyperparameter = name
            fit.require_one_writer(self)
        fit.be_before(self, (keras.callbacks.ModelCheckpoint, keras.callbacks.BackupAndRestore))
        parts, steps = self._steered(), self.params.get("steps") or 0
        windows = min(PARTS, steps // LEAST)
        self._length = Fraction(steps, windows) if parts and windows else math.inf
        if self._length < math.inf and NOTE not in parts[0]._book.notes:
            for part in parts:
                part._book.cells["momentum" + USUAL].assign(self._within(FIRST * memory_of(self.rule.start)))

    def _check(self, metrics: dict[str, Any]) -> None:
        parts, loss = self._steered(), metrics.get("loss", math.nan)
        if not math.isfinite(loss):
            return
        before = parts[0]._book.notes.get(NOTE, [loss])[0]
        for part in parts:
            if loss != before:
                self._steer(part._book.cells, LONGER if loss < before else SHORTER)
            part._book.notes[NOTE] = np.array([loss], "float64")

    def _steered(self) -> list[Any]:
        return [part for part in leaves(self.model.optimizer) if rules_of(part).get("momentum") == self.rule]

    def _within(self, memory: float) -> float:
        return min(max(memory, memory_of(self.rule.start)), memory_of(self.rule.peak))

    def _steer(self, cells: dict[str, Any], times: float) -> None:
        usual, memory = (cells["momentum" + end] for end in (USUAL, MEMORY))
        now = self._within(float(keras.ops.convert_to_numpy(usual.value)) * times)
        usual.assign(now)
        if times < 1:
            memory.assign(min(now, float(keras.ops.convert_to_numpy(memory.value))))

    def _take(self, part: Any, name: str) -> bool:
        if follows_schedule(part, name) and name not in rules_of(part):
            raise ValueError(
                f"`AdaptiveMomentumRamp` can't set `{name}` of an optimizer where it follows a schedule. Give it a "
                f"number, or leave the callback out. Received: {name}={schedule_of(part, name)!r}"
            )
        if rules_of(part).get(name) == self.rule:
            return False
        _give_slots(part)
        scheduled(part, correct_bias=None, **{name: self.rule})
        return True


def _give_slots(part: Any) -> None:
    """What SGD leaves out when it is built without momentum, as `fit` on JAX does before it calls its callbacks."""
    if isinstance(part, keras.optimizers.SGD) and part.built and not part.momentums and batches_seen(part) == 0:
        part.momentums = [part.add_variable_from_reference(v, name="momentum") for v in part._trainable_variables]
