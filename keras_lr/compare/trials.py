"""Trains one policy: tunes its peak and trains it with each seed."""

from __future__ import annotations

import collections
import dataclasses
import math
import time
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from ..callbacks.monitor import Monitor
from ..finder.data import with_batch_size
from ..finder.training import without_warnings_of_data
from ..finder.tune import NothingTrains, tune_learning_rate
from ..finder.tuned import TunedRate
from .policy import Policy, use
from .problem import Judge, Problem, are_arrays

TUNING_SPLIT = 0.2  # the fraction of the training data that judges peaks
RATES = 1000  # the most rates that are kept of a run, for the picture


@dataclasses.dataclass(frozen=True)
class Run:
    """A policy trained with one seed: the rates at evenly spaced updates, the history of `fit` and the final score."""

    policy: str
    seed: int
    score: float
    diverged: bool
    rate: list[float]
    history: dict[str, list[float]]
    seconds: float


@dataclasses.dataclass(frozen=True)
class Result:
    """The runs of a policy, and its peak if it has one; there are none if no peak leads to a finite loss.

    If the peak was tuned, `doubts` say why it may be wrong, and `between` has the peaks that may be as good.
    """

    policy: str
    peak: float | None
    runs: tuple[Run, ...] = ()
    doubts: tuple[str, ...] = ()
    between: tuple[float, float] | None = None

    def gain(self, judge: Judge) -> float:
        """The mean score, with the sign for which higher is better; minus infinity if a run diverged."""
        if not self.runs or any(run.diverged for run in self.runs):
            return -math.inf
        return float(np.mean(judge.gain([run.score for run in self.runs])))


def is_tuned(policy: Policy, problem: Problem) -> bool:
    """Whether the peak of a policy is to be tuned."""
    return problem.peak is None and policy.has_peak(problem.steps)


def train_policy(policy: Policy, problem: Problem) -> Iterator[tuple[Result, Any]]:
    """Tune a policy and train it with every seed; after each run, the result so far and the model of the best run."""
    result = Result(policy.name, problem.peak if policy.has_peak(problem.steps) else None)
    if is_tuned(policy, problem):
        try:
            tuned = _tuned(policy, problem)
        except NothingTrains:
            yield result, None
            return
        result = dataclasses.replace(result, peak=tuned.peak, doubts=tuned.doubts, between=tuned.between)
    best, model = -math.inf, None
    for seed in range(problem.seeds):
        run, trained = _train(policy, problem, result.peak, seed)
        result = dataclasses.replace(result, runs=(*result.runs, run))
        if not run.diverged and problem.judge.gain(run.score) > best:
            best, model = float(problem.judge.gain(run.score)), trained
        yield result, model


def train_to_the_end(policy: Policy, problem: Problem) -> tuple[Result, Any]:
    """The final result of a policy and the model of its best run."""
    return collections.deque(train_policy(policy, problem), maxlen=1).pop()


def _tuned(policy: Policy, problem: Problem) -> TunedRate:
    """The peak that suits the training data of seed 0, part of which judges the peaks if it can be split."""
    model = problem.model(0)
    use(model, policy.make(0.01, problem.steps))
    data, validation_data = problem.split(0)
    can_split = are_arrays(data)
    return tune_learning_rate(
        model,
        **with_batch_size(data),
        epochs=problem.epochs,
        steps_per_epoch=problem.batches,
        validation_data=None if can_split else validation_data,
        validation_split=TUNING_SPLIT if can_split else None,
        schedule=lambda peak, steps: policy.make(peak, steps).rate,
        verbose=0,
    )


def _train(policy: Policy, problem: Problem, peak: float | None, seed: int) -> tuple[Run, Any]:
    """One run and its model. To get the same, set the seed, create the model, set the seed again and call `fit`."""
    model = problem.model(seed)
    made = policy.make(1.0 if peak is None else peak, problem.steps)
    use(model, made)
    data, validation_data = problem.split(seed)
    monitor = Monitor()
    start = time.perf_counter()
    keras.utils.set_random_seed(seed)  # so that the order of the data doesn't depend on the model and the policy
    callbacks = [*made.callbacks, monitor, StopDiverged()]
    with without_warnings_of_data():
        history = model.fit(
            **data, validation_data=validation_data, epochs=problem.epochs, callbacks=callbacks, verbose=0
        ).history
    seconds = time.perf_counter() - start
    series = {name: [float(value) for value in values] for name, values in history.items()}
    rates = next((values for name, values in monitor.steps.items() if name.startswith("learning_rate")), np.zeros(1))
    thinned = rates[:: math.ceil(len(rates) / RATES)].tolist()
    score, diverged = series[problem.judge.monitor][-1], problem.judge.has_diverged(series)
    return Run(policy.name, seed, score, diverged, thinned, series, seconds), model


class StopDiverged(keras.callbacks.Callback):
    """Stops training after an epoch if the loss is not finite."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if not all(math.isfinite(value) for name, value in (logs or {}).items() if name in ("loss", "val_loss")):
            self.model.stop_training = True
