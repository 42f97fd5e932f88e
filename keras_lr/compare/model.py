"""Makes the model of the command, by code that is printed too, and chooses loss, metrics and outputs by the labels."""

from __future__ import annotations

import re
from typing import Any

import keras
import numpy as np

from .data import Data, batches
from .script import BadInput, call_of, failure_of, run

OPTIMIZER = "SGD(momentum=0.9, nesterov=True)"

LAYERS = """\
model = keras.Sequential([
    keras.Input({shape}),
    keras.layers.Flatten(),
    keras.layers.Dense(64, activation="relu"),
    keras.layers.Dense(64, activation="relu"),
    keras.layers.Dense({outputs}{activation}),
])"""


def make_model(code: str) -> Any:
    """The model that code makes; in this form, it can be sent to another process."""
    return run(code)["model"]


def read_model(options: Any, data: Data) -> tuple[str, str, str]:
    """What `--model` names, or the built-in model, and how the options compile it.

    Returns the code that makes it, the code that compiles it if it is not compiled, and a description.
    """
    shape, labels = np.shape(next(batches(data))[0])[1:], [np.asarray(batch[1]) for batch in batches(data)]
    loss, metrics, outputs, kind = _of_labels(labels)
    if options.loss is not None:
        loss, metrics = options.loss, []
        if "y" in data and "crossentropy" not in loss.lower() and kind.endswith("classes"):
            outputs, kind = 1, "a regression"
    metrics = metrics if options.metric is None else options.metric
    if options.model is None:
        activation = "" if kind == "a regression" else ', activation="softmax"'
        code = LAYERS.format(shape=shape, outputs=outputs, activation=activation)
    else:
        module, call = call_of("--model", options.model, f"{shape}, {outputs}")
        code = f"{module}\nmodel = {call}"
    with failure_of(f"--model {options.model}"):
        model = make_model(code)
    if not isinstance(model, keras.Model):
        raise BadInput(f"--model {options.model} must return a Keras model. Received: {type(model).__name__}")
    if model.compiled:
        for name in ("optimizer", "loss", "metric"):
            if getattr(options, name) is not None:
                only = f"only for a model that is not compiled, but {options.model} returns a compiled one"
                raise BadInput(f"--{name} is {only}.")
        return code, "", f"{options.model}, which is already compiled"
    optimizer = options.optimizer or OPTIMIZER
    parts = [_source(optimizer), f"loss={_source(loss)}"]
    parts += [f"metrics=[{', '.join(map(_source, metrics))}]"] if metrics else []
    compiled = "\n    ".join(["model.compile(", *(f"{part}," for part in parts)]) + "\n)"
    with failure_of(f"Compiling the model with {', '.join(parts)}"):
        make_model(f"{code}\n{compiled}")
    layers = options.model or "two hidden layers of 64 units"
    said = f"{layers}, for {kind}, with the optimizer {optimizer} and the loss {loss}"
    return code, compiled, said


def _source(text: str) -> str:
    """An expression for a name, or for an expression in which optimizers may be written without `keras.optimizers`."""

    def qualified(found: re.Match[str]) -> str:
        return f"keras.optimizers.{found[0]}" if hasattr(keras.optimizers, found[0]) else found[0]

    return f'"{text}"' if text.isidentifier() else re.sub(r"(?<![\w.])[A-Z]\w*(?=\()", qualified, text)


def _of_labels(labels: list[np.ndarray]) -> tuple[str, list[str], int, str]:
    """The loss, the metrics and the number of outputs that suit the labels, and the kind of problem."""
    columns = labels[0].shape[1] if labels[0].ndim == 2 else 1
    if columns > 1 and all(np.isin(part, (0, 1)).all() and (part.sum(axis=1) == 1).all() for part in labels):
        return "categorical_crossentropy", ["accuracy"], columns, f"{columns} classes, with one-hot labels"
    if columns > 1 or labels[0].dtype.kind == "f":
        return "mse", [], columns, "a regression"
    classes = int(max(part.max() for part in labels)) + 1
    if classes < 2:
        raise BadInput("--data must have at least two classes, but every label is the same.")
    return "sparse_categorical_crossentropy", ["accuracy"], classes, f"{classes} classes"
