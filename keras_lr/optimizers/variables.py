"""A hyperparameter as a variable that the compiled step reads."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
from keras.src.utils.tracking import DotNotTrackScope


class Hyperparameter(keras.Variable):
    """A scalar hyperparameter that the compiled step of an optimizer reads.

    It is float32 whatever floatx is, because 1 - 0.999 has no digits in float16.
    Keras asks `if self.momentum != 0` when it builds and when it traces. That
    question is about structure, whether there are slots, so comparisons with 0 are
    answered without a tensor.

    Within a step it can cache the tensor that was assigned. Keras reads a
    hyperparameter once per weight tensor, and then reads the cached tensor instead
    of the variable.

    TensorFlow does not multiply tensors of two dtypes. While a weight of another
    dtype is updated, the hyperparameter is read in that dtype, and differences such
    as 1 - beta are computed before they are cast.
    """

    _cached: Any = None
    _read_as: str | None = None  # the dtype in which it is read

    def __init__(self, value: float, name: str):
        super().__init__(
            np.float32(value),
            dtype="float32",
            trainable=False,
            autocast=False,
            aggregation="only_first_replica",
            name=name,
        )

    @property
    def value(self) -> Any:
        value = super().value if self._cached is None else self._cached
        return value if self._read_as is None else keras.ops.cast(value, self._read_as)

    @property
    def dtype(self) -> Any:
        return self._read_as or super().dtype

    @contextlib.contextmanager
    def read_as(self, dtype: str | None) -> Iterator[None]:
        """Read the variable in another dtype; `None` for its own."""
        before, self._read_as = self._read_as, dtype
        try:
            yield
        finally:
            self._read_as = before

    def __sub__(self, other: Any) -> Any:
        return self._subtract(super().__sub__, other)

    def __rsub__(self, other: Any) -> Any:
        return self._subtract(super().__rsub__, other)

    def _subtract(self, method: Callable[[Any], Any], other: Any) -> Any:
        dtype = self._read_as
        if dtype is None:
            return method(other)
        with self.read_as(None):
            return keras.ops.cast(method(other), dtype)

    def assign(self, value: Any) -> Any:
        self._cached = None
        return super().assign(value)

    def assign_and_cache(self, value: Any) -> None:
        """Assign a value, and cache its tensor until `clear_cache`, which must follow in the same call of `apply`."""
        self.assign(value)
        self._cached = keras.ops.convert_to_tensor(value, "float32")

    def clear_cache(self) -> None:
        self._cached = None

    def __bool__(self) -> bool:
        return True

    def __ne__(self, other: Any) -> Any:
        return True if _is_zero(other) else super().__ne__(other)

    def __gt__(self, other: Any) -> Any:
        return True if _is_zero(other) else super().__gt__(other)

    def __eq__(self, other: Any) -> Any:
        return False if other is None or _is_zero(other) else super().__eq__(other)

    __hash__ = object.__hash__


def add_variable(optimizer: Any, variables: dict[str, Hyperparameter], name: str, value: float) -> None:
    """Add a `Hyperparameter` of an optimizer to its managed `variables`, unless it is there already."""
    if name in variables:
        return
    with variable_scope(optimizer):
        variables[name] = Hyperparameter(value, name)
    if hasattr(optimizer, "_track_trackable"):  # for `tf.train.Checkpoint`
        optimizer._track_trackable(variables[name], name=f"keras_lr_{name}", overwrite=True)


def add_slot(optimizer: Any, slots: dict[str, list[keras.Variable]], name: str, value: float) -> None:
    """Add to `slots` a float32 variable, filled with `value`, for each weight of a built optimizer."""
    with _initializing_scope(optimizer), variable_scope(optimizer):
        slots[name] = [
            keras.Variable(
                keras.initializers.Constant(value),
                shape=weight.shape,
                dtype="float32",
                trainable=False,
                autocast=False,
                aggregation="only_first_replica",
                layout=getattr(weight, "_layout", None),  # on JAX, as the weight is distributed
                name=f"{name}_{index}",
            )
            for index, weight in enumerate(optimizer._trainable_variables)
        ]
    if hasattr(optimizer, "_track_trackable"):
        for variable in slots[name]:
            optimizer._track_trackable(variable, name=f"keras_lr_{variable.name}", overwrite=True)


def _initializing_scope(optimizer: Any) -> Any:
    """The scope in which TensorFlow gives a variable its value at once, also while it traces a step.

    Otherwise a variable made in a step that fails has none for ever, and XLA takes it for an empty tensor.
    """
    strategy = strategy_of(optimizer)
    if strategy is None or strategy.num_replicas_in_sync > 1:  # Keras builds before the step where there are replicas
        return contextlib.nullcontext()
    import tensorflow as tf

    return tf.init_scope()


def once_there_is_data(tensors: Any) -> Any:
    """The context in which TensorFlow computes nothing before the last of `tensors`, which come from the data.

    At the end of data of unknown length, Keras begins another step. TensorFlow runs all of it that needs no data, such
    as counting the step.
    """
    found = [tensor for tensor in keras.tree.flatten(tensors) if tensor is not None]
    if keras.backend.backend() != "tensorflow" or not found:
        return contextlib.nullcontext()
    import tensorflow as tf

    return tf.control_dependencies(found[-1:])  # one is enough; of gradients, the last one is computed first


@contextlib.contextmanager
def variable_scope(optimizer: Any) -> Iterator[None]:
    """Create variables of an optimizer under its name, and where its other variables are distributed."""
    with strategy_scope(optimizer), keras.name_scope(optimizer.name):
        yield


def strategy_scope(owner: Any) -> Any:
    """The scope in which the variables of a model or an optimizer are created: that of TensorFlow's strategy for it."""
    strategy = strategy_of(owner)
    return contextlib.nullcontext() if strategy is None else strategy.scope()


def strategy_of(owner: Any) -> Any:
    """The `tf.distribute` strategy of a model or an optimizer; `None` on other backends."""
    if keras.backend.backend() != "tensorflow":
        return None
    return owner.distribute_strategy if isinstance(owner, keras.Model) else owner._distribution_strategy


def drop_uninitialized(optimizer: Any) -> None:
    """Drop variables that have no value, since the step that was to create them failed; the optimizer is built again.

    Keras creates the slots of an optimizer while it traces the first step.
    """
    missing = [variable for variable in optimizer.__dict__["_variables"] if not has_value(variable)]
    if missing:
        for variable in missing:
            optimizer._untrack_variable(variable)
        renew_variables(optimizer, optimizer.__dict__["_variables"])
        optimizer.built = False


def renew_variables(optimizer: Any, variables: list[Any]) -> None:
    """Replace the list of the variables: TensorFlow's checkpoints refuse one that has changed other than at its end."""
    with DotNotTrackScope():  # as in Keras' constructor, where there is no tracker yet
        optimizer._variables = list(variables)
    is_variable, _ = optimizer._tracker.config["variables"]
    optimizer._tracker.config["variables"] = (is_variable, optimizer._variables)


def has_value(variable: Any) -> bool:
    """Whether a variable was initialized."""
    value = variable._value
    return value is not None and bool(value.is_initialized() if hasattr(value, "is_initialized") else True)


def to_decimal(variable: Any) -> float:
    """The value of a float32 variable as its shortest decimal: 0.9 instead of 0.8999999761581421."""
    return shortest_decimal(keras.ops.convert_to_numpy(variable))


def shortest_decimal(value: Any) -> float:
    """The shortest decimal that rounds to the float32 `value`."""
    return float(str(np.float32(value)))


def _is_zero(other: Any) -> bool:
    return isinstance(other, int | float) and not isinstance(other, bool) and other == 0
