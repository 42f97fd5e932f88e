"""Checks that a trained model, saved and loaded again, goes on as if it had never been saved."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ..finder.data import first_batch
from ..optimizers.snapshots import snapshot_variables
from .policy import Policy
from .trials import Plan, Result


@dataclasses.dataclass(frozen=True)
class Reload:
    """What one more epoch shows: which of all variables differ, and how far it moved weights."""

    compared: int
    different: list[str]
    moved: float


def check_reload(result: Result, path: Path, policy: Policy, plan: Plan) -> Reload:
    """Train the model of a result for one more epoch, from memory and from its file, compare, and restore it."""
    model, loaded = result.model, keras.saving.load_model(path)
    restore = snapshot_variables(_state(model))
    # Keras does not save the random states of layers such as Dropout, so both models get the same ones.
    for variable, value in zip(_random_states(loaded), _copy(_random_states(model)), strict=True):
        variable.assign(value)
    before = _copy(model.weights)
    # The same batch again and again, because some data comes in another order each time.
    train, _ = plan.problem.split(0)
    batch = first_batch(train)
    x, y, weight = keras.utils.unpack_x_y_sample_weight(batch)
    held = keras.utils.pack_x_y_sample_weight(x, y, weight)
    # After the build, and for torch, whose dropout has no state of its own.
    seed = keras.callbacks.LambdaCallback(on_train_begin=lambda *_: keras.utils.set_random_seed(0))
    for one in (model, loaded):
        # Without `BindSpans`, because bound spans are saved.
        made = policy.make(1.0 if result.peak is None else result.peak, plan.steps)
        one.fit(
            (batch for _ in itertools.count()),
            steps_per_epoch=plan.batches,
            shuffle=False,
            validation_data=held if isinstance(held, tuple) else (x,),
            initial_epoch=plan.problem.epochs,
            epochs=plan.problem.epochs + 1,
            callbacks=[*made.callbacks, seed],
            verbose=0,
        )
    original, reloaded = _state(model), _state(loaded)
    pairs = list(zip(original, _copy(original), _copy(reloaded), strict=False))
    different = [variable.path for variable, a, b in pairs if a.tobytes() != b.tobytes()]
    different += ["the number of variables"] if len(original) != len(reloaded) else []
    moved = max(np.abs(a - b).max() for a, b in zip(before, _copy(model.weights), strict=True))
    restore()
    return Reload(len(pairs), different, float(moved))


def reload_text(reload: Reload, path: Path, policy: str) -> str:
    """Whether the best model, saved and loaded, continues as if it had never been saved."""
    what = f"{path} ({policy}, its best run), loaded and trained one epoch further,"
    if reload.different:
        first = ", ".join(reload.different[:3])
        count = f"{len(reload.different)} of {reload.compared} variables"
        return f"{what} DIFFERS from going on without the reload in {count}: {first}"
    return (
        f"{what} equals going on without the reload bit for bit: all {reload.compared} variables of model "
        f"and optimizer, in an epoch that moved weights by up to {reload.moved:.2g}."
    )


def _state(model: Any) -> list[Any]:
    return model.variables + model.optimizer.variables


def _random_states(model: Any) -> list[Any]:
    weights = {id(variable) for variable in model.weights}
    return [variable for variable in model.variables if id(variable) not in weights]


def _copy(variables: list[Any]) -> list[np.ndarray]:
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]
