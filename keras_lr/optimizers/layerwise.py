"""Layer-wise learning rates: one optimizer for each factor, selected by layer names or by depth."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import keras

from ..schedules import arguments
from ..schedules.arguments import Member
from ..schedules.base import Schedule, schedule
from ..schedules.exact import LARGEST
from ..schedules.frozen import copy_with
from ..schedules.hints import with_hints
from ..schedules.step import Step
from .accumulation import map_schedule
from .depth import Weight, weights_by_depth
from .inspection import configured_rate, rules_of, schedules_of
from .layerwise_optimizer import LayerwiseOptimizer
from .learning_rate import set_learning_rate
from .variables import strategy_scope, to_decimal

OWNER = "layerwise"


@schedule
class Scaled(Schedule):
    """`multiplier` times a schedule: the learning rate of the layers with this factor."""

    schedule: Member
    multiplier: float

    def at(self, step: Step) -> Any:
        return step.ops.minimum(self.schedule.at(step) * self.multiplier, LARGEST)


@with_hints
def layerwise(
    model: Any, optimizer: Any, factors: Mapping[str, float] | None = None, *, decay: float | None = None
) -> Any:
    """An optimizer that trains each layer at `factor * decay ** depth` times the learning rate of `optimizer`.

    `depth` is 0 for the last layer with weights, 1 for the layer before it, and so on. Each
    layer of a nested model counts, and so does each block of a layer, such as those of an
    encoder; all layers of a block have its depth. Successive embeddings have one depth.
    Variables that match no pattern have factor 1.

    >>> import keras, keras_lr as klr
    >>> layers = [keras.layers.Dense(8, name="body"), keras.layers.Dense(1, name="head")]
    >>> model = keras.Sequential([keras.Input([3]), *layers])
    >>> optimizer = klr.layerwise(model, keras.optimizers.SGD(klr.Linear(0.1, 0.0, steps=99)), {"body": 0.5})
    >>> model.compile(optimizer=optimizer, loss="mse")
    >>> [float(part.learning_rate) for part in model.optimizer.optimizers]
    [0.05000000074505806, 0.10000000149011612]

    A pattern matches whole components of a path: `dense` matches this layer, but not
    `dense_1`; `encoder` matches all layers of a nested model, `encoder/dense` one of them,
    and `.*bias` every bias.

    The result is a `keras.optimizers.MultiOptimizer` with a copy of `optimizer` for each
    factor. The copies don't have its moments or its `exclude_from_weight_decay`, and
    `global_clipnorm` applies to the layers of each copy separately.

    Args:
        model: A built model.
        optimizer: A Keras optimizer with a number or a schedule as its rate.
        factors: Regular expressions and their factors, numbers > 0.
        decay: The factor of each layer relative to the next, a number > 0 and <= 1.

    Returns:
        The optimizer to compile with. A saved and loaded model has the same factors.

    Raises:
        TypeError, ValueError: An argument breaks its rule, a pattern matches nothing, or
            two patterns with different factors match the same variable.
        ImportError: Keras is older than 3.15 and has no `MultiOptimizer`.
    """
    if not hasattr(keras.optimizers, "MultiOptimizer"):
        raise ImportError(f"`layerwise` needs Keras 3.15 or newer. This is Keras {keras.__version__}.")
    if not isinstance(model, keras.Model) or not model.built:
        arguments.reject(
            OWNER, "model", "a built model", model, "Give it an `Input`, or call it once.", error=TypeError
        )
    is_wrapper = hasattr(optimizer, "inner_optimizer") or hasattr(optimizer, "optimizers")
    if not isinstance(optimizer, keras.optimizers.Optimizer) or is_wrapper:
        arguments.reject(OWNER, "optimizer", "an optimizer with no others inside", optimizer, error=TypeError)
    rate = configured_rate(optimizer)
    if not isinstance(rate, keras.Variable) and "learning_rate" not in schedules_of(optimizer):
        rule, remedy = f"one with a number or a schedule for its rate, not {rate!r}", arguments.where_it_goes(rate)
        arguments.reject(OWNER, "optimizer", rule, optimizer, remedy, error=TypeError)
    weights = list(weights_by_depth(model))
    patterns = _validate_factors(factors, decay)
    factor_of = _factor_of_variables(weights, patterns, 1.0 if decay is None else float(decay))
    with strategy_scope(model):
        copies = {factor: _scaled_copy(optimizer, factor) for factor in dict.fromkeys(factor_of.values())}
    # Variables that are added later get the last one, which has factor 1 where there is one.
    last = 1.0 if 1.0 in copies else list(copies)[-1]
    copies[last] = copies.pop(last)
    index = {factor: n for n, factor in enumerate(copies)}
    groups = [(variable, index[factor_of[id(variable)]]) for variable in model.weights]
    return LayerwiseOptimizer(list(copies.values()), groups, loss_scale_factor=optimizer.loss_scale_factor)


def _validate_factors(factors: Any, decay: Any) -> dict[str, float]:
    if factors is None and decay is None:
        arguments.reject(OWNER, "factors", "given if `decay` is not", factors)
    if decay is not None and (not _is_positive(decay) or decay > 1):
        arguments.reject(OWNER, "decay", "a number > 0 and <= 1", decay)
    if not isinstance(factors, Mapping | None) or factors == {}:
        arguments.reject(OWNER, "factors", "a dictionary of patterns and numbers > 0, at least one", factors)
    for pattern, factor in (factors or {}).items():
        try:
            re.compile(pattern)
        except (re.error, TypeError) as error:
            arguments.reject(OWNER, "factors", f"a dictionary of regular expressions ({error})", pattern)
        if not _is_positive(factor):
            arguments.reject(OWNER, "factors", f"a dictionary of finite numbers > 0, also for {pattern!r}", factor)
    return {pattern: float(factor) for pattern, factor in (factors or {}).items()}


def _is_positive(value: Any) -> bool:
    try:
        return arguments.number(value, above=0.0, below=LARGEST) is not None
    except TypeError:
        return False


def _factor_of_variables(weights: list[Weight], patterns: dict[str, float], decay: float) -> dict[int, float]:
    for pattern in patterns:
        if not any(_matches(pattern, weight.path) for weight in weights):
            layers = dict.fromkeys(weight.layer for weight in weights)
            rule = f"a dictionary of patterns that match a layer: {', '.join(layers)}"
            arguments.reject(OWNER, "factors", rule, pattern)
    factors: dict[int, float] = {}
    for weight in weights:
        matching = {pattern: factor for pattern, factor in patterns.items() if _matches(pattern, weight.path)}
        if len(set(matching.values())) > 1:
            arguments.reject(OWNER, "factors", f"a dictionary with one factor for {weight.path}", matching)
        factor = next(iter(matching.values()), 1.0) * decay**weight.depth
        factors.setdefault(id(weight.variable), factor)  # a shared layer has the factor of its first occurrence
    return factors


def _matches(pattern: str, path: str) -> bool:
    return re.fullmatch(f"(?:.*/)?(?:{pattern})(?:/.*)?", path) is not None


def _scaled_copy(optimizer: Any, factor: float) -> Any:
    copy = type(optimizer).from_config(optimizer.get_config())
    if factor == 1.0:
        return copy
    copy.name = f"{optimizer.name}_{factor:.6g}"
    rate = schedules_of(optimizer).get("learning_rate")
    if rate is None:
        set_learning_rate(copy, to_decimal(configured_rate(optimizer)) * factor)
    else:
        rate = map_schedule(rate, lambda whole: Scaled(whole, factor))
        rule = rules_of(optimizer).get("learning_rate")
        set_learning_rate(copy, rate if rule is None else copy_with(rule, schedule=rate))
    return copy
