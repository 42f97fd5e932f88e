"""The rows of `adaptive.py`: schedules to be tuned, and rules.

A rule that could be in the library is a class with `@klr.rule` here, and a line in `rules`.
"""

from typing import Any, ClassVar, NamedTuple

import keras
from adaptive_table import peak_of

import keras_lr as klr


class Row(NamedTuple):
    """A family of optimizers, a function of the rate that makes one, and a function of the steps that makes a shape.

    The rate is a peak times the shape. `middle` is the middle of the grid of peaks, as a power of sqrt(10); a row
    without it has nothing to tune, and the peak `peak`.
    """

    family: str
    make: Any
    shape: Any
    middle: int | None = None
    peak: float = 1.0

    def schedule(self, steps: int, power: str) -> Any:
        return klr.Product([self.shape(steps), self.peak if power == "-" else peak_of(power)])


def constant(steps: int) -> Any:
    return klr.Constant(1.0)


def warmed(steps: int) -> Any:
    return klr.Warmup(1.0, steps=steps // 10)


def cosine(steps: int) -> Any:
    return klr.Cosine(1.0, 0.0, steps=steps)


def wcos(steps: int) -> Any:
    return klr.warmup_cosine(1.0, steps, warmup=0.1)


def one_cycle(steps: int) -> Any:
    return klr.one_cycle(1.0, steps)


def sgd(rate: Any) -> Any:
    return keras.optimizers.SGD(rate, momentum=0.9)


def adamw(rate: Any) -> Any:
    return keras.optimizers.AdamW(rate, weight_decay=0.01)


def nadamw(rate: Any) -> Any:
    return keras.optimizers.Nadam(rate, weight_decay=0.01)


def baselines() -> dict[str, Row]:
    adam, schedule_free = keras.optimizers.Adam, keras.optimizers.ScheduleFreeAdamW
    return {
        "SGD, constant": Row("SGD", sgd, constant, -3),
        "SGD, cosine": Row("SGD", sgd, cosine, -3),
        "SGD, one-cycle": Row("SGD", sgd, one_cycle, -3),
        "Adam, constant": Row("Adam", adam, constant, -5),
        "Adam, cosine": Row("Adam", adam, cosine, -5),
        "Adam, one-cycle": Row("Adam", adam, one_cycle, -5),
        "AdamW, wcos": Row("Adam", adamw, wcos, -5),
        "NAdamW, wcos": Row("Adam", nadamw, wcos, -5),
        "ScheduleFreeAdamW": Row("Adam", schedule_free, warmed, -5),
        "ScheduleFreeAdamW, default": Row("Adam", schedule_free, constant, peak=0.0025),
    }


def rules() -> dict[str, Row]:
    """Each rule alone and times a shape, on other optimizers, and with other initial estimates than its default."""
    rows = {}
    for rule in (klr.Prodigy, klr.DAdaptation):
        adam, name = with_rule(keras.optimizers.Adam, rule), rule.__name__
        rows |= {f"{name}{shape}": Row("Adam", adam, function) for shape, function in SHAPES.items()}
        for factor in (0.01, 100, 1000):
            make = with_rule(keras.optimizers.Adam, rule, factor)
            rows[f"{name}, cosine, initial x {factor:g}"] = Row("Adam", make, cosine)
        if "Nadam" in rule.optimizers:
            for factor, suffix in (1, ""), (100, ", initial x 100"), (1000, ", initial x 1000"):
                make = with_rule(nadamw, rule, factor)
                rows[f"{name}, cosine, on NAdamW{suffix}"] = Row("Adam", make, cosine)
                rows[f"{name}, wcos, on NAdamW{suffix}"] = Row("Adam", make, wcos)
    for rule in (klr.DoWG, DoG):
        plain, name = with_rule(keras.optimizers.SGD, rule), rule.__name__
        rows |= {f"{name}{shape}": Row("SGD", plain, function) for shape, function in SHAPES.items()}
        for factor in (0.01, 100):
            make = with_rule(keras.optimizers.SGD, rule, factor)
            rows[f"{name}, cosine, initial x {factor:g}"] = Row("SGD", make, cosine)
        rows[f"{name}, cosine, momentum 0.9"] = Row("SGD", with_rule(sgd, rule), cosine)
    return rows


def with_rule(optimizer: Any, rule: Any, factor: float = 1.0) -> Any:
    """A function of the rate that makes an optimizer with a rule, which multiplies the rate."""
    initial = rule().initial * factor

    def make(rate: Any) -> Any:
        return klr.scheduled(optimizer(0.0), learning_rate=rule(klr.Product([rate]), initial=initial))

    return make


SHAPES = {"": constant, ", cosine": cosine, ", wcos": wcos}


@klr.rule
class DoG(klr.Rule):
    """Distance over gradients (Ivgi, Hinder and Carmon, 2023, arXiv 2302.12022): tried, and left out of the library."""

    schedule: Any = 1.0
    initial: float = 1e-6

    optimizers: ClassVar[tuple[str, ...]] = ("SGD",)
    keeps_initial_weights: ClassVar[bool] = True

    def initial_state(self) -> dict[str, float]:
        return {"distance": 0.0, "squares": 0.0}

    def update(self, state: Any, signals: Any) -> Any:
        ops, start = keras.ops, signals.initial_weights
        least = self.initial * (1 + start.norm())
        distance = ops.maximum(ops.maximum(state["distance"], least), (signals.weights - start).norm())
        squares = state["squares"] + signals.gradients.dot(signals.gradients)
        factor = 1 - signals.hyperparameters["momentum"]
        return {"distance": distance, "squares": squares}, factor * distance / ops.sqrt(squares + 1e-8)
