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
            for factor in (1, 100, 1000, 2000, 3000):
                make, suffix = with_rule(nadamw, rule, factor), "" if factor == 1 else f", initial x {factor}"
                rows[f"{name}, cosine, on NAdamW{suffix}"] = Row("Adam", make, cosine)
                rows[f"{name}, wcos, on NAdamW{suffix}"] = Row("Adam", make, wcos)
    for rule in (klr.DoWG, DoG):
        plain, name = with_rule(keras.optimizers.SGD, rule), rule.__name__
        rows |= {f"{name}{shape}": Row("SGD", plain, function) for shape, function in SHAPES.items()}
        for factor in (0.01, 100):
            make = with_rule(keras.optimizers.SGD, rule, factor)
            rows[f"{name}, cosine, initial x {factor:g}"] = Row("SGD", make, cosine)
        rows[f"{name}, cosine, momentum 0.9"] = Row("SGD", with_rule(sgd, rule), cosine)
    for factor in (0.01, 1, 10):
        suffix = "" if factor == 1 else f", initial x {factor:g}"
        rows[f"Rise, cosine, on NAdamW{suffix}"] = Row("Adam", with_rule(nadamw, Rise, factor), cosine)
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


@klr.rule
class Rise(klr.Rule):
    """A warm-up that ends where steps become too long: tried, and left out of the library.

    The rate rises by 30 % per update while the cosine between the gradient and Adam's last step, backwards, is above
    half its maximum, then in proportion to the updates, more slowly after each cut, at most to 0.02. It is halved where
    the gradient is twice as long as usual while the cosine is negative. In the second half of a cosine it is constant.
    """

    schedule: Any = 1.0
    initial: float = 1e-4

    optimizers: ClassVar[tuple[str, ...]] = ("Adam", "Nadam")
    reported: ClassVar[tuple[str, ...]] = ("rate",)

    def initial_state(self) -> dict[str, float]:
        names = "cosine", "largest_cosine", "norm", "usual_norm", "is_slow", "cuts", "since_cut", "peak"
        return {"rate": self.initial} | dict.fromkeys(names, 0.0)

    def update(self, state: Any, signals: Any) -> Any:
        ops, updates = keras.ops, signals.updates
        last = signals.first_moments / (signals.second_moments.sqrt() + 1e-7)
        length = signals.gradients.norm()
        agreement = signals.gradients.dot(last) / (length * last.norm() + 1e-20)
        cosine = 0.5 * (state["cosine"] + agreement)
        largest = ops.maximum(state["largest_cosine"], cosine)
        norm = ops.where(updates == 1, length, 0.5 * (state["norm"] + length))
        usual = ops.where(updates == 1, length, 0.9 * state["usual_norm"] + 0.1 * length)
        fell = ops.logical_and(updates > 3, cosine < 0.5 * largest)
        is_slow = ops.where(fell, 1.0, state["is_slow"])
        peak = ops.maximum(state["peak"], signals.learning_rate)
        is_active = signals.learning_rate >= 0.5 * peak
        too_long = ops.logical_and(cosine < 0, norm > 2 * state["usual_norm"])
        cut = ops.logical_and(ops.logical_and(is_active, state["since_cut"] >= 5), too_long)
        growth = ops.where(is_slow == 0, 1.3, ops.exp(1 / (updates * (1 + state["cuts"]))))
        grown = ops.minimum(state["rate"] * ops.where(is_active, growth, 1.0), 0.02)
        rate = ops.where(cut, 0.5 * state["rate"], grown)
        counts = {
            "cuts": state["cuts"] + ops.where(cut, 1.0, 0.0),
            "since_cut": ops.where(cut, 0, state["since_cut"] + 1),
        }
        averages = {"cosine": cosine, "largest_cosine": largest, "norm": norm, "usual_norm": usual}
        return averages | counts | {"rate": rate, "is_slow": is_slow, "peak": peak}, rate
