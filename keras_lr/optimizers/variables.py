"""A number of an optimizer as a variable that its compiled step reads."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np


class Hyperparameter(keras.Variable):
    """A number of an optimizer as a scalar that its compiled step reads.

    float32 whatever floatx is: 1 - 0.999 has no digits in float16. Keras asks
    `if self.momentum != 0` when it builds and when it traces. That question is
    about structure, whether there are slots, and so it is answered without a tensor.

    Inside a step it can be the tensor that was assigned: what Keras asks for once per
    weight tensor is then not read at all.
    """

    _held: Any = None

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
        return super().value if self._held is None else self._held

    def assign(self, value: Any) -> Any:
        self._held = None
        return super().assign(value)

    def hold(self, value: Any) -> None:
        """Assign a value and be that tensor until `release`, which belongs into the same call of `apply`."""
        self.assign(value)
        self._held = keras.ops.convert_to_tensor(value, "float32")

    def release(self) -> None:
        self._held = None

    def __bool__(self) -> bool:
        return True

    def __ne__(self, other: Any) -> Any:
        return True if _is_zero(other) else super().__ne__(other)

    def __gt__(self, other: Any) -> Any:
        return True if _is_zero(other) else super().__gt__(other)

    def __eq__(self, other: Any) -> Any:
        return False if other is None or _is_zero(other) else super().__eq__(other)

    __hash__ = object.__hash__


def _is_zero(other: Any) -> bool:
    return isinstance(other, int | float) and not isinstance(other, bool) and other == 0


def shortest(cell: Any) -> float:
    """The number in a float32 variable as the shortest decimal: 0.9, not 0.8999999761581421."""
    return float(str(np.float32(keras.ops.convert_to_numpy(cell.value))))
