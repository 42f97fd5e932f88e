"""Layer-wise learning rates: one optimizer for each factor, selected by the paths of the variables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import keras

from ..schedules import arguments
from ..schedules.arguments import Member
from ..schedules.base import Schedule, schedule
from ..schedules.exact import LARGEST
from ..schedules.step import Step
from .accumulation import map_schedule
from .inspection import configured_rate, schedules_of
from .learning_rate import set_learning_rate
from .variables import to_decimal

OWNER = "layerwise"
Weights = list[tuple[str, str, Any]]  # the name of the layer, the name of the variable in the model, the variable


@schedule
class Scaled(Schedule):
    """`multiplier` times a schedule: the learning rate of the layers with this factor."""

    schedule: Member
    multiplier: float

    def at(self, step: Step) -> Any:
        return step.ops.minimum(self.schedule.at(step) * self.multiplier, LARGEST)


def layerwise(
    model: Any, optimizer: Any, factors: Mapping[str, float] | None = None, *, decay: float | None = None
) -> Any:
    """An optimizer that trains each layer at `factor * decay ** depth` times the learning rate of `optimizer`.

    `depth` is 0 for the last layer with weights, 1 for the one before it; the
    layers of nested models count one by one. Variables that no pattern matches have
    factor 1.

    >>> import keras, keras_lr as klr
    >>> layers = [keras.layers.Dense(8, name="body"), keras.layers.Dense(1, name="head")]
    >>> model = keras.Sequential([keras.Input([3]), *layers])
    >>> optimizer = klr.layerwise(model, keras.optimizers.SGD(klr.Linear(0.1, 0.0, steps=99)), {"body": 0.5})
    >>> model.compile(optimizer=optimizer, loss="mse")
    >>> [float(part.learning_rate) for part in model.optimizer.optimizers]
    [0.05000000074505806, 0.10000000149011612]

    A pattern matches whole components of a path: `dense` is the layer, not `dense_1`;
    `encoder` all layers of a nested model, `encoder/dense` one of them, `.*bias`
    every bias. The result is Keras' `MultiOptimizer`: one copy of `optimizer`
    for each factor, without its moments and `exclude_from_weight_decay`;
    `global_clipnorm` applies to the norm of the layers of one copy.

    Args:
        model: A built model.
        optimizer: A Keras optimizer, its rate a number or a schedule.
        factors: Regular expressions and their factors, numbers > 0.
        decay: The factor of each layer relative to the next, a number > 0 and <= 1.

    Returns:
        The optimizer to compile with. It finds the same layers in a saved and loaded model.

    Raises:
        TypeError, ValueError: An argument breaks its rule; a pattern matches nothing, or
            two of different factors match the same variable; layers of different
            factors can't be distinguished in a loaded model, which drops the names of
            the models around them.
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
        arguments.reject(OWNER, "optimizer", "one with a number or a schedule for its rate", rate, error=TypeError)
    weights: Weights = list(_weights_by_layer(model))
    patterns = _validate_factors(factors, decay)
    factor_of = _factor_of_variables(weights, patterns, 1.0 if decay is None else float(decay))
    paths, regexes = _paths_and_regexes(model, weights, factor_of)
    # The default optimizer also gets variables that are in no group, such as ones that are added later. It has factor 1
    # where there is one.
    default = 1.0 if 1.0 in regexes else list(regexes)[-1]
    mapped = {factor: regex for factor, regex in regexes.items() if factor != default}
    _check_unambiguous(paths, mapped, default)
    optimizers = {factor: _scaled_copy(optimizer, factor) for factor in regexes}
    mapping = {regex: optimizers[factor] for factor, regex in mapped.items()}
    return keras.optimizers.MultiOptimizer(
        keras.optimizers.OptimizerMap(optimizers[default], mapping), loss_scale_factor=optimizer.loss_scale_factor
    )


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
        return arguments.number(value, above=0.0) is not None
    except TypeError:
        return False


def _weights_by_layer(model: Any, parents: tuple[str, ...] = ()) -> Iterator[tuple[str, str, Any]]:
    """The variables of a model and its nested models, by layer; variables that are in no layer come first."""
    in_layers = {id(variable) for layer in model.layers for variable in layer.weights}
    for variable in model.weights:
        if id(variable) not in in_layers:
            yield "/".join((*parents, model.name)), "/".join((*parents, variable.name)), variable
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _weights_by_layer(layer, (*parents, layer.name))
            continue
        for variable in layer.weights:
            name, components = "/".join((*parents, layer.name)), variable.path.split("/")
            tail = components[components.index(layer.name) + 1 :] if layer.name in components else components
            yield name, "/".join((name, *tail)), variable


def _factor_of_variables(weights: Weights, patterns: dict[str, float], decay: float) -> dict[int, float]:
    layers = list(dict.fromkeys(layer for layer, _, _ in weights))
    for pattern in patterns:
        if not any(_matches(pattern, name) for _, name, _ in weights):
            rule = f"a dictionary of patterns that match a layer: {', '.join(layers)}"
            arguments.reject(OWNER, "factors", rule, pattern)
    factors: dict[int, float] = {}
    for layer, name, variable in weights:
        matching = {pattern: factor for pattern, factor in patterns.items() if _matches(pattern, name)}
        if len(set(matching.values())) > 1:
            arguments.reject(OWNER, "factors", f"a dictionary with one factor for {name}", matching)
        factor = next(iter(matching.values()), 1.0) * decay ** (len(layers) - 1 - layers.index(layer))
        factors.setdefault(id(variable), factor)  # a shared layer has the factor of its first occurrence
    return factors


def _matches(pattern: str, path: str) -> bool:
    return re.fullmatch(f"(?:.*/)?(?:{pattern})(?:/.*)?", path) is not None


def _paths_and_regexes(model: Any, weights: Weights, factor_of: dict[int, float]) -> tuple[list, dict[float, str]]:
    """The path of each variable, now and in a loaded model, with its factor; and a regular expression per factor."""
    saved = set(_saved_layers(model))
    paths = []
    for _, _, variable in weights:
        components = variable.path.split("/")
        components = components[1:] if components[0] == model.name and len(components) > 1 else components
        # A loaded layer is built by itself, so its path begins with its own name.
        begin = max((i for i, component in enumerate(components[:-1]) if component in saved), default=0)
        paths.append((variable.path, "/".join(components[begin:]), factor_of[id(variable)]))
    factors_by_layer: dict[str, set[float]] = {}
    for _, loaded, factor in paths:
        factors_by_layer.setdefault(loaded.split("/")[0], set()).add(factor)
    alternatives: dict[float, dict[str, None]] = {}  # a dictionary as an ordered set
    for _, loaded, factor in paths:
        layer, *tail = loaded.split("/")
        is_whole_layer = bool(tail) and factors_by_layer[layer] == {factor}
        regex = re.escape(layer) + "/.*" if is_whole_layer else re.escape(loaded)
        alternatives.setdefault(factor, {})[regex] = None
    return paths, {factor: f"(?:.*/)?(?:{'|'.join(regexes)})" for factor, regexes in alternatives.items()}


def _saved_layers(model: Any) -> Iterator[str]:
    """The names of the layers that a saved model has as objects of their own."""
    try:
        waiting: list[Any] = [model.get_config()]
    except NotImplementedError:  # can't be saved whole
        return
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if "build_config" in node and isinstance(node.get("config"), dict) and "name" in node["config"]:
                yield node["config"]["name"]
            waiting.extend(node.values())
        elif isinstance(node, list | tuple):
            waiting.extend(node)


def _check_unambiguous(paths: list, regexes: dict[float, str], default: float) -> None:
    for path_now, path_loaded, factor in paths:
        for path in (path_now, path_loaded):
            found = [other for other, regex in regexes.items() if re.fullmatch(regex, path)]
            if found != [factor] and not (factor == default and not found):
                rule = "one whose layers of different factors have different names, also across the models inside it"
                arguments.reject(OWNER, "model", rule, path)


def _scaled_copy(optimizer: Any, factor: float) -> Any:
    copy = type(optimizer).from_config(optimizer.get_config())
    if factor == 1.0:
        return copy
    copy.name = f"{optimizer.name}_{factor:.6g}"
    rate = schedules_of(optimizer).get("learning_rate")
    if rate is None:
        set_learning_rate(copy, to_decimal(configured_rate(optimizer)) * factor)
    else:
        set_learning_rate(copy, map_schedule(rate, lambda whole: Scaled(whole, factor)))
    return copy
