"""Reads what the command names: data from files and functions, the model, and what its labels ask for."""

from __future__ import annotations

import dataclasses
import importlib
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ..finder.data import first_batch
from .files import BadInput, read_csv, read_npz

OPTIMIZER = "SGD(momentum=0.9, nesterov=True)"
SPLIT = 0.25  # of the examples are held out
FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


@dataclasses.dataclass(frozen=True)
class Task:
    """The data of a comparison, as arguments of `compare_policies`, and what it is."""

    x: Any
    y: Any
    validation_data: Any
    said: str

    @property
    def labels(self) -> list[np.ndarray]:
        """All labels, of a dataset those of each batch."""
        if self.y is not None:
            parts = [self.y] if self.validation_data is None else [self.y, self.validation_data[1]]
        else:
            parts = [batch[1] for data in (self.x, self.validation_data) for batch in _batches(data)]
        return [np.asarray(part) for part in parts]


@dataclasses.dataclass(frozen=True)
class Maker:
    """Makes the compiled model: that of a function, compiled with these settings where it is not."""

    function: Callable[[tuple[int, ...], int], Any]
    shape: tuple[int, ...]
    outputs: int
    optimizer: str
    loss: str
    metrics: tuple[str, ...]

    def __call__(self) -> Any:
        model = self.function(self.shape, self.outputs)
        if isinstance(model, keras.Model) and not model.compiled:
            metrics = [evaluate("--metric", one) for one in self.metrics] or None
            model.compile(optimizer_of(self.optimizer), loss=evaluate("--loss", self.loss), metrics=metrics)
        return model


def read_task(data: str | None) -> Task:
    """What `--data` names: a file, a function, or by default the digits."""
    if data is None:
        x, y = digits()
        return _task("the digits", (x, y))
    path = Path(data)
    if path.suffix == ".npz":
        return _task(data, _call(f"--data {data}", read_npz, path))
    if path.suffix == ".csv":
        return _task(
            data, _call(f"--data {data}", read_csv, path), ", standardized by the mean and deviation of all rows"
        )
    if not FUNCTION.fullmatch(data):
        raise BadInput(f"--data must be a file .npz or .csv, or module:function, as in mine:load. Received: {data}")
    return _task(data, _call(f"--data {data}", function_of("--data", data)))


def read_maker(options: Any, task: Task) -> tuple[Maker, str]:
    """The function that makes the model, and what the labels ask for, in words."""
    shape = np.shape(task.x)[1:] if task.y is not None else np.shape(first_batch(_as_data(task.x))[0])[1:]
    loss, metrics, outputs, kind = _of_labels(task.labels)
    if options.loss is not None:
        loss, metrics = options.loss, []
        if task.y is not None and "crossentropy" not in loss and kind.endswith("classes"):
            outputs, kind = 1, "a regression"
    metrics = metrics if options.metric is None else options.metric
    function = function_of("--model", options.model) if options.model else mlp if kind != "a regression" else regressor
    maker = Maker(function, tuple(shape), outputs, options.optimizer or OPTIMIZER, loss, tuple(metrics))
    model = _call(f"--model {options.model}", maker.function, maker.shape, maker.outputs)
    if not isinstance(model, keras.Model):
        raise BadInput(f"--model {options.model} must return a Keras model. Received: {type(model).__name__}")
    if model.compiled:
        for name in ("optimizer", "loss", "metric"):
            if getattr(options, name) is not None:
                raise BadInput(
                    f"--{name} is for a model that is not compiled, and {options.model} returns one that is."
                )
        return maker, f"{options.model}, as it is compiled"
    optimizer_of(maker.optimizer)
    for name, texts, get in (("loss", [loss], keras.losses.get), ("metric", metrics, keras.metrics.get)):
        for text in texts:
            _call(f"--{name} {text}", get, evaluate(f"--{name}", text))
    return maker, f"for {kind}, trained by {maker.optimizer} on the loss {loss}"


def digits() -> Any:
    """The 1,797 handwritten digits of scikit-learn, 8x8 pixels in [0, 1]."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        how = "pip install scikit-learn, or name your own with --data"
        raise BadInput(f"The digits come with scikit-learn, which is not installed: {how}.") from error
    x, y = load_digits(return_X_y=True)
    return (x.reshape(-1, 8, 8) / 16).astype("float32"), y


def mlp(input_shape: tuple[int, ...], outputs: int, activation: str | None = "softmax") -> Any:
    """Two hidden layers of 64, for input of any shape."""
    layers = keras.layers
    hidden = [layers.Flatten(), layers.Dense(64, activation="relu"), layers.Dense(64, activation="relu")]
    return keras.Sequential([keras.Input(input_shape), *hidden, layers.Dense(outputs, activation=activation)])


def regressor(input_shape: tuple[int, ...], outputs: int) -> Any:
    """The same with a linear output."""
    return mlp(input_shape, outputs, None)


def function_of(option: str, name: str) -> Any:
    """The function that the user names as module:function, importable from the current directory."""
    if not FUNCTION.fullmatch(name):
        raise BadInput(f"{option} must be module:function, as in mine:load. Received: {name}")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    module_name, _, function_name = name.partition(":")
    module = _call(f"{option} {name}: the import of {module_name}", importlib.import_module, module_name)
    function = getattr(module, function_name, None)
    if not callable(function):
        raise BadInput(f"{option} {name}: {module_name} has no function {function_name}.")
    return function


def evaluate(option: str, text: str) -> Any:
    """A name as it is, and the value of any other expression with `klr`, `keras` and `np`."""
    if re.fullmatch(r"\w+", text):
        return text
    names = {"klr": sys.modules[__name__.partition(".")[0]], "keras": keras, "np": np, **vars(keras.optimizers)}
    return _call(f"{option} {text}", eval, text, names)


def optimizer_of(text: str) -> Any:
    """The optimizer that an expression makes, or one by its name."""
    optimizer = _call(f"--optimizer {text}", keras.optimizers.get, evaluate("--optimizer", text))
    if not isinstance(optimizer, keras.optimizers.Optimizer):
        raise BadInput(f"--optimizer must be an optimizer of Keras. Received: {text}")
    return optimizer


def _call(what: str, function: Any, *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except BadInput:
        raise
    except Exception as error:  # the user's code may raise anything
        raise BadInput(f"{what} failed with {type(error).__name__}: {' '.join(str(error).split())}") from error


def _task(name: str, data: Any, said: str = "") -> Task:
    wanted = "(x, y), ((x, y), (x_val, y_val)), or two datasets"
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise BadInput(f"--data {name} must return {wanted}. Received: {type(data).__name__}")
    if any(hasattr(one, "element_spec") or isinstance(one, keras.utils.PyDataset) for one in data):
        return Task(data[0], None, data[1], f"{name}: a dataset to train on, one to validate on")
    pairs = data if all(isinstance(one, tuple | list) and len(one) == 2 for one in data) else [data]
    try:
        arrays = [(np.asarray(x), np.asarray(y)) for x, y in pairs]
    except (TypeError, ValueError):
        raise BadInput(f"--data {name} must return {wanted}. Received: {type(data).__name__}") from None
    for (x, y), role in zip(arrays, ("", "_val"), strict=False):
        if fault := _fault(x, y):
            received = f"x{role} {x.dtype}{list(x.shape)}, y{role} {y.dtype}{list(y.shape)}"
            raise BadInput(f"--data {name}: {fault.format(role)}. Received: {received}")
    (x, y), *held = arrays
    if held and held[0][0].shape[1:] != x.shape[1:]:
        shapes = f"{x.shape[1:]} and {held[0][0].shape[1:]}"
        raise BadInput(f"--data {name}: the examples of x and x_val must have one shape. Received: {shapes}")
    count = f"{len(held[0][0]):,} to validate" if held else f"of which each seed holds out {SPLIT:.0%}, at random"
    return Task(x, y, held[0] if held else None, f"{name}: {len(x):,} examples{said}, {count}")


def _fault(x: np.ndarray, y: np.ndarray) -> str | None:
    if x.ndim < 2 or not x.size or x.dtype.kind not in "fiub":
        return "x{} must be an array of numbers, at least one example, examples first"
    if not y.ndim or not y.size or y.dtype.kind not in "fiub":
        return "y{} must be an array of numbers, the label of each example"
    for array, name in ((x, "x{}"), (y, "y{}")):
        if not np.isfinite(array).all():
            return name + " must be finite, but has NaN or inf"
    if len(x) != len(y):
        return "x{0} and y{0} must have one length"
    return "y{} must be classes from 0 on, or floats" if y.dtype.kind in "iu" and y.min() < 0 else None


def _of_labels(labels: list[np.ndarray]) -> tuple[str, list[str], int, str]:
    """The loss, the metrics and the number of outputs that labels ask for, and what they are."""
    columns = labels[0].shape[1] if labels[0].ndim == 2 else 1
    if columns > 1 and all(np.isin(part, (0, 1)).all() and (part.sum(axis=1) == 1).all() for part in labels):
        return "categorical_crossentropy", ["accuracy"], columns, f"{columns} classes, with one-hot labels"
    if columns > 1 or labels[0].dtype.kind == "f":
        return "mse", [], columns, "a regression"
    classes = int(max(part.max() for part in labels)) + 1
    if classes < 2:
        raise BadInput("--data must have at least two classes, but every label is 0.")
    return "sparse_categorical_crossentropy", ["accuracy"], classes, f"{classes} classes"


def _batches(data: Any) -> Any:
    return (data[index] for index in range(len(data))) if isinstance(data, keras.utils.PyDataset) else data


def _as_data(x: Any) -> Any:
    return {"x": x, "y": None, "sample_weight": None, "batch_size": None, "class_weight": None}
