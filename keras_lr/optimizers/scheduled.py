"""Any hyperparameter of an optimizer as a schedule or as a variable that can be set."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras.optimizers.schedules import LearningRateSchedule

from ..rules.adaptive_momentum import AdaptiveMomentum, hyperparameter_of
from ..schedules import arguments
from ..schedules.base import Schedule
from ..schedules.foreign import Foreign
from .inspection import build, follows_schedule, given_rate, leaves, per_update, replace_schedule, retrace, schedule_of
from .mixin import FACTOR, ScheduledMixin, swap

# What Keras reads anew in each step, by backend-neutral arithmetic alone. (Not `clipvalue` nor the l1 and l2 of
# `Ftrl`: on JAX they can't be variables.)
BELOW_ONE = ("adam_beta_1", "adam_beta_2", "beta_1", "beta_2", "ema_momentum", "momentum", "rho")
NAMES = (*BELOW_ONE, "adam_weight_decay", "clipnorm", "epsilon", "global_clipnorm", "learning_rate", "weight_decay")


def scheduled(optimizer: Any, *, correct_bias: bool | None = None, **hyperparameters: Any) -> Any:
    """Have hyperparameters of an optimizer follow schedules in the graph, or be variables that can be assigned.

    >>> import keras, keras_lr as klr
    >>> optimizer = klr.scheduled(
    ...     keras.optimizers.SGD(klr.one_cycle(0.4, steps=1000), momentum=0.9),
    ...     momentum=klr.Sequence([klr.Linear(0.95, 0.85, steps=300), klr.Linear(0.85, 0.95, steps=700)], [300]),
    ... )
    >>> isinstance(optimizer, keras.optimizers.SGD)
    True
    >>> optimizer = klr.scheduled(keras.optimizers.AdamW(0.001), weight_decay=True)
    >>> optimizer.weight_decay = 0.01  # takes effect in the next step, also in the middle of `fit`
    >>> float(optimizer.weight_decay)
    0.009999999776482582

    Keras bakes these numbers into the compiled step, where assigning them does
    nothing. The optimizer stays the same object; its class becomes a subclass of
    its own that keeps them in float32 variables, set once per update from their
    schedules. They are saved with the model. A file of the plain optimizer loads
    into the scheduled one with its moments and iterations.

    Schedules count updates, also under gradient accumulation.

    `Adam`, `AdamW` and `Adamax` divide by 1 - beta**t to correct the bias of their
    averages. With a beta that changes, the right divisor is 1 minus the product of
    the betas used, and that is what is taken. Keras and torch take the power of the
    last beta, which makes steps up to 10 times too large while beta_1 rises.

    Args:
        optimizer: A Keras optimizer, before or after `compile` and `build`; the
            optimizers inside a `LossScaleOptimizer` or `MultiOptimizer` are taken
            in hand where they have the hyperparameter. Once the model has been
            trained, pass the model: its compiled step is made anew.
        correct_bias: `False` to divide by the power of the last beta, as Keras
            does; `None` leaves it as it is, at first `True`.
        hyperparameters: By name: a schedule, a number, or `True` for a variable
            with the present number; for a momentum also `AdaptiveMomentum`.

    Returns:
        The optimizer.

    Raises:
        ValueError: The optimizer has no such hyperparameter; it can't be changed
            any more (a momentum that was 0 when the optimizer was built has no
            slots); a value is out of range. Nothing is changed then.
        TypeError: A value is none of the above.
    """
    if isinstance(optimizer, keras.Model):
        build(optimizer)
        scheduled(optimizer.optimizer, correct_bias=correct_bias, **hyperparameters)
        retrace(optimizer)
        return optimizer.optimizer
    parts = leaves(optimizer)
    having = {name: [part for part in parts if has(part, name)] for name in hyperparameters}
    read = {name: _read(name, value, optimizer, having[name]) for name, value in hyperparameters.items()}
    for part in parts:
        rate = read.get("learning_rate", True)
        if rate is not True:
            _set_rate(part, rate)
        chosen = {n: per_update(part, v) for n, v in read.items() if n != "learning_rate" and part in having[n]}
        swap(part, chosen, correct_bias)
    return optimizer


def set_learning_rate(model_or_optimizer: Any, value: Any) -> None:
    """Give a compiled, trained or loaded model another learning rate, keeping moments and iterations.

    >>> import keras, keras_lr as klr
    >>> model = keras.Sequential([keras.Input([3]), keras.layers.Dense(1)])
    >>> model.compile(optimizer=keras.optimizers.Adam(0.001), loss="mse")
    >>> klr.set_learning_rate(model, klr.Exponential(0.01, 0.5, steps=100))
    >>> klr.set_learning_rate(model, 0.002)
    >>> float(model.optimizer.learning_rate)
    0.0020000000949949026

    From a number to a schedule and back, at any time, also from a callback
    between two epochs. The schedule goes on at the step that the optimizer is at.
    Reductions by `PlateauReducer` so far were of the old rate, and are over.

    Args:
        model_or_optimizer: A compiled model, or an optimizer that is not yet part
            of a compiled training step; all optimizers inside it get the rate.
        value: A schedule, of this library or another, or a number >= 0.

    Raises:
        TypeError, ValueError: `value` is neither, or the model is not compiled.
    """
    is_model = isinstance(model_or_optimizer, keras.Model)
    optimizer = getattr(model_or_optimizer, "optimizer", None) if is_model else model_or_optimizer
    if not isinstance(optimizer, keras.optimizers.Optimizer):
        rule = "a compiled model or an optimizer"
        arguments.reject("set_learning_rate", "model_or_optimizer", rule, model_or_optimizer, error=TypeError)
    read = _read("learning_rate", value, optimizer, leaves(optimizer), owner="set_learning_rate")
    if is_model:
        build(model_or_optimizer)
    for part in leaves(optimizer):
        _set_rate(part, read)
    if is_model:
        retrace(model_or_optimizer)


def make_assignable(model: Any, name: str, owner: str) -> None:
    """Have `name` be a variable in every optimizer of the model, so that it can be set between two steps."""
    build(model)
    before = [type(part) for part in leaves(model.optimizer)]
    for part in leaves(model.optimizer):
        if follows_schedule(part, name):
            raise ValueError(
                f"`{owner}` can't set `{name}` of an optimizer where it follows a schedule. Compile with a number, as "
                "in `SGD(0.1)`, or leave the callback out; the schedule `keras_lr.Intervals` does what "
                f"`EpochIntervalSwitcher` does. Received: {name}={schedule_of(part, name)!r}"
            )
    if name != "learning_rate":
        scheduled(model.optimizer, **{name: True})
    if before != [type(part) for part in leaves(model.optimizer)]:
        retrace(model)


def assign(optimizer: Any, name: str, value: float) -> None:
    """Set a hyperparameter that is a variable, in every optimizer inside that has it."""
    for part in leaves(optimizer):
        if has(part, name):
            setattr(part, name, value)


def has(part: Any, name: str) -> bool:
    """Whether an optimizer has a hyperparameter that can be scheduled."""
    if name not in NAMES or not hasattr(part, name):
        return False
    value = part.__dict__.get(name, 0.0) if name != "learning_rate" else 0.0
    return name == "weight_decay" or isinstance(value, int | float)


def _read(name: str, value: Any, optimizer: Any, having: list[Any], owner: str = "scheduled") -> Any:
    if not having:
        known = sorted({known for part in leaves(optimizer) for known in NAMES if has(part, known)})
        rule = f"a hyperparameter of `{type(leaves(optimizer)[0]).__name__}`: {', '.join(known)}"
        arguments.reject(owner, name, rule, value)
    for part in having:
        slots = getattr(part, "momentums", None) or getattr(part, "_momentums", None)
        if name == "momentum" and part.built and not slots:
            arguments.reject(
                owner,
                name,
                "given before the optimizer is built with a momentum of 0",
                value,
                "It has no slots for one. Make a new optimizer with the momentum.",
            )
    if value is True and owner == "scheduled":
        return True
    if isinstance(value, AdaptiveMomentum):
        odd = [type(part).__name__ for part in having if hyperparameter_of(part) != name]
        if odd:
            rule = "a schedule or a number: the rule is for the momentum of SGD or the beta_1 of Adam alone"
            arguments.reject(owner, name, rule, value, f"The optimizer is `{odd[0]}`.")
        return value
    below_one = name in BELOW_ONE
    rule = "a schedule or a finite number >= 0" + " and < 1" * below_one + ", or True" * (owner == "scheduled")
    if isinstance(value, LearningRateSchedule):
        schedule = value if isinstance(value, Schedule) else Foreign(value)
        if below_one and schedule.is_bound and not isinstance(schedule, Foreign):
            worst = float(schedule.values(_probe()).max())
            if worst >= 1:
                arguments.reject(owner, name, "a schedule of values < 1", worst)
        return schedule
    try:
        number = arguments.number(value, minimum=0.0, below=1.0 if below_one else float("inf"))
    except TypeError:
        arguments.reject(owner, name, rule, value, error=TypeError)
    if number is None:
        arguments.reject(owner, name, rule, value)
    return number


def _probe() -> np.ndarray:
    """Steps near and far, to find a value out of range before training does."""
    return np.unique(np.concatenate([np.arange(1000), np.geomspace(1, 2**31 - 1, 1000).astype("int64")]))


def _set_rate(part: Any, value: Any) -> None:
    rate, schedule = given_rate(part), per_update(part, value)
    if isinstance(value, Schedule):
        if isinstance(rate, keras.Variable):
            part.learning_rate = schedule  # Keras' setter stops tracking the variable
        else:
            replace_schedule(part, "learning_rate", schedule)
    elif isinstance(rate, keras.Variable):
        rate.assign(value)
    else:
        _make_rate_variable(part, value)
    if isinstance(part, ScheduledMixin):
        swap(part, {})
        if FACTOR in part._book.cells:  # of reductions of the rate that was
            part._book.cells[FACTOR].assign(1.0)


def _make_rate_variable(part: Any, value: float) -> None:
    # As Keras' own constructor makes it, and where a loaded optimizer has it: second, after the iterations.
    part._learning_rate = keras.optimizers.SGD(float(value), name=part.name)._learning_rate  # tracked by being set
    part._variables.insert(1, part._variables.pop())
