"""What the names of metrics tell: whether smaller is better, and which one was meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from ..schedules import arguments

MINIMIZED = ("loss", "error", "mae", "mse", "rmse", "mape", "msle", "perplexity", "divergence")
MAXIMIZED = ("accuracy", "acc", "auc", "precision", "recall", "f1_score", "fbeta_score", "iou", "r2_score")


def mode_of(owner: Any, name: str) -> str:
    """`"min"` or `"max"` as the name of a metric tells; where it does not, an error for the callback `owner`."""
    bare = name.removeprefix("val_").lower()
    for mode, endings in (("min", MINIMIZED), ("max", MAXIMIZED)):
        if bare.endswith(endings):
            return mode
    if question := did_you_mean(name):
        rule = 'a metric whose name tells whether less is better, or come with a `mode`, "min" or "max"'
        arguments.reject(owner, "monitor", rule, name, question)
    rule = f'"min" or "max" where the name of the metric, here `{name}`, does not tell, as `val_loss` does'
    arguments.reject(owner, "mode", rule, "auto")


def did_you_mean(name: str, known: Iterable[str] | None = None) -> str:
    """A question about a name that is close to a known one, or nothing; by default about the usual names."""
    if known is None:
        prefix = "val_" if name.startswith("val_") else ""
        known = [prefix + usual for usual in (*MINIMIZED, *MAXIMIZED)]
    close = difflib.get_close_matches(name, list(known), 1, 0.8)
    return f"Did you mean `{close[0]}`?" if close else ""
