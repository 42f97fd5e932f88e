"""Runs a comparison, in this process or by joblib; shows progress and writes results as they arrive."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras

from ..schedules import arguments
from .code import code_of
from .comparison import Comparison
from .policy import OWNER, Policy
from .problem import Copies, Problem
from .reload import check_reload
from .trials import Result, is_tuned, train_policy, train_to_the_end

WIDTH = 79  # of the line that shows progress


class Runner:
    """Runs the policies of one call of `compare_policies`."""

    def __init__(self, policies: dict[str, Policy], problem: Problem, jobs: int | None, folder: Any, verbose: Any):
        self.policies, self.problem, self.verbose = policies, problem, verbose
        self.parallel = _parallel(jobs)
        self.folder = None if folder is None else Path(folder)
        sent = () if self.parallel is None else (problem.data["x"], problem.validation_data)
        if any(hasattr(one, "element_spec") for one in sent):
            rule = "1 for a `tf.data` pipeline, which can't be sent to another process"
            arguments.reject(OWNER, "jobs", rule, jobs, "Pass arrays or a `PyDataset`.")
        if self.parallel is not None or self.folder is not None:
            Copies(problem.model(0), "a model that can be saved and loaded if `folder` or `jobs` is given")
        if self.folder is not None:
            from ..plotting import new_figure

            new_figure()  # raises without matplotlib
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                rule = f"a folder that can be written to, but it can't be made: {error.strerror}"
                arguments.reject(OWNER, "folder", rule, folder)
        self.results: dict[str, Result] = {}
        self.model: Any = None  # of the best run of the best policy
        self.start = time.perf_counter()

    def compare(self) -> Comparison:
        """Train all policies and return the result; if this is interrupted, print the table of the finished runs."""
        try:
            for result, model in self._trained():
                self._add(result)
                comparison = self._comparison()
                best = comparison.best
                if best and best.policies[0] == result.policy and len(result.runs) == self.problem.seeds:
                    self.model = model
                    if self.folder is not None:
                        model.save(self.folder / "best.keras")
                self._write(comparison)
            if self.verbose and self.verbose != 2:
                print()  # the line that shows progress is over
            return self._finished()
        except KeyboardInterrupt:
            if self.verbose and any(result.runs for result in self.results.values()):
                print(f"\n\n{self._comparison().table()}")
                if self.folder is not None:
                    print(f"\nThe finished runs are in {self.folder / 'compare.json'}.", flush=True)
            raise

    def _trained(self) -> Iterator[tuple[Result, Any]]:
        """The results of all policies, in any order, and the models of their best runs; also those not yet complete."""
        if self.parallel is None:
            for policy in self.policies.values():
                if is_tuned(policy, self.problem):
                    self._show(f"{policy.name}: tuning the peak")
                yield from train_policy(policy, self.problem)
        else:
            from joblib import delayed

            yield from self.parallel(
                delayed(train_to_the_end)(policy, self.problem) for policy in self.policies.values()
            )

    def _add(self, result: Result) -> None:
        """Add a result, and show its new runs."""
        known = self.results.get(result.policy)
        self.results[result.policy] = result
        for run in result.runs[len(known.runs) if known else 0 :]:
            score = "diverged" if run.diverged else f"{self.problem.judge.monitor} {run.score:.4g}"
            self._show(f"{run.policy}, seed {run.seed}: {score} in {run.seconds:.1f} s")

    def _show(self, text: str) -> None:
        if self.verbose == 2:
            print(text, file=sys.stderr, flush=True)
        elif self.verbose:
            runs = [len(result.runs) for result in self.results.values()]
            done, total = sum(runs), (len(self.policies) - runs.count(0)) * self.problem.seeds
            left = (time.perf_counter() - self.start) * (total - done) / max(done, 1)
            line = f"{done}/{total} runs" + f", {left:.0f} s left" * (done > 0)
            print(f"\r{f'{line}. {text}'[:WIDTH]:<{WIDTH}}", end="", flush=True)

    def _comparison(self) -> Comparison:
        """The result so far, without a model."""
        problem = self.problem
        results = tuple(self.results[name] for name in self.policies if name in self.results)
        return Comparison(results, problem.judge, problem.epochs, problem.steps, problem.split_ratio)

    def _finished(self) -> Comparison:
        """The result when all policies are trained."""
        comparison, reload = self._comparison(), None
        if comparison.best is not None:
            policy = self.policies[comparison.best.policies[0]]
            code = code_of(policy, comparison.best.peak, self.problem, self.model)
            if self.folder is not None:
                reload = check_reload(self.model, self.folder / "best.keras", self.problem)
            comparison = dataclasses.replace(comparison, code=code, model=self.model, reload=reload)
        self._write(comparison)
        if self.folder is not None:
            comparison.plot().savefig(self.folder / "compare.png", dpi=150)
        return comparison

    def _write(self, comparison: Comparison) -> None:
        """Write all numbers so far; the file is replaced in one step, so that it is always complete."""
        if self.folder is None:
            return
        content = {"keras": keras.__version__, "backend": keras.backend.backend(), **comparison.numbers()}
        # JSON has no NaN, so the loss of a diverged run is null.
        content = json.loads(json.dumps(content), parse_constant=lambda name: None)
        path = self.folder / "compare.json"
        part = path.with_name(path.name + ".part")
        part.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        os.replace(part, path)


def _parallel(jobs: int | None) -> Any:
    """joblib's `Parallel`, if `jobs` or an active `joblib.parallel_config` asks for it, else `None`."""
    if jobs == 1 or (jobs is None and "joblib" not in sys.modules):
        return None
    import joblib

    if joblib.effective_n_jobs(jobs) == 1:
        return None
    try:
        return joblib.Parallel(n_jobs=jobs, return_as="generator_unordered")
    except ValueError:  # a backend that returns all results at the end, such as Ray
        return joblib.Parallel(n_jobs=jobs)
