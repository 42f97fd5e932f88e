"""The 95 % confidence interval of a mean of paired differences."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

# The 0.975 quantile of Student's t by degrees of freedom; between two entries, the smaller number applies.
QUANTILES = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}
QUANTILES |= {10: 2.228, 12: 2.179, 14: 2.145, 16: 2.120, 19: 2.093, 24: 2.064, 29: 2.045, 39: 2.023, 99: 1.984}


def interval(differences: Any, split_ratio: float = 0.0) -> tuple[float, float]:
    """The 95 % confidence interval for the mean of at least two paired differences.

    Its half-width is `t * sqrt((1 / n + split_ratio) * variance)`. If each pair has its own random split of the same
    data, the splits overlap, and `split_ratio` must be the number of held-out examples per training example.

    Source: Nadeau, Bengio, Inference for the Generalization Error, 2003 (Machine Learning 52).
    """
    count, mean = len(differences), float(np.mean(differences))
    quantile = QUANTILES[max(freedom for freedom in QUANTILES if freedom < count)]
    half = quantile * math.sqrt((1 / count + split_ratio) * float(np.var(differences, ddof=1)))
    return mean - half, mean + half
