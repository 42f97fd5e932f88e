"""Reads the data and the model that the command names, and chooses loss, metrics and outputs by the labels."""

from __future__ import annotations

import dataclasses
import functools
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
from .files import BadInput, has_classes, has_validation_data
from .preparation import DIGITS, compile_code, csv_code, function_code, layers_code, made_code, npz_code, run

OPTIMIZER = "SGD(momentum=0.9, nesterov=True)"
SPLIT = 0.25  # the fraction of the examples that is held out
FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


@dataclasses.dataclass(frozen=True)
class Task:
    """The data of a comparison, as arguments of `compare_policies`, its description, and the code that loads it."""

    x: Any
    y: Any
    validation_data: Any
    said: str
    code: str = ""

    @property
    def labels(self) -> list[np.ndarray]:
        """All labels; for a dataset, those of each batch."""
        if self.y is not None:
            parts = [self.y] if self.validation_data is None else [self.y, self.validation_data[1]]
        else:
            parts = [batch[1] for data in (self.x, self.validation_data) for batch in _batches(data)]
        return [np.asarray(part) for part in parts]


@dataclasses.dataclass(frozen=True)
class Maker:
    """Makes the model by calling a function, and compiles it with these settings unless it is compiled."""

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
        return _made("the digits of scikit-learn", DIGITS)
    path = Path(data)
    if path.suffix == ".npz":
        return _made(data, npz_code(data, _call(f"--data {data}", has_validation_data, path)))
    if path.suffix == ".csv":
        said = ", standardized with the mean and the standard deviation of all rows"
        return _made(data, csv_code(data, is_regression=not _call(f"--data {data}", has_classes, path)), said)
    if not FUNCTION.fullmatch(data):
        raise BadInput(
            f"--data must be an .npz file, a .csv file, or module:function, as in mine:load. Received: {data}"
        )
    loaded = _call(f"--data {data}", function_of("--data", data))
    task = _task(data, loaded)
    code = function_code(data, loaded, is_dataset=task.y is None, has_validation=task.validation_data is not None)
    return dataclasses.replace(task, code=code)


def read_maker(options: Any, task: Task) -> tuple[Maker, str, list[str]]:
    """The function that makes the model, its description, and the code that makes it and compiles it."""
    shape = np.shape(task.x)[1:] if task.y is not None else np.shape(first_batch(_as_data(task.x))[0])[1:]
    loss, metrics, outputs, kind = _of_labels(task.labels)
    if options.loss is not None:
        loss, metrics = options.loss, []
        if task.y is not None and "crossentropy" not in loss.lower() and kind.endswith("classes"):
            outputs, kind = 1, "a regression"
    metrics = metrics if options.metric is None else options.metric
    activation = None if kind == "a regression" else "softmax"
    function = function_of("--model", options.model) if options.model else functools.partial(mlp, activation=activation)
    maker = Maker(function, tuple(shape), outputs, options.optimizer or OPTIMIZER, loss, tuple(metrics))
    model = _call(f"--model {options.model}", maker.function, maker.shape, maker.outputs)
    if not isinstance(model, keras.Model):
        raise BadInput(f"--model {options.model} must return a Keras model. Received: {type(model).__name__}")
    if options.model:
        code = [made_code(options.model, maker.shape, maker.outputs)]
    else:
        code = [layers_code(maker.shape, maker.outputs, activation)]
    if model.compiled:
        for name in ("optimizer", "loss", "metric"):
            if getattr(options, name) is not None:
                raise BadInput(
                    f"--{name} is only for a model that is not compiled, but {options.model} returns a compiled one."
                )
        return maker, f"{options.model}, which is already compiled", code
    optimizer_of(maker.optimizer)
    for name, texts, get in (("loss", [loss], keras.losses.get), ("metric", metrics, keras.metrics.get)):
        for text in texts:
            _call(f"--{name} {text}", get, evaluate(f"--{name}", text))
    code.append(compile_code(maker.optimizer, loss, maker.metrics))
    return maker, f"for {kind}, with the optimizer {maker.optimizer} and the loss {loss}", code


def mlp(shape: tuple[int, ...], outputs: int, activation: str | None) -> Any:
    """The built-in model: two hidden layers of 64, for input of any shape."""
    return run(layers_code(shape, outputs, activation))["model"]


def _made(name: str, code: str, said: str = "") -> Task:
    """The task with the data that code loads."""
    try:
        names = run(code)
    except ImportError as error:
        how = "pip install scikit-learn, or pass your own data with --data"
        raise BadInput(f"The default data comes with scikit-learn, which is not installed: {how}.") from error
    train, held = (names["x"], names["y"]), names.get("validation_data")
    return dataclasses.replace(_task(name, train if held is None else (train, held), said), code=code)


def function_of(option: str, name: str) -> Any:
    """The function that the user names as module:function, importable from the current directory."""
    if not FUNCTION.fullmatch(name):
        raise BadInput(f"{option} must be module:function, as in mine:load. Received: {name}")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    module_name, _, function_name = name.partition(":")
    module = _call(f"{option} {name}: importing {module_name}", importlib.import_module, module_name)
    function = getattr(module, function_name, None)
    if not callable(function):
        raise BadInput(f"{option} {name}: {module_name} has no function {function_name}.")
    return function


def evaluate(option: str, text: str) -> Any:
    """A plain name unchanged, or the value of an expression, which may use `klr`, `keras` and `np`."""
    if re.fullmatch(r"\w+", text):
        return text
    names = {"klr": sys.modules[__name__.partition(".")[0]], "keras": keras, "np": np, **vars(keras.optimizers)}
    return _call(f"{option} {text}", eval, text, names)


def optimizer_of(text: str) -> Any:
    """The optimizer that an expression or a name gives."""
    optimizer = _call(f"--optimizer {text}", keras.optimizers.get, evaluate("--optimizer", text))
    if not isinstance(optimizer, keras.optimizers.Optimizer):
        raise BadInput(f"--optimizer must be a Keras optimizer. Received: {text}")
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
        return Task(data[0], None, data[1], f"{name}, a training and a validation dataset")
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
        raise BadInput(f"--data {name}: the examples of x and x_val must have the same shape. Received: {shapes}")
    count = f", and {len(held[0][0]):,} for validation" if held else f"; each seed holds out a random {SPLIT:.0%}"
    return Task(x, y, held[0] if held else None, f"{name}, {len(x):,} examples{said}{count}")


def _fault(x: np.ndarray, y: np.ndarray) -> str | None:
    if x.ndim < 2 or not x.size or x.dtype.kind not in "fiub":
        return "x{} must be a non-empty array of numbers, of shape (examples, ...) with two axes or more"
    if not y.ndim or not y.size or y.dtype.kind not in "fiub":
        return "y{} must be a non-empty array of numbers, one label per example"
    for array, name in ((x, "x{}"), (y, "y{}")):
        if not np.isfinite(array).all():
            return name + " must be finite, but has NaN or inf"
    if len(x) != len(y):
        return "x{0} and y{0} must have the same length"
    return (
        "y{} must be integers >= 0 for classes, or floats for a regression"
        if y.dtype.kind in "iu" and y.min() < 0
        else None
    )


def _of_labels(labels: list[np.ndarray]) -> tuple[str, list[str], int, str]:
    """The loss, the metrics and the number of outputs that suit the labels, and the kind of problem."""
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
