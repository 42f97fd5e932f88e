"""Snapshots of what a training run changes, to the bit: models, optimizers, variables and random states."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras.src.backend.common import global_state

from ..optimizers.model_optimizers import optimizers_by_name
from ..optimizers.snapshots import Restore, run_all, snapshot_objects, snapshot_variables

GLOBAL_SEED = "global_seed_generator"  # where Keras keeps the generator of random operations without a seed


def snapshot_model(model: Any) -> list[Restore]:
    """Take a snapshot of a built model and of the optimizers that it has."""
    # Python state first, which drops new objects; then the values of the remaining variables.
    objects = snapshot_objects(model, model._compile_loss, *_optimizers(model))
    return [objects, snapshot_layers(model), *snapshot_values(model)]


def snapshot_values(model: Any) -> list[Restore]:
    """Take a snapshot of the numbers of a built model and of the optimizers that it has."""
    variables = [*model.variables, *model.metrics_variables, *(v for one in _optimizers(model) for v in one.variables)]
    return [snapshot_variables([*variables, *_tensorflow_variables(model)]), snapshot_torch(model)]


def _optimizers(model: Any) -> list[Any]:
    return list({id(one): one for one in (model.optimizer, *optimizers_by_name(model).values())}.values())


def snapshot_layers(model: Any) -> Restore:
    """Take a snapshot of the layers of a model, to undo building them."""
    return snapshot_objects(*model._flatten_layers())


def snapshot_random_states() -> Restore:
    """Take a snapshot of the random states that data, layers and Keras itself use."""
    restores: list[Restore] = []

    def snapshot(read: Callable[[], Any], write: Callable[[Any], Any]) -> None:
        state = read()
        restores.append(lambda: write(state))

    snapshot(random.getstate, random.setstate)
    snapshot(np.random.get_state, np.random.set_state)
    generator = global_state.get_global_attribute(GLOBAL_SEED)
    restores.append(lambda: global_state.set_global_attribute(GLOBAL_SEED, generator))
    if generator is not None:
        restores.append(snapshot_variables([generator.state]))
    context = _tensorflow_context()
    if context is not None:
        restores.append(_snapshot_attributes(context, "_seed", "_rng"))
    torch = sys.modules.get("torch")
    if torch is not None:
        snapshot(torch.get_rng_state, torch.set_rng_state)
        if torch.cuda.is_available() and torch.cuda.is_initialized():
            snapshot(torch.cuda.get_rng_state_all, torch.cuda.set_rng_state_all)

    return lambda: run_all(list(restores))


def reseed_tensorflow() -> None:
    """Have TensorFlow shuffle in another order from here on, determined by Python's random state.

    After `set_random_seed` it shuffles each `fit` alike. The generator of its seeds is replaced and not
    rewound: kernels that were created for a seed are cached, and continue where they stopped.
    """
    context = _tensorflow_context()
    if context is not None and context._seed is not None:
        context._seed, context._rng = random.getrandbits(31), random.Random(random.random())


def snapshot_torch(model: Any) -> Restore:
    """Take a snapshot of what only torch has: gradients, and the buffers and the mode of each module."""
    if keras.backend.backend() != "torch":
        return lambda: None
    gradients = [(variable.value, variable.value.grad) for variable in model.trainable_variables]
    modes = [(module, module.training) for module in model.modules()]
    buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]  # of torch's own modules

    def restore() -> None:
        for buffer, value in buffers:
            buffer.copy_(value)
        for parameter, gradient in gradients:
            parameter.grad = gradient
        for module, mode in modes:
            module.training = mode

    return restore


def _snapshot_attributes(item: Any, *names: str) -> Restore:
    saved = {name: getattr(item, name, None) for name in names}

    def restore() -> None:
        for name, value in saved.items():
            setattr(item, name, value)

    return restore


def _tensorflow_variables(model: Any) -> list[Any]:
    """The variables of TensorFlow's own kind in the attributes of layers, which Keras does not list."""
    if keras.backend.backend() != "tensorflow":
        return []
    import tensorflow as tf

    return [item for layer in model._flatten_layers() for item in vars(layer).values() if isinstance(item, tf.Variable)]


def _tensorflow_context() -> Any:
    if "tensorflow" not in sys.modules:
        return None
    from tensorflow.python.eager import context

    return context.context()
