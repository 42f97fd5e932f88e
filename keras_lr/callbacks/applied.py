"""Names of the hyperparameters that optimizers applied, for `logs` and records."""

from __future__ import annotations

from typing import Any


def by_name(names: list[str], values: list[dict[str, Any]], has_main: bool = True) -> dict[str, Any]:
    """What each of several optimizers has by hyperparameter, in one dictionary; `names` are those of the optimizers.

    With several optimizers inside one, the plain names are those of the main one, and the names of each end in
    what it is called.
    """
    if len(values) < 2 or not has_main:
        return {
            f"{name}_{end}" if end else name: v
            for end, own in zip(names, values, strict=True)
            for name, v in own.items()
        }
    endings, main = _endings(names)
    named = {f"{name}_{end}": value for end, own in zip(endings, values, strict=True) for name, value in own.items()}
    return values[main] | named


def _endings(names: list[str]) -> tuple[list[str], int]:
    """What to call each of several optimizers, and which is the main one.

    Those of `layerwise` are called by their factors, 1 for the one that has the plain name; the main one has factor 1
    or else the largest. Others are called by their names, and the last is the main one, in a
    `MultiOptimizer` the default.
    """
    base = min(names, key=len)
    if not all(name == base or name.startswith(base + "_") for name in names):
        base = base.rpartition("_")[0]
    rests = [name.removeprefix(base).removeprefix("_") or "1" for name in names if name.startswith(base)]
    factors = [number for number in map(_number, rests) if number is not None]
    # Keras counts optimizers of one class, as in `adam`, `adam_1` and `adam_2`.
    are_counted = base not in names and all(rest.isdigit() for rest in rests)
    if not base or len(set(factors)) < len(names) or are_counted:
        return names, len(names) - 1
    return rests, factors.index(1.0 if 1.0 in factors else max(factors))


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
