"""Writes the code that trains a policy. It expects `x`, `y` and a compiled `model`."""

from __future__ import annotations

import inspect
import re
from typing import Any

import keras
import numpy as np

from ..schedules.foreign import member
from ..schedules.spans import epochs as in_epochs
from .policy import Policy
from .trials import Plan


def code_of(policy: Policy, peak: float | None, plan: Plan, model: Any) -> str:
    """The code that trains a policy with a peak; `model` was trained by this policy."""
    problem, made = plan.problem, policy.make(peak or 1.0, plan.steps)
    imports, expression = policy.code()
    lines = ["import keras", "import numpy as np", "", "import keras_lr as klr"]
    lines += [imports.rstrip()] if imports else []
    lines += ["", f"epochs = {problem.epochs}"]
    if re.search(r"\bsteps\b", expression):
        is_same = _takes_epochs(policy, peak, plan)
        lines.append("steps = klr.epochs(epochs)" if is_same else f"steps = {plan.steps}  # updates in all epochs")
    lines += [f"peak = {peak:g}"] if peak is not None else []
    kind = "rate" if made.optimizer is None else "optimizer"
    lines.append(f"{kind}, callbacks = {expression}" if made.callbacks else f"{kind} = {expression}")
    lines += _compiled(made.optimizer is not None, model)
    data = {name: problem.data[name] for name in ("x", "y") if problem.data[name] is not None}
    names, options = list(data), []
    if problem.data["batch_size"] is not None:
        options.append(f"batch_size={problem.data['batch_size']}")
    options.append("epochs=epochs")
    if problem.validation_split is not None:
        if hasattr(problem.data["x"], "shape"):
            lines.append("order = np.random.default_rng(0).permutation(len(x))  # the split of seed 0")
            names = [_in_order(name, array) for name, array in data.items()]
        options.append(f"validation_split={problem.validation_split:g}")
    else:
        options.append("validation_data=validation_data")
    callbacks = "[*callbacks, klr.BindSpans()]" if made.callbacks else "[klr.BindSpans()]"
    lines.append(f"model.fit({', '.join([*names, *options])}, callbacks={callbacks})")
    text = "\n".join(lines)
    return text if "np." in text else text.replace("import numpy as np\n", "")


def _in_order(name: str, array: Any) -> str:
    """An expression for the examples in another order."""
    if hasattr(array, "iloc"):  # of pandas, whose `[order]` would select columns or labels
        return f"{name}.iloc[order]"
    return f"{name}[order]" if isinstance(array, np.ndarray) else f"np.asarray({name})[order]"


def _takes_epochs(policy: Policy, peak: float | None, plan: Plan) -> bool:
    """Whether the policy gives nearly the same rates for a length in epochs as for an integer.

    They differ a little where a part of the steps, such as a tenth, is rounded.
    """
    steps = np.arange(plan.steps)
    try:
        rates = [policy.make(peak or 1.0, length).rate for length in (plan.steps, in_epochs(plan.problem.epochs))]
        rates = [getattr(rate, "schedule", rate) for rate in rates]
        known = {"steps_per_epoch": plan.batches, "epochs": plan.problem.epochs}
        first, second = (member(rate).bind(**known).values(steps) for rate in rates)  # type: ignore[union-attr]
    except (TypeError, ValueError, AttributeError):
        return False
    is_close = np.allclose(first, second, rtol=0.05, atol=0.01 * np.max(second))
    return is_close and plan.steps == plan.batches * plan.problem.epochs


def _compiled(is_optimizer: bool, model: Any) -> list[str]:
    """The lines that set the rate or the optimizer: a call of `compile` if its arguments can be written as code."""
    source = "optimizer" if is_optimizer else _source(model.optimizer)
    arguments = _arguments(model)
    if source and arguments:
        return ["model.compile(", *(f"    {one}," for one in (source, *arguments)), ")"]
    if is_optimizer:
        return ["model.compile(optimizer, loss=model.loss)  # and your metrics"]
    return ["klr.set_learning_rate(model, rate)"]


def _source(optimizer: Any) -> str | None:
    """An expression for an optimizer of Keras with the rate `rate`; `None` if its settings can't be written as code."""
    cls = getattr(keras.optimizers, type(optimizer).__name__, None)
    if cls is None or not isinstance(optimizer, cls):  # on torch, Keras makes subclasses of the same name
        return None
    config = optimizer.get_config()
    parts = ["rate"]
    for name, parameter in inspect.signature(cls).parameters.items():
        value = config.get(name, parameter.default)
        if name not in ("name", "learning_rate") and value != parameter.default:
            if not isinstance(value, bool | int | float | str | None):
                return None
            parts.append(f"{name}={value!r}")
    return f"keras.optimizers.{cls.__name__}({', '.join(parts)})"


def _arguments(model: Any) -> list[str] | None:
    """The arguments `loss` and `metrics` of `compile` as code; `None` unless they are names."""
    given = model._compile_config.config
    loss, metrics = given["loss"], given["metrics"] or []
    others = [given["loss_weights"], given["weighted_metrics"]]
    are_names = isinstance(loss, str) and isinstance(metrics, list) and all(isinstance(one, str) for one in metrics)
    if not are_names or any(other is not None for other in others):
        return None
    names = ", ".join(f'"{name}"' for name in metrics)
    return [f'loss="{loss}"', *([f"metrics=[{names}]"] if metrics else [])]
