"""The result of a comparison: a table, an answer, the code to paste, the best model and a picture."""

from __future__ import annotations

import dataclasses
import functools
import math
import re
from typing import Any

import numpy as np

from .problem import Judge
from .reload import Reload
from .statistics import interval
from .trials import Result, Run

FEW = 5  # seeds, below which intervals are wide


@dataclasses.dataclass(frozen=True)
class Row:
    """The results of a policy over all seeds. Policies with equal runs share a row.

    Attributes:
        policies: The names of the policies.
        peak: The peak of the policy; `None` if it has none.
        doubts, between: Why the tuned peak may be wrong, and the smallest and the largest one that may be as good.
        mean, deviation: Those of the metric after the last epoch; NaN if a run diverged.
        behind: The 95 % confidence interval of how much worse the policy is than the best, paired by seed; `None` for
            the best policy, with one seed, or if a run diverged.
        diverged, runs: The number of runs that diverged, and of all; 0 runs if no peak leads to a finite loss.
    """

    policies: tuple[str, ...]
    peak: float | None
    doubts: tuple[str, ...]
    between: tuple[float, float] | None
    mean: float
    deviation: float
    behind: tuple[float, float] | None
    diverged: int
    runs: int

    @property
    def name(self) -> str:
        return " = ".join(self.policies)

    @property
    def is_tied(self) -> bool:
        """Whether the policy is not significantly worse than the best."""
        return self.behind is not None and self.behind[0] <= 0


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """The result of `compare_policies`: which policy to use, how sure that is, and the code for it.

    >>> import keras_lr as klr
    >>> from keras_lr.compare.trials import Judge, Result, Run
    >>> scores = {"constant": [0.90, 0.91, 0.92, 0.92, 0.91], "one-cycle": [0.95, 0.96, 0.96, 0.97, 0.96]}
    >>> runs = {
    ...     name: tuple(Run(name, seed, score, False, [0.1], {}, 1.0) for seed, score in enumerate(row))
    ...     for name, row in scores.items()
    ... }
    >>> results = tuple(Result(name, 0.1, runs[name]) for name in runs)
    >>> klr.Comparison(results, Judge("val_accuracy", "max"), epochs=8, steps=80, split_ratio=0.25)
    policy      peak   val_accuracy     behind the best
    -------------------------------------------------------------
    one-cycle   0.1    0.9600 ± 0.0071  best
    constant    0.1    0.9120 ± 0.0084  0.0480 (0.0397 to 0.0563)
    val_accuracy: after 8 epochs, mean ± standard deviation over 5 seeds.
    Behind the best: mean difference, paired by seed (95 % confidence interval).
    <BLANKLINE>
    Use one-cycle with a peak of 0.1: val_accuracy 0.9600. It is significantly better than constant.

    Attributes:
        rows: The rows of the table, the best policy first. Each has `policies`, `peak`, `doubts`, `between`,
            `mean`, `deviation`, `behind` and `diverged`.
        best: The first row, the policy to use; `None` if every policy diverged.
        code: Code that trains `model` on `x` and `y` with the best policy.
        model: The trained model from the best run of the best policy; `None` if every policy diverged.
        results: All runs, with their rates and the metrics of each epoch.
    """

    results: tuple[Result, ...]
    judge: Judge
    epochs: int
    steps: int
    split_ratio: float
    code: str = ""
    model: Any = None
    reload: Reload | None = None

    def numbers(self) -> dict[str, Any]:
        """All numbers, for JSON."""
        rows = [dataclasses.asdict(row) for row in self.rows]
        runs = [dataclasses.asdict(run) for result in self.results for run in result.runs]
        own = {"monitor": self.judge.monitor, "mode": self.judge.mode, "epochs": self.epochs, "steps": self.steps}
        reload = self.reload and dataclasses.asdict(self.reload)
        return {**own, "split_ratio": self.split_ratio, "rows": rows, "code": self.code, "reload": reload, "runs": runs}

    @functools.cached_property
    def rows(self) -> tuple[Row, ...]:
        groups: dict[str, list[Result]] = {}
        for result in self.results:
            runs = repr([(run.score, run.rate, sorted(run.history.items())) for run in result.runs])  # NaN equals NaN
            groups.setdefault(runs if result.runs else result.policy, []).append(result)
        ordered = sorted(groups.values(), key=lambda group: (-group[0].gain(self.judge), _diverged(group[0])))
        return tuple(self._row(group, ordered[0][0]) for group in ordered)

    def _row(self, group: list[Result], best: Result) -> Row:
        first = group[0]
        scores, against = ([run.score for run in result.runs] for result in (first, best))
        mean, deviation, behind = math.nan, math.nan, None
        if math.isfinite(first.gain(self.judge)):
            mean, deviation = float(np.mean(scores)), float(np.std(scores, ddof=1)) if len(scores) > 1 else math.nan
            pairs = min(len(scores), len(against))  # in an interrupted comparison, the last policy has fewer
            if first is not best and pairs > 1:
                behind = interval(self.judge.gain(against[:pairs]) - self.judge.gain(scores[:pairs]), self.split_ratio)
        policies = tuple(result.policy for result in group)
        made = first.peak, first.doubts, first.between
        return Row(policies, *made, mean, deviation, behind, _diverged(first), len(scores))

    @property
    def best(self) -> Row | None:
        first = self.rows[0]
        return None if math.isnan(first.mean) else first

    def table(self) -> str:
        """The rows as text, with a legend."""
        monitor, rows, digits = self.judge.monitor, self.rows, self._digits()
        seeds = max(row.runs for row in rows)
        is_paired = seeds > 1 and len(rows) > 1
        lines = [("policy", "peak", monitor, "behind the best" * is_paired)]
        for row in rows:
            peak = "" if row.peak is None else f"{row.peak:g}" + " ?" * bool(row.doubts)
            score, behind = f"{row.mean:.{digits}f}", "best" * (row is rows[0] and is_paired and row.runs == seeds)
            if not row.runs:
                score, behind = "no peak leads to a finite loss", ""
            elif row.diverged:
                score, behind = f"diverged in {row.diverged} of {row.runs} runs", ""
            elif row.runs > 1:
                score += f" ± {row.deviation:.{digits}f}"
            if 0 < row.runs < seeds:
                score += f", {row.runs} of {seeds} seeds"
            if row.behind is not None:
                low, high = row.behind
                behind = f"{abs(low + high) / 2:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"
            lines.append((row.name, peak, score, behind))
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        widths[:2] = [width + 1 for width in widths[:2]]
        text = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]
        text.insert(1, "-" * max(map(len, text)))
        if seeds > 1:
            after = f"after {counted(self.epochs, 'epoch')}"
            text.append(f"{monitor}: {after}, mean ± standard deviation over {seeds} seeds.")
        if is_paired:
            text.append("Behind the best: mean difference, paired by seed (95 % confidence interval).")
        for row in rows:
            if row.doubts and row.between:
                low, high = row.between
                text.append(f"? {row.name}: {'; '.join(row.doubts)}; {low:g} to {high:g} may be as good.")
        return "\n".join(text)

    def answer(self) -> str:
        """Which policy to use, and how sure that is."""
        best, others = self.best, self.rows[1:]
        if best is None:
            remedy = "Check the data for NaN and inf, or lower the peak."
            return f"Every policy diverged, so none can be recommended. {remedy}"
        peak = "" if best.peak is None else f" with a peak of {best.peak:g}"
        text = f"Use {best.policies[0]}{peak}: {self.judge.monitor} {best.mean:.{self._digits()}f}."
        if not others:
            return f"{text} There is nothing to compare it with."
        tied = [row.name for row in others if row.is_tied]
        worse = [row.name for row in others if row.behind is not None and not row.is_tied]
        diverged = [row.name for row in others if math.isnan(row.mean)]
        if best.runs == 1:
            text += " With one seed, the differences may be chance: use 5 seeds."
        elif worse:
            but = f", but not than {_listed(tied)}" if tied else ""
            text += f" It is significantly better than {_listed(worse)}{but}."
        elif tied:
            text += (
                f" But it is not significantly better than {_listed(tied)}: use the simplest one, or run more seeds."
            )
        text += f" {_listed(diverged)} diverged." if diverged else ""
        if 1 < best.runs < FEW and (tied or worse):
            text += f" {best.runs} seeds are few: more seeds make the intervals narrower."
        return text

    def _digits(self) -> int:
        """The number of decimals: enough for two digits of the deviations, or, with one seed, four of the values."""
        spreads = [row.deviation for row in self.rows if row.deviation > 0]
        means = [abs(row.mean) for row in self.rows if math.isfinite(row.mean) and row.mean]
        if not spreads and not means:
            return 3
        digits = 1 - math.floor(math.log10(np.median(spreads))) if spreads else 3 - math.floor(math.log10(max(means)))
        return min(max(digits, 0), 6)

    def plot(self) -> Any:
        """Draw the rate, the training loss and the metric of each policy, and return the Figure; needs matplotlib."""
        from ..plotting import Curves, plot_comparison

        curves = []
        for row in self.rows:
            runs = next(result.runs for result in self.results if result.policy == row.policies[0])
            if runs:
                series = [[_padded(run, name, self.epochs) for run in runs] for name in ("loss", self.judge.monitor)]
                curves.append(Curves(row.name, np.array(runs[0].rate), *map(np.array, series)))
        return plot_comparison(curves, self.judge.monitor, self.judge.mode)

    def __repr__(self) -> str:
        parts = [self.table(), self.answer()]
        if self.code:
            names = ("x", "y", "validation_data", "policies")
            given = ", ".join(f"`{name}`" for name in names if re.search(rf"\b{name}\b(?!=)", self.code))
            parts += [f"Code to paste, with your {given} and compiled `model`:", self.code]
        return "\n\n".join(parts)

    def _repr_html_(self) -> str | None:
        from ..plotting.style import as_html

        return as_html(lambda: self.plot().axes[0], repr(self))


def counted(count: int, one: str, many: str = "") -> str:
    """A number of things, in words."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def _diverged(result: Result) -> int:
    return sum(run.diverged for run in result.runs)


def _padded(run: Run, name: str, epochs: int) -> list[float]:
    """A value for each epoch: NaN after an early end, and everywhere if the run diverged."""
    series = [] if run.diverged else run.history[name]
    return series + [math.nan] * (epochs - len(series))


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
