"""Tables as tensors that are made once for each device, and not again in every graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

SHORT = 1000  # numbers that a graph of TensorFlow may have several times


class Shared:
    """An array that nobody changes, and the tensors of it.

    Keras evaluates a schedule once for each weight that decays, so a table that
    is part of the graph would be in it a hundred times, and a graph of
    TensorFlow ends at 2 GB; torch would convert it anew at each step.

    >>> table = Shared(np.array([0.1, 0.01]))
    >>> table.tensor("float32") is table.tensor("float32")
    True
    """

    def __init__(self, array: np.ndarray):
        array.flags.writeable = False
        # Its shape by itself: torch would make the array a part of its graph if it were asked.
        self.array, self.shape = array, array.shape
        self._tensors: dict[Any, Any] = {}

    def __len__(self) -> int:
        return self.shape[0]

    def tensor(self, dtype: str) -> Any:
        """The array as a tensor on the present device."""
        backend = keras.backend.backend()
        if backend == "tensorflow":
            import tensorflow as tf

            # A loop, as over `steps_per_execution`, hands what it takes from outside to each turn; a constant is there.
            if self.array.size > SHORT or tf.executing_eagerly():
                with tf.init_scope():  # outside of the graph, which takes the tensor as an argument
                    if tf.executing_eagerly():  # not so in a graph of TensorFlow 1, whose tensors end with it
                        return self._made(dtype)
        elif backend == "jax":
            import jax

            with jax.ensure_compile_time_eval():
                return self._made(dtype)
        elif backend == "torch":
            import torch

            if not torch.jit.is_tracing():  # it checks that a second trace finds the same operations
                # Not compiled, since an array of numpy would become a tensor of the compiled graph.
                return self._made(dtype, torch.compiler.disable)
        return keras.ops.convert_to_tensor(self.array, dtype=dtype)

    def _made(self, dtype: str, outside: Callable[[Any], Any] = lambda make: make) -> Any:
        any_tensor = keras.ops.convert_to_tensor(0.0)
        if "Fake" in type(any_tensor).__name__:  # torch asks for shapes alone, and takes no others
            return keras.ops.convert_to_tensor(self.array, dtype=dtype)
        key = any_tensor.device, dtype
        if key not in self._tensors:
            outside(self._make)(key, dtype)
        return self._tensors[key]

    def _make(self, key: Any, dtype: str) -> None:
        self._tensors[key] = keras.ops.convert_to_tensor(self.array, dtype=dtype)
