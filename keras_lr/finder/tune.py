"""Tunes the peak of a policy by short trainings of it, and restores the model: `tune_learning_rate`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..schedules import arguments
from ..schedules.hints import with_hints
from ..schedules.policies.one_cycle import one_cycle
from .data import Data, batches_per_epoch, hold_out, read_data, with_batch_size
from .find import check_model, sweep
from .policy import Policy
from .preserved import reseed_tensorflow, snapshot_random_states
from .progress import Progress
from .range_test import RangeTest
from .recommendation import below_divergence
from .search import climb, nearest
from .training import ShortTrainings, restoring, updates_of
from .tuned import Trial, TunedRate

OWNER = "tune_learning_rate"
FEWEST = 40  # updates of a training whose peak can be tuned
PEAKS = 5  # at most


class NothingTrains(ValueError):
    """No peak leads to a finite loss."""


@with_hints
def tune_learning_rate(
    model: Any,
    x: Any,
    y: Any = None,
    *,
    epochs: int,
    schedule: Callable[[float, int], Any] = one_cycle,
    validation_data: Any = None,
    validation_split: float | None = None,
    batch_size: int | None = None,
    steps_per_epoch: int | None = None,
    sample_weight: Any = None,
    class_weight: Any = None,
    shuffle: bool = True,
    verbose: Any = "auto",
) -> TunedRate:
    """Choose the peak of a policy by the validation loss of short trainings with the whole policy.

    >>> import keras, numpy as np, keras_lr as klr
    >>> keras.utils.set_random_seed(0)
    >>> x = np.random.normal(size=[512, 3]).astype("float32")
    >>> y = np.tanh(x.sum(axis=1))
    >>> model = keras.Sequential([keras.Input([3]), keras.layers.Dense(8, activation="tanh"), keras.layers.Dense(1)])
    >>> model.compile(optimizer=keras.optimizers.SGD(0.01, momentum=0.9), loss="mse")
    >>> fit = {"batch_size": 16, "epochs": 20, "validation_split": 0.2}
    >>> tuned = klr.tune_learning_rate(model, x, y, **fit, schedule=klr.one_cycle, verbose=0)
    >>> 0.01 < tuned.peak < 1 and tuned.cost < 0.9
    True
    >>> model.compile(optimizer=keras.optimizers.SGD(tuned.schedule, momentum=0.9), loss="mse")

    It costs 0.35 to 0.6 of a training of 1,000 updates or more, and 0.8 of one of 300; `cost` of the result has the
    exact figure. If the result is unsure, its `doubts` say why. As after `find_learning_rate`, everything is restored,
    bit for bit, also if it is interrupted.

    1. A range test finds roughly where the peak is.
    2. Three peaks around it, a factor of 3.2 apart, are compared by short trainings with the whole policy from the
       same start. A short training has a twelfth of the updates, but at least 80 or an eighth, whichever is less. If
       the first one hardly lowers the loss, all are half as long again, with higher peaks.
    3. While the lowest loss is at an end, the next peak is tried, up to five in all. A peak that diverges is bad.
    4. A parabola through the losses, by the logarithm of the peak, has its lowest point at the best peak for this
       length. The peak for the whole training is `(short / long) ** 0.25` times that, because longer trainings need
       lower peaks.

    Short trainings average the statistics of BatchNormalization over a shorter time.

    Args:
        model: A compiled model. The settings of its optimizer are used, except the learning rate.
        x, y, batch_size, sample_weight, class_weight, shuffle: As for `fit`, except that generators don't work.
        epochs, steps_per_epoch: The length of the whole training, as for `fit`: integers > 0, for at least 40 updates.
        schedule: The policy, a function of a peak and a number of steps: `keras_lr.one_cycle`,
            `keras_lr.warmup_cosine`, `keras.optimizers.schedules.CosineDecay`, or your own, such as
            `lambda peak, steps: keras_lr.flat_cosine(peak, steps, decay=0.3)`, or `lambda peak, steps: peak` for a
            constant rate.
        validation_data, validation_split: The data that decides, as for `fit`; one of them is required. Of this data,
            at most as many examples are used as a short training has.
        verbose: 0 for no progress bar.

    Returns:
        A `TunedRate` with `schedule`, `peak`, `reliability`, `trials`, `cost` and `plot()`.

    Raises:
        TypeError, ValueError: An argument breaks its rule, or no peak leads to a finite loss.

    Source: the best peak falls with a power of the length, Bjorck et al., Scaling Optimal LR Across Token
    Horizons, 2024 (arXiv 2409.19913); the power 1/4 and the rest are from `benchmarks/tuner.py`.
    """
    check_model(OWNER, model, "learning_rate")
    data = read_data(OWNER, x, y, batch_size, sample_weight, class_weight)
    data, held = hold_out(OWNER, data | {"shuffle": shuffle}, validation_data, validation_split)
    in_epoch = _batches(data, steps_per_epoch) / updates_of(model)
    if not in_epoch:
        arguments.reject(OWNER, "x", "data with at least one batch", x)
    data = with_batch_size(data, steps_per_epoch)
    held = with_batch_size(held | {"batch_size": data["batch_size"]})
    if not arguments.is_integer(epochs) or epochs * in_epoch < FEWEST:
        arguments.reject(OWNER, "epochs", f"an integer that is enough for {FEWEST} updates, {in_epoch:g} each", epochs)
    steps = int(epochs * in_epoch)
    known = {"steps_per_epoch": max(1, int(in_epoch)), "epochs": int(epochs), "batch_size": data["batch_size"]}
    policy = Policy(OWNER, schedule, steps, **known)
    updates = 10 * round(max(steps / 12, min(80, steps / 8)) / 10) or 10
    longer = 3 * updates // 2 if steps > 11 * updates else updates
    rates = np.geomspace(1e-6, 10, min(100, max(60, steps // 10)))
    bar = Progress(len(rates) + 3 * updates, verbose)

    def tune() -> TunedRate:
        short = _Trials(model, max(longer, len(rates)), data, held, policy, bar)
        test = RangeTest.of(rates, [sweep(short.trainings, "learning_rate", rates, bar)])
        first, middle = float(np.mean(test.losses[:5])), nearest(test.recommended.peak or 0.01)
        probe, trials, length = short.train(middle, updates), {}, updates
        if probe.falls_little(first):  # too short, or too low a peak: where the loss falls slowly, high peaks are best
            middle, length = max(middle, nearest(below_divergence(test.rates, test.stopped) or middle)), longer
        if (probe.peak, probe.updates) == (middle, length):
            trials[middle] = probe

        def loss_of(peak: float) -> float:
            if peak not in trials:
                trials[peak] = short.train(peak, length)
            return trials[peak].loss

        if math.isinf(min(climb(middle, loss_of, PEAKS).values())):
            raise NothingTrains(
                f"The validation loss is not finite for any peak from {max(trials):.2g} down to "
                f"{min(trials):.2g}. Check that the data and the first loss are finite. Received: loss={first}"
            )
        by_peak = tuple(trials[peak] for peak in sorted(trials))
        return TunedRate(schedule, steps, by_peak, test, first, (len(test.losses) + short.cost) / steps)

    return restoring(OWNER, model, data, tune)


class _Trials:
    """Short trainings of a policy, one after the other, and what they cost in updates."""

    def __init__(self, model: Any, most: int, data: Data, held: Data, policy: Policy, bar: Progress):
        self.held, self.policy, self.bar, self.cost = held, policy, bar, 0.0
        self.trainings = ShortTrainings(model, "learning_rate", most, data)
        self.rewind = snapshot_random_states()  # each trial has the same data in the same order

    def train(self, peak: float, updates: int) -> Trial:
        """Train with the whole policy in so many updates, and evaluate."""

        def is_over(losses: np.ndarray) -> bool:
            shown = {"learning_rate": rates[len(losses) - 1], "peak": peak, "loss": losses[-1]} if len(losses) else {}
            self.bar.show(len(losses), shown)
            return not np.isfinite(losses).all()

        rates = self.policy.values(peak, updates)
        self.rewind()
        reseed_tensorflow()
        losses = self.trainings.train(rates, is_over)
        self.cost += len(losses)
        loss, batches = math.inf, np.empty(0)
        if np.isfinite(losses).all():
            loss, batches = self.trainings.evaluate(self.held, updates)
            self.cost += len(batches) / 3 / self.trainings.batches
        self.bar.add(updates)
        return Trial(peak, updates, loss if math.isfinite(loss) else math.inf, batches)


def _batches(data: Data, steps_per_epoch: Any) -> int:
    if steps_per_epoch is None:
        batches = batches_per_epoch(data)
        if batches is None:
            arguments.reject(OWNER, "steps_per_epoch", "given: the data does not say how many batches it has", None)
        return batches
    if not arguments.is_integer(steps_per_epoch) or steps_per_epoch < 1:
        arguments.reject(OWNER, "steps_per_epoch", "an integer > 0", steps_per_epoch)
    return int(steps_per_epoch)
