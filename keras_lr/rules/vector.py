"""Arithmetic with all weights of a model, or their gradients, as one vector."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
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

    Args:
        tensors: Tensors of any shapes. The other operand is a number, a scalar tensor, or a vector of the same shapes.
    """

    def __init__(self, tensors: Any):
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
        return sum(keras.ops.sum(tensor) for tensor in self)

    def norm(self) -> Any:
        """The Euclidean norm."""
        return keras.ops.sqrt(self.dot(self))

    def abs(self) -> Vector:
        return self.map(keras.ops.abs)

    def sqrt(self) -> Vector:
        return self.map(keras.ops.sqrt)

    def __neg__(self) -> Vector:
        return self.map(operator.neg)

    def __add__(self, other: Any) -> Vector:
        return self.map(operator.add, other)

    def __sub__(self, other: Any) -> Vector:
        return self.map(operator.sub, other)

    def __mul__(self, other: Any) -> Vector:
        return self.map(operator.mul, other)

    def __truediv__(self, other: Any) -> Vector:
        return self.map(operator.truediv, other)

    __radd__, __rmul__ = __add__, __mul__

    # So that a NumPy number or a tensor on the left leaves the operation to the vector.
    __array_ufunc__ = None
