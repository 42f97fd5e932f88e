"""Checks the files with the data of a comparison."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import NoReturn

import numpy as np


class BadInput(Exception):
    """The user's input can't be used; the message says why in one line."""


def has_validation_data(path: Path) -> bool:
    """Whether an .npz file has `x_val` and `y_val` beside `x` and `y`."""
    with np.load(path, allow_pickle=False) as file:
        missing = [name for name in ("x", "y") if name not in file]
        if missing or ("x_val" in file) != ("y_val" in file):
            raise BadInput(
                f"--data {path} must have x and y, and both or neither of x_val and y_val. Received: {', '.join(file)}"
            )
        return "x_val" in file


def has_classes(path: Path) -> bool:
    """Whether the last column of a .csv file is classes, integers from 0 on that all occur, and not other numbers."""
    with path.open(encoding="utf-8-sig") as file:
        first = file.readline().strip()
        header = [name.strip() for name in first.split(",")]
        if len(header) < 2 and ";" in first:
            raise BadInput(f"--data {path} must have columns that are separated by commas, but the header has `;`.")
        numbers = [one for one in header if re.fullmatch(r"[-+.\d][-+.\deE]*", one)]
        if numbers or len(header) < 2:
            raise BadInput(f"--data {path} must begin with a header that names at least two columns.")
        try:
            table = np.loadtxt(file, delimiter=",", ndmin=2)
        except ValueError as error:
            _refuse(path, header, str(error))
    if len(table) < 2:
        raise BadInput(f"--data {path} must have at least two rows below the header. Received: {len(table)}")
    if table.shape[1] != len(header) or not np.isfinite(table).all():
        _refuse(path, header, "must be finite")
    y = table[:, -1]
    return bool((y == y.round()).all() and y.min() == 0 and len(np.unique(y)) == y.max() + 1 and y.max() < len(y) / 2)


def _refuse(path: Path, header: list[str], otherwise: str) -> NoReturn:
    """Raise the error for the first line of a file that has no finite number in each column."""
    with path.open(encoding="utf-8-sig") as file:
        for line, text in enumerate(file, 1):
            cells = [cell.strip() for cell in text.split(",")]
            if line == 1 or not text.strip():
                continue
            if len(cells) != len(header):
                said = f"{len(header)} columns, as the header, but line {line} has {len(cells)}."
                raise BadInput(f"--data {path} must have {said}")
            for name, cell in zip(header, cells, strict=True):
                if not _is_finite(cell):
                    found = f"column {name!r} has {cell!r} in line {line}"
                    remedy = "Encode or drop this column, or load the data by --data module:function."
                    raise BadInput(f"--data {path} must have finite numbers, but {found}. {remedy}")
    raise BadInput(f"--data {path}: {otherwise}")


def _is_finite(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
