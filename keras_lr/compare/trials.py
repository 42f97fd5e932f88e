"""Trains one policy: tunes its peak, trains it with each seed, and keeps the best model."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from ..callbacks.monitor import Monitor
from ..finder.training import without_warnings_of_data
from ..finder.tune import NothingTrains, tune_learning_rate
from ..finder.tuned import TunedRate
from .policy import Policy
from .problem import Judge, Problem, validation_data_of

RATES = 1000  # the most rates that are kept of a run, for the picture
NO_PEAK = "no peak leads to a finite loss"


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
    """All runs of a policy, its peak if it has one, and the model of its best run if that may be the best of all.

    If the peak was tuned, `doubts` say why it may be wrong, and `between` has the peaks that may be as good.
    """

    policy: str
    peak: float | None
    runs: tuple[Run, ...] = ()
    doubts: tuple[str, ...] = ()
    between: tuple[float, float] | None = None
    model: Any = dataclasses.field(default=None, repr=False)

    def gain(self, judge: Judge) -> float:
        """The mean score, with the sign for which higher is better; minus infinity if a run diverged."""
        if not self.runs or any(run.diverged for run in self.runs):
            return -math.inf
        return float(np.mean(judge.gain([run.score for run in self.runs])))


@dataclasses.dataclass(frozen=True)
class Plan:
    """The problem and the settings that all policies share."""

    problem: Problem
    judge: Judge
    seeds: int
    batches: int
    steps: int
    peak: float | None


def train_policy(policy: Policy, plan: Plan, beat: float, on_run: Callable[[Result], None] = lambda _: None) -> Result:
    """Tune a policy and train it with every seed; `on_run` gets the result so far after each run.

    The final result has a model if its gain is at least `beat`.
    """
    runs, best, model = [], -math.inf, None
    result = Result(policy.name, plan.peak if policy.has_peak(plan.steps) else None)
    if plan.peak is None and policy.has_peak(plan.steps):
        try:
            tuned = _tuned(policy, plan)
        except NothingTrains:
            return result
        result = dataclasses.replace(result, peak=tuned.peak, doubts=tuned.doubts, between=tuned.between)
    for seed in range(plan.seeds):
        run, trained = _train(policy, plan, result.peak, seed)
        runs.append(run)
        if not run.diverged and plan.judge.gain(run.score) > best:
            best, model = float(plan.judge.gain(run.score)), trained
        result = dataclasses.replace(result, runs=tuple(runs))
        on_run(result)
    result = dataclasses.replace(result, model=model)
    return result if result.gain(plan.judge) >= max(beat, -1e308) else dataclasses.replace(result, model=None)


def _tuned(policy: Policy, plan: Plan) -> TunedRate:
    problem = plan.problem
    model = problem.model(0)
    policy.give(model, policy.make(0.01, plan.steps)._replace(callbacks=[]))
    data, held = problem.tuning_data()
    return tune_learning_rate(
        model,
        **data,
        epochs=problem.epochs,
        steps_per_epoch=plan.batches,
        validation_data=held,
        schedule=lambda peak, steps: policy.make(peak, steps).rate,
        verbose=0,
    )


def _train(policy: Policy, plan: Plan, peak: float | None, seed: int) -> tuple[Run, Any]:
    """One run and its model. To get the same, set the seed, create the model, set the seed again and call `fit`."""
    problem = plan.problem
    model = problem.model(seed)
    made = policy.make(1.0 if peak is None else peak, plan.steps)
    policy.give(model, made)
    train, held = problem.split(seed)
    monitor = Monitor()
    start = time.perf_counter()
    keras.utils.set_random_seed(seed)  # so that the order of the data doesn't depend on the model and the policy
    callbacks = [*made.callbacks, monitor, StopDiverged()]
    with without_warnings_of_data():
        history = model.fit(
            **train, validation_data=validation_data_of(held), epochs=problem.epochs, callbacks=callbacks, verbose=0
        ).history
    series = {name: [float(value) for value in values] for name, values in history.items()}
    rates = next((values for name, values in monitor.steps.items() if name.startswith("learning_rate")), np.zeros(1))
    thinned = rates[:: math.ceil(len(rates) / RATES)].tolist()
    score = series[plan.judge.monitor][-1]
    return Run(
        policy.name, seed, score, plan.judge.has_diverged(series), thinned, series, time.perf_counter() - start
    ), model


class StopDiverged(keras.callbacks.Callback):
    """Stops training after an epoch if the loss is not finite."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if not all(math.isfinite(value) for name, value in (logs or {}).items() if name in ("loss", "val_loss")):
            self.model.stop_training = True
