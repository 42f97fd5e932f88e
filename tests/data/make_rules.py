"""Makes rules.json: where rules get to in their authors' or optax' implementations, on the problems of rule_problems.

    pip install prodigyopt dadaptation dog-optimizer momo-opt optax torch transformers
    python tests/data/make_rules.py

A row has the optimizer and its arguments as that package names them, the problem, and the factor of the learning rate.
`weights` are those after the last step, as one flat list; `estimates` are, after updates 1, 2, 3, ... (`steps` in the
file), what `ESTIMATES` says: mostly d, the paper's estimate of the distance to the solution; `average` are the averaged
weights, where the package has them. All is computed in float64, and under `float32` in float32. The two can be far
apart: the first steps are a millionth of the weights, which leaves float32 one digit of the distance.
"""

# ruff: noqa: E402 - JAX reads its environment when it is imported.

import contextlib
import importlib.metadata
import itertools
import json
import os
import platform
import sys
import warnings
from pathlib import Path

os.environ["JAX_ENABLE_X64"] = "1"
FILE = Path(__file__).with_name("rules.json")
sys.path[:] = [p for p in sys.path if Path(p or ".").resolve() != FILE.resolve().parent]
sys.path.insert(0, str(FILE.resolve().parent.parent))

import dadaptation
import dog
import jax
import numpy as np
import optax
import optax.contrib
import prodigyopt
import torch
from rule_problems import FACTORS, PROBLEMS, initial_weights
from rule_problems import STEPS as LAST
from transformers.optimization import GreedyLR

STEPS = (1, 2, 3, 5, 10, 20, 50, 100, 200)
MODULES = {
    "prodigyopt": (prodigyopt, "prodigyopt"),
    "dadaptation": (dadaptation, "dadaptation"),
    "dog": (dog, "dog-optimizer"),
    "optax.contrib": (optax.contrib, "optax"),
    "optax": (optax, "optax"),
    "transformers": (None, "transformers"),
}
ESTIMATES = {
    "Prodigy": lambda group: group["d"],
    "DAdaptAdam": lambda group: group["d"],
    "DAdaptSGD": lambda group: group["d"],
    "DoG": lambda group: float(group["rbar"]),  # the largest distance from the start
    "LDoG": lambda group: [float(r) for r in group["rbar"]],  # of each tensor
    "prodigy": lambda state: state.estim_lr,
    "dadapt_adamw": lambda state: state.estim_lr,
    "dowg": lambda state: state[1].estim_sq_dist,  # the largest squared distance from the start
    "mechanize": lambda state: state.s.sum(),  # the learning rate
}


# --------------------------------------------------------------------------------------------------- what is recorded
def table():
    """(module, optimizer, arguments, problem, factor) of each row."""
    each = list(itertools.product(PROBLEMS, ("constant", "cosine", "warmup")))
    for problem, factor in each:
        yield "optax.contrib", "prodigy", {}, problem, factor
        yield "optax.contrib", "dadapt_adamw", {}, problem, factor
        yield "dadaptation", "DAdaptSGD", {}, problem, factor
        yield "optax.contrib", "dowg", {}, problem, factor
        yield "dog", "DoG", {}, problem, factor
        yield "dog", "LDoG", {}, problem, factor
    # A factor of 0 in the first update makes optax divide 0 by 0: `run_optax` goes to the limit.
    for name in ("prodigy", "dadapt_adamw", "dowg"):
        yield "optax.contrib", name, {}, "network", "from zero"
    yield "optax.contrib", "prodigy", {"safeguard_warmup": True}, "network", "from zero"
    for module, name in [("prodigyopt", "Prodigy"), ("dadaptation", "DAdaptAdam")]:
        decoupled = {"decouple": True} if name == "DAdaptAdam" else {}
        for use in (True, False):
            for arguments in ({}, {"betas": [0.9, 0.99]}, {"weight_decay": 0.01, **decoupled}):
                yield module, name, arguments | {"use_bias_correction": use}, "network", "cosine"
    for name in ("prodigy", "dadapt_adamw"):
        yield "optax.contrib", name, {"betas": [0.9, 0.99]}, "network", "cosine"
        yield "optax.contrib", name, {"weight_decay": 0.01}, "network", "cosine"
    for option in (
        {"d0": 1e-4},
        {"d_coef": 0.5},
        {"d_coef": 2.0},
        {"beta3": 0.9},
        {"growth_rate": 1.02},
        {"growth_rate": 1.5},
        {"slice_p": 3},
        {"slice_p": 11},
        {"safeguard_warmup": True},
    ):
        yield "prodigyopt", "Prodigy", option | {"use_bias_correction": True}, "network", "warmup"
    yield "dadaptation", "DAdaptAdam", {"growth_rate": 1.5, "use_bias_correction": True}, "network", "warmup"
    for arguments in ({"momentum": 0.9}, {"growth_rate": 1.2}, {"weight_decay": 0.01}):
        for factor in ("cosine", "warmup"):
            yield "dadaptation", "DAdaptSGD", arguments, "network", factor
    for arguments in ({"reps_rel": 1e-4}, {"weight_decay": 0.01}, {"init_eta": 1e-3}):
        yield "dog", "DoG", arguments, "network", "constant"
    yield "dog", "LDoG", {"reps_rel": 1e-4}, "network", "constant"
    yield "optax.contrib", "dowg", {"init_estim_sq_dist": 1e-6, "eps": 1e-8}, "network", "cosine"
    for factor in ("constant", "cosine"):
        for arguments in ({}, {"weight_decay": 0.01}, {"adapt_lower_bound": True}):
            yield "optax.contrib", "momo", arguments | {"learning_rate": 0.5}, "network", factor
            yield "optax.contrib", "momo_adam", arguments | {"learning_rate": 0.03}, "network", factor
        for variant in ("sps", "sps+"):
            yield "optax", "polyak_sgd", {"max_learning_rate": 0.5, "variant": variant}, "network", factor
        yield "optax.contrib", "mechanize", {"base_optimizer": "sgd"}, "network", factor
        yield "optax.contrib", "mechanize", {"base_optimizer": "adam"}, "network", factor
    for arguments in ({}, {"smooth": True, "window_size": 5}, {"cooldown": 2, "warmup": 3}, {"reset_start": 2}):
        shared = {"lr": 0.1, "factor": 0.8, "patience": 2, "min_lr": 0.02, "max_lr": 0.5}
        yield "transformers", "GreedyLR", shared | arguments, "network", "constant"


# ----------------------------------------------------------------------------------------------- how the packages run
def row(module, name, arguments, problem, factor):
    run = run_greedy if name == "GreedyLR" else run_optax if module.startswith("optax") else run_torch
    exact, single = (
        run(MODULES[module][0], name, arguments, PROBLEMS[problem], FACTORS[factor], dtype)
        for dtype in ("float64", "float32")
    )
    single = {what: np.vectorize(lambda x: float(f"{x:.9g}"))(values).tolist() for what, values in single.items()}
    package = MODULES[module][1]
    what = {"package": package, "optimizer": name, "arguments": arguments, "problem": problem, "factor": factor}
    return what | exact | {"float32": single}


def run_torch(module, name, arguments, problem, factor, dtype):
    """With `factor` as the `lr` of each step, as a scheduler sets it."""
    weights = torch.nn.ParameterList(torch.nn.Parameter(torch.tensor(w)) for w in initial_weights(dtype))
    with contextlib.redirect_stdout(None):
        optimizer = getattr(module, name)(weights.parameters(), **arguments)
    averager = dog.PolynomialDecayAverager(weights) if module is dog else None
    estimates = []
    for step in range(LAST):
        _, gradients = problem(step, [w.detach().numpy() for w in weights])
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.grad = torch.tensor(gradient)
        for group in optimizer.param_groups:
            group["lr"] = factor(step)
        optimizer.step()
        if averager:
            averager.step()
        estimates.append(ESTIMATES[name](optimizer.param_groups[0]))
    average = {"average": flat(averager.averaged_model)} if averager else {}
    return {"estimates": [estimates[step - 1] for step in STEPS], "weights": flat(weights)} | average


def run_optax(module, name, arguments, problem, factor, dtype):
    """With `factor` times the `learning_rate` as a schedule."""
    arguments = dict(arguments)
    rate = arguments.pop("learning_rate", 1.0)
    least = 1e-30 if dtype == "float64" else 1e-12  # in place of 0
    rates = jax.numpy.asarray([rate * max(factor(step), least) for step in range(LAST)], dtype)
    if "base_optimizer" in arguments:
        optimizer = module.mechanize(getattr(optax, arguments["base_optimizer"])(lambda step: rates[step]))
    else:
        schedule = "scaling" if name == "polyak_sgd" else "learning_rate"
        optimizer = getattr(module, name)(**{schedule: lambda step: rates[step]}, **arguments)
    weights = [jax.numpy.asarray(w) for w in initial_weights(dtype)]
    state, estimates = optimizer.init(weights), []
    update = jax.jit(lambda gradients, state, weights, loss: optimizer.update(gradients, state, weights, value=loss))
    for step in range(LAST):
        loss, gradients = problem(step, [np.asarray(w) for w in weights])
        updates, state = update(gradients, state, weights, loss)
        weights = optax.apply_updates(weights, updates)
        if name in ESTIMATES:
            estimates.append(float(ESTIMATES[name](state)))
    known = {"estimates": [estimates[step - 1] for step in STEPS]} if estimates else {}
    return known | {"weights": flat(weights)}


def run_greedy(module, name, arguments, problem, factor, dtype):
    """SGD whose rate GreedyLR sets after each update by the loss of its batch. The estimates are the rates."""
    arguments = dict(arguments)
    weights = [torch.nn.Parameter(torch.tensor(w)) for w in initial_weights(dtype)]
    optimizer = torch.optim.SGD(weights, lr=arguments.pop("lr"))
    scheduler, rates = GreedyLR(optimizer, **arguments), []
    for step in range(LAST):
        loss, gradients = problem(step, [w.detach().numpy() for w in weights])
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.grad = torch.tensor(gradient)
        optimizer.step()
        scheduler.step(loss)
        rates.append(optimizer.param_groups[0]["lr"])
    return {"estimates": [rates[step - 1] for step in STEPS], "weights": flat(weights)}


def flat(weights):
    arrays = [w.detach().numpy() if isinstance(w, torch.Tensor) else np.asarray(w) for w in weights]
    return [float(x) for w in arrays for x in np.ravel(w)]


def main():
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    packages = sorted({package for _, package in MODULES.values()} | {"jax", "torch", "numpy"})
    made = {"python": platform.python_version()} | {p: importlib.metadata.version(p) for p in packages}
    lines = [json.dumps(row(*case), allow_nan=False) for case in table()]
    head = f'{{"made": {json.dumps(made)},\n"steps": {json.dumps(STEPS)},\n"rows": [\n'
    FILE.write_text(head + ",\n".join(lines) + "\n]}\n")
    print(f"{len(lines)} rows, {FILE.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
