"""Reads the data of short trainings as `fit` does: the first batch, how many there are, what is held out."""

from __future__ import annotations

import itertools
import math
import types
from typing import Any

import keras
import numpy as np
from keras.src.trainers.data_adapters import get_data_adapter
from keras.src.trainers.data_adapters.array_slicing import can_slice_array, train_validation_split

from ..optimizers.variables import strategy_scope
from ..schedules import arguments
from .preserved import snapshot_random_states

Data = dict[str, Any]  # the arguments of `fit` with these names
ARRAYS = ("x", "y", "sample_weight")
DEFAULT_SIZE = 32  # of a batch in `fit`


def read_data(owner: str, x: Any, y: Any, batch_size: Any, sample_weight: Any = None, class_weight: Any = None) -> Data:
    """The data of a public function, as arguments of `fit`."""
    if batch_size is not None:
        batch_size = arguments.validate(owner, "batch_size", batch_size)
    return {"x": x, "y": y, "batch_size": batch_size, "sample_weight": sample_weight, "class_weight": class_weight}


def build(model: Any, data: Data) -> None:
    """Build the model as `fit` would, without any other effect of the first batch."""
    if model.built and all(layer.built for layer in model._flatten_layers()):
        return
    restore = snapshot_random_states()
    batch = first_batch(data)
    restore()
    metrics, vars(model)["_compile_metrics"] = model._compile_metrics, None
    try:
        with strategy_scope(model):
            model._symbolic_build(data_batch=batch)
    finally:
        vars(model)["_compile_metrics"] = metrics


def first_batch(data: Data) -> Any:
    """The first batch of the data, as `fit` sees it."""
    x, is_tensorflow = data["x"], keras.backend.backend() == "tensorflow"
    if isinstance(x, keras.utils.PyDataset):
        batch = x[0]
    else:
        if isinstance(x, types.GeneratorType):  # what is taken from it is chained back
            first, rest = next(x), x
            data["x"] = (batch for batch in itertools.chain([first], rest))
            x = (batch for batch in [first])
        adapter = _adapter(data | {"x": x})
        batch = next(iter(adapter.get_tf_dataset() if is_tensorflow else adapter.get_numpy_iterator()))
    if not is_tensorflow:
        return batch
    import tensorflow as tf

    # Keras knows the type of a tensor of strings, and not that of an array of them.
    return keras.tree.map_structure(lambda v: tf.convert_to_tensor(v) if isinstance(v, np.ndarray) else v, batch)


def batches_per_epoch(data: Data) -> int | None:
    """How many batches the data has; `None` if it does not say."""
    return _adapter(data).num_batches


def with_batch_size(data: Data, steps_per_epoch: int | None = None) -> Data:
    """The data with the batch size of `fit` for arrays, if none is given.

    Without it, the `steps_per_epoch` of a short training would make other batches: Keras divides arrays by it.
    """
    arrays = [one for one in keras.tree.flatten([data[name] for name in ARRAYS]) if one is not None]
    if data["batch_size"] is not None or not all(map(can_slice_array, arrays)):
        return data
    examples = np.shape(arrays[0])[0]
    return data | {"batch_size": max(1, math.ceil(examples / steps_per_epoch)) if steps_per_epoch else DEFAULT_SIZE}


def _adapter(data: Data) -> Any:
    return get_data_adapter(
        data["x"], data["y"], data["sample_weight"], data["batch_size"], class_weight=data["class_weight"]
    )


def check_lengths(owner: str, data: Data, name: str = "") -> None:
    """Raise if arrays have different lengths, which Keras would notice only after the first training.

    `name` is the argument that errors name; by default, it is the array's own.
    """
    arrays = [(part, one) for part in ARRAYS for one in keras.tree.flatten(data[part]) if can_slice_array(one)]
    lengths = [(part, np.shape(one)[0]) for part, one in arrays if np.shape(one)]
    for part, length in lengths:
        if length != lengths[0][1]:
            rule = f"as long as `x`: `{part}` has {length} examples and `x` {lengths[0][1]}"
            arguments.reject(owner, name or part, rule, data[part])


def hold_out(owner: str, data: Data, validation_data: Any, validation_split: Any) -> tuple[Data, Data]:
    """The data to train on, and the arguments of `evaluate` for what is held out, as `fit` has both."""
    if (validation_data is None) == (validation_split is None):
        arguments.reject(owner, "validation_data", "given, or `validation_split`, but not both", validation_data)
    check_lengths(owner, data)
    if validation_data is not None:
        held = dict(zip(ARRAYS, keras.utils.unpack_x_y_sample_weight(validation_data), strict=True))
        check_lengths(owner, held, "validation_data")
    else:
        try:
            share = arguments.number(validation_split, above=0.0, below=1.0)
        except TypeError:
            share = None
        if share is None:
            arguments.reject(owner, "validation_split", "a number > 0 and < 1", validation_split)
        arrays = tuple(data[name] for name in ARRAYS)
        if not all(can_slice_array(array) for array in keras.tree.flatten(arrays)):
            arguments.reject(
                owner,
                "validation_split",
                "left out where the data is not arrays",
                validation_split,
                "Pass `validation_data`.",
            )
        kept, held_out = train_validation_split(arrays, share)
        data, held = data | dict(zip(ARRAYS, kept, strict=True)), dict(zip(ARRAYS, held_out, strict=True))
    for name, x in (("x", data["x"]), ("validation_data", held["x"])):
        if isinstance(x, types.GeneratorType):
            rule = "data that can be read more than once"
            arguments.reject(owner, name, rule, x, "Wrap the generator in a `PyDataset` or a `tf.data.Dataset`.")
    return data, held | {"batch_size": data["batch_size"]}


def sample(held: Data, examples: int) -> Data:
    """At most so many examples of arrays, drawn at random; other data as it is."""
    arrays = {name: value for name, value in held.items() if name != "batch_size"}
    leaves = [leaf for leaf in keras.tree.flatten(arrays) if leaf is not None]
    if not all(isinstance(leaf, np.ndarray) for leaf in leaves) or len(leaves[0]) <= examples:
        return held
    chosen = np.sort(np.random.default_rng(0).permutation(len(leaves[0]))[:examples])
    return held | keras.tree.map_structure(lambda leaf: None if leaf is None else leaf[chosen], arrays)
