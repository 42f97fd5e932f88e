"""Hints in errors: the names that other libraries use for arguments, classes and functions, and ours for the same."""

from __future__ import annotations

import difflib
import functools
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn, TypeVar

from .arguments import RULES
from .errors import fail, without_internal_frames
from .exact import shown

Function = TypeVar("Function", bound=Callable[..., Any])

ONE_CYCLE_MOMENTUM = (
    "Schedule the momentum separately, as in "
    "`keras_lr.scheduled(optimizer, momentum=keras_lr.one_cycle_momentum(steps=...))`."
)
RESUMED = "The optimizer counts updates; set its count with `keras_lr.resume_at`."
WARMED = "Wrap the schedule in `keras_lr.Warmup(schedule, steps=...)`, or use `keras_lr.warmup_cosine`."
FORMULA = "Write the formula as a class with `@keras_lr.schedule`."
SHOWN = "Use `keras_lr.Monitor` to see the values."

# For each name in other libraries, what errors suggest: the first of these arguments that exists, or a sentence.
FIRST_VALUE, PEAK = ("start", "peak", "value", "minimum"), ("peak", "maximum", "start", "value")
LAST_VALUE, LENGTH, CYCLE = ("end", "minimum", "start"), ("steps", "period"), ("period", "steps")
ARGUMENTS: dict[str, tuple[str, ...]] = {
    # values
    **dict.fromkeys(("lr", "learning_rate"), ("learning_rate", "peak", "start", "value", "rate")),
    **dict.fromkeys(("initial_learning_rate", "init_lr", "initial_lr", "start_lr", "init_value"), FIRST_VALUE),
    **dict.fromkeys(("warmup_init_lr", "warmup_start_lr", "warmup_lr", "start_factor"), FIRST_VALUE),
    **dict.fromkeys(("base_lr", "lr_start"), ("start", "minimum", "peak")),
    **dict.fromkeys(("max_lr", "lr_max", "eta_max", "peak_lr", "peak_value", "max_learning_rate"), PEAK),
    **dict.fromkeys(("min_lr", "lr_min", "eta_min", "min_learning_rate"), LAST_VALUE),
    **dict.fromkeys(("end_lr", "lr_end", "end_learning_rate", "final_lr", "end_value"), ("end", "maximum", "start")),
    "end_factor": ("end",),
    **dict.fromkeys(("alpha", "alpha_f"), ("end={name} * peak", "end={name} * start")),
    **dict.fromkeys(("div_factor", "div"), ("start=peak / {name}",)),
    "final_div_factor": ("end=start / {name}", "start=peak / {name}"),
    "div_final": ("end=peak / {name}",),
    "peak": ("start", "value", "maximum"),
    "value": ("start", "peak"),
    # factors
    "decay_rate": ("rate", "factor", "decay"),
    "gamma": ("rate", "factor", "shrink"),
    **dict.fromkeys(("t_mul", "T_mult", "cycle_mult"), ("growth",)),
    **dict.fromkeys(("m_mul", "lr_shrink"), ("shrink",)),
    **dict.fromkeys(("layer_decay", "lr_decay", "decay_factor"), ("decay", "factor", "rate")),
    **dict.fromkeys(("param_groups", "lr_mult", "multipliers"), ("factors",)),
    # lengths
    **dict.fromkeys(("decay_steps", "T_max", "t_max", "total_iters", "num_training_steps"), LENGTH),
    **dict.fromkeys(("total_steps", "num_steps", "max_steps", "transition_steps", "num_iter", "num_it"), LENGTH),
    **dict.fromkeys(("first_decay_steps", "T_0", "first_cycle_steps", "cycle_len", "cycle_length"), CYCLE),
    **dict.fromkeys(("step_size", "step_size_up"), ("up", "steps", "period")),
    "step_size_down": ("down",),
    **dict.fromkeys(("epochs", "n_epochs", "num_epochs", "total_epochs"), ("steps=keras_lr.epochs({name})",)),
    **dict.fromkeys(("milestones", "decay_epochs"), ("boundaries",)),
    **dict.fromkeys(("pct_start", "start_pct"), ("warmup", "decay=1 - {name}")),
    **dict.fromkeys(("num_warmup_steps", "warmup_steps", "warmup_iters", "warmup_proportion"), ("warmup", WARMED)),
    **dict.fromkeys(("warmup_ratio", "warmup"), ("warmup", WARMED)),
    "warmup_epochs": ("warmup=keras_lr.epochs({name})", WARMED),
    "warmup_target": ("peak", WARMED),
    **dict.fromkeys(("num_decay_steps", "decay_type"), ("decay", "curve")),
    **dict.fromkeys(("num_cycles", "n_cycles"), ("waves", "cycles")),
    "last_epoch": (RESUMED,),
    "initial_epoch": ("restart", RESUMED),
    # forms
    **dict.fromkeys(("anneal_strategy", "decay_fn"), ("curve",)),
    "k_decay": ("k",),
    **dict.fromkeys(("lr_lambda", "schedule_fn", "scale_fn", "lr_fn"), ("schedule", FORMULA)),
    **dict.fromkeys(("schedulers", "scheds"), ("schedules",)),
    # momentum and the other hyperparameters
    **dict.fromkeys(("base_momentum", "mom_min"), ("minimum", ONE_CYCLE_MOMENTUM)),
    **dict.fromkeys(("max_momentum", "mom_max"), ("maximum", ONE_CYCLE_MOMENTUM)),
    **dict.fromkeys(("moms", "cycle_momentum"), (ONE_CYCLE_MOMENTUM,)),
    **dict.fromkeys(("mom", "nesterov_momentum"), ("momentum", "beta_1")),
    **dict.fromkeys(("beta1", "betas", "b1"), ("beta_1",)),
    **dict.fromkeys(("beta2", "b2"), ("beta_2",)),
    **dict.fromkeys(("wd", "decay"), ("weight_decay",)),
    # callbacks and functions
    "min_delta": ("threshold", "atol"),
    "threshold_mode": ("relative",),
    **dict.fromkeys(("metric", "quantity"), ("monitor",)),
    **dict.fromkeys(("logdir", "folder"), ("log_dir",)),
    **dict.fromkeys(("filepath", "filename"), ("path",)),
    **dict.fromkeys(("rate", "schedule"), ("value", "learning_rate")),
    "optimizer": ("model_or_optimizer", "Pass the schedule to the optimizer, as in `SGD(schedule)`."),
    "policy": ("schedule",),
    "verbose": (SHOWN,),
    "name": ("Leave it out.",),
}

# Our names, and what other libraries call the same.
OTHER_NAMES = {
    "Constant": "SchedNo constant_schedule",
    "Linear": "LinearLR SchedLin linear_schedule LinearDecay linear_decay",
    "Polynomial": "PolynomialDecay PolynomialLR SchedPoly polynomial_schedule polynomial_decay "
    "get_polynomial_decay_schedule_with_warmup",
    "Cosine": "CosineDecay CosineAnnealingLR CosineAnnealing SchedCos cosine_decay_schedule cosine_decay",
    "Exponential": "ExponentialDecay ExponentialLR SchedExp exponential_decay",
    "Exponential(..., staircase=True)": "StepLR StepDecay step_decay",
    "InverseTime": "InverseTimeDecay inverse_time_decay",
    "InverseSqrt": "get_inverse_sqrt_schedule InverseSquareRootSchedule",
    "Intervals": "PiecewiseConstantDecay piecewise_constant_schedule piecewise_constant PiecewiseConstant ConstantLR",
    "Knots": "combined_cos PiecewiseLinear piecewise_interpolate_schedule",
    "Sequence": "SequentialLR combine_scheds join_schedules ConcatScheduler",
    "Product": "ChainedScheduler",
    "Warmup": "WarmUp LinearWarmup WarmupLR get_constant_schedule_with_warmup create_lr_scheduler_with_warmup",
    "sgdr": "CosineDecayRestarts CosineAnnealingWarmRestarts fit_sgdr sgdr_schedule CosineRestarts "
    "get_cosine_with_hard_restarts_schedule_with_warmup",
    "triangular": "CyclicLR CyclicalLearningRate TriangularCyclicalLearningRate CLR",
    "one_cycle": "OneCycleLR OneCycle fit_one_cycle OneCycleScheduler OneCycleSchedule cosine_onecycle_schedule",
    "flat_cosine": "fit_flat_cos",
    "multi_step": "MultiStepLR",
    "warmup_linear": "get_linear_schedule_with_warmup",
    "warmup_cosine": "get_cosine_schedule_with_warmup warmup_cosine_decay_schedule WarmupCosine WarmUpCosine",
    "warmup_stable_decay": "get_wsd_schedule WSD",
    "schedule": "LambdaLR MultiplicativeLR",
    "Schedule": "LearningRateSchedule LRScheduler",
    "PlateauReducer": "ReduceLROnPlateau reduce_on_plateau",
    "EpochSchedule": "LearningRateScheduler",
    "Monitor": "LearningRateMonitor LRMonitor",
    "find_learning_rate": "lr_find LRFinder LearningRateFinder lr_finder FastaiLRFinder",
    "scheduled": "ParamScheduler inject_hyperparams HyperParamScheduler",
    "layerwise": "param_groups_layer_decay LayerDecay MultiOptimizer",
}
NAMES = {theirs: ours for ours, names in OTHER_NAMES.items() for theirs in names.split()}


def hint(name: str, known: Iterable[str], own: Mapping[str, str] | None = None) -> str:
    """What to pass instead of an argument that is not in `known`; empty if nothing fits.

    `own` has hints of the class itself, by name.
    """
    known = [*known]
    if own and name in own:
        return f"Pass {own[name]} instead."
    for option in ARGUMENTS.get(name, ()):
        if " " in option and "=" not in option.split()[0]:
            return option
        words = set(re.findall(r"\w+", option)) & RULES.keys() | {option.partition("=")[0]}
        if words <= {*known}:
            return f"Pass `{option.format(name=name)}` instead."
    close = difflib.get_close_matches(name, known, n=1)
    return f"Did you mean `{close[0]}`?" if close else ""


def check_names(owner: str, known: Iterable[str], keywords: Mapping[str, Any], own: Any = None) -> None:
    """Raise for an argument that `owner` does not have, and say what to pass instead.

    Raises:
        TypeError: `keywords` has such an argument.
    """
    for name, value in keywords.items():
        if name not in known:
            remedy = hint(name, known, own) or f"It has {', '.join(f'`{one}`' for one in known)}."
            fail(TypeError(f"`{owner}` has no argument `{name}`. {remedy} Received: {name}={shown(value)}"))


def with_hints(function: Function) -> Function:
    """Decorate a function to raise helpful errors for arguments that it does not have."""
    known = inspect.signature(function).parameters

    @without_internal_frames
    @functools.wraps(function)
    def checked(*args: Any, **keywords: Any) -> Any:
        check_names(function.__name__, known, keywords)
        return function(*args, **keywords)

    return checked  # type: ignore[return-value]


def no_such_name(name: str) -> NoReturn:
    """Raise the error for `keras_lr.name`, which does not exist, and suggest what to use instead."""
    message = f"`keras_lr` has no `{name}`."
    if name in NAMES:
        message += f" Use `keras_lr.{NAMES[name]}` instead."
    elif not name.startswith("_"):
        public = {one.lower(): one for one in reversed(sys.modules["keras_lr"].__all__)}
        close = difflib.get_close_matches(name.lower(), public, n=1)
        message += f" Did you mean `keras_lr.{public[close[0]]}`?" if close else ""
    raise AttributeError(message)
