"""The base class of rules: a value that adapts to the training, computed in each update of the optimizer."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar, get_type_hints, overload

from ..schedules.errors import without_internal_frames
from ..schedules.frozen import dataclass_transform
from ..schedules.interrupted_fit import keep_state
from ..schedules.settings import Settings, register
from .checks import check_class, check_state
from .vector import Vector

FIRST_MOMENT_FACTOR, SECOND_MOMENT_FACTOR = "first_moment_factor", "second_moment_factor"

State = Mapping[str, Any]
_Rule = TypeVar("_Rule", bound="Rule")


class Signals:
    """What a rule sees of one update, all in float32; a function is called when its value is asked for.

    Attributes:
        gradients: The gradients of the update: accumulated, summed over replicas, clipped.
        weights: The weights before the update.
        learning_rate: The learning rate of the update, a scalar. For a rule of the learning rate, the value of its
            schedule.
        first_moments: The velocity of `SGD` or the averaged gradients of `Adam`, before the update; `None` if the
            optimizer has none.
        second_moments: The averages of squared gradients before the update; `None` if the optimizer has none.
        initial_weights: The weights before the first update of the rule; `None` unless `keeps_initial_weights`.
        updates: The number of this update, 1 for the first one of the optimizer.
        hyperparameters: The `"momentum"`, `"beta_1"`, `"beta_2"` and `"epsilon"` that the optimizer has.
    """

    gradients: Vector
    weights: Vector
    learning_rate: Any
    first_moments: Any
    second_moments: Any
    initial_weights: Any
    updates: Any
    hyperparameters: Mapping[str, Any]

    def __init__(self, **values: Any):
        self._values = {"initial_weights": None} | values

    def __getattr__(self, name: str) -> Any:
        if name not in vars(self).get("_values", ()):
            raise AttributeError(f"`signals` has no `{name}`. It has {', '.join(get_type_hints(type(self)))}.")
        value = self._values[name]
        setattr(self, name, value() if callable(value) else value)
        return getattr(self, name)


@overload
@dataclass_transform(frozen_default=True, eq_default=False, field_specifiers=(dataclasses.field,))
def rule(cls: type[_Rule]) -> type[_Rule]: ...
@overload
def rule(*, package: str | None = None) -> Callable[[type[_Rule]], type[_Rule]]: ...
def rule(cls: Any = None, *, package: str | None = None) -> Any:
    """Turn a class into a `Rule`: its annotated fields are the arguments, `update` is the formula.

    The class gets checked arguments, config, `==`, hash, repr and pickle. It is registered with Keras, so that a saved
    model finds it by name.

    >>> import keras, keras_lr as klr
    >>> @klr.rule(package="my_project")
    ... class AdaGradNorm(klr.Rule):
    ...     '''rate = schedule / sqrt(1 + |g_1|**2 + ... + |g_t|**2)'''
    ...     schedule: klr.Schedule = 1.0
    ...     optimizers = ("SGD",)
    ...
    ...     def initial_state(self):
    ...         return {"squares": 1.0}
    ...
    ...     def update(self, state, signals):
    ...         squares = state["squares"] + signals.gradients.dot(signals.gradients)
    ...         return {"squares": squares}, 1 / keras.ops.sqrt(squares)
    >>> optimizer = klr.scheduled(keras.optimizers.SGD(), learning_rate=AdaGradNorm(0.5))

    `docs/adding-a-rule.md` explains it.

    Args:
        cls: A subclass of `Rule` that defines `update`. A rule of the learning rate has a field `schedule`.
        package: The package of the class in saved models, by default `"Custom"`.

    Raises:
        TypeError: The class is not a `Rule`, has no `update`, or an attribute is not what it should be.
    """
    if cls is None:
        return functools.partial(rule, package=package)
    if not (isinstance(cls, type) and issubclass(cls, Rule)) or cls.update is Rule.update:
        raise TypeError(
            f"`@rule` takes a subclass of `Rule` that defines `update(self, state, signals)`. Received: {cls!r}"
        )
    cls = register(cls, package)
    check_class(cls)
    return cls


class Rule(Settings):
    """A hyperparameter that is computed from the gradients, in each update of the optimizer.

    Pass it to `scheduled` or `set_learning_rate`. If it has a `schedule`, this multiplies the value: the rule
    determines the scale, the schedule the shape.

    >>> import keras, keras_lr as klr
    >>> rule = klr.Prodigy(klr.Cosine(1.0, 0.0, steps=klr.epochs(20)))
    >>> isinstance(rule, klr.Rule)
    True
    >>> optimizer = klr.scheduled(keras.optimizers.Adam(), learning_rate=rule)

    To write your own, decorate a subclass with `@rule`, which turns its fields into arguments. The optimizer keeps
    the state, which is saved with the model.
    """

    hyperparameters: ClassVar[tuple[str, ...]] = ("learning_rate",)
    """The names of the hyperparameters that the rule can set."""
    optimizers: ClassVar[tuple[str, ...]] = ()
    """The names of the optimizer classes that the rule supports, including their subclasses; if empty, all."""
    slots: ClassVar[tuple[str, ...]] = ()
    """The names of state in the shape of the weights, which starts at 0."""
    keeps_initial_weights: ClassVar[bool] = False
    """Whether `signals` has the initial weights, which takes memory for one value per weight."""
    reported: ClassVar[tuple[str, ...]] = ()
    """The names of the scalar state that `Monitor` records."""

    def initial_state(self) -> dict[str, float]:
        """The scalar state by name, with its initial values; by default there is none.

        State named `first_moment_factor` or `second_moment_factor` multiplies the moments of the optimizer before the
        update.
        """
        return {}

    def initial_value(self) -> float:
        """The value before the first update."""
        return 0.0

    def update(self, state: State, signals: Signals) -> tuple[State, Any]:
        """The new state and the value for this update, computed by `keras.ops`.

        Args:
            state: The state by name: scalars as tensors, `slots` as `Vector`s.
            signals: The gradients and other data of the update.
        """
        raise NotImplementedError

    def __init__(self, *_: Any, **__: Any):
        raise TypeError(f"`{type(self).__name__}` must be decorated by `@keras_lr.rule`, which makes its arguments.")

    @property
    def where_it_goes(self) -> str:
        """What errors say where the rule was passed elsewhere."""
        return f"Pass rules to `keras_lr.scheduled`, as in `scheduled(optimizer, {self.hyperparameters[0]}=rule)`."

    def __call__(self, *_: Any, **__: Any) -> Any:
        """Raise an error that says where to pass the rule. With this method, Keras accepts it as a learning rate."""
        keep_state()
        raise TypeError(f"A rule needs the gradients and can't be called. {self.where_it_goes} Received: {self!r}")

    @without_internal_frames
    def __post_init__(self) -> None:
        self._validate()
        self.check()
        check_state(self)
