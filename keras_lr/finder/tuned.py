"""The result of tuning a peak: the policy to compile with, the trials behind it, and how sure it is."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from .range_test import RangeTest
from .search import STEP, for_longer, is_inside, vertex

LITTLE = 1 / 3  # of the first loss, for a trial to fall by
SURE = 2.0  # standard errors
LEVEL = 0.05  # of the fall of the loss, where it is to fall further: what differs less may change its order


@dataclasses.dataclass(frozen=True, eq=False)
class Trial:
    """A short training with the whole policy, and its result.

    Attributes:
        peak: The peak of the policy.
        updates: The number of updates.
        loss: The validation loss after the training; infinite if it diverged.
        batch_losses: The validation loss of each batch, an array.
    """

    peak: float
    updates: int
    loss: float
    batch_losses: np.ndarray = dataclasses.field(repr=False)

    def falls_little(self, first_loss: float) -> bool:
        """Whether the loss has fallen so little that it is no judge."""
        return first_loss - self.loss < LITTLE * abs(first_loss)

    def standard_error(self, other: Trial) -> float:
        """The standard error of the difference to the loss of another trial, from those of the batches; 0 for one."""
        count = min(len(self.batch_losses), len(other.batch_losses))
        if count < 2:
            return 0.0
        difference = self.batch_losses[:count] - other.batch_losses[:count]
        return float(np.std(difference, ddof=1) / math.sqrt(count))


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class TunedRate:
    """The result of `tune_learning_rate`: the peak of a policy, the policy with this peak, and the evidence.

    >>> import numpy as np, keras_lr as klr
    >>> rates, batches = np.geomspace(1e-5, 10, 100), np.zeros(4)
    >>> swept = klr.RangeTest.of(rates, [2 - 1.5 / (1 + (0.01 / rates) ** 1.5) + (rates / 2) ** 4])
    >>> losses = {0.01: 0.9, 0.1: 0.5, 1.0: 0.9}
    >>> trials = tuple(klr.finder.tuned.Trial(peak, 80, loss, batches + loss) for peak, loss in losses.items())
    >>> tuned = klr.TunedRate(klr.one_cycle, 1280, trials, swept, first_loss=2.0, cost=0.3)
    >>> tuned.peak  # 0.1 * (80 / 1280) ** 0.25
    0.05
    >>> tuned.schedule == klr.one_cycle(0.05, 1280)
    True

    Attributes:
        peak: The peak for the whole training, to two digits.
        schedule: The policy with this peak. Pass it to the optimizer.
        between: The smallest and the largest peak that may be as good.
        reliability: "good", or "poor" if there are `doubts`.
        doubts: Why the peak may be wrong, a tuple of texts.
        trials: The short trainings, sorted by peak: each with `peak`, `updates` and the validation `loss`.
        range_test: The range test before them, a `RangeTest`.
        steps: The updates of the whole training.
        first_loss: The loss before the training.
        cost: The cost of the tuning, in whole trainings. A batch that is only evaluated counts as a third of a batch.
    """

    policy: Any
    steps: int
    trials: tuple[Trial, ...]
    range_test: RangeTest
    first_loss: float
    cost: float

    @property
    def peak(self) -> float:
        return _rounded(for_longer(vertex(self._losses), self.trials[0].updates, self.steps))

    @property
    def schedule(self) -> Any:
        return self.policy(self.peak, self.steps)

    @property
    def between(self) -> tuple[float, float]:
        best = self._best
        fall = self.first_loss - best.loss
        small = LEVEL * fall if fall < abs(self.first_loss) / 2 else 0.0
        level = [t.peak for t in self.trials if t.loss - best.loss <= max(SURE * t.standard_error(best), small)]
        factor, half = self.peak / vertex(self._losses), math.sqrt(STEP)
        return _rounded(min(level) * factor / half), _rounded(max(level) * factor * half)

    @property
    def doubts(self) -> tuple[str, ...]:
        found, best, updates = [], self._best, self.trials[0].updates
        if not is_inside(self._losses):
            found.append(f"the lowest loss is that of the last peak tried, {best.peak:.2g}")
        if len(best.batch_losses) < 2:
            found.append("one batch of validation data says little")
        elif self.between[1] / self.between[0] > 30:
            found.append("peaks far apart are level: their losses hardly differ, or by no more than their noise")
        if best.falls_little(self.first_loss):
            found.append(f"the loss falls little in {updates} updates, from {self.first_loss:.3g} to {best.loss:.3g}")
        if updates < 40:
            found.append(f"{updates} updates are few to judge by")
        return tuple(found)

    @property
    def reliability(self) -> str:
        return "poor" if self.doubts else "good"

    @property
    def _best(self) -> Trial:
        return min(self.trials, key=lambda trial: trial.loss)

    @property
    def _losses(self) -> dict[float, float]:
        return {trial.peak: trial.loss for trial in self.trials}

    def plot(self, **options: Any) -> Any:
        """Draw the losses of the trials and the peak, and return the Axes; see `plotting.plot_tuned_rate`."""
        from ..plotting import plot_tuned_rate

        return plot_tuned_rate(self, **options)

    def __repr__(self) -> str:
        low, high = self.between
        name, updates = getattr(self.policy, "__name__", type(self.policy).__name__), self.trials[0].updates
        lines = [
            f"TunedRate: a peak of {self.peak:g} for {self.steps:,} updates",
            f"  use         optimizer(learning_rate=tuned.schedule), which is {name}({self.peak:g}, {self.steps})",
            f"  reliability {self.reliability}; from {low:g} to {high:g} it may be as good",
            *(f"  doubt       {doubt}" for doubt in self.doubts),
            f"  trials      the whole policy in {updates} updates, validation loss:",
        ]
        for trial in self.trials:
            loss = "diverged" if math.isinf(trial.loss) else f"{trial.loss:.4g}"
            lines.append(f"    {trial.peak:<9.3g} {loss}" + "  lowest" * (trial is self._best))
        shorter = "longer trainings want lower peaks" if updates < self.steps else ""
        lines.append(f"  peak        {vertex(self._losses):.2g} * ({updates} / {self.steps}) ** 0.25: {shorter}")
        lines.append(f"  cost        {self.cost:.2f} of the whole training")
        return "\n".join(lines)

    def _repr_html_(self) -> str | None:
        from ..plotting.style import as_html

        return as_html(self.plot, repr(self))


def _rounded(value: float) -> float:
    return float(f"{value:.2g}")
