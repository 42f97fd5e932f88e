"""Checks that a model that was saved and loaded continues to train as if it had never been saved."""

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
    """The result of one more epoch: how many variables were compared, which differ, and how far weights moved."""

    compared: int
    different: list[str]
    moved: float


def check_reload(result: Result, path: Path, policy: Policy, plan: Plan) -> Reload:
    """Train the model in memory and the one in the file for another epoch, and compare; then restore the first."""
    model, loaded = result.model, keras.saving.load_model(path)
    restore = snapshot_variables(_state(model))
    # Keras does not save the random states of layers such as Dropout, so both models get the same ones.
    for variable, value in zip(_random_states(loaded), _copy(_random_states(model)), strict=True):
        variable.assign(value)
    before = _copy(model.weights)
    # One batch for all steps, because some data comes in a different order each time.
    train, _ = plan.problem.split(0)
    batch = first_batch(train)
    x, y, weight = keras.utils.unpack_x_y_sample_weight(batch)
    held = keras.utils.pack_x_y_sample_weight(x, y, weight)
    # At the start of training, after the model is built: on torch, dropout uses the global random state.
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
    """The result of the check as a sentence."""
    what = f"The best run of {policy} is saved in {path}. Loaded and trained for another epoch, it"
    if reload.different:
        first = ", ".join(reload.different[:3])
        count = f"{len(reload.different)} of {reload.compared} variables"
        return f"{what} DIFFERS from the model in memory in {count}: {first}."
    if not reload.moved:
        return (
            f"The best run of {policy} is saved in {path}. Loaded, it equals the model in memory, bit for bit, in all "
            f"{reload.compared} variables of model and optimizer. Its rate is 0 by then, so another epoch moved no "
            "weights: only the variables were compared."
        )
    return (
        f"{what} equals the model in memory, bit for bit, in all {reload.compared} variables of model and optimizer. "
        f"That epoch moved weights by up to {reload.moved:.2g}."
    )


def _state(model: Any) -> list[Any]:
    return model.variables + model.optimizer.variables


def _random_states(model: Any) -> list[Any]:
    weights = {id(variable) for variable in model.weights}
    return [variable for variable in model.variables if id(variable) not in weights]


def _copy(variables: list[Any]) -> list[np.ndarray]:
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]
