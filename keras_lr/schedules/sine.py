"""The square of a sine: half a cosine wave from 0 to 1, all of whose digits are right."""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

import numpy as np

# Taylor's series of sin(pi / 4 * x) / x in x * x, from its last term on, which is below 1e-16.
SERIES = [(-1) ** n * (math.pi / 4) ** (2 * n + 1) / math.factorial(2 * n + 1) for n in reversed(range(9))]


def sine_squared(turn: Any, ops: ModuleType, scale: float = 1.0) -> Any:
    """`sin(pi / 2 * scale * turn) ** 2`, for `scale * turn` from -1 to 1."""
    if ops is not np:
        sine = ops.sin(math.pi / 2 * scale * turn)
        return sine * sine
    # numpy's sine takes most of the time of a million values; eight products and sums take a quarter of that.
    turn = turn * scale if scale != 1 else turn
    square = turn * turn
    sine = SERIES[0] * square
    for coefficient in SERIES[1:-1]:
        sine += coefficient
        sine *= square
    sine += SERIES[-1]
    half = square * sine * sine  # of the half angle, which is below 1 / 2
    return 4.0 * half * (1.0 - half)
