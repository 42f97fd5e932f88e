"""Schedules at another time: later, earlier, stretched, or in stairs."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, ClassVar

from .arguments import Member
from .base import Schedule, schedule
from .spans import Length, in_steps
from .step import Step


@schedule
class PerUpdate(Schedule):
    """A schedule that counts updates where Keras counts batches: `schedule` at `t // batches`.

    An optimizer with `gradient_accumulation_steps=n` makes one update of n
    batches, but Keras hands its schedule the number of batches. `BindSpans`
    wraps the schedule of such an optimizer by itself.

    >>> from keras_lr import Table
    >>> PerUpdate(Table([0.1, 0.01]), batches=2).values(5)
    array([0.1 , 0.1 , 0.01, 0.01, 0.01])

    Args:
        schedule: A schedule of the index of the update.
        batches: Batches per update, an integer > 0.

    Raises:
        ValueError: An argument breaks its rule.
    """

    schedule: Member
    batches: int

    def at(self, step: Step) -> Any:
        return self.schedule.at(step.at(step.count(self.batches)))

    def bind(self, *, steps_per_epoch: Any = None, epochs: Any = None, batch_size: Any = None) -> PerUpdate:
        """`Schedule.bind`, from batches per epoch and examples per batch, as of a plain schedule."""
        inner = self.schedule.bind(
            steps_per_epoch=steps_per_epoch and Fraction(steps_per_epoch) / self.batches,
            epochs=epochs,
            batch_size=batch_size and batch_size * self.batches,
        )
        return PerUpdate(inner, self.batches)


@schedule
class Delay(Schedule):
    """A schedule that begins later: `schedule` at `t - steps`, its first value until then.

    >>> from keras_lr import Linear
    >>> Delay(Linear(0.4, 0.0, steps=4), steps=2).values(6)
    array([0.4, 0.4, 0.4, 0.3, 0.2, 0.1])

    Args:
        schedule: A schedule, Keras' own too, or a number.
        steps: How long it waits: an integer > 0 or a span.

    Raises:
        ValueError: An argument breaks its rule.
    """

    schedule: Member
    steps: Length

    may_be_zero: ClassVar = ("steps",)

    def at(self, step: Step) -> Any:
        return self.schedule.at(step.since(self.steps))


@schedule
class Skip(Schedule):
    """A schedule without its beginning: `schedule` at `t + steps`.

    >>> from keras_lr import Linear
    >>> Skip(Linear(0.4, 0.0, steps=4), steps=1).values(5)
    array([0.3, 0.2, 0.1, 0. , 0. ])

    Args:
        schedule: A schedule, Keras' own too, or a number.
        steps: How much is left out: an integer > 0 or a span.

    Raises:
        ValueError: An argument breaks its rule.
    """

    schedule: Member
    steps: Length

    may_be_zero: ClassVar = ("steps",)

    def at(self, step: Step) -> Any:
        return self.schedule.at(step.ahead(self.steps))


@schedule
class Staircase(Schedule):
    """A schedule that changes every `steps` steps only: `schedule` at `steps * floor(t / steps)`.

    What other libraries do when their scheduler is stepped once an epoch:

    >>> from keras_lr import Cosine, epochs
    >>> rate = Staircase(Cosine(0.1, 0.0, steps=epochs(2)), steps=epochs(1))
    >>> rate.bind(steps_per_epoch=3).values(8)
    array([0.1 , 0.1 , 0.1 , 0.05, 0.05, 0.05, 0.  , 0.  ])

    Args:
        schedule: A schedule, Keras' own too, or a number.
        steps: How long each stair is: an integer > 0 or a span.

    Raises:
        ValueError: An argument breaks its rule.
    """

    schedule: Member
    steps: Length

    def at(self, step: Step) -> Any:
        return self.schedule.at(step.at(step.count(self.steps) * float(in_steps(self.steps))))


@schedule
class Stretch(Schedule):
    """A whole schedule made longer or shorter: `schedule` at `t / ratio`.

    >>> from keras_lr import warmup_cosine
    >>> full = warmup_cosine(0.4, steps=20)
    >>> Stretch(full, 0.5).values(11).round(4) == full.values(21)[::2].round(4)
    array([ True,  True,  True,  True,  True,  True,  True,  True,  True,
            True,  True])

    Args:
        schedule: A schedule, Keras' own too, or a number.
        ratio: How many times as long, a number > 0.

    Raises:
        ValueError: An argument breaks its rule.

    Source: the `scale_schedule_ratio` of composer.
    """

    schedule: Member
    ratio: float

    def at(self, step: Step) -> Any:
        return self.schedule.at(step.stretched(self.ratio))
