"""Gives each update of a short training its value, and records its loss, both inside the compiled training step."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from ..optimizers.inspection import batch_count
from ..optimizers.variables import once_there_is_data


class LossRecorder(keras.metrics.Metric):
    """Records the losses of updates in variables of the compiled step, so that no step returns to Python.

    The `values` of the updates are variables, too, so that others need no new step. `begin` is the number of batches
    before the first update, `batches` that of an update.
    """

    def __init__(self, points: int, begin: int, batches: int):
        super().__init__(name="range_test", dtype="float32")
        self.points, self.begin, self.batches = points, begin, batches
        # Not a sum of those of the replicas, as metrics are: then each would have a part of the value.
        self.values = self.add_variable([points], "zeros", aggregation="mean", name="values")
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


class RecordedValues(keras.optimizers.schedules.LearningRateSchedule):
    """The `values` of a recorder as a schedule of updates; before the first and past the last it is that value."""

    def __init__(self, recorder: LossRecorder):
        super().__init__()
        self.recorder = recorder

    def __call__(self, step: Any) -> Any:
        ops, first = keras.ops, self.recorder.begin // self.recorder.batches
        index = ops.clip(ops.cast(step, "int32") - first, 0, self.recorder.points - 1)
        return ops.take(ops.convert_to_tensor(self.recorder.values), index)

    def get_config(self) -> dict[str, Any]:
        return {}  # so that an optimizer with it has a config; it is never saved


class StopTraining(keras.callbacks.Callback):
    """Ends a training after `updates` updates, and before if it is over, which is checked every few batches.

    `counter` is the optimizer whose batches count.
    """

    def __init__(self, recorder: LossRecorder, counter: Any, updates: int, is_over: Callable[[np.ndarray], bool]):
        super().__init__()
        self.recorder, self.counter, self.updates, self.is_over = recorder, counter, updates, is_over
        self.end = (recorder.begin // recorder.batches + updates) * recorder.batches
        self.left = self.end - recorder.begin
        self.batches = 0.0

    def on_train_begin(self, logs: Any = None) -> None:
        self.numbers = self._numbers_of_optimizer()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        # Not at the end of an epoch, where Keras begins the data anew only if the epoch ends by itself. If a loss
        # scale skipped some updates, another epoch follows.
        if self.left <= batch + 1 < self.params["steps"]:
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        model = self.model  # first: on JAX this copies the current values into the variables
        batches = float(np.sum(keras.ops.convert_to_numpy(self.recorder.count)))
        no_data = batches == self.batches
        self.batches = batches
        if batches and self._numbers_of_optimizer() == self.numbers:
            raise ValueError(
                f"The `train_step` of `{type(model).__name__}` does not use `model.optimizer`, whose rate would be "
                "changed. Compile the model with the optimizer that updates its weights, as in "
                f"`Model.compile(model, optimizer)`. Received: {type(model.optimizer).__name__}"
            )
        count = batch_count(self.counter)
        self.left = self.end - count
        losses = self.recorder.losses()[: self.updates]
        model.stop_training = self.is_over(losses) or no_data or count >= self.end

    def _numbers_of_optimizer(self) -> list[float]:
        """The iterations of the optimizer, its loss scale and its other scalars: it changes one even if it skips."""
        own = {id(variable) for variable in self.recorder.variables}
        scalars = [v for v in self.model.optimizer.variables if len(v.shape) == 0 and id(v) not in own]
        return [float(keras.ops.convert_to_numpy(variable)) for variable in scalars]


class BatchLosses(keras.callbacks.Callback):
    """Collects the loss of each batch of `evaluate`, from its running mean."""

    def __init__(self) -> None:
        super().__init__()
        self.counts, self.means = [0], [0.0]

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        self.counts.append(batch + 1)
        self.means.append((logs or {}).get("loss", math.nan))

    def of_batches(self) -> np.ndarray:
        """The losses, of several batches each where these are one call; the last batch may be smaller."""
        counts = np.array(self.counts)
        means = np.array([float(keras.ops.convert_to_numpy(mean)) for mean in self.means])
        return np.diff(counts * means) / np.diff(counts)


def recording_step(model: Any, step: Any, recorder: LossRecorder, counter: Any) -> Any:
    """The training step of the model, extended to record the loss of each batch.

    It resets the metrics before each step, so that their `loss` is not a running mean. This also works
    for a `train_step` of the user's own, whatever that keeps its loss in.
    """
    if keras.backend.backend() != "jax":

        def train_step(data: Any) -> Any:
            with once_there_is_data(data):
                model.reset_metrics()
                count = keras.ops.copy(keras.ops.convert_to_tensor(counter._iterations))
                logs = step(data)
                recorder.update_state(count, loss_of(model, logs))
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
            recorder.update_state(count, loss_of(model, logs))
        optimizer = [scope.get_current_value(variable) for variable in variables]
        return logs, (trainable, non_trainable, optimizer, metrics)

    return stateless_step


def loss_of(model: Any, logs: dict[str, Any], step: str = "train_step") -> Any:
    """The loss in what a step of a model returns."""
    if "loss" not in logs:
        raise ValueError(
            f"The `{step}` of `{type(model).__name__}` returns no `loss`, so there is nothing to compare the rates "
            f"by. Have it return the loss to watch under that name. Received: {sorted(logs)}"
        )
    return logs["loss"]
