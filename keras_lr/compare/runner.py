"""Runs the trials of a comparison, here or in processes of joblib, shows the progress and writes what is finished."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras

from ..schedules import arguments
from .code import code_of
from .comparison import Comparison
from .policy import OWNER, Policy
from .problem import Copies
from .reload import check_reload
from .trials import Plan, Result, train_policy


class Runner:
    """The trials of policies for one call of `compare_policies`, whose arguments it has."""

    def __init__(self, policies: list[Policy], plan: Plan, jobs: int | None, folder: Any, verbose: Any):
        self.policies = {policy.name: policy for policy in policies}
        self.plan = plan
        self.parallel = _parallel(jobs)
        self.folder = None if folder is None else Path(folder)
        self.verbose = verbose
        if self.parallel is not None:
            _check_sending(plan)
        if self.parallel is not None or self.folder is not None:
            Copies(plan.problem.model(0), "one that can be saved and loaded, where `folder` or `jobs` is given")
        if self.folder is not None:
            from ..plotting import new_figure

            new_figure()  # raises without matplotlib
            self.folder.mkdir(parents=True, exist_ok=True)
        self.results: dict[str, Result] = {}
        self.best: Result | None = None  # the only one with a model

    def compare(self) -> Comparison:
        """Train all policies; the result."""
        plan, has_bar = self.plan, self.verbose and self.verbose != 2
        self.bar = keras.utils.Progbar(len(self.policies) * plan.seeds, unit_name="run") if has_bar else None
        for result in self._trained():
            self._report(result)
            self._keep(result)
        comparison = Comparison(*self._found(), **self._of_best())
        self._write(comparison)
        if self.best is not None and self.folder is not None:
            reload = check_reload(self.best, self.folder / "best.keras", self.policies[self.best.policy], plan)
            comparison = dataclasses.replace(comparison, reload=reload)
            self._write(comparison)
        if self.folder is not None:
            comparison.plot().savefig(self.folder / "compare.png", dpi=150)
        return comparison

    def _trained(self) -> Iterator[Result]:
        """The results of all policies, in any order."""
        if self.parallel is None:
            for policy in self.policies.values():
                yield train_policy(policy, self.plan, self._to_beat(), self._report)
            return
        from joblib import delayed

        # joblib asks for the next when a process is free: by then it is known what a model has to beat.
        trials = (delayed(train_policy)(policy, self.plan, self._to_beat()) for policy in self.policies.values())
        yield from self.parallel(trials)

    def _to_beat(self) -> float:
        return -math.inf if self.best is None else self.best.gain(self.plan.judge)

    def _keep(self, result: Result) -> None:
        """Keep the model of a result if it is the best so far, of equal ones the first in the list."""
        order, gain = list(self.policies), result.gain(self.plan.judge)
        is_first = self.best is None or order.index(result.policy) < order.index(self.best.policy)
        if result.model is not None and (gain > self._to_beat() or (gain == self._to_beat() and is_first)):
            self.best = result
            if self.folder is not None:
                result.model.save(self.folder / "best.keras")

    def _report(self, result: Result) -> None:
        """Show and write what there is of a policy, after each of its runs or of all."""
        known = self.results.get(result.policy)
        new = result.runs[len(known.runs) if known else 0 :]
        self.results[result.policy] = dataclasses.replace(result, model=None)
        if self.verbose == 2:
            for run in new:
                score = "diverged" if run.diverged else f"{self.plan.judge.monitor} {run.score:.4g}"
                print(f"{run.policy}, seed {run.seed}: {score} in {run.seconds:.1f} s", file=sys.stderr, flush=True)
        elif self.bar is not None:
            is_over = not result.runs and known is None
            self.bar.add(self.plan.seeds if is_over else len(new))
        if new:
            self._write(Comparison(*self._found()))

    def _found(self) -> tuple[Any, ...]:
        plan = self.plan
        results = tuple(self.results[name] for name in self.policies if name in self.results)
        return results, plan.judge, plan.problem.epochs, plan.steps, plan.problem.split_ratio

    def _of_best(self) -> dict[str, Any]:
        if self.best is None:
            return {}
        model = self.best.model
        return {"code": code_of(self.policies[self.best.policy], self.best.peak, self.plan, model), "model": model}

    def _write(self, comparison: Comparison) -> None:
        """Write all numbers so far; the file is complete at every moment."""
        if self.folder is None:
            return
        content = {"keras": keras.__version__, "backend": keras.backend.backend(), **comparison.numbers()}
        path = self.folder / "compare.json"
        part = path.with_name(path.name + ".part")
        part.write_text(json.dumps(_no_nan(content), indent=1, allow_nan=False) + "\n", encoding="utf-8")
        os.replace(part, path)


def _parallel(jobs: int | None) -> Any:
    """Processes of joblib, if `jobs` or an active `joblib.parallel_config` asks for them; else it is not imported."""
    if jobs in (None, 1) and (jobs == 1 or "joblib" not in sys.modules):
        return None
    try:
        import joblib
    except ImportError as error:
        raise ImportError("`jobs` needs joblib: pip install joblib") from error
    if joblib.effective_n_jobs(jobs) == 1:
        return None
    try:
        return joblib.Parallel(n_jobs=jobs, return_as="generator_unordered")
    except ValueError:  # a backend that gives all results at the end, such as Ray's
        return joblib.Parallel(n_jobs=jobs)


def _check_sending(plan: Plan) -> None:
    """Raise before any training if the data can't be sent to a process."""
    if any(hasattr(one, "element_spec") for one in (plan.problem.data["x"], plan.problem.validation_data)):
        rule = "left out with a `tf.data` pipeline, which can't be sent to another process"
        arguments.reject(OWNER, "jobs", rule, plan.problem.data["x"], "Pass arrays or a `PyDataset`.")


def _no_nan(value: Any) -> Any:
    # JSON has no NaN: the loss of a run that diverged is null.
    if isinstance(value, dict):
        return {key: _no_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_no_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
