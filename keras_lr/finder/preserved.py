"""What a training run changes, remembered and put back to the bit."""

from __future__ import annotations

import contextlib
import random
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras
import numpy as np
from keras.src.backend.common import global_state
from keras.src.utils.tracking import Tracker

from ..optimizers.mixin import Book

GLOBAL_SEED = "global_seed_generator"  # where Keras keeps the generator of random operations without a seed
Back = Callable[[], None]


@contextlib.contextmanager
def borrowed(model: Any) -> Iterator[None]:
    """Give back what happens to a built model and its optimizer inside the `with`, whatever ends it.

    Python state first, so that what was made meanwhile is forgotten; then the numbers in what is left.
    """
    variables = [*model.variables, *model.metrics_variables, *model.optimizer.variables]
    backs = [objects(model, model._compile_loss, model.optimizer), values(variables), torch_flags(model)]
    try:
        yield
    finally:
        for back in backs:
            back()


def objects(*roots: Any) -> Back:
    """Remember the attributes of objects, and what their lists, dictionaries and sets contain, where it stands."""
    seen: dict[int, tuple[Any, Any, type]] = {}
    waiting = [(root, True) for root in roots]
    while waiting:
        thing, is_root = waiting.pop()
        thing = getattr(thing, "__wrapped__", thing) if isinstance(thing, dict) else thing  # by TensorFlow, in a proxy
        content: Any
        if id(thing) in seen:
            continue
        if isinstance(thing, dict):
            content, inside = dict(thing), list(thing.values())
        elif is_root or isinstance(thing, keras.optimizers.Optimizer | Tracker | Book) or hasattr(thing, "_storage"):
            # Or a list of TensorFlow's, which keeps its items in an attribute.
            content = dict(getattr(thing, "__dict__", {}))
            inside = list(content.values())
        elif isinstance(thing, list | set | tuple):
            content = inside = list(thing)
        else:
            continue
        seen[id(thing)] = (thing, content, type(thing))
        waiting.extend((item, False) for item in inside)

    def back() -> None:
        for thing, content, cls in seen.values():
            _put_back(thing, content, cls)

    return back


def _put_back(thing: Any, content: Any, cls: type) -> None:
    # Past the methods of Keras' own lists and dictionaries, which would track what is put into them.
    if isinstance(thing, dict):
        dict.clear(thing)
        dict.update(thing, content)
    elif isinstance(content, dict):
        if type(thing) is not cls:
            thing.__class__ = cls
        vars(thing).clear()
        vars(thing).update(content)
    elif isinstance(thing, list):
        list.__setitem__(thing, slice(None), content)
    elif isinstance(thing, set):
        set.clear(thing)
        set.update(thing, content)


def values(variables: Iterable[Any]) -> Back:
    """Remember the numbers in variables, in the memory of the host."""
    unique = {id(variable): variable for variable in variables}.values()
    kept = [(variable, np.array(keras.ops.convert_to_numpy(variable.value), copy=True)) for variable in unique]

    def back() -> None:
        for variable, number in kept:
            variable.assign(number)

    return back


def randomness() -> Back:
    """Remember the random states that data, layers and Keras itself draw from."""
    backs: list[Back] = []

    def keep(read: Callable[[], Any], write: Callable[[Any], Any]) -> None:
        state = read()
        backs.append(lambda: write(state))

    keep(random.getstate, random.setstate)
    keep(np.random.get_state, np.random.set_state)
    generator = global_state.get_global_attribute(GLOBAL_SEED)
    backs.append(lambda: global_state.set_global_attribute(GLOBAL_SEED, generator))
    if generator is not None:
        backs.append(values([generator.state]))
    context = _tensorflow_context()
    if context is not None:
        backs.append(_attributes(context, "_seed", "_rng"))
    torch = sys.modules.get("torch")
    if torch is not None:
        keep(torch.get_rng_state, torch.set_rng_state)
        if torch.cuda.is_available() and torch.cuda.is_initialized():
            keep(torch.cuda.get_rng_state_all, torch.cuda.set_rng_state_all)

    def back() -> None:
        for one in backs:
            one()

    return back


def other_seeds() -> None:
    """Have TensorFlow shuffle otherwise from here on, by Python's random state.

    After `set_random_seed` it shuffles each `fit` alike. The generator of its seeds is replaced and not
    rewound: kernels that were made for a seed are kept, and go on where they stopped.
    """
    context = _tensorflow_context()
    if context is not None and context._seed is not None:
        context._seed, context._rng = random.getrandbits(31), random.Random(random.random())


def torch_flags(model: Any) -> Back:
    """Remember what only torch has: the gradients that variables carry, and the mode of each module."""
    if keras.backend.backend() != "torch":
        return lambda: None
    gradients = [(variable.value, variable.value.grad) for variable in model.trainable_variables]
    modes = [(module, module.training) for module in model.modules()]

    def back() -> None:
        for parameter, gradient in gradients:
            parameter.grad = gradient
        for module, mode in modes:
            module.training = mode

    return back


def _attributes(thing: Any, *names: str) -> Back:
    kept = {name: getattr(thing, name, None) for name in names}

    def back() -> None:
        for name, value in kept.items():
            setattr(thing, name, value)

    return back


def _tensorflow_context() -> Any:
    if "tensorflow" not in sys.modules:
        return None
    from tensorflow.python.eager import context

    return context.context()
