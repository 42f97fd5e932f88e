"""Builds the optimizer of a model, and renews the compiled training step that has traced it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from .inspection import inner_optimizers, rules_of, schedules_of


def build(model: Any) -> None:
    """Build the optimizer of a built model. Before that, a `MultiOptimizer` may have no inner optimizers."""
    optimizer = getattr(model, "optimizer", None)  # a model that was not compiled has none
    if optimizer is not None and model.built and not optimizer.built:
        optimizer.build(model.trainable_variables)


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
def retrace_if_changed(model: Any, optimizers: list[Any] | None = None) -> Iterator[None]:
    """Renew the training step at the end, if what it has traced of the optimizers, by default its own, has changed."""
    optimizers = [model.optimizer] if optimizers is None else optimizers
    before = _traced_structure(optimizers)
    try:
        yield
    finally:
        if before != _traced_structure(optimizers):
            retrace(model)


def _traced_structure(optimizers: list[Any]) -> list[Any]:
    inner = [one for optimizer in optimizers for one in inner_optimizers(optimizer)]
    return [(type(one), len(one.variables), schedules_of(one), dict(rules_of(one))) for one in inner]
