"""The data and the model of a comparison, built-in or the user's, validated before any training."""

from __future__ import annotations

import dataclasses
import importlib
import os
import sys
from collections.abc import Callable
from typing import Any

import keras
import numpy as np


class BadInput(Exception):
    """Unusable input of the user; the message says why in one line."""


@dataclasses.dataclass(frozen=True)
class Problem:
    """Training and validation data for a classification, and a function that creates a model for them."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_val: np.ndarray
    y_val: np.ndarray
    make_model: Callable[[tuple[int, ...], int], Any]

    @property
    def classes(self) -> int:
        return int(max(self.y_train.max(), self.y_val.max())) + 1

    def model(self) -> Any:
        """A new model, with weights from the current random seed."""
        model = self.make_model(self.x_train.shape[1:], self.classes)
        if isinstance(model, keras.Model) and not model.built:
            model(self.x_train[:1])
        return model


def read(data: str | None, model: str | None) -> Problem:
    """The problem that `--data` and `--model` name, `None` for the built-in ones; raises `BadInput` if unusable."""
    load = _function("--data", data) if data else digits
    make_model = _function("--model", model) if model else mlp
    arrays = _arrays(data or "digits", _call(f"--data {data}", load))
    problem = Problem(*arrays, make_model)
    if problem.classes < 2:
        raise BadInput(f"--data {data} must have at least two classes, but every label is 0.")
    _check_model(model or "mlp", problem)
    return problem


def digits() -> Any:
    """The 1,797 handwritten digits of scikit-learn, 8x8 pixels in [0, 1]: 1,200 to train, 597 to validate."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        how = 'pip install "keras-lr[compare]", or name your own with --data'
        raise BadInput(f"The digits come with scikit-learn, which is not installed: {how}.") from error
    x, y = load_digits(return_X_y=True)
    x = (x.reshape(-1, 8, 8) / 16).astype("float32")
    order = np.random.default_rng(0).permutation(len(x))
    train, val = order[:1200], order[1200:]
    return (x[train], y[train]), (x[val], y[val])


def mlp(input_shape: tuple[int, ...], classes: int) -> Any:
    """Two hidden layers of 64, for input of any shape."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input(input_shape),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(64, activation="relu"),
            layers.Dense(classes, activation="softmax"),
        ]
    )


def _function(option: str, name: str) -> Any:
    module_name, _, function_name = name.partition(":")
    if not module_name or not function_name:
        raise BadInput(f"{option} must be module:function, as in my_problem:load. Received: {name}")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    module = _call(f"{option} {name}: the import of {module_name}", importlib.import_module, module_name)
    function = getattr(module, function_name, None)
    if not callable(function):
        raise BadInput(f"{option} {name}: {module_name} has no function {function_name}.")
    return function


def _call(what: str, function: Any, *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except BadInput:
        raise
    except Exception as error:  # the user's code may raise anything
        raise BadInput(f"{what} failed with {type(error).__name__}: {' '.join(str(error).split())}") from error


def _arrays(name: str, data: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    try:
        (x_train, y_train), (x_val, y_val) = data
        arrays = [np.asarray(array) for array in (x_train, y_train, x_val, y_val)]
    except (TypeError, ValueError):
        wanted = "((x_train, y_train), (x_val, y_val)), four arrays"
        raise BadInput(f"--data {name} must return {wanted}. Received: {type(data).__name__}") from None
    for role, x, y in (("train", arrays[0], arrays[1]), ("val", arrays[2], arrays[3])):
        fault = _fault(x, y)
        if fault:
            received = f"x_{role} {_described(x)}, y_{role} {_described(y)}"
            raise BadInput(f"--data {name}: {fault.format(role)}. Received: {received}")
    if arrays[0].shape[1:] != arrays[2].shape[1:]:
        shapes = f"{arrays[0].shape[1:]} and {arrays[2].shape[1:]}"
        raise BadInput(f"--data {name}: the examples of x_train and x_val must have one shape. Received: {shapes}")
    return arrays[0], arrays[1].reshape(-1), arrays[2], arrays[3].reshape(-1)


def _fault(x: np.ndarray, y: np.ndarray) -> str | None:
    if x.ndim < 2 or not x.size or x.dtype.kind not in "fiub":
        return "x_{} must be an array of numbers, at least one example, examples first"
    if not np.isfinite(x).all():
        return "x_{} must be finite, but has NaN or inf"
    if not y.ndim or y.dtype.kind not in "iu" or y.size != len(y):
        return "y_{} must be integers, the class of each example"
    if len(x) != len(y):
        return "x_{0} and y_{0} must have one length"
    return "y_{} must be classes from 0 on" if y.min() < 0 else None


def _described(array: np.ndarray) -> str:
    return f"{array.dtype}{list(array.shape)}"


def _check_model(name: str, problem: Problem) -> None:
    model = _call(f"--model {name}", problem.model)
    if not isinstance(model, keras.Model):
        raise BadInput(f"--model {name} must return a Keras model. Received: {type(model).__name__}")
    some = problem.x_train[:2]
    out = _call(f"--model {name}: its call with two examples", lambda: keras.ops.convert_to_numpy(model(some)))
    if out.shape != (len(some), problem.classes) or (out < 0).any() or np.abs(out.sum(-1) - 1).max() > 0.01:
        wanted = f"a softmax over the {problem.classes} classes"
        raise BadInput(f"--model {name} must end in {wanted}. Received: output of shape {out.shape}")
    # Otherwise a layer that can't be loaded would be found only after all the training.
    saved = _call(f"--model {name}: saving its config", keras.saving.serialize_keras_object, model)
    _call(f"--model {name}: loading its config", keras.saving.deserialize_keras_object, saved)
