"""How deep each variable of a model is: how many layers come after the one it belongs to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import keras


class Weight(NamedTuple):
    """A variable and the layer that counts for its depth, by their paths from the model on."""

    layer: str
    path: str
    depth: int
    variable: Any


def weights_by_depth(model: Any) -> list[Weight]:
    """The variables of a model, the deepest first; those of a layer that is used twice come twice."""
    parts = [part for part in _parts_of_model(model, ()) if part[1]]
    weights: list[Weight] = []
    depth, was_embedding = -1, False
    for layer, variables, is_embedding in reversed(parts):
        depth += not (is_embedding and was_embedding)
        was_embedding = is_embedding
        weights[:0] = [Weight(layer, path, depth, variable) for path, variable in variables]
    return weights


def layers_of(model: Any, optimizers: list[Any]) -> list[tuple[str, ...]]:
    """The layers that each of several built optimizers trains, from the first to the last."""
    index = {id(variable): n for n, one in enumerate(optimizers) for variable in one._trainable_variables}
    found: list[dict[str, None]] = [{} for _ in optimizers]
    for weight in weights_by_depth(model):
        if id(weight.variable) in index:
            found[index[id(weight.variable)]][weight.layer] = None
    return [tuple(layers) for layers in found]


def shortened(layers: tuple[str, ...]) -> str:
    """The names of layers in a few words."""
    return ", ".join(layers) if len(layers) <= 3 else f"{layers[0]} to {layers[-1]} ({len(layers)} layers)"


# A part is what counts as one layer: its path, its variables by their paths, and whether it is an embedding.
Part = tuple[str, list[tuple[str, Any]], bool]


def _parts_of_model(model: Any, parents: tuple[str, ...]) -> Iterator[Part]:
    # A model's own variables are class tokens and positions for the most part, which belong to the embedding.
    yield "/".join((*parents, model.name)), _named(_own_variables(model, model.layers), parents), True
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _parts_of_model(layer, (*parents, layer.name))
            continue
        for part, variables in _parts_of_layer(layer):
            path = (*parents, layer.name) if part is layer else (*parents, layer.name, part.name)
            yield "/".join(path), _named(variables, (*parents, layer.name)), "embed" in type(part).__name__.lower()


def _parts_of_layer(layer: Any) -> Iterator[tuple[Any, list[Any]]]:
    """A layer with its variables; or, where it has blocks, each of the layers in it."""
    if not _has_blocks(layer):
        yield layer, layer.weights
        return
    inside = _layers_in(layer)
    yield layer, _own_variables(layer, inside)
    for child in inside:
        yield from _parts_of_layer(child)


def _has_blocks(layer: Any) -> bool:
    """Whether a layer keeps two blocks or more in one list, or in attributes that differ in their number alone."""
    if isinstance(layer, keras.Model):
        return sum(map(_is_block, layer.layers)) > 1
    groups: dict[str, list[Any]] = {}
    attributes = vars(layer) | vars(layer).get("_modules", {})  # where torch keeps layers
    for name in attributes.keys() - vars(keras.layers.Layer()).keys():
        groups.setdefault(name.rstrip("0123456789"), []).extend(_flat(attributes[name]))
    return any(sum(map(_is_block, group)) > 1 for group in groups.values())


def _is_block(item: Any) -> bool:
    """Whether it is a layer with layers inside, not counting those of Keras such as attention."""
    if not isinstance(item, keras.layers.Layer) or type(item).__module__.startswith("keras.src.layers."):
        return False
    return any(layer.weights for layer in _layers_in(item))


def _flat(value: Any) -> list[Any]:
    """The items of lists and dictionaries in any nesting; of a model its layers."""
    if isinstance(value, keras.Model):
        return value.layers
    items = list(value.values()) if isinstance(value, dict) else value
    if not isinstance(items, list | tuple):
        return [items]
    return [inner for item in items for inner in ([item] if isinstance(item, keras.Model) else _flat(item))]


def _layers_in(layer: Any) -> list[Any]:
    """The layers that are attributes of a layer or in them, in the order in which they were made."""
    return list(layer._flatten_layers(include_self=False, recursive=False))


def _own_variables(layer: Any, inside: list[Any]) -> list[Any]:
    of_others = {id(variable) for child in inside for variable in child.weights}
    return [variable for variable in layer.weights if id(variable) not in of_others]


def _named(variables: list[Any], parents: tuple[str, ...]) -> list[tuple[str, Any]]:
    """Variables by their paths, which begin with `parents`, the last of them the layer that they are in."""
    found = []
    for variable in variables:
        components = variable.path.split("/")
        if parents and parents[-1] in components:
            components = components[components.index(parents[-1]) + 1 :]
        found.append(("/".join((*parents, *components)), variable))
    return found
