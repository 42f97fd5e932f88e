"""Checks that a model that was saved and loaded continues to train as if it had never been saved."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ..finder.data import first_batch
from ..finder.training import updates_of
from ..optimizers.snapshots import snapshot_variables
from .problem import Problem

UPDATES = 10  # to train on, for the check


@dataclasses.dataclass(frozen=True)
class Reload:
    """The result of the check: how many variables were compared, which differ, and how far weights moved."""

    compared: int
    different: list[str]
    moved: float

    def text(self, path: Path, policy: str) -> str:
        """The result as a sentence."""
        what = f"The best run of {policy} is saved in {path}. Loaded and trained for another {UPDATES} steps, it"
        if self.different:
            wrong = f"{len(self.different)} of {self.compared} variables: {', '.join(self.different[:3])}"
            return f"{what} DIFFERS from the model in memory in {wrong}."
        still = "These steps moved no weights, because the rate is 0 by then: only the variables were compared."
        moved = f"These steps moved weights by up to {self.moved:.2g}." if self.moved else still
        equals = f"equals the model in memory, bit for bit, in all {self.compared} variables of model and optimizer"
        return f"{what} {equals}. {moved}"


def check_reload(model: Any, path: Path, problem: Problem) -> Reload:
    """Train the model in memory and the one in the file a little further, and compare; then restore the first."""
    loaded = keras.saving.load_model(path)
    restore = snapshot_variables(_state(model))
    # Keras does not save the random states of layers such as Dropout, so both models get the same ones.
    for variable, value in zip(_random_states(loaded), _values(_random_states(model)), strict=True):
        variable.assign(value)
    before = _values(model.weights)
    batch = first_batch(problem.split(0)[0])  # for all steps, because some data comes in a different order each time
    # At the start of training, after the model is built: on torch, dropout uses the global random state.
    seed = keras.callbacks.LambdaCallback(on_train_begin=lambda *_: keras.utils.set_random_seed(0))
    for one in (model, loaded):
        steps, batches = UPDATES * updates_of(model), (batch for _ in itertools.count())
        one.fit(batches, steps_per_epoch=steps, shuffle=False, callbacks=[seed], verbose=0)
    pairs = list(zip(_state(model), _values(_state(model)), _values(_state(loaded)), strict=False))
    different = [variable.path for variable, one, other in pairs if one.tobytes() != other.tobytes()]
    different += ["the number of variables"] if len(_state(model)) != len(_state(loaded)) else []
    moved = max(np.abs(one - other).max() for one, other in zip(before, _values(model.weights), strict=True))
    restore()
    return Reload(len(pairs), different, float(moved))


def _state(model: Any) -> list[Any]:
    return model.variables + model.optimizer.variables


def _random_states(model: Any) -> list[Any]:
    weights = {id(variable) for variable in model.weights}
    return [variable for variable in model.variables if id(variable) not in weights]


def _values(variables: list[Any]) -> list[np.ndarray]:
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]
