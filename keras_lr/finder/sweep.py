"""One pass of a hyperparameter from its minimum to its maximum, and the loss of each value."""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from ..optimizers.inspection import batches_seen, given_rate, leaves
from ..optimizers.layerwise import Scaled
from ..optimizers.mixin import FACTOR, ScheduledMixin, swap
from ..optimizers.scheduled import scheduled
from ..schedules.base import Schedule
from ..schedules.compose import Sequence
from ..schedules.curves import Constant
from ..schedules.decays import Exponential
from ..schedules.shifts import PerUpdate


class Recorder(keras.metrics.Metric):
    """The losses of a sweep in variables of the compiled step: nothing comes back to Python at each of them."""

    def __init__(self, points: int, begin: int, batches: int):
        super().__init__(name="range_test", dtype="float32")
        self.points, self.begin, self.batches = points, begin, batches
        self.total = self.add_variable([points], "zeros", name="total")
        self.count = self.add_variable([points], "zeros", name="count")

    def update_state(self, step: Any, loss: Any) -> None:
        """Add the loss of a batch to those of its update: `step` counts batches, also those that update nothing."""
        ops = keras.ops
        update = ops.floor_divide(ops.convert_to_tensor(step), self.batches) - self.begin // self.batches
        here = ops.equal(ops.arange(self.points, dtype="int32"), ops.cast(update, "int32"))
        total, count = ops.convert_to_tensor(self.total), ops.convert_to_tensor(self.count)
        # `where` and no product: a NaN must not reach the losses before it.
        self.total.assign(ops.where(here, total + ops.cast(loss, "float32"), total))
        self.count.assign(ops.where(here, count + 1.0, count))

    def result(self) -> Any:
        return keras.ops.sum(self.total)

    def losses(self) -> np.ndarray:
        """The loss of each update so far."""
        total, count = (np.array(keras.ops.convert_to_numpy(v.value), "float64") for v in (self.total, self.count))
        done = int(np.argmin(count > 0)) if (count == 0).any() else len(count)
        return total[:done] / count[:done]


class Watch(keras.callbacks.Callback):
    """Looks at the losses every few steps, and ends the sweep when it is over."""

    def __init__(self, recorder: Recorder, clock: Any, end: int, is_over: Callable[[np.ndarray], bool]):
        super().__init__()
        self.recorder, self.clock, self.end, self.is_over = recorder, clock, end, is_over
        self.batches = 0.0

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        model = self.model  # first: on JAX this brings the variables up to date
        batches = float(np.sum(keras.ops.convert_to_numpy(self.recorder.count.value)))
        no_data = batches == self.batches
        self.batches = batches
        if self.is_over(self.recorder.losses()) or no_data or batches_seen(self.clock) >= self.end:
            model.stop_training = True


def sweep(
    model: Any, name: str, values: np.ndarray, data: dict[str, Any], is_over: Callable[[np.ndarray], bool]
) -> np.ndarray:
    """Train a built model while `name` runs through `values`, a geometric series; the loss of each value.

    What it does to the model is for `borrowed` to give back.
    """
    optimizer = model.optimizer
    with scope(model):
        if not optimizer.built:
            optimizer.build(model.trainable_variables)
        parts = leaves(optimizer)
        clock = next((part for part in parts if getattr(part, "_trainable_variables", ())), parts[0])
        batches = math.lcm(*(part.gradient_accumulation_steps or 1 for part in parts))
        begin = batches_seen(clock)
        recorder = Recorder(len(values), begin, batches)
    first, last = begin // batches, begin // batches + len(values)
    rise = _series(values, first)
    schedule: Schedule = rise if batches == 1 else PerUpdate(rise, batches)
    if name == "learning_rate":
        for part, share in zip(parts, _shares(parts), strict=True):
            _follow(part, schedule if share == 1 else Scaled(schedule, share))
    else:
        scheduled(optimizer, **{name: schedule})
    own = vars(model)  # past Keras' own tracking, so that it can be taken back
    own["_compile_metrics"] = None  # the user's metrics would cost time
    own["train_step"] = _recording(model, model.train_step, recorder, clock)
    own["train_function"] = None
    if keras.backend.backend() == "jax":  # where a step sees only what some object has given it
        list.extend(clock._variables, recorder.variables)
    size = _chunk(last * batches - begin)
    with warnings.catch_warnings():
        # Data that is shorter than the sweep begins anew.
        warnings.filterwarnings("ignore", "Your input ran out of data")
        warnings.filterwarnings("ignore", "`shuffle=True` was passed")  # by default
        model.fit(
            **data,
            steps_per_epoch=size,
            epochs=3 * math.ceil((last * batches - begin) / size) + len(values),
            callbacks=[Watch(recorder, clock, last * batches, is_over)],
            verbose=0,
        )
    return recorder.losses()


def _series(values: np.ndarray, first: int) -> Schedule:
    """The values one after the other from the update `first` on."""
    rise = Exponential(float(values[0]), float(values[-1] / values[0]), steps=len(values) - 1, end=float(values[-1]))
    return Sequence([Constant(float(values[0])), rise], boundaries=[first]) if first else rise


def _follow(part: Any, schedule: Schedule) -> None:
    part._learning_rate = schedule
    if isinstance(part, ScheduledMixin):
        swap(part, {})
        if FACTOR in part._book.cells:  # reductions are not part of the question
            part._book.cells[FACTOR].assign(1.0)


def _shares(parts: list[Any]) -> list[float]:
    """The rate of each optimizer relative to the largest one: layer-wise rates stay so in the sweep."""
    rates = [given_rate(part) for part in parts]
    if all(isinstance(rate, keras.Variable) for rate in rates):
        sizes = [float(keras.ops.convert_to_numpy(rate.value)) for rate in rates]
    else:
        rates = [rate.schedule if isinstance(rate, PerUpdate) else rate for rate in rates]
        sizes = [rate.multiplier if isinstance(rate, Scaled) else 1.0 for rate in rates]
    return [size / max(sizes) for size in sizes] if max(sizes) > 0 else [1.0] * len(sizes)


def _recording(model: Any, step: Any, recorder: Recorder, clock: Any) -> Any:
    """The training step of the model, which also writes down the loss of each batch by itself.

    The metrics begin anew at each step, so that their `loss` is no running mean. So it is with a
    `train_step` of one's own, whatever it keeps its loss in.
    """
    if keras.backend.backend() != "jax":

        def train_step(data: Any) -> Any:
            model.reset_metrics()
            count = keras.ops.copy(keras.ops.convert_to_tensor(clock._iterations))
            logs = step(data)
            recorder.update_state(count, _loss(model, logs))
            return logs

        return train_step

    def stateless_step(state: Any, data: Any) -> Any:
        trainable, other, optimizer, metrics = state
        with keras.StatelessScope(list(zip(model.metrics_variables, metrics, strict=True))) as scope:
            model.reset_metrics()
        metrics = [scope.get_current_value(variable) for variable in model.metrics_variables]
        mine = model.optimizer.variables
        count = next(value for value, variable in zip(optimizer, mine, strict=True) if variable is clock._iterations)
        logs, (trainable, other, optimizer, metrics) = step((trainable, other, optimizer, metrics), data)
        with keras.StatelessScope(list(zip(mine, optimizer, strict=True))) as scope:
            recorder.update_state(count, _loss(model, logs))
        return logs, (trainable, other, [scope.get_current_value(variable) for variable in mine], metrics)

    return stateless_step


def _loss(model: Any, logs: dict[str, Any]) -> Any:
    if "loss" not in logs:
        raise ValueError(
            f"The `train_step` of `{type(model).__name__}` returns no `loss`, so there is nothing to compare the rates "
            f"by. Have it return the loss to watch under that name. Received: {sorted(logs)}"
        )
    return logs["loss"]


def _chunk(batches: int) -> int:
    """How many batches lie between two looks at the losses: about ten, and few left over at the end."""
    return min(batches, min(range(8, 16), key=lambda size: (-batches % size, abs(size - 10))))


def scope(model: Any) -> Any:
    """Where variables of the model must be made."""
    return model.distribute_strategy.scope() if keras.backend.backend() == "tensorflow" else contextlib.nullcontext()
