"""The policies of a comparison: how to read them, make their rates or optimizers, and write their code."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import keras
from keras.optimizers.schedules import LearningRateSchedule

from ..optimizers.hyperparameters import validate_hyperparameter
from ..optimizers.inspection import configured_rate, inner_optimizers, rules_of
from ..optimizers.learning_rate import set_learning_rate
from ..rules.base import Rule
from ..schedules import arguments
from ..schedules.foreign import member
from .builtin import FUNCTION, POLICIES, builtin_name, closest, is_unknown
from .script import call_of, failure_of, run

OWNER = "compare_policies"
RULE = (
    "a schedule, a rule, a number, an optimizer, a function of a peak and a number of steps that returns one of these, "
    "or an expression as a string"
)
TRIAL_PEAKS = 0.01, 0.02


class Made(NamedTuple):
    """What a policy makes: a rate, the optimizer with this rate if the policy has its own, and callbacks."""

    rate: Any
    optimizer: Any
    callbacks: list[Any]


@dataclasses.dataclass(frozen=True)
class Policy:
    """A policy with its name; `code` is an expression for it, of `peak` and `steps`, that needs `imports`."""

    name: str
    source: Any
    code: str
    imports: str
    epochs: int

    @classmethod
    def read(cls, name: str, source: Any, where: str, epochs: int) -> Policy:
        """Read one of the policies that the user passes; `where` is an expression for it in the user's code."""
        code, imports = f"{where}(peak, steps)" if is_function(source) else where, ""
        if isinstance(source, str):
            if is_unknown(source):
                rule = f"an expression, or the name of a built-in policy: {', '.join(POLICIES)}"
                arguments.reject(OWNER, where, rule, source, closest(source))
            code = POLICIES.get(builtin_name(source) or "", source)
            if FUNCTION.fullmatch(source):
                imports, code = call_of(where, source, "peak, steps")
        return cls(name, source, code, imports, epochs)

    def make(self, peak: float, steps: Any) -> Made:
        """What the policy makes for this peak and number of updates, new at each call."""
        with failure_of(f"The policy `{self.name}`"):
            made = self._evaluate(peak, steps)
        rate, callbacks = made if isinstance(made, tuple) and len(made) == 2 else (made, [])
        if not isinstance(callbacks, list) or not all(isinstance(one, keras.callbacks.Callback) for one in callbacks):
            self._reject(made, "A tuple must have one of these and a list of callbacks.")
        if isinstance(rate, keras.optimizers.Optimizer):
            if rate is self.source or rate.built:
                rate = type(rate).from_config(rate.get_config())
            return Made(_rate_of(rate), rate, callbacks)
        try:
            is_rate = isinstance(rate, Rule) or member(rate) is not None
        except TypeError:
            is_rate = False
        return Made(rate, None, callbacks) if is_rate else self._reject(made)

    def _evaluate(self, peak: float, steps: Any) -> Any:
        if isinstance(self.source, str):
            return run(f"{self.imports}\nmade = {self.code}", peak=peak, steps=steps, epochs=self.epochs)["made"]
        if is_function(self.source):
            return self.source(peak, steps)
        return self.source if isinstance(self.source, keras.optimizers.Optimizer) else copy.deepcopy(self.source)

    def _reject(self, made: Any, remedy: str = "") -> Any:
        arguments.reject(OWNER, f"policies[{self.name!r}]", RULE, made, remedy, error=TypeError)

    def has_peak(self, steps: int) -> bool:
        """Whether there is a peak to tune: the rate depends on it, and no rule estimates the rate."""
        first, second = (self.make(peak, steps).rate for peak in TRIAL_PEAKS)
        return not isinstance(first, Rule) and member(first) != member(second)

    def check(self, model: Any, steps: int) -> None:
        """Make the policy once; raise if the optimizer of the model does not accept its rate."""
        made = self.make(TRIAL_PEAKS[0], steps)
        if made.optimizer is None:
            owner, owners = f"policy {self.name}", inner_optimizers(model.optimizer)
            validate_hyperparameter("learning_rate", made.rate, model.optimizer, owners, owner)


def read_policies(policies: Any, epochs: int) -> dict[str, Policy]:
    """Read the argument `policies`, a dictionary or a list."""
    if isinstance(policies, Mapping):
        named = [(name, source, f"policies[{name!r}]") for name, source in policies.items()]
    elif isinstance(policies, Iterable):
        listed = [policies] if isinstance(policies, str) else list(policies)
        named = [(_name(source), source, f"policies[{index}]") for index, source in enumerate(listed)]
    else:
        named = []
    names = [name for name, _, _ in named]
    if not names or not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        rule = "a dictionary or a list of one or more policies with different names"
        arguments.reject(OWNER, "policies", rule, policies)
    return {name: Policy.read(name, source, where, epochs) for name, source, where in named}


def use(model: Any, made: Made) -> None:
    """Set the rate or the optimizer that a policy made in a compiled model."""
    if made.optimizer is None:
        set_learning_rate(model, made.rate)
    else:
        set_optimizer(model, made.optimizer)


def set_optimizer(model: Any, optimizer: Any) -> None:
    """Compile a model with another optimizer; not by `model.compile`, which the user may have overridden."""
    keras.Model.compile(model, **model._compile_config.config | {"optimizer": optimizer})


def is_function(source: Any) -> bool:
    """Whether a policy is a function of a peak and a number of steps."""
    return callable(source) and not isinstance(source, LearningRateSchedule | Rule)


def _name(source: Any) -> str:
    return source if isinstance(source, str) else getattr(source, "__name__", None) or repr(source)


def _rate_of(optimizer: Any) -> Any:
    """The rate of an optimizer as a schedule, a rule or a number."""
    inner = inner_optimizers(optimizer)[0]
    rate = rules_of(inner).get("learning_rate") or configured_rate(inner)
    return float(keras.ops.convert_to_numpy(rate)) if isinstance(rate, keras.Variable) else rate
