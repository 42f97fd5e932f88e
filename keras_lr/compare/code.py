"""Writes the code that trains a policy. It expects `x`, `y` and a compiled `model`."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np

from ..schedules.foreign import member
from ..schedules.spans import epochs as in_epochs
from .policy import Policy
from .problem import Problem
from .script import joined


def code_of(policy: Policy, peak: float | None, problem: Problem, model: Any) -> str:
    """The code that trains a policy with a peak; `model` was trained by this policy."""
    made, data = policy.make(peak or 1.0, problem.steps), problem.data
    lines = [f"epochs = {problem.epochs}"]
    if re.search(r"\bsteps\b", policy.code):
        in_any_unit = _takes_epochs(policy, peak, problem)
        lines.append(
            "steps = klr.epochs(epochs)" if in_any_unit else f"steps = {problem.steps}  # updates in all epochs"
        )
    lines += [f"peak = {peak:g}"] if peak is not None else []
    kind = "rate" if made.optimizer is None else "optimizer"
    lines.append(f"{kind}, callbacks = {policy.code}" if made.callbacks else f"{kind} = {policy.code}")
    lines.append(_compiled(model) if made.optimizer is not None else "klr.set_learning_rate(model, rate)")
    given = [name for name in ("x", "y") if data[name] is not None]
    options = ["epochs=epochs"] if data["batch_size"] is None else [f"batch_size={data['batch_size']}", "epochs=epochs"]
    if problem.validation_split is None:
        options.append("validation_data=validation_data")
    else:
        if hasattr(data["x"], "shape"):
            lines.append("order = np.random.default_rng(0).permutation(len(x))  # the split of seed 0")
            arrays = {name: name if isinstance(data[name], np.ndarray) else f"np.asarray({name})" for name in given}
            given = [f"{array}[order]" for array in arrays.values()]
        options.append(f"validation_split={problem.validation_split:g}")
    callbacks = "[*callbacks, klr.BindSpans()]" if made.callbacks else "[klr.BindSpans()]"
    lines.append(f"model.fit({', '.join([*given, *options])}, callbacks={callbacks})")
    return joined(policy.imports, "\n".join(lines))


def _takes_epochs(policy: Policy, peak: float | None, problem: Problem) -> bool:
    """Whether the policy gives nearly the same rates for a length in epochs as for an integer.

    They differ a little where a part of the steps, such as a tenth, is rounded.
    """
    known = {"steps_per_epoch": problem.batches, "epochs": problem.epochs}
    try:
        rates = [policy.make(peak or 1.0, length).rate for length in (problem.steps, in_epochs(problem.epochs))]
        rates = [getattr(rate, "schedule", rate) for rate in rates]
        first, second = (member(rate).bind(**known).values(problem.steps) for rate in rates)  # type: ignore[union-attr]
    except (TypeError, ValueError, AttributeError):
        return False
    is_close = np.allclose(first, second, rtol=0.05, atol=0.01 * np.max(second))
    return is_close and problem.steps == problem.batches * problem.epochs


def _compiled(model: Any) -> str:
    """The call of `compile` with the optimizer of the policy, and with loss and metrics as far as they are names."""
    names = ("loss", "metrics", "loss_weights", "weighted_metrics")
    given = {name: model._compile_config.config[name] for name in names}
    try:
        parts = [f"{name}={json.dumps(value)}" for name, value in given.items() if value is not None]
    except TypeError:  # an object
        return "model.compile(optimizer, loss=model.loss)  # and your metrics"
    return f"model.compile({', '.join(['optimizer', *parts])})"
