"""What all policies of a comparison share: the model, the data, its splits, and the metric that ranks policies."""

from __future__ import annotations

import dataclasses
import math
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from ..callbacks.metric_names import did_you_mean, mode_of
from ..finder.data import Data, batches_per_epoch, build, first_batch, hold_out
from ..finder.find import check_model
from ..finder.training import updates_of
from ..schedules import arguments
from .policy import OWNER, set_optimizer
from .script import BadInput, failure_of

DIVERGED = 100  # times the loss of a batch before training


@dataclasses.dataclass(frozen=True)
class Judge:
    """The metric that ranks policies after the last epoch; `mode` is "min" if lower values are better, else "max".

    A run has diverged if its last values are not finite, or if its loss is above `largest_loss`.
    """

    monitor: str
    mode: str
    largest_loss: float = math.inf

    def has_diverged(self, history: dict[str, list[float]]) -> bool:
        """Whether the run with this history has diverged."""
        last = [history[name][-1] for name in ("loss", "val_loss", self.monitor) if name in history]
        return not all(map(math.isfinite, last)) or history["loss"][-1] > self.largest_loss

    def gain(self, values: Any) -> Any:
        """The values with the sign for which higher is better."""
        return np.negative(values) if self.mode == "min" else np.asarray(values)


@dataclasses.dataclass(frozen=True)
class Problem:
    """A function that makes the compiled model, the data as arguments of `fit`, and the settings of all runs.

    `measured` adds what follows from a first model: the batches in an epoch, the updates in a run, and the judge.
    """

    make: Callable[[], Any]
    data: Data
    validation_data: Any
    validation_split: float | None
    epochs: int
    seeds: int = 1
    peak: float | None = None
    batches: int = 0
    steps: int = 0
    judge: Judge = Judge("val_loss", "min")

    def measured(self, model: Any, monitor: str | None, mode: str | None) -> Problem:
        """The problem with what follows from a model, which evaluates one batch to find out which metrics it has."""
        train, _ = self.split(0)
        batches = batches_per_epoch(train)
        if batches is None:
            arguments.reject(OWNER, "x", "data with a known number of batches", self.data["x"])
        x, y, weight = keras.utils.unpack_x_y_sample_weight(first_batch(train))
        with failure_of("Evaluating the model on this data"):
            first = model.evaluate(x, y, sample_weight=weight, verbose=0, return_dict=True).get("loss", math.nan)
        names = list(model.get_metrics_result())
        names = [*(f"val_{name}" for name in names), *names]
        if monitor is None:
            monitor = next((name for name in names if name.startswith("val_") and name != "val_loss"), "val_loss")
        if monitor not in names:
            arguments.reject(OWNER, "monitor", f"one of {', '.join(names)}", monitor, did_you_mean(str(monitor), names))
        if mode not in ("min", "max", None):
            arguments.reject(OWNER, "mode", '"min", "max" or None', mode)
        judge = Judge(monitor, mode or mode_of(OWNER, monitor), DIVERGED * abs(first) if first else math.inf)
        return dataclasses.replace(self, batches=batches, steps=self.epochs * batches // updates_of(model), judge=judge)

    def model(self, seed: int) -> Any:
        """The built model with the weights of a seed, and with an optimizer at step 0."""
        keras.utils.set_random_seed(seed)
        model = self.make()
        check_model(OWNER, model, "learning_rate")
        with failure_of("Building the model for this data"):
            build(model, self.data.copy())
        if int(keras.ops.convert_to_numpy(model.optimizer.iterations)):
            set_optimizer(model, type(model.optimizer).from_config(model.optimizer.get_config()))
        return model

    def split(self, seed: int) -> tuple[Data, Any]:
        """The training and the validation data; `validation_split` draws a new random split for each seed."""
        data = self.data
        if self.validation_split is not None and keras.tree.flatten(data["x"]) and are_arrays(data):
            order = np.random.default_rng(seed).permutation(len(keras.tree.flatten(data["x"])[0]))
            data = data | {name: _take(data[name], order) for name in ("x", "y")}
        data, held = hold_out(OWNER, data, self.validation_data, self.validation_split)
        return data, keras.utils.pack_x_y_sample_weight(held["x"], held["y"], held["sample_weight"])

    @property
    def split_ratio(self) -> float:
        """The number of held-out examples per training example if each seed has a different split, else 0."""
        return self.validation_split / (1 - self.validation_split) if self.validation_split else 0.0


class Copies:
    """A function that returns copies of a model, by Keras' saving and loading. It can be sent to another process."""

    def __init__(self, model: Any, rule: str):
        try:
            with failure_of("It"):
                self.pickled = pickle.dumps(model)
                self()
        except BadInput as error:
            arguments.reject(OWNER, "model", rule, model, str(error))

    def __call__(self) -> Any:
        with warnings.catch_warnings():  # about an optimizer that is not built and so has no slot variables
            warnings.filterwarnings("ignore", "Skipping variable loading for optimizer")
            return pickle.loads(self.pickled)


def are_arrays(data: Data) -> bool:
    """Whether data can be split."""
    leaves = [leaf for leaf in keras.tree.flatten((data["x"], data["y"])) if leaf is not None]
    return all(hasattr(leaf, "shape") and hasattr(leaf, "__len__") for leaf in leaves)


def _take(arrays: Any, order: np.ndarray) -> Any:
    return keras.tree.map_structure(lambda leaf: None if leaf is None else np.asarray(leaf)[order], arrays)
