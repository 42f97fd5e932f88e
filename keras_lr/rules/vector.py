"""Arithmetic with all weights of a model, or their gradients, as one vector."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras


class Vector:
    """A list of tensors, one for each weight, that adds, multiplies and divides like a single vector.

    >>> import numpy as np
    >>> from keras_lr.rules.vector import Vector
    >>> weights = Vector([np.ones([2, 3]), np.ones([3])])
    >>> steps = weights - 0.5 * weights
    >>> float(steps.dot(weights))
    4.5

    The other operand is a number, a scalar tensor, or a vector of the same shapes.

    Args:
        tensors: Tensors of any shapes.
    """

    def __init__(self, tensors: Iterable[Any]):
        self.tensors = list(tensors)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.tensors)

    def __len__(self) -> int:
        return len(self.tensors)

    def map(self, function: Callable[..., Any], *others: Any) -> Vector:
        """`function` of each tensor, and of those of `others` beside it."""
        columns = [other if isinstance(other, Vector) else [other] * len(self) for other in others]
        return Vector(function(*row) for row in zip(self, *columns, strict=True))

    def dot(self, other: Vector) -> Any:
        """The inner product with another vector."""
        return (self * other).sum()

    def sum(self) -> Any:
        """The sum of all elements."""
        if _are_torch(self.tensors):
            import torch

            return torch.stack([tensor.sum() for tensor in self]).sum()
        return sum(keras.ops.sum(tensor) for tensor in self)

    def norm(self) -> Any:
        """The Euclidean norm."""
        if _are_torch(self.tensors):
            import torch

            return torch.stack(torch._foreach_norm(self.tensors)).norm()
        return self.dot(self) ** 0.5

    def abs(self) -> Vector:
        return self._apply("abs", keras.ops.abs)

    def sqrt(self) -> Vector:
        return self._apply("sqrt", keras.ops.sqrt)

    def __neg__(self) -> Vector:
        return self._apply("neg", operator.neg)

    def __add__(self, other: Any) -> Vector:
        return self._apply("add", operator.add, other)

    def __sub__(self, other: Any) -> Vector:
        return self._apply("sub", operator.sub, other)

    def __mul__(self, other: Any) -> Vector:
        return self._apply("mul", operator.mul, other)

    def __truediv__(self, other: Any) -> Vector:
        return self._apply("div", operator.truediv, other)

    __radd__, __rmul__ = __add__, __mul__

    # So that a NumPy number or a tensor on the left leaves the operation to the vector.
    __array_ufunc__ = None

    def _apply(self, name: str, function: Callable[..., Any], *others: Any) -> Vector:
        if not _are_torch(self.tensors) or (name in ("add", "sub") and not isinstance(others[0], Vector)):
            return self.map(function, *others)
        import torch

        # One call for all tensors: on torch each one takes some microseconds.
        operands = [other.tensors if isinstance(other, Vector) else other for other in others]
        return Vector(getattr(torch, f"_foreach_{name}")(self.tensors, *operands))


def where(condition: Any, x: Any, y: Any) -> Any:
    """`keras.ops.where`, without what it costs on torch."""
    if _are_torch([condition]):
        import torch

        return torch.where(condition, x, y)
    return keras.ops.where(condition, x, y)


def read(variables: Iterable[Any]) -> Vector:
    """The present values of variables, in float32; on torch without their history."""
    if keras.backend.backend() == "torch":
        return Vector(getattr(variable, "value", variable).detach().float() for variable in variables)
    return Vector(keras.ops.cast(value_of(variable), "float32") for variable in variables)


def assign(variables: list[Any], values: list[Any]) -> None:
    """Assign to many variables, on torch in one call."""
    if keras.backend.backend() == "torch":
        import torch

        with torch.no_grad():
            targets = [variable.value for variable in variables]
            torch._foreach_copy_(
                targets, [torch.as_tensor(x, device=y.device) for x, y in zip(values, targets, strict=True)]
            )
        return
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def value_of(variable: Any) -> Any:
    """The present value of a variable, or a number, as a tensor."""
    value = getattr(variable, "value", variable)
    # On TensorFlow a variable stands for the value that it has when it is used, which may be after it was assigned.
    return value.read_value() if hasattr(value, "read_value") else keras.ops.convert_to_tensor(value)


def _are_torch(tensors: list[Any]) -> bool:
    """Whether these are tensors of torch; a rule may be called with others."""
    return keras.backend.backend() == "torch" and bool(tensors) and hasattr(tensors[0], "detach")
