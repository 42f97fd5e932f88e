"""The code that makes the data and the model of the command: it is run, and printed for use in a new script."""

from __future__ import annotations

import json
from typing import Any

import keras

DIGITS = """\
from sklearn.datasets import load_digits
x, y = load_digits(return_X_y=True)
x = (x.reshape(-1, 8, 8) / 16).astype("float32")"""

CSV = """\
import numpy as np
table = np.loadtxt({path}, delimiter=",", skiprows=1)
x, y = table[:, :-1], table[:, -1]
deviation = x.std(axis=0)
x = ((x - x.mean(axis=0)) / np.where(deviation > 0, deviation, 1)).astype("float32")
"""
CLASSES = 'y = y.astype("int64")'
REGRESSION = """\
# The target is standardized, and so are the loss and the predictions: p stands for p * scale + mean.
mean, scale = y.mean(), y.std() or 1
y = ((y - mean) / scale).astype("float32")"""

NPZ = """\
import numpy as np
data = np.load({path})
x, y = data["x"], data["y"]"""
NPZ_VALIDATION = """
validation_data = data["x_val"], data["y_val"]"""

LAYERS = """\
model = keras.Sequential([
    keras.Input({shape}),
    keras.layers.Flatten(),
    keras.layers.Dense(64, activation="relu"),
    keras.layers.Dense(64, activation="relu"),
    keras.layers.Dense({outputs}{activation}),
])"""


def run(code: str) -> dict[str, Any]:
    """The variables that code has assigned."""
    names: dict[str, Any] = {"keras": keras}
    exec(code, names)
    return names


def csv_code(path: str, is_regression: bool) -> str:
    """The lines for the columns of a file."""
    return CSV.format(path=json.dumps(path)) + (REGRESSION if is_regression else CLASSES)


def npz_code(path: str, has_validation: bool) -> str:
    """The lines for the arrays of a file."""
    return NPZ.format(path=json.dumps(path)) + NPZ_VALIDATION * has_validation


def function_code(name: str, data: Any, is_dataset: bool, has_validation: bool) -> str:
    """The lines for the data that a function, named as module:function, has returned."""
    call = _call_code(name)
    if is_dataset:
        return f"{call[0]}\nx, validation_data = {call[1]}()"
    if has_validation:
        parts = f"(x, y), (x_val, y_val) = {call[1]}()\nvalidation_data = x_val, y_val"
        names = ["x", "y", "x_val", "y_val"]
    else:
        parts, names = f"x, y = {call[1]}()", ["x", "y"]
    if all(type(one).__module__ == "numpy" for one in keras.tree.flatten(data)):
        return f"{call[0]}\n{parts}"
    first, *rest = parts.splitlines()
    arrays = f"{', '.join(names)} = map(np.asarray, [{', '.join(names)}])"
    return "\n".join([call[0], "import numpy as np", first, arrays, *rest])


def layers_code(shape: tuple[int, ...], outputs: int, activation: str | None) -> str:
    """The lines for the built-in model."""
    given = f', activation="{activation}"' if activation else ""
    return LAYERS.format(shape=shape, outputs=outputs, activation=given)


def made_code(name: str, shape: tuple[int, ...], outputs: int) -> str:
    """The lines for a model that a function, named as module:function, makes."""
    module, function = _call_code(name)
    return f"{module}\nmodel = {function}({shape}, {outputs})"


def compile_code(optimizer: str, loss: str, metrics: tuple[str, ...]) -> str:
    """The line that compiles a model with expressions or names."""
    classes = sorted(set(compile(optimizer, "--optimizer", "eval").co_names) & set(vars(keras.optimizers)))
    imports = [f"from keras.optimizers import {name}" for name in classes if f"optimizers.{name}" not in optimizer]
    if optimizer.isidentifier():
        imports = []
    parts = [_source(optimizer), f"loss={_source(loss)}"]
    parts += [f"metrics=[{', '.join(map(_source, metrics))}]"] if metrics else []
    return "\n".join([*imports, f"model.compile({', '.join(parts)})"])


def policies_code(functions: dict[str, str]) -> str:
    """The lines for the dictionary of policies that are functions, named as module:function."""
    calls = {name: _call_code(text) for name, text in functions.items()}
    items = ", ".join(f"{name!r}: {call}" for name, (_, call) in calls.items())
    return "\n".join([*(module for module, _ in calls.values()), f"policies = {{{items}}}"])


def joined(*blocks: str) -> str:
    """The blocks as one script, with all imports at the top."""
    imports, bodies = [], []
    for block in blocks:
        lines = block.splitlines()
        imports += [line for line in lines if line.startswith(("import ", "from "))]
        bodies.append("\n".join(line for line in lines if line not in imports).strip())
    body = "\n\n".join(filter(None, bodies))
    needed = ["import numpy as np"] if "np." in body else []
    return "\n".join(dict.fromkeys([*imports, *needed])) + "\n\n" + body


def _call_code(name: str) -> tuple[str, str]:
    """The import for a function named as module:function, and an expression for the function."""
    module, _, function = name.partition(":")
    # Not `from module import function`, because two modules may have functions of the same name.
    return f"import {module}", f"{module}.{function}"


def _source(text: str) -> str:
    return f'"{text}"' if text.isidentifier() else text
