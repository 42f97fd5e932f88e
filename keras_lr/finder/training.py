"""Trains a model again and again from the same start, with given values of a hyperparameter and one compiled step."""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from ..optimizers.accumulation import without_per_update
from ..optimizers.inspection import batch_count, configured_rate, inner_optimizers
from ..optimizers.layerwise import Scaled
from ..optimizers.learning_rate import reset_factor
from ..optimizers.scheduled import scheduled
from ..optimizers.snapshots import call_and_restore, run_all, snapshot_objects, snapshot_variables
from ..optimizers.variables import strategy_scope
from ..schedules import arguments
from ..schedules.base import Schedule
from ..schedules.foreign import Foreign
from ..schedules.shifts import PerUpdate
from .data import Data, build, sample
from .preserved import snapshot_layers, snapshot_model, snapshot_random_states, snapshot_values
from .recorder import BatchLosses, LossRecorder, RecordedValues, StopTraining, loss_of, recording_step

MEMORY = 8  # a short training is at least so many times as long as BatchNormalization averages


class ShortTrainings:
    """Short trainings of a built model, which begin with the weights and the optimizer that it has.

    Making it and each training change the model; `restoring` restores it.
    """

    def __init__(self, model: Any, name: str, most: int, data: Data):
        self.model, self.data, optimizer = model, data, model.optimizer
        with strategy_scope(model):
            if not optimizer.built:
                optimizer.build(model.trainable_variables)
            optimizers = inner_optimizers(optimizer)
            self.counter = next((one for one in optimizers if getattr(one, "_trainable_variables", ())), optimizers[0])
            self.batches = updates_of(model)
            self.recorder = LossRecorder(most, batch_count(self.counter), self.batches)
        schedule: Schedule = Foreign(RecordedValues(self.recorder))
        schedule = schedule if self.batches == 1 else PerUpdate(schedule, self.batches)
        if name == "learning_rate":
            for one, ratio in zip(optimizers, _relative_rates(optimizers), strict=True):
                one._learning_rate = schedule if ratio == 1 else Scaled(schedule, ratio)
                reset_factor(one)  # reductions are not part of the test
        else:
            scheduled(optimizer, **{name: schedule})
        attributes = vars(model)  # past Keras' tracking, so that they can be restored
        attributes["_compile_metrics"] = None  # the user's metrics would cost time
        attributes["train_step"] = recording_step(model, model.train_step, self.recorder, self.counter)
        attributes["train_function"] = attributes["test_function"] = None
        for layer in model._flatten_layers():
            if isinstance(layer, keras.layers.BatchNormalization):  # its average must forget the start in a short time
                layer.momentum = min(layer.momentum, max(0.5, 1 - MEMORY / most))
        if keras.backend.backend() == "jax":  # where a step has only the variables of the objects that it knows
            list.extend(self.counter._variables, self.recorder.variables)
        self.start = [*snapshot_values(model), snapshot_variables(self.recorder.variables)]

    def train(self, values: np.ndarray, is_over: Callable[[np.ndarray], bool]) -> np.ndarray:
        """Train for one update with each value, or until `is_over` of the losses so far; the loss of each update."""
        run_all(list(self.start))
        padded = np.pad(values, (0, self.recorder.points - len(values)), mode="edge")
        self.recorder.values.assign(padded.astype("float32"))
        stop = StopTraining(self.recorder, self.counter, len(values), is_over)
        size = _batches_between_checks(stop.left)
        with without_warnings_of_data():
            epochs = 3 * math.ceil(stop.left / size) + len(values)
            self.model.fit(**self.data, steps_per_epoch=size, epochs=epochs, callbacks=[stop], verbose=0)
        return self.recorder.losses()[: len(values)]

    def evaluate(self, held: Data, updates: int) -> tuple[float, np.ndarray]:
        """The loss on data that is held out, in at most half the batches of so many updates, and that of each batch."""
        batches = math.ceil(updates * self.batches / 2)
        losses = BatchLosses()
        examples = batches * (held["batch_size"] or 32)
        with without_warnings_of_data():
            logs = self.model.evaluate(
                **sample(held, examples), steps=batches, callbacks=[losses], verbose=0, return_dict=True
            )
        return loss_of(self.model, logs, "test_step"), losses.of_batches()


def updates_of(model: Any) -> int:
    """How many batches make an update of a compiled model."""
    return math.lcm(*(one.gradient_accumulation_steps or 1 for one in inner_optimizers(model.optimizer)))


def restoring(owner: str, model: Any, data: Data, function: Callable[[], Any]) -> Any:
    """Build a model and call a function that changes it, then restore the model and the random states.

    A model that was not built stays built. `owner` is the public function that errors name.
    """

    def built() -> Any:
        build(model, data)
        if not model.trainable_variables:
            arguments.reject(owner, "model", "a model with trainable weights", model)
        restores[:] = [*snapshot_model(model), restores[0], snapshot_random_states()]  # it stays built
        return function()

    # First what `build` changes, to undo it where it fails.
    restores = [
        snapshot_objects(model._compile_loss, model.optimizer),
        snapshot_layers(model),
        snapshot_random_states(),
    ]
    return call_and_restore(built, restores)


@contextlib.contextmanager
def without_warnings_of_data() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Your input ran out of data")  # then it is used again
        warnings.filterwarnings("ignore", "`shuffle=True` was passed")  # by default
        yield


def _relative_rates(optimizers: list[Any]) -> list[float]:
    """The rate of each optimizer relative to the largest one, so that a sweep keeps layer-wise ratios."""
    rates = [configured_rate(optimizer) for optimizer in optimizers]
    if all(isinstance(rate, keras.Variable) for rate in rates):
        sizes = [float(keras.ops.convert_to_numpy(rate)) for rate in rates]
    else:
        rates = [without_per_update(rate) for rate in rates]
        sizes = [rate.multiplier if isinstance(rate, Scaled) else 1.0 for rate in rates]
    return [size / max(sizes) for size in sizes] if max(sizes) > 0 else [1.0] * len(sizes)


def _batches_between_checks(batches: int) -> int:
    """How many batches to train between two checks of the losses: about ten, with few left over at the end."""
    return min(batches, min(range(8, 16), key=lambda size: (-batches % size, abs(size - 10))))
