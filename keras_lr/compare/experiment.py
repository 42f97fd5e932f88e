"""Trains every policy from the same weights on the same data, and checks that the best model can be reloaded."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ..callbacks.bind_spans import BindSpans
from ..optimizers.compiled_step import build
from ..optimizers.inspection import configured_rate
from ..schedules.base import Schedule
from .policies import POLICIES
from .problem import Problem


@dataclasses.dataclass(frozen=True)
class Settings:
    """The settings that all policies share."""

    rate: float
    batch_size: int
    epochs: int
    seeds: int


@dataclasses.dataclass(frozen=True)
class Run:
    """One policy trained with one seed: its learning rate for every step, its metrics for every epoch."""

    policy: str
    seed: int
    rate: list[float]
    loss: list[float]
    accuracy: list[float]
    val_loss: list[float]
    val_accuracy: list[float]
    seconds: float

    @property
    def final(self) -> float:
        """The validation accuracy after the last epoch."""
        return self.val_accuracy[-1]


@dataclasses.dataclass(frozen=True)
class Reload:
    """The result of one more epoch with and without a reload: which variables differ, how far weights moved."""

    policy: str
    seed: int
    compared: int
    different: list[str]
    moved: float


@dataclasses.dataclass(frozen=True)
class Best:
    """The best run so far: its file, and its model with the values of its variables."""

    run: Run
    path: Path
    model: Any
    state: list[np.ndarray]


def train(
    problem: Problem, policies: list[str], settings: Settings, on_epoch: Callable[[], None] = lambda: None
) -> Iterator[tuple[Run, Any]]:
    """Train every policy with every seed, and yield each run with its trained model.

    A seed determines the initial weights and the order of the data, alike for every
    policy. The next run of a policy changes the same model.
    """
    initial_weights = [_initial_weights(problem, seed) for seed in range(settings.seeds)]
    for name in policies:
        rate, callbacks = POLICIES[name](settings.rate, settings.epochs)
        callbacks = [BindSpans(), *callbacks, keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: on_epoch())]
        model = problem.model()
        weights = model.variables
        model.compile(
            optimizer=keras.optimizers.SGD(rate, momentum=0.9, nesterov=True),
            loss="sparse_categorical_crossentropy",
            metrics=["accuracy"],
        )
        build(model)
        untrained = _copy(model.optimizer.variables)
        for seed, initial in enumerate(initial_weights):
            # Reset by assignment: a new model would be traced again.
            _assign(weights + model.optimizer.variables, initial + untrained)
            keras.utils.set_random_seed(seed)  # the order of the data
            start = time.perf_counter()
            x, y = problem.x_train, problem.y_train
            history = _fit(model, x, y, problem, settings, callbacks=callbacks, epochs=settings.epochs)
            yield _record(name, seed, model, history, settings, time.perf_counter() - start), model


def better(best: Best | None, run: Run, model: Any, path: Path) -> Best:
    """The better one of `best` and the run; if that is the run, its model is saved to `path`."""
    if best is not None and run.final <= best.run.final:
        return best
    model.save(path)
    return Best(run, path, model, _copy(_state(model)))


def check_reload(best: Best, problem: Problem, settings: Settings) -> Reload:
    """Train the best model for one more epoch, from memory and from its file, and compare."""
    loaded = keras.saving.load_model(best.path)
    _assign(_state(best.model), best.state)
    # Keras does not save the random states of layers such as Dropout, so both models get the same ones.
    _assign(_random_states(loaded), _copy(_random_states(best.model)))
    before = _copy(best.model.weights)
    # Shuffled here: the first fit of a loaded model draws random numbers to build it, and so shuffles differently.
    order = np.random.default_rng(best.run.seed).permutation(len(problem.x_train))
    x, y = problem.x_train[order], problem.y_train[order]
    one_epoch = {"initial_epoch": settings.epochs, "epochs": settings.epochs + 1}
    # After the build, and for torch, whose dropout has no state of its own.
    seed = keras.callbacks.LambdaCallback(on_train_begin=lambda *_: keras.utils.set_random_seed(best.run.seed))
    for model in (best.model, loaded):
        # Without `BindSpans`, because bound spans are saved.
        _, callbacks = POLICIES[best.run.policy](settings.rate, settings.epochs)
        _fit(model, x, y, problem, settings, callbacks=[*callbacks, seed], shuffle=False, **one_epoch)
    original, reloaded = (model.weights + model.optimizer.variables for model in (best.model, loaded))
    pairs = list(zip(original, _copy(original), _copy(reloaded), strict=False))
    different = [variable.path for variable, a, b in pairs if a.tobytes() != b.tobytes()]
    different += ["the number of variables"] if len(original) != len(reloaded) else []
    moved = max(np.abs(a - b).max() for a, b in zip(before, _copy(best.model.weights), strict=True))
    return Reload(best.run.policy, best.run.seed, len(pairs), different, float(moved))


def _initial_weights(problem: Problem, seed: int) -> list[np.ndarray]:
    keras.utils.set_random_seed(seed)
    return _copy(problem.model().variables)


def _fit(model: Any, x: np.ndarray, y: np.ndarray, problem: Problem, settings: Settings, **options: Any) -> Any:
    history = model.fit(
        x,
        y,
        batch_size=settings.batch_size,
        validation_data=(problem.x_val, problem.y_val),
        validation_batch_size=max(settings.batch_size, 256),
        verbose=0,
        **options,
    )
    return history.history


def _record(name: str, seed: int, model: Any, history: dict[str, Any], settings: Settings, seconds: float) -> Run:
    steps = int(keras.ops.convert_to_numpy(model.optimizer.iterations))
    rate = configured_rate(model.optimizer)
    if isinstance(rate, Schedule):
        rates = rate.values(steps)
    else:
        rates = np.repeat(history["learning_rate"], steps // settings.epochs)
    recorded = {key: [float(v) for v in history[key]] for key in ("loss", "accuracy", "val_loss", "val_accuracy")}
    return Run(name, seed, rate=rates.tolist(), seconds=seconds, **recorded)


def _state(model: Any) -> list[Any]:
    return model.variables + model.optimizer.variables


def _random_states(model: Any) -> list[Any]:
    weights = {id(variable) for variable in model.weights}
    return [variable for variable in model.variables if id(variable) not in weights]


def _copy(variables: list[Any]) -> list[np.ndarray]:
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def _assign(variables: list[Any], values: list[np.ndarray]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
