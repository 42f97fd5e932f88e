"""The training of a comparison: every policy from the same weights on the same data, and the check of the reload."""

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
    """What is the same for every policy."""

    rate: float
    batch_size: int
    epochs: int
    seeds: int


@dataclasses.dataclass(frozen=True)
class Run:
    """One policy trained with one seed: the rate of every step, the rest of every epoch."""

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
    """Going on for an epoch, with and without saving and loading: which variables differ, how far weights moved."""

    policy: str
    seed: int
    compared: int
    different: list[str]
    moved: float


@dataclasses.dataclass(frozen=True)
class Best:
    """The best run so far: its file, and its model with the numbers to put back into it."""

    run: Run
    path: Path
    model: Any
    state: list[np.ndarray]


def train(
    problem: Problem, policies: list[str], settings: Settings, on_epoch: Callable[[], None] = lambda: None
) -> Iterator[tuple[Run, Any]]:
    """Every policy with every seed, one at a time: the run, and the model as the run left it.

    A seed means the same first weights and the same order of the data for every
    policy. The next run changes the model of the last one.
    """
    starts = [_start(problem, seed) for seed in range(settings.seeds)]
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
        for seed, start in enumerate(starts):
            # The numbers are put back rather than the model made anew, which would be traced anew.
            _put_back(weights + model.optimizer.variables, start + untrained)
            keras.utils.set_random_seed(seed)  # the order of the data
            began = time.perf_counter()
            x, y = problem.x_train, problem.y_train
            history = _fit(model, x, y, problem, settings, callbacks=callbacks, epochs=settings.epochs)
            yield _record(name, seed, model, history, settings, time.perf_counter() - began), model


def better(best: Best | None, run: Run, model: Any, path: Path) -> Best:
    """`best`, or the run if it is better, in which case its model is saved to `path`."""
    if best is not None and run.final <= best.run.final:
        return best
    model.save(path)
    return Best(run, path, model, _copy(_state(model)))


def check_reload(best: Best, problem: Problem, settings: Settings) -> Reload:
    """Train the best model one epoch further, as it is in memory and as it comes from its file, and compare."""
    loaded = keras.saving.load_model(best.path)
    _put_back(_state(best.model), best.state)
    # Keras does not save where the random draws of layers such as Dropout are: both start at the same point.
    _put_back(_draws(loaded), _copy(_draws(best.model)))
    before = _copy(best.model.weights)
    # An order of our own: the first fit of a loaded model draws random numbers to build it, and so shuffles otherwise.
    order = np.random.default_rng(best.run.seed).permutation(len(problem.x_train))
    x, y = problem.x_train[order], problem.y_train[order]
    span = {"initial_epoch": settings.epochs, "epochs": settings.epochs + 1}
    # And after that the draws of torch, whose dropout has no state of its own.
    seed = keras.callbacks.LambdaCallback(on_train_begin=lambda *_: keras.utils.set_random_seed(best.run.seed))
    for model in (best.model, loaded):
        # Without `BindSpans`: what is bound is saved, and has to do.
        _, callbacks = POLICIES[best.run.policy](settings.rate, settings.epochs)
        _fit(model, x, y, problem, settings, callbacks=[*callbacks, seed], shuffle=False, **span)
    kept, reloaded = best.model.weights + best.model.optimizer.variables, loaded.weights + loaded.optimizer.variables
    pairs = list(zip(kept, _copy(kept), _copy(reloaded), strict=False))
    different = [variable.path for variable, a, b in pairs if a.tobytes() != b.tobytes()]
    different += ["the number of variables"] if len(kept) != len(reloaded) else []
    moved = max(np.abs(a - b).max() for a, b in zip(before, _copy(best.model.weights), strict=True))
    return Reload(best.run.policy, best.run.seed, len(pairs), different, float(moved))


def _start(problem: Problem, seed: int) -> list[np.ndarray]:
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


def _draws(model: Any) -> list[Any]:
    weights = {id(variable) for variable in model.weights}
    return [variable for variable in model.variables if id(variable) not in weights]


def _copy(variables: list[Any]) -> list[np.ndarray]:
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def _put_back(variables: list[Any], numbers: list[np.ndarray]) -> None:
    for variable, number in zip(variables, numbers, strict=True):
        variable.assign(number)
