"""Loads the data of the command, by code that is printed too."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from .builtin import FUNCTION
from .script import BadInput, call_of, failure_of, run

Data = dict[str, Any]
SPLIT = 0.25  # the fraction of the examples that is held out
FEWEST = 5  # examples of a class on average; integers with fewer are a regression

DIGITS = """\
from sklearn.datasets import load_digits
x, y = load_digits(return_X_y=True)
x = (x.reshape(-1, 8, 8) / 16).astype("float32")"""

NPZ = """\
data = np.load({})"""
NPZ_ARRAYS = """
x, y = data["x"], data["y"]"""
NPZ_VALIDATION = """
validation_data = data["x_val"], data["y_val"]"""

CSV = """\
data = np.loadtxt({}, delimiter=",", skiprows=1)"""
CSV_COLUMNS = """
x, y = data[:, :-1], data[:, -1]
deviation = x.std(axis=0)
x = ((x - x.mean(axis=0)) / np.where(deviation > 0, deviation, 1)).astype("float32")"""
CSV_CLASSES = """
y = y.astype("int64")"""
CSV_CLASSES_FROM_1 = """
y = y.astype("int64") - 1  # classes start at 0"""
CSV_REGRESSION = """
# The target is standardized, and so are the loss and the predictions: p stands for p * scale + mean.
mean, scale = y.mean(), y.std() or 1
y = ((y - mean) / scale).astype("float32")"""

ARRAYS = """
x, y = map(np.asarray, data)"""
ARRAYS_VALIDATION = """
(x, y), validation_data = [tuple(map(np.asarray, pair)) for pair in data]"""
DATASETS = """
x, validation_data = data"""


def load(name: str | None) -> tuple[Data, str, str]:
    """Load what `--data` names: a file, a function, or by default the digits.

    Returns the data as arguments of `compare_policies`, the code that loads it, and its description.
    """
    option, rule, unpack = f"--data {name}", "", lambda name, data: ""
    if name is None:
        option, name = "Loading the default data (pip install scikit-learn)", "the digits of scikit-learn"
        code = DIGITS
    elif FUNCTION.fullmatch(name):
        module, call = call_of("--data", name, "")
        code, unpack = f"{module}\ndata = {call}", _unpack
    elif name.endswith(".npz"):
        code, unpack = NPZ.format(json.dumps(name)), _unpack_npz
    elif name.endswith(".csv"):
        code, unpack = CSV.format(json.dumps(name)), _unpack_csv
        rule = ", which must have a header and numbers separated by commas,"
    else:
        wanted = "an .npz file, a .csv file, or module:function, as in mine:load"
        raise BadInput(f"--data must be {wanted}. Received: {name}")
    with failure_of(option + rule):
        names = run(code)
        rest = unpack(name, names.get("data"))
        names = run(rest, **names)
    data: Data = {name: names[name] for name in ("x", "y", "validation_data") if name in names}
    if "y" not in data:
        return data, code + rest, f"{name}, a training and a validation dataset"
    x, y, held = data["x"], data["y"], data.get("validation_data")
    for role, (one, labels) in zip(("", "_val"), batches(data), strict=False):
        _check(option, one, labels, role, x.shape[1:])
    said = f"{name}, {len(x):,} examples"
    said += ", standardized with the mean and the standard deviation of all rows" * name.endswith(".csv")
    said += f"; its classes 1 to {y.max() + 1} became 0 to {y.max()}" * rest.endswith(CSV_CLASSES_FROM_1)
    if held:
        return data, code + rest, f"{said}, and {len(held[0]):,} for validation"
    return data | {"validation_split": SPLIT}, code + rest, f"{said}; each seed holds out a random {SPLIT:.0%}"


def batches(data: Data) -> Iterator[Any]:
    """The arrays, or the batches of the datasets, for training and for validation."""
    if "y" in data:
        yield data["x"], data["y"]
        yield from [data["validation_data"]] if "validation_data" in data else []
    else:
        for one in (data["x"], data["validation_data"]):
            yield from (one[i] for i in range(len(one))) if isinstance(one, keras.utils.PyDataset) else one


def _unpack(name: str, data: Any) -> str:
    """The line that unpacks what a function has returned."""
    if not isinstance(data, tuple | list) or len(data) != 2:
        wanted = "(x, y), ((x, y), (x_val, y_val)), or two datasets"
        raise BadInput(f"--data {name} must return {wanted}. Received: {type(data).__name__}")
    if any(hasattr(one, "element_spec") or isinstance(one, keras.utils.PyDataset) for one in data):
        return DATASETS
    return ARRAYS_VALIDATION if all(isinstance(one, tuple | list) and len(one) == 2 for one in data) else ARRAYS


def _unpack_npz(name: str, data: Any) -> str:
    """The lines that unpack the arrays of an .npz file."""
    if not {"x", "y"} <= {*data} or ("x_val" in data) != ("y_val" in data):
        wanted = f"x and y, and both or neither of x_val and y_val. Received: {', '.join(data)}"
        raise BadInput(f"--data {name} must have {wanted}")
    return NPZ_ARRAYS + NPZ_VALIDATION * ("x_val" in data)


def _unpack_csv(name: str, table: Any) -> str:
    """The lines that unpack the columns of a .csv file."""
    with open(name, encoding="utf-8-sig") as file:
        header = [column.strip() for column in file.readline().split(",")]
    if any(re.fullmatch(r"[-+.\d][-+.\deE]*", column) for column in header):
        raise BadInput(f"--data {name} must begin with a header that names its columns.")
    if table.ndim != 2 or table.shape[1] != len(header):
        wanted = f"two rows or more, with as many columns as the header, {len(header)}"
        raise BadInput(f"--data {name} must have {wanted}. Received: an array of shape {table.shape}")
    y = table[:, -1]
    low, high = y.min(), y.max()
    is_class = low in (0, 1) and high < len(y) / FEWEST and np.array_equal(np.unique(y), np.arange(low, high + 1))
    return CSV_COLUMNS + (CSV_REGRESSION if not is_class else CSV_CLASSES if low == 0 else CSV_CLASSES_FROM_1)


def _check(option: str, x: np.ndarray, y: np.ndarray, role: str, shape: tuple[int, ...]) -> None:
    """Raise if arrays can't be used, or if the shape of their examples is another."""
    fault, numbers = "", "must be a non-empty array of numbers"
    if x.ndim < 2 or not x.size or x.dtype.kind not in "fiub":
        fault = f"x{role} {numbers}, of shape (examples, ...) with two axes or more"
    elif not y.ndim or not y.size or y.dtype.kind not in "fiub":
        fault = f"y{role} {numbers}, one label per example"
    elif not np.isfinite(x).all() or not np.isfinite(y).all():
        fault = f"x{role} and y{role} must be finite, but have NaN or inf"
    elif len(x) != len(y):
        fault = f"x{role} and y{role} must have the same length"
    elif y.dtype.kind in "iu" and y.min() < 0:
        fault = f"y{role} must be integers >= 0 for classes, or floats for a regression"
    elif x.shape[1:] != shape:
        fault = f"the examples of x and x_val must have the same shape, {shape}"
    if fault:
        received = f"x{role} {x.dtype}{list(x.shape)}, y{role} {y.dtype}{list(y.shape)}"
        raise BadInput(f"{option}: {fault}. Received: {received}")
