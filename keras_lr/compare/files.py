"""Reads the data of a comparison from files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np


class BadInput(Exception):
    """The user's input can't be used; the message says why in one line."""


def read_npz(path: Path) -> Any:
    """The arrays of a file as `(x, y)` or `((x, y), (x_val, y_val))`."""
    with np.load(path, allow_pickle=False) as file:
        missing = [name for name in ("x", "y") if name not in file]
        if missing or ("x_val" in file) != ("y_val" in file):
            raise BadInput(
                f"--data {path} must have x and y, and both or neither of x_val and y_val. Received: {', '.join(file)}"
            )
        train = file["x"], file["y"]
        return (train, (file["x_val"], file["y_val"])) if "x_val" in file else train


def read_csv(path: Path) -> Any:
    """The columns of a file as `(x, y)`: the last one is y, classes or standardized numbers."""
    with path.open(encoding="utf-8") as file:
        header = file.readline().strip().split(",")
        numbers = [one for one in header if re.fullmatch(r"\s*[-+.\d][-+.\deE]*\s*", one)]
        if numbers or len(header) < 2:
            raise BadInput(f"--data {path} must begin with a header that names at least two columns.")
        table = np.loadtxt(file, delimiter=",", ndmin=2)
    if len(table) < 2:
        raise BadInput(f"--data {path} must have at least two rows below the header. Received: {len(table)}")
    x, y = table[:, :-1], table[:, -1]
    if not np.isfinite(table).all():
        column = header[int((~np.isfinite(table)).any(0).argmax())]
        raise BadInput(f"--data {path} must be finite, but has NaN or inf in column {column}.")
    if (y == y.round()).all() and y.min() == 0 and len(np.unique(y)) == y.max() + 1 and y.max() < len(y) / 2:
        return _standardized(x), y.astype("int64")
    return _standardized(x), _standardized(y)


def _standardized(values: np.ndarray) -> np.ndarray:
    deviation = values.std(axis=0)
    return ((values - values.mean(axis=0)) / np.where(deviation > 0, deviation, 1)).astype("float32")
