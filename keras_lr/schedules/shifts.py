"""Schedules at another time: delayed, advanced, stretched or as a staircase."""

from __future__ import annotations

from typing import Any, ClassVar

from .arguments import Member
from .base import Schedule, schedule
from .exact import exact, positive
from .spans import Length
from .step import Step


@schedule
class PerUpdate(Schedule):
    """A schedule that counts updates where Keras counts batches: `schedule` at `floor(t / batches)`.

    An optimizer with `gradient_accumulation_steps=n` makes one update for n batches, but Keras passes its schedule
    the number of batches. The callbacks of keras_lr wrap the schedule of such an optimizer automatically.

    >>> from keras_lr import Table
    >>> PerUpdate(Table([0.1, 0.01]), batches=2).values(5)
    array([0.1 , 0.1 , 0.01, 0.01, 0.01])

    Args:
        schedule: A schedule of the updates.
        batches: Batches per update, an integer > 0.
    """

    schedule: Member
    batches: int

    def at(self, step: Step) -> Any:
        return self.schedule.at(step.at(step.count(self.batches), is_whole=True))

    def bind(self, *, steps_per_epoch: Any = None, epochs: Any = None, batch_size: Any = None) -> PerUpdate:
        """As `Schedule.bind`, from the batches per epoch and the examples per batch."""
        inner = self.schedule.bind(
            steps_per_epoch=steps_per_epoch and positive("steps_per_epoch", steps_per_epoch) / self.batches,
            epochs=epochs,
            batch_size=batch_size and positive("batch_size", batch_size) * self.batches,
        )
        return PerUpdate(inner, self.batches)


@schedule
class Delay(Schedule):
    """A schedule that starts later: `schedule` at `t - steps`, and its first value until then.

    >>> from keras_lr import Linear
    >>> Delay(Linear(0.4, 0.0, steps=4), steps=2).values(6)
    array([0.4, 0.4, 0.4, 0.3, 0.2, 0.1])

    Args:
        schedule: A schedule, also of Keras, or a number >= 0.
        steps: The length of the delay: an integer >= 0 or a span.
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
        schedule: A schedule, also of Keras, or a number >= 0.
        steps: The length of the part left out: an integer >= 0 or a span.
    """

    schedule: Member
    steps: Length

    may_be_zero: ClassVar = ("steps",)

    def at(self, step: Step) -> Any:
        return self.schedule.at(step.ahead(self.steps))


@schedule
class Staircase(Schedule):
    """A schedule that changes only every `steps` steps: `schedule` at `steps * floor(t / steps)`.

    For a rate that changes once per epoch, as in libraries that step their scheduler once per epoch:

    >>> from keras_lr import Cosine, epochs
    >>> rate = Staircase(Cosine(0.1, 0.0, steps=epochs(2)), steps=epochs(1))
    >>> rate.bind(steps_per_epoch=3).values(8)
    array([0.1 , 0.1 , 0.1 , 0.05, 0.05, 0.05, 0.  , 0.  ])

    Args:
        schedule: A schedule, also of Keras, or a number >= 0.
        steps: The length of a staircase step: an integer > 0 or a span.
    """

    schedule: Member
    steps: Length

    def at(self, step: Step) -> Any:
        return self.schedule.at(step.staircase(self.steps))


@schedule
class Stretch(Schedule):
    """A whole schedule made longer or shorter: `schedule` at `t / ratio`.

    >>> from keras_lr import warmup_cosine
    >>> full = warmup_cosine(0.4, steps=20)
    >>> bool((Stretch(full, 0.5).values(11).round(4) == full.values(21)[::2].round(4)).all())
    True

    Args:
        schedule: A schedule, also of Keras, or a number >= 0.
        ratio: How many times as long the schedule takes, a number > 0.

    Source: the `scale_schedule_ratio` of composer.
    """

    schedule: Member
    ratio: float

    def prepare(self) -> None:
        self._store("_ratio", exact(self.ratio))

    def at(self, step: Step) -> Any:
        return self.schedule.at(step.stretched(self._ratio))
