"""The base class of schedules: a frozen set of arguments and a formula for the value at a step."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, overload

import numpy as np
from keras.optimizers.schedules import LearningRateSchedule

from . import arguments
from .config import bound, spans_in
from .errors import without_internal_frames
from .evaluation import value_at, values_at
from .exact import is_integer
from .frozen import dataclass_transform
from .interrupted_fit import keep_state
from .ops import namespace
from .settings import Settings, register
from .spans import Span
from .step import Step
from .values import ArgumentAndMethod

if TYPE_CHECKING:
    from typing_extensions import Self

MOST_STEPS = 10**8  # a number n of steps for which `values` makes an array
_Schedule = TypeVar("_Schedule", bound="Schedule")


@overload
@dataclass_transform(frozen_default=True, eq_default=False, field_specifiers=(dataclasses.field,))
def schedule(cls: type[_Schedule]) -> type[_Schedule]: ...
@overload
def schedule(*, package: str | None = None) -> Callable[[type[_Schedule]], type[_Schedule]]: ...
def schedule(cls: Any = None, *, package: str | None = None) -> Any:
    """Turn a class into a `Schedule`: its annotated fields are the arguments, `at` is the formula.

    The class gets everything a schedule has: checked arguments, config, `==`, hash, repr, pickle, `values` and `bind`.
    It is registered with Keras, so that a saved model finds it by name.

    >>> import keras_lr as klr
    >>> @klr.schedule(package="my_project")
    ... class Reflected(klr.Schedule):
    ...     '''value = start * (1 - t / steps) / (1 - t / steps / 2)'''
    ...     start: float
    ...     steps: klr.Length
    ...
    ...     def at(self, step):
    ...         return self.start * step.left(self.steps) / (1 - step.done(self.steps) / 2)
    >>> Reflected(0.3, steps=10).values([0, 5, 10, 11]).round(6).tolist()
    [0.3, 0.2, 0.0, 0.0]

    Args:
        cls: A subclass of `Schedule` that defines `at(step)`.
        package: The package of the class in saved models, by default `"Custom"`.

    Raises:
        TypeError: The class is not a `Schedule` or has no `at`.
    """
    if cls is None:
        return functools.partial(schedule, package=package)
    if not (isinstance(cls, type) and issubclass(cls, Schedule)) or cls.at is Schedule.at:
        raise TypeError(f"`@schedule` takes a subclass of `Schedule` that defines `at(self, step)`. Received: {cls!r}")
    has_values = "values" in inspect.get_annotations(cls)
    if has_values and "values" not in vars(cls):
        cls.values = dataclasses.field()  # type: ignore[method-assign]  # else the method would become its default
    cls = register(cls, package)
    if has_values:
        cls.values = ArgumentAndMethod(Schedule.values)
    return cls


class Schedule(Settings, LearningRateSchedule):
    """A value as a function of the step, computed inside the compiled training step.

    Pass it wherever Keras takes a learning rate. The first update is t = 0. Below 0 a schedule has its first value,
    past its end its last one.

    >>> import keras_lr as klr
    >>> rate = klr.Linear(0.1, 0.0, steps=10)
    >>> float(rate(5))
    0.05000000074505806
    >>> rate.values([0, 5, 10, 99])
    array([0.1 , 0.05, 0.  , 0.  ])

    To write your own, decorate a subclass with `@schedule`, which turns its fields into arguments.
    """

    spans: ClassVar[tuple[Span, ...]] = ()
    """All spans in a unit other than steps, bound or not, the members' too."""
    _unbound: ClassVar[Span | None] = None
    autograph_info__: ClassVar[None] = None
    """TensorFlow's mark of what AutoGraph need not convert: it costs 0.1 ms a call, and loops go over many members."""

    def at(self, step: Step) -> Any:
        """The formula: the value at `step`, in the shape of the step."""
        raise NotImplementedError

    def prepare(self) -> None:
        """Store, by `_store`, what `at` needs and does not depend on the step. Called once all lengths are known."""

    @without_internal_frames
    def __post_init__(self) -> None:
        namespace()  # here, since torch can't compile the making of it
        self._validate()
        self._store("spans", tuple(span for name in self._names() for span in spans_in(getattr(self, name))))
        self._store("_unbound", next((span for span in self.spans if span.steps is None), None))
        self.check()
        if self.is_bound:
            self.prepare()

    def __call__(self, step: Any) -> Any:
        """The value at `step` as a float32 tensor in the shape of `step`.

        Args:
            step: Integers of any shape: a tensor, a variable, an array or a number.

        Raises:
            ValueError: A span is not bound yet.
        """
        if self._unbound is not None:
            keep_state()
        self._require_steps()
        return value_at(self, step)

    def values(self, steps: Any) -> np.ndarray:
        """The values at `steps` as a float64 array, computed by numpy alone: a million take milliseconds.

        Args:
            steps: Integers of any shape; the result has the same shape. A single number n means the steps 0 to n - 1.

        Raises:
            ValueError: A span is not bound yet, or `steps` are not integers.
        """
        self._require_steps()
        if is_integer(steps):
            if steps > MOST_STEPS:
                rule = f"at most {MOST_STEPS:,}, or an array of the steps of interest"
                arguments.reject("values", "steps", rule, steps)
            return values_at(self, max(int(steps), 0))
        try:
            array = np.asarray(steps)
        except Exception:  # lists of different lengths, and symbolic tensors
            array = np.asarray(None)
        if array.dtype.kind not in "iu" and array.size:
            arguments.reject("values", "steps", "an integer or integers", steps)
        return values_at(self, array)

    def bind(
        self,
        *,
        steps_per_epoch: int | Fraction | None = None,
        epochs: int | None = None,
        batch_size: int | Fraction | None = None,
    ) -> Self:
        """This schedule with its spans resolved to steps, including those of its members.

        >>> import keras_lr as klr
        >>> rate = klr.Intervals(klr.epochs(20, 60), [0.1, 0.01, 0.001])
        >>> rate.bind(steps_per_epoch=225).values([4499, 4500])
        array([0.1 , 0.01])

        The spans keep their units, so a bound schedule can be bound again with other numbers.

        Args:
            steps_per_epoch: Updates of the optimizer per epoch.
            epochs: Epochs of the whole run.
            batch_size: Examples per update.

        Raises:
            ValueError: A number that a span needs is missing or not > 0.
        """
        if not self.spans:
            return self
        known = {"steps_per_epoch": steps_per_epoch, "epochs": epochs, "batch_size": batch_size}
        return type(self)(**{name: bound(getattr(self, name), known) for name in self._names()})

    @property
    def is_bound(self) -> bool:
        """Whether all its spans are numbers of steps, so that it can be evaluated."""
        return self._unbound is None

    def plot(self, steps: Any = None, **options: Any) -> Any:
        """Draw the curve with matplotlib, over steps or epochs, and return its Axes; see `plotting.plot_schedules`."""
        from ..plotting import plot_schedules

        return plot_schedules({type(self).__name__: self}, steps, **options)

    def _repr_html_(self) -> str | None:
        from ..plotting.style import as_html

        return as_html(self.plot, repr(self))

    def _require_steps(self) -> None:
        if self._unbound is not None:
            raise ValueError(self._unbound.how_to_bind())
