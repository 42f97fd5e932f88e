"""Names of the hyperparameters that optimizers applied, for `logs` and records."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..optimizers.inspection import applied_values, batch_count, inner_optimizers


def applied_by_name(optimizers: list[Any], begins: list[int], ends: list[int]) -> dict[str, np.ndarray]:
    """The values that optimizers used for the batches from `begins` to `ends`.

    With several optimizers the plain names are those of the main one, and the names of each end in what it is called.
    """
    values = [applied_values(*batches) for batches in zip(optimizers, begins, ends, strict=True)]
    if len(values) == 1:
        return values[0]
    endings, main = _endings([optimizer.name for optimizer in optimizers])
    named = {f"{name}_{end}": series for end, own in zip(endings, values, strict=True) for name, series in own.items()}
    return values[main] | named


def last_applied(optimizer: Any) -> dict[str, float]:
    """The values of the last update by name, for `logs`."""
    optimizers = inner_optimizers(optimizer)
    ends = [batch_count(one) for one in optimizers]
    series = applied_by_name(optimizers, [max(0, end - 1) for end in ends], ends)
    return {name: float(values[-1]) for name, values in series.items() if len(values)}


def _endings(names: list[str]) -> tuple[list[str], int]:
    """What to call each of several optimizers, and which is the main one.

    Those of `layerwise` are called by their factors, 1 for the one that has the plain name; the main one has factor 1
    or else the largest. Others are called by their names, and the first is the main one.
    """
    base = min(names, key=len)
    if any(name != base and not name.startswith(base + "_") for name in names):
        base = base.rpartition("_")[0]
    rests = [name.removeprefix(base).removeprefix("_") or "1" for name in names]
    factors = [_number(rest) for rest in rests]
    # Keras counts optimizers of one class, as in `adam_1`, so whole numbers alone are not factors.
    is_layerwise = (
        bool(base)
        and all(name == base or name.startswith(base + "_") for name in names)
        and None not in factors
        and len(set(factors)) == len(factors)
        and any(not rest.isdigit() for rest in rests)
    )
    if not is_layerwise:
        return names, 0
    known = [factor or 0.0 for factor in factors]
    return rests, known.index(1.0) if 1.0 in known else known.index(max(known))


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
