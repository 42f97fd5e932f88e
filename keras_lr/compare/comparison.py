"""The result of a comparison: a table, an answer, the code to paste, the best model and a picture."""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import Any

import numpy as np

from .problem import Judge
from .reload import Reload
from .statistics import interval
from .trials import NO_PEAK, Result, Run

FEW = 5  # seeds, below which intervals are wide


@dataclasses.dataclass(frozen=True)
class Row:
    """A policy over its seeds; several policies if their runs are equal.

    Attributes:
        policies: The names.
        peak: The peak that the policy was trained with, `None` if it has none.
        is_sure: Whether its tuning had no doubts.
        mean, deviation: Of the metric after the last epoch; NaN where a run diverged, or with one seed.
        behind: The interval of 95 % of how much worse it is than the best, paired by seed; `None` for the best,
            with one seed, or where a run diverged.
        diverged: How many runs diverged.
        runs: How many runs there are; 0 if no peak leads to a finite loss.
    """

    policies: tuple[str, ...]
    peak: float | None
    is_sure: bool
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
        """Whether it can't be told from the best."""
        return self.behind is not None and self.behind[0] <= 0


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """What `compare_policies` found: which policy to use, how sure that is, and the code.

    >>> import keras_lr as klr
    >>> from keras_lr.compare.trials import Judge, Result, Run
    >>> scores = {"constant": [0.90, 0.91, 0.92, 0.92, 0.91], "one-cycle": [0.95, 0.96, 0.96, 0.97, 0.96]}
    >>> runs = {
    ...     name: tuple(Run(name, seed, score, False, [0.1], {}, 1.0) for seed, score in enumerate(row))
    ...     for name, row in scores.items()
    ... }
    >>> results = tuple(Result(name, 0.1, True, runs[name]) for name in runs)
    >>> klr.Comparison(results, Judge("val_accuracy", "max"), epochs=8, steps=80, split_ratio=0.25)
    policy      peak   val_accuracy     behind the best
    -------------------------------------------------------------
    one-cycle   0.1    0.9600 ± 0.0071  best
    constant    0.1    0.9120 ± 0.0084  0.0480 (0.0397 to 0.0563)
    val_accuracy is that after the last of 8 epochs: the mean of 5 seeds ± their standard deviation.
    Behind the best: the mean of the differences with the same seed, and an interval of 95 %.
    <BLANKLINE>
    Use one-cycle with a peak of 0.1: val_accuracy 0.9600. It is better than constant.

    Attributes:
        rows: The table, the best policy first: each with `policies`, `peak`, `mean`, `deviation`, `behind`, `diverged`.
        best: The row to use; `None` if each policy diverged.
        code: The code to paste, which trains the best policy, given `x`, `y` and `model`.
        model: The model of the best run of the best policy; `None` if each diverged.
        results: Every run, with its rates and all metrics of each epoch.
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
        groups: dict[Any, list[Result]] = {}
        for result in self.results:
            metrics = repr([(run.score, sorted(run.history.items())) for run in result.runs])  # nan equals itself there
            rates = [np.array(run.rate).tobytes() for run in result.runs]
            groups.setdefault((metrics, *rates) if rates else result.policy, []).append(result)
        ordered = sorted(groups.values(), key=lambda group: (-self._gain(group[0]), _count(group[0])))
        return tuple(self._row(group, ordered[0][0]) for group in ordered)

    def _gain(self, result: Result) -> float:
        return result.gain(self.judge)

    def _row(self, group: list[Result], best: Result) -> Row:
        first = group[0]
        scores, against = np.array([run.score for run in first.runs]), np.array([run.score for run in best.runs])
        is_finite, several = self._gain(first) > -math.inf, len(scores) > 1
        pairs = min(len(scores), len(against))  # a comparison that was interrupted has fewer of the last policy
        behind = None
        if is_finite and pairs > 1 and first is not best:
            behind = interval(self.judge.gain(against[:pairs]) - self.judge.gain(scores[:pairs]), self.split_ratio)
        return Row(
            tuple(result.policy for result in group),
            first.peak,
            all(result.is_sure for result in group),
            float(scores.mean()) if is_finite else math.nan,
            float(scores.std(ddof=1)) if is_finite and several else math.nan,
            behind,
            _count(first),
            len(scores),
        )

    @property
    def best(self) -> Row | None:
        first = self.rows[0]
        return None if math.isnan(first.mean) else first

    def table(self) -> str:
        """The rows as text, with a legend."""
        monitor, rows, digits = self.judge.monitor, self.rows, self._digits()
        seeds = max(row.runs for row in rows)
        lines = [("policy", "peak", monitor, "behind the best" * (seeds > 1 and len(rows) > 1))]
        for row in rows:
            peak = "" if row.peak is None else f"{row.peak:g}" + " ?" * (not row.is_sure)
            if not row.runs:
                lines.append((row.name, "", NO_PEAK, ""))
            elif row.diverged:
                lines.append((row.name, peak, f"diverged in {row.diverged} of {row.runs} runs", ""))
            else:
                score = f"{row.mean:.{digits}f}" + (f" ± {row.deviation:.{digits}f}" if seeds > 1 else "")
                behind = "best" if row is rows[0] and seeds > 1 and len(rows) > 1 else ""
                if row.behind is not None:
                    middle, (low, high) = abs(sum(row.behind) / 2), row.behind
                    behind = f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"
                lines.append((row.name, peak, score, behind))
        widths = [max(len(line[column]) for line in lines) for column in range(4)]
        widths[:2] = [width + 1 for width in widths[:2]]
        text = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]
        text.insert(1, "-" * max(map(len, text)))
        if seeds > 1:
            over = f"the mean of {seeds} seeds ± their standard deviation"
            text.append(f"{monitor} is that after the last of {self.epochs} epochs: {over}.")
        if seeds > 1 and len(rows) > 1:
            text.append("Behind the best: the mean of the differences with the same seed, and an interval of 95 %.")
        if not all(row.is_sure for row in rows if row.runs):
            text.append("?: the tuning of this peak had doubts.")
        return "\n".join(text)

    def answer(self) -> str:
        """What to use, and how sure that is."""
        best, others = self.best, self.rows[1:]
        if best is None:
            return "Every policy diverged, so none can be recommended. See whether the data is finite; lower the peak."
        peak = "" if best.peak is None else f" with a peak of {best.peak:g}"
        text = f"Use {best.policies[0]}{peak}: {self.judge.monitor} {best.mean:.{self._digits()}f}."
        if not others:
            return f"{text} There is nothing to compare it with."
        tied = [row.name for row in others if row.is_tied]
        worse = [row.name for row in others if row.behind is not None and not row.is_tied]
        diverged = [row.name for row in others if math.isnan(row.mean)]
        if best.runs == 1:
            text += " With one seed nobody knows how much of that is chance: take 5 seeds."
        elif tied and not worse:
            text += f" But it can't be told from {_join(tied)}: take what is simplest, or more seeds."
        else:
            text += f" It is better than {_join(worse)}." if worse else ""
            text += f" It can't be told from {_join(tied)}." if tied else ""
        text += f" {_join(diverged)} diverged." if diverged else ""
        if 1 < best.runs < FEW and tied:
            text += f" {best.runs} seeds are few: with more, the intervals are narrower."
        return text

    def _digits(self) -> int:
        """Decimals that show two digits of the standard deviations, or four of the values with one seed."""
        spreads = [row.deviation for row in self.rows if row.deviation > 0]
        means = [abs(row.mean) for row in self.rows if math.isfinite(row.mean) and row.mean]
        if not spreads and not means:
            return 3
        digits = 1 - math.floor(math.log10(np.median(spreads))) if spreads else 3 - math.floor(math.log10(max(means)))
        return min(max(digits, 0), 6)

    def plot(self) -> Any:
        """Draw rates, training loss and the metric over the run, and return the Figure; needs matplotlib."""
        from ..plotting import Curves, plot_comparison

        by_name = {result.policy: result for result in self.results}
        curves = []
        for row in self.rows:
            runs = by_name[row.policies[0]].runs
            series = [[_padded(run, name, self.epochs) for run in runs] for name in ("loss", self.judge.monitor)]
            if runs:
                curves.append(Curves(row.name, np.array(runs[0].rate), *map(np.array, series)))
        return plot_comparison(curves, self.judge.monitor, self.judge.mode)

    def __repr__(self) -> str:
        parts = [self.table(), self.answer()]
        if self.code:
            parts += ["The code, where `x`, `y` and `model` are those that were compared:", self.code]
        return "\n\n".join(parts)

    def _repr_html_(self) -> str | None:
        from ..plotting.style import as_html

        return as_html(lambda: self.plot().axes[0], repr(self))


def _count(result: Result) -> int:
    return sum(run.diverged for run in result.runs)


def _padded(run: Run, name: str, epochs: int) -> list[float]:
    """A value for each epoch, NaN after the end of a run that ended early, and for one that diverged."""
    series = [] if run.diverged else run.history[name]
    return series + [math.nan] * (epochs - len(series))


def _join(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
