"""Changes the optimizers of a model as a whole, with the compiled training step that has traced them."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator
from typing import Any

import keras

from .bias_correction import corrected_betas
from .inspection import batch_count, inner_optimizers, rules_of, schedules_of
from .model_optimizers import optimizers_by_name
from .snapshots import run_all, snapshot_objects, snapshot_variables
from .variables import drop_uninitialized, has_value, strategy_of, strategy_scope

STEP = ("train_function", "train_step")  # the attributes of a model with its training step


def build(model: Any) -> None:
    """Build the optimizer of a built model. Before that, a `MultiOptimizer` may have no inner optimizers."""
    optimizer = getattr(model, "optimizer", None)  # a model that was not compiled has none
    # A subclassed model may be built before its layers have weights.
    if optimizer is None or not all(layer.built for layer in model._flatten_layers()):
        return
    if not all(has_value(weight) for weight in model.weights):
        raise ValueError(
            "The weights of the model have no values, because an earlier `fit` failed in its first step, before Keras "
            "created them. Create and compile the model again."
        )
    _check_strategy(model)
    with undone_on_error([optimizer]), strategy_scope(model):
        for one in (optimizer, *inner_optimizers(optimizer)):
            drop_uninitialized(one)
        if not optimizer.built and model.trainable_variables:
            optimizer.build(model.trainable_variables)


def _check_strategy(model: Any) -> None:
    """Raise where Keras would train silently otherwise: an optimizer counts its updates once for each replica."""
    strategy = strategy_of(model)
    if strategy is None or strategy.num_replicas_in_sync == 1:
        return
    for optimizer in (model.optimizer, *inner_optimizers(model.optimizer)):
        if strategy_of(optimizer) is not strategy:
            raise ValueError(
                f"The optimizer of the model must be created in the scope of the strategy of the model: outside of it, "
                f"Keras counts an update once for each of the {strategy.num_replicas_in_sync} replicas. Create it "
                f"inside `with strategy.scope()`. Received: {optimizer.name}"
            )


def retrace(model: Any) -> None:
    """Renew the training step: on TensorFlow and JAX it keeps the schedules and variables that it has traced."""
    if model.train_function is None:
        return
    # JAX finds a trace by the function, and a bound method equals itself: only a new function is traced again.
    step, is_own = model.train_step, "train_step" in vars(model)
    model.train_step = lambda *batch: step(*batch)
    try:
        model.make_train_function(force=True)
    finally:
        if is_own:
            model.train_step = step
        else:
            del model.train_step


@contextlib.contextmanager
def atomic_change(optimizers: list[Any], model: Any = None) -> Iterator[None]:
    """Change optimizers, which `model` may be trained with, as a whole: if anything raises, all is as before.

    At the end it renews the training step of each model that has traced them, if what it has traced has changed.
    """
    before = _traced_structure(optimizers)
    with undone_on_error(optimizers, model):
        yield
        if before != _traced_structure(optimizers):
            if model is not None:
                retrace(model)
            for other in _trained_models(optimizers):
                if other is not model:
                    retrace(other)


def _trained_models(optimizers: list[Any]) -> list[Any]:
    """The models that were trained with one of these optimizers: Keras' optimizers do not know their models."""
    inner = {id(one) for optimizer in optimizers for one in inner_optimizers(optimizer) if batch_count(one)}
    # An object refers to its class. This is one pass in C; with `isinstance` for all objects it would be 0.2 seconds.
    models = (
        [one for one in gc.get_referrers(*_subclasses(keras.Model)) if isinstance(one, keras.Model)] if inner else []
    )
    return [
        model
        for model in models
        if getattr(model, "train_function", None) is not None
        and any(id(one) in inner for outer in optimizers_by_name(model).values() for one in inner_optimizers(outer))
    ]


def _subclasses(cls: Any) -> list[Any]:
    """A class and all that derive from it."""
    return [cls, *(one for child in cls.__subclasses__() for one in _subclasses(child))]


@contextlib.contextmanager
def undone_on_error(optimizers: list[Any], model: Any = None) -> Iterator[None]:
    """Restore optimizers, and the compiled step of a model, if the block raises, such as by Ctrl-C."""
    whole = [one for outer in optimizers for one in (outer, *inner_optimizers(outer))]
    scalars = [variable for one in whole for variable in one.variables if len(variable.shape) == 0]
    restores = [snapshot_objects(*whole), snapshot_variables(scalars)]  # slots keep their values
    if model is not None:
        step = {name: value for name, value in vars(model).items() if name in STEP}
        restores.append(lambda: _restore_step(model, step))
    try:
        yield
    except BaseException:
        run_all(restores)
        raise


def _restore_step(model: Any, step: dict[str, Any]) -> None:
    for name in STEP:
        if name in step:
            vars(model)[name] = step[name]
        else:
            vars(model).pop(name, None)


def _traced_structure(optimizers: list[Any]) -> list[Any]:
    inner = [one for optimizer in optimizers for one in inner_optimizers(optimizer)]
    return [
        (type(one), len(one.variables), schedules_of(one), dict(rules_of(one)), corrected_betas(one)) for one in inner
    ]
