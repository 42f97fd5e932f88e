"""Rules for Adam that estimate the distance to a solution: `DAdaptation` and `Prodigy`."""

from __future__ import annotations

from typing import Any, ClassVar

from ..schedules import arguments
from ..schedules.arguments import Member
from ..schedules.curves import Constant
from .base import FIRST_MOMENT_FACTOR, SECOND_MOMENT_FACTOR, Rule, Signals, State, rule
from .vector import where


@rule
class DAdaptation(Rule):
    """D-Adaptation for Adam: the learning rate is an estimate of the distance from the initial weights to a solution.

    With b = sqrt(beta_2) and Adam's bias correction
    c = sqrt(1 - beta_2**t) / (1 - beta_1**t), each update with the gradient g and Adam's
    second moment v computes:

        learning rate = schedule * estimate
        step = learning rate * c
        numerator = b * numerator + (1 - b) * step * <g, sum / (sqrt(v) + epsilon)>
        sum = b * sum + (1 - b) * step * g
        estimate = max(estimate, numerator / ((1 - b) * |sum|_1)) from the next update on

    Adam's first moment is multiplied by the previous step / step, so that each gradient
    counts by the step of its own update, as in the paper. Otherwise the gradients of the
    first updates, whose steps are tiny, would count as much as later ones.

    The estimate never falls. It typically reaches its final order of magnitude within the
    first 100 updates. Use a schedule that falls to 0 at the end of training.

    >>> import keras, numpy as np, keras_lr as klr
    >>> rule = klr.DAdaptation(klr.Cosine(1.0, 0.0, steps=klr.epochs(2)))
    >>> optimizer = klr.scheduled(keras.optimizers.AdamW(weight_decay=0.01), learning_rate=rule)
    >>> model = keras.Sequential([keras.Input([3]), keras.layers.Dense(1)])
    >>> model.compile(optimizer=optimizer, loss="mse")
    >>> callbacks = [klr.BindSpans(), klr.Monitor()]
    >>> history = model.fit(np.ones([32, 3]), np.ones([32]), batch_size=8, epochs=2, verbose=0, callbacks=callbacks)
    >>> sorted(history.history)
    ['learning_rate', 'learning_rate_estimate', 'loss']

    Memory: one value per weight, the sum.

    Args:
        schedule: A schedule or a number >= 0 that multiplies the estimate.
        initial: The first estimate, a number > 0 that is smaller than any good learning rate.

    Source: Defazio and Mishchenko, 2023, "Learning-Rate-Free Learning by D-Adaptation", arXiv 2301.07733; the form for
        Adam as in optax.
    """

    schedule: Member = Constant(1.0)
    initial: float = 1e-6

    argument_rules: ClassVar = {"initial": arguments.SIZE}
    optimizers: ClassVar[tuple[str, ...]] = ("Adam", "Nadam")
    slots: ClassVar[tuple[str, ...]] = ("sum",)
    reported: ClassVar[tuple[str, ...]] = ("estimate",)

    def initial_state(self) -> dict[str, float]:
        return {"estimate": self.initial, "numerator": 0.0, "previous_step": 0.0, FIRST_MOMENT_FACTOR: 1.0}

    def update(self, state: State, signals: Signals) -> tuple[State, Any]:
        estimate, gradients = state["estimate"], signals.gradients
        decay = signals.hyperparameters["beta_2"] ** 0.5
        step = estimate * signals.learning_rate * bias_correction(signals)
        scaled = state["sum"] / (signals.second_moments.sqrt() + signals.hyperparameters["epsilon"])
        numerator = decay * state["numerator"] + (1 - decay) * step * gradients.dot(scaled)
        total = decay * state["sum"] + (1 - decay) * step * gradients
        new = at_least(estimate, numerator, (1 - decay) * total.abs().sum())
        return {
            "estimate": new,
            "numerator": numerator,
            "sum": total,
            "previous_step": step,
            FIRST_MOMENT_FACTOR: ratio(state["previous_step"], step),
        }, estimate


@rule
class Prodigy(Rule):
    """Prodigy for Adam: the learning rate is an estimate of the distance from the initial weights to a solution.

    With b = sqrt(beta_2) and Adam's bias correction
    c = sqrt(1 - beta_2**t) / (1 - beta_1**t), each update with the gradient g, the weights
    x and the initial weights x0 computes:

        learning rate = schedule * estimate
        weight = estimate / initial * learning rate * c
        numerator = b * numerator + weight * <g, x0 - x>
        sum = b * sum + weight * g
        estimate = max(estimate, numerator / |sum|_1) from the next update on

    Adam's moments are multiplied by q = previous estimate / estimate and by q**2, so
    that each gradient counts by the estimate of its own update, as in the paper.

    >>> import keras, keras_lr as klr
    >>> rule = klr.Prodigy(klr.Cosine(1.0, 0.0, steps=klr.epochs(20)))
    >>> optimizer = klr.scheduled(keras.optimizers.Adam(), learning_rate=rule)

    Memory: two values per weight, x0 and the sum. Weights in float16 or bfloat16 are
    too coarse for the first x0 - x. Mixed policies work, because their weights are float32.

    Args:
        schedule: A schedule or a number >= 0 that multiplies the estimate.
        initial: The first estimate, a number > 0 that is smaller than any good learning rate.

    Source: Mishchenko and Defazio, 2023, "Prodigy: An Expeditiously Adaptive Parameter-Free Learner",
        arXiv 2306.06101. Adam's epsilon is not multiplied by the estimate, which matters for gradients near it.
    """

    schedule: Member = Constant(1.0)
    initial: float = 1e-6

    argument_rules: ClassVar = {"initial": arguments.SIZE}
    optimizers: ClassVar[tuple[str, ...]] = ("Adam", "Nadam")
    slots: ClassVar[tuple[str, ...]] = ("sum",)
    keeps_initial_weights: ClassVar[bool] = True
    reported: ClassVar[tuple[str, ...]] = ("estimate",)

    def initial_state(self) -> dict[str, float]:
        return {
            "estimate": self.initial,
            "previous": 0.0,
            "numerator": 0.0,
            FIRST_MOMENT_FACTOR: 1.0,
            SECOND_MOMENT_FACTOR: 1.0,
        }

    def update(self, state: State, signals: Signals) -> tuple[State, Any]:
        estimate, gradients = state["estimate"], signals.gradients
        decay = signals.hyperparameters["beta_2"] ** 0.5
        weight = estimate / self.initial * estimate * signals.learning_rate * bias_correction(signals)
        numerator = decay * state["numerator"] + weight * gradients.dot(signals.initial_weights - signals.weights)
        total = decay * state["sum"] + weight * gradients
        new = at_least(estimate, numerator, total.abs().sum())
        factor = where(state["previous"] == 0, 1.0, state["previous"] / estimate)
        return {
            "estimate": new,
            "previous": estimate,
            "numerator": numerator,
            "sum": total,
            FIRST_MOMENT_FACTOR: factor,
            SECOND_MOMENT_FACTOR: factor**2,
        }, estimate


def at_least(estimate: Any, numerator: Any, denominator: Any) -> Any:
    """The larger of the estimate and `numerator / denominator`."""
    candidate = ratio(numerator, denominator, default=0.0)
    return where(candidate > estimate, candidate, estimate)


def ratio(numerator: Any, denominator: Any, default: float = 1.0) -> Any:
    """`numerator / denominator`, and `default` where the denominator is 0."""
    is_zero = denominator == 0
    return where(is_zero, default, numerator / where(is_zero, 1.0, denominator))


def bias_correction(signals: Signals) -> Any:
    """What Keras' Adam multiplies the learning rate by, so that its moments are averages."""
    beta_1, beta_2 = (signals.hyperparameters[name] for name in ("beta_1", "beta_2"))
    return (1 - beta_2**signals.updates) ** 0.5 / (1 - beta_1**signals.updates)
