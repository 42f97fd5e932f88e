"""Finds the optimizers of a model: `model.optimizer`, and those that a training step of the user's own applies."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any

import keras

from ..schedules import arguments
from .inspection import batch_count, inner_optimizers


def optimizers_by_name(model: Any) -> dict[str, Any]:
    """The optimizers that a model may be trained with, by the attribute that holds each.

    `model.optimizer` is left out where the model has others, a `train_step` of its own,
    and the RMSprop that `compile` makes when it is given none.
    """
    found: dict[str, Any] = {}
    for attribute, value in vars(model).items():
        if attribute != "optimizer" and (not attribute.startswith("_") or _holds_optimizers(value)):
            for name, one in _optimizers_in(attribute, value):
                if all(one is not other for other in found.values()):
                    found[name] = one
    compiled = getattr(model, "optimizer", None)
    if compiled is None or any(compiled is one for one in found.values()):
        return found
    is_unused = found and has_own_train_step(model) and _is_unused_default(compiled)
    return found if is_unused else {"optimizer": compiled} | found


def has_own_train_step(model: Any) -> bool:
    """Whether a model has another `train_step` than that of Keras."""
    return "train_step" in vars(model) or type(model).train_step is not keras.Model.train_step


def find_optimizers(model: Any, requested: Any, owner: str, *, several: bool = True) -> list[Any]:
    """The optimizers of a model that a user asked for.

    Args:
        model: The model.
        requested: An optimizer, the attribute of the model that holds it, or its name; a list of these; or `None` for
            all that the model has.
        owner: The class or function that errors name.
        several: Whether `None` may mean more than one optimizer.
    """
    by_name = optimizers_by_name(model)
    if requested is not None:
        return [one for item in _as_list(requested) for one in _find(model, by_name, item, owner)]
    if not by_name:
        raise ValueError(
            f"`{owner}` finds no optimizer in the model. Compile the model with one, or pass the optimizer itself, "
            f"as in `{owner}(optimizer=...)`."
        )
    if len(by_name) > 1 and not several:
        names = ", ".join(f"`{name}`" for name in by_name)
        raise ValueError(
            f"The model has several optimizers: {names}. Pass one or a list, as in "
            f'`{owner}(optimizer="{[*by_name][-1]}")`.'
        )
    return [*by_name.values()]


def only_optimizer(model: Any, owner: str) -> Any:
    """The optimizer of a model that has one; `None` for a model without."""
    by_name = optimizers_by_name(model)
    if len(by_name) > 1:
        names = ", ".join(f"`model.{name}`" for name in by_name)
        raise ValueError(
            f"The model has several optimizers: {names}. Pass one of them to `{owner}` instead of the model."
        )
    return next(iter(by_name.values()), None)


def validate_optimizer(owner: Any, requested: Any) -> Any:
    """An argument `optimizer` that `find_optimizers` can take."""
    items = _as_list(requested)
    if requested is not None and not (items and all(isinstance(item, str) or _is_optimizer(item) for item in items)):
        rule = "the name of an optimizer of the model, an optimizer, or a list of these"
        arguments.reject(owner, "optimizer", rule, requested, error=TypeError)
    return requested


def names_of_inner_optimizers(model: Any, chosen: list[Any]) -> dict[int, str]:
    """A name for each of the inner optimizers of a model, by id; the empty one if there is only one.

    For `chosen` optimizers that are none of the model's, a name for each of these.
    """
    names: dict[int, str] = {}
    for name, optimizer in optimizers_by_name(model).items():
        inner = inner_optimizers(optimizer)
        for one in inner:
            # Within `model.optimizer` by its own name, otherwise by the attribute, since Keras numbers own names.
            parts = [one.name] if name == "optimizer" else [name, one.name] if len(inner) > 1 else [name]
            names[id(one)] = "_".join(parts)
    others = {id(one): one.name for outer in chosen for one in inner_optimizers(outer) if id(one) not in names}
    names = names | others if any(id(one) in names for outer in chosen for one in inner_optimizers(outer)) else others
    return names if len(names) > 1 else dict.fromkeys(names, "")


def _find(model: Any, by_name: dict[str, Any], item: Any, owner: str) -> list[Any]:
    if _is_optimizer(item):
        return [item]
    try:
        if found := [one for _, one in _optimizers_in(item, operator.attrgetter(item)(model))]:
            return found
    except AttributeError:
        pass
    if item in by_name:
        return [by_name[item]]
    for outer in by_name.values():
        if named := [one for one in (outer, *inner_optimizers(outer)) if one.name == item]:
            return named[:1]
    known = ", ".join(f"`{name}`" for name in by_name) or "none"
    rule = f"an optimizer, or the attribute of the model that holds one or its name; the model has {known}"
    return arguments.reject(owner, "optimizer", rule, item)


def _optimizers_in(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The optimizers in the value of an attribute: itself, or in lists and dictionaries."""
    if _is_optimizer(value):
        yield name, value
    elif isinstance(value, dict):
        for key, member in value.items():
            yield from _optimizers_in(f"{name}.{key}", member)
    elif isinstance(value, list | tuple):
        for index, member in enumerate(value):
            yield from _optimizers_in(f"{name}.{index}", member)


def _is_optimizer(value: Any) -> bool:
    return isinstance(value, keras.optimizers.Optimizer)


def _holds_optimizers(value: Any) -> bool:
    """Whether a private attribute is an optimizer, or a list or dictionary of nothing else."""
    items = list(value.values()) if isinstance(value, dict) else value
    return _is_optimizer(items) or (isinstance(items, list | tuple) and bool(items) and all(map(_is_optimizer, items)))


def _is_unused_default(optimizer: Any) -> bool:
    """Whether an optimizer is a new one as `compile()` makes it, by default an RMSprop."""
    inner, default = inner_optimizers(optimizer), keras.optimizers.RMSprop(name="default")
    if len(inner) != 1 or type(inner[0]) is not type(default) or batch_count(inner[0]):
        return False
    return inner[0].get_config() | {"name": "default"} == default.get_config()


def _as_list(requested: Any) -> list[Any]:
    return [*requested] if isinstance(requested, list | tuple) else [requested]
