"""Trains while a hyperparameter rises from its minimum to its maximum, and records the loss of each value."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from ..optimizers.accumulation import without_per_update
from ..optimizers.inspection import batch_count, configured_rate, inner_optimizers
from ..optimizers.layerwise import Scaled
from ..optimizers.learning_rate import reset_factor
from ..optimizers.scheduled import scheduled
from ..optimizers.variables import strategy_scope
from ..schedules.base import Schedule
from ..schedules.compose import Sequence
from ..schedules.curves import Constant
from ..schedules.decays import Exponential
from ..schedules.shifts import PerUpdate


class LossRecorder(keras.metrics.Metric):
    """Records the losses of a sweep in variables of the compiled step, so that no step returns to Python."""

    def __init__(self, points: int, begin: int, batches: int):
        super().__init__(name="range_test", dtype="float32")
        self.points, self.begin, self.batches = points, begin, batches
        self.total = self.add_variable([points], "zeros", name="total")
        self.count = self.add_variable([points], "zeros", name="count")

    def update_state(self, step: Any, loss: Any) -> None:
        """Add the loss of a batch to its update. `step` counts batches, also those that update nothing."""
        ops = keras.ops
        update = ops.floor_divide(ops.convert_to_tensor(step), self.batches) - self.begin // self.batches
        is_update = ops.equal(ops.arange(self.points, dtype="int32"), ops.cast(update, "int32"))
        total, count = ops.convert_to_tensor(self.total), ops.convert_to_tensor(self.count)
        # `where` instead of a product: a NaN must not reach the losses before it.
        self.total.assign(ops.where(is_update, total + ops.cast(loss, "float32"), total))
        self.count.assign(ops.where(is_update, count + 1.0, count))

    def result(self) -> Any:
        return keras.ops.sum(self.total)

    def losses(self) -> np.ndarray:
        """The loss of each update so far, the mean of its batches."""
        total, count = (np.array(keras.ops.convert_to_numpy(v), "float64") for v in (self.total, self.count))
        done = int(np.argmin(count > 0)) if (count == 0).any() else len(count)
        return total[:done] / count[:done]


class StopSweep(keras.callbacks.Callback):
    """Ends a sweep when it is over, checked every few steps.

    `counter` is the optimizer whose batches count.
    """

    def __init__(self, recorder: LossRecorder, counter: Any, end: int, is_over: Callable[[np.ndarray], bool]):
        super().__init__()
        self.recorder, self.counter, self.end, self.is_over = recorder, counter, end, is_over
        self.batches = 0.0

    def on_train_begin(self, logs: Any = None) -> None:
        self.numbers = self._numbers_of_optimizer()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        model = self.model  # first: on JAX this copies the current values into the variables
        batches = float(np.sum(keras.ops.convert_to_numpy(self.recorder.count)))
        no_data = batches == self.batches
        self.batches = batches
        if batches and self._numbers_of_optimizer() == self.numbers:
            raise ValueError(
                f"The `train_step` of `{type(model).__name__}` does not use `model.optimizer`, whose rate would be "
                "swept. Compile the model with the optimizer that updates its weights, as in "
                f"`Model.compile(model, optimizer)`. Received: {type(model.optimizer).__name__}"
            )
        if self.is_over(self.recorder.losses()) or no_data or batch_count(self.counter) >= self.end:
            model.stop_training = True

    def _numbers_of_optimizer(self) -> list[float]:
        """The iterations of the optimizer, its loss scale and its other scalars: it changes one even if it skips."""
        own = {id(variable) for variable in self.recorder.variables}
        scalars = [v for v in self.model.optimizer.variables if len(v.shape) == 0 and id(v) not in own]
        return [float(keras.ops.convert_to_numpy(variable)) for variable in scalars]


def sweep(
    model: Any, name: str, values: np.ndarray, data: dict[str, Any], is_over: Callable[[np.ndarray], bool]
) -> np.ndarray:
    """Train a built model while `name` runs through `values`, a geometric series; the loss of each value.

    It changes the model; `snapshot_model` restores it.
    """
    optimizer = model.optimizer
    with strategy_scope(model):
        if not optimizer.built:
            optimizer.build(model.trainable_variables)
        optimizers = inner_optimizers(optimizer)
        counter = next((one for one in optimizers if getattr(one, "_trainable_variables", ())), optimizers[0])
        batches = math.lcm(*(one.gradient_accumulation_steps or 1 for one in optimizers))
        begin = batch_count(counter)
        recorder = LossRecorder(len(values), begin, batches)
    first, last = begin // batches, begin // batches + len(values)
    rise = _geometric_schedule(values, first)
    schedule: Schedule = rise if batches == 1 else PerUpdate(rise, batches)
    if name == "learning_rate":
        for one, ratio in zip(optimizers, _relative_rates(optimizers), strict=True):
            one._learning_rate = schedule if ratio == 1 else Scaled(schedule, ratio)
            reset_factor(one)  # reductions are not part of the test
    else:
        scheduled(optimizer, **{name: schedule})
    attributes = vars(model)  # past Keras' tracking, so that they can be restored
    attributes["_compile_metrics"] = None  # the user's metrics would cost time
    attributes["train_step"] = _recording_step(model, model.train_step, recorder, counter)
    attributes["train_function"] = None
    if keras.backend.backend() == "jax":  # where a step has only the variables of the objects that it knows
        list.extend(counter._variables, recorder.variables)
    size = _batches_between_checks(last * batches - begin)
    with warnings.catch_warnings():
        # Data that is shorter than the sweep is used again.
        warnings.filterwarnings("ignore", "Your input ran out of data")
        warnings.filterwarnings("ignore", "`shuffle=True` was passed")  # by default
        model.fit(
            **data,
            steps_per_epoch=size,
            epochs=3 * math.ceil((last * batches - begin) / size) + len(values),
            callbacks=[StopSweep(recorder, counter, last * batches, is_over)],
            verbose=0,
        )
    return recorder.losses()


def _geometric_schedule(values: np.ndarray, first: int) -> Schedule:
    """The values one after the other from the update `first` on."""
    rise = Exponential(float(values[0]), float(values[-1] / values[0]), steps=len(values) - 1, end=float(values[-1]))
    return Sequence([Constant(float(values[0])), rise], boundaries=[first]) if first else rise


def _relative_rates(optimizers: list[Any]) -> list[float]:
    """The rate of each optimizer relative to the largest one, so that a sweep keeps layer-wise ratios."""
    rates = [configured_rate(optimizer) for optimizer in optimizers]
    if all(isinstance(rate, keras.Variable) for rate in rates):
        sizes = [float(keras.ops.convert_to_numpy(rate)) for rate in rates]
    else:
        rates = [without_per_update(rate) for rate in rates]
        sizes = [rate.multiplier if isinstance(rate, Scaled) else 1.0 for rate in rates]
    return [size / max(sizes) for size in sizes] if max(sizes) > 0 else [1.0] * len(sizes)


def _recording_step(model: Any, step: Any, recorder: LossRecorder, counter: Any) -> Any:
    """The training step of the model, extended to record the loss of each batch.

    It resets the metrics before each step, so that their `loss` is not a running mean. This also works
    for a `train_step` of the user's own, whatever that keeps its loss in.
    """
    if keras.backend.backend() != "jax":

        def train_step(data: Any) -> Any:
            model.reset_metrics()
            count = keras.ops.copy(keras.ops.convert_to_tensor(counter._iterations))
            logs = step(data)
            recorder.update_state(count, _loss(model, logs))
            return logs

        return train_step

    def stateless_step(state: Any, data: Any) -> Any:
        trainable, non_trainable, optimizer, metrics = state
        with keras.StatelessScope(list(zip(model.metrics_variables, metrics, strict=True))) as scope:
            model.reset_metrics()
        metrics = [scope.get_current_value(variable) for variable in model.metrics_variables]
        variables = model.optimizer.variables
        count = next(v for v, variable in zip(optimizer, variables, strict=True) if variable is counter._iterations)
        logs, state = step((trainable, non_trainable, optimizer, metrics), data)
        trainable, non_trainable, optimizer, metrics = state
        with keras.StatelessScope(list(zip(variables, optimizer, strict=True))) as scope:
            recorder.update_state(count, _loss(model, logs))
        optimizer = [scope.get_current_value(variable) for variable in variables]
        return logs, (trainable, non_trainable, optimizer, metrics)

    return stateless_step


def _loss(model: Any, logs: dict[str, Any]) -> Any:
    if "loss" not in logs:
        raise ValueError(
            f"The `train_step` of `{type(model).__name__}` returns no `loss`, so there is nothing to compare the rates "
            f"by. Have it return the loss to watch under that name. Received: {sorted(logs)}"
        )
    return logs["loss"]


def _batches_between_checks(batches: int) -> int:
    """How many batches to train between two checks of the losses: about ten, with few left over at the end."""
    return min(batches, min(range(8, 16), key=lambda size: (-batches % size, abs(size - 10))))
