"""Makes peers.json: the learning rates of other libraries' schedules, got by running those libraries.

    python tests/data/make_peers.py [--sources FOLDER] [peer ...]

Each row is a call as a user of that library writes it and, in `values`, what the updates t = 0, 1, 2, ... of a training
that follows the library's own documentation use. Rows are written here as (number of updates, call); the call is run as
it stands. Without names, all peers are run. A peer that can't be imported keeps the rows it had, and so does one whose
source is not under FOLDER: one folder, named as the repository, for each library that isn't a package or that doesn't
install without much else. The comment in the function of such a peer names its repository and version.
"""

import argparse
import ast
import contextlib
import dataclasses
import importlib.abc
import importlib.machinery
import importlib.metadata
import io
import json
import logging
import math
import os
import platform
import sys
import types
import warnings
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Optional, Union
from unittest import mock

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["JAX_ENABLE_X64"] = "1"  # optax, big_vision and t5x compute in float64 then, where their code lets them.
sys.path[:] = [p for p in sys.path if Path(p or ".").resolve() != Path(__file__).resolve().parent]
FILE = Path(__file__).with_name("peers.json")
ARGUMENTS = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
ARGUMENTS.add_argument("peers", nargs="*")
ARGUMENTS.add_argument("--sources", type=Path, default=Path("sources"))


# ---------------------------------------------------------------------------------------------- how a call is run
def rows(peer, table, names, run, **more):
    """One row for each line of the table: (n, call) or (n, call, what is scheduled when it isn't the rate)."""
    for n, call, *what in table:
        digits = 9 if "precision" in more else 17  # What float32 and float64 need.
        values = [float(f"{float(v):.{digits}g}") for v in run(lambda call=call: evaluate(call, dict(names)), n, *what)]
        row = {"peer": peer, "name": call.split("; ")[-1].split("(")[0].split(".")[-1], "call": call}
        yield row | ({"of": what[0]} if what else {}) | more | {"values": values}


def evaluate(call, names):
    """The value of a call, after the statements before it, if any."""
    *before, call = call.split("; ")
    exec("\n".join(before), names)
    tree = ast.parse(call, mode="eval")
    if "float64" in names:
        tree = ast.fix_missing_locations(Float64().visit(tree))
    return eval(compile(tree, call, "eval"), names)


class Float64(ast.NodeTransformer):
    """Makes the float constants of a call float64: Keras and TensorFlow read a plain float as float32."""

    def visit_Constant(self, node):
        return ast.Call(ast.Name("float64", ast.Load()), [node], []) if isinstance(node.value, float) else node


class Torch:
    """Optimizers of torch on one weight, and the loop of torch's documentation."""

    def __init__(self):
        import torch

        self.torch, self.last = torch, None

    def __getattr__(self, name):
        def make(**keywords):
            self.last = getattr(self.torch.optim, name)([self.torch.nn.Parameter(self.torch.zeros(1))], **keywords)
            return self.last

        return make

    def __call__(self, call, n, what="lr"):
        scheduler, values = call(), []
        for t in range(n):
            if t:
                self.last.step()
                scheduler.step()
            group = self.last.param_groups[0]
            values.append(group["betas"][0] if what == "beta1" else group[what])
        return values


def of_step(call, n, *_):
    """The values of a schedule that is a function of the step."""
    schedule = call()
    return [schedule(t) for t in range(n)]


def definitions(path, names, **given):
    """The named classes and functions of one file, run without the rest of the file: they find `given` instead."""
    tree = ast.parse(path.read_text())
    found = [node for node in tree.body if getattr(node, "name", None) in names]
    if len(found) < len(names):
        raise ImportError(f"{path} has not all of {names}")
    module = types.ModuleType(path.stem)
    vars(module).update(given)
    sys.modules[f"peer_{path.stem}"] = module
    module.__name__ = f"peer_{path.stem}"
    exec(compile(ast.Module(found, []), str(path), "exec"), vars(module))
    return types.SimpleNamespace(**{name: vars(module)[name] for name in names})


class Without(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Stands in, while a peer is imported, for packages that its schedules don't use and that aren't installed."""

    def __init__(self, *packages):
        self.packages = packages

    def __enter__(self):
        sys.meta_path.append(self)

    def __exit__(self, *_):
        sys.meta_path.remove(self)
        for name in [n for n, m in sys.modules.items() if isinstance(m, mock.MagicMock)]:
            del sys.modules[name]

    def find_spec(self, name, path, target=None):
        return importlib.machinery.ModuleSpec(name, self, is_package=True) if self.is_ours(name) else None

    def is_ours(self, name):
        return name.split(".")[0] in self.packages

    def create_module(self, spec):
        return mock.MagicMock()

    def exec_module(self, module):
        pass


# --------------------------------------------------------------------------------------------------------- the peers
def torch(sources):
    from torch.optim import lr_scheduler, swa_utils

    run = Torch()
    names = vars(lr_scheduler) | vars(swa_utils) | {"SGD": run.SGD, "Adam": run.Adam}
    sgd, momentum = "SGD(lr=0.1)", "SGD(lr=0.1, momentum=0.9)"
    cyclic = f"CyclicLR({momentum}, base_lr=0.01, max_lr=0.1, step_size_up=8"
    cycle = f"OneCycleLR({momentum}, max_lr=0.1, total_steps=40"
    table = [
        (12, f"ConstantLR({sgd}, factor=0.25, total_iters=5)"),
        (30, f"StepLR({sgd}, step_size=7, gamma=0.5)"),
        (30, f"MultiStepLR({sgd}, milestones=[8, 15, 15, 24], gamma=0.5)"),
        (30, f"ExponentialLR({sgd}, gamma=0.9)"),
        (26, f"PolynomialLR({sgd}, total_iters=20, power=2.0)"),
        (26, f"PolynomialLR({sgd}, total_iters=20)"),
        (26, f"LinearLR({sgd}, start_factor=0.25, end_factor=1.0, total_iters=8)"),
        (26, f"LinearLR({sgd}, start_factor=1.0, end_factor=0.05, total_iters=20)"),
        (60, f"CosineAnnealingLR({sgd}, T_max=20, eta_min=0.01)"),
        (26, f"CosineAnnealingLR({sgd}, T_max=20)"),
        (50, f"CosineAnnealingWarmRestarts({sgd}, T_0=10, T_mult=1, eta_min=0.01)"),
        (60, f"CosineAnnealingWarmRestarts({sgd}, T_0=8, T_mult=2, eta_min=0.01)"),
        (40, f"CyclicLR({sgd}, base_lr=0.01, max_lr=0.1, step_size_up=8, cycle_momentum=False)"),
        (40, f"CyclicLR({sgd}, base_lr=0.01, max_lr=0.1, step_size_up=6, step_size_down=10, cycle_momentum=False)"),
        (60, f"{cyclic}, mode='triangular2')"),
        (60, f"{cyclic}, mode='triangular2')", "momentum"),
        (60, f"{cyclic}, step_size_down=12, mode='triangular2')"),
        (60, f"{cyclic}, step_size_down=12, mode='triangular2')", "momentum"),
        (60, f"{cyclic}, mode='exp_range', gamma=0.98)"),
        (60, f"{cyclic}, mode='exp_range', gamma=0.98)", "momentum"),
        (40, f"{cyclic})", "momentum"),
        (
            60,
            f"CyclicLR({sgd}, base_lr=0.01, max_lr=0.1, step_size_up=8, scale_fn=lambda x: 1 / x, "
            "scale_mode='cycle', cycle_momentum=False)",
        ),
        (
            60,
            f"CyclicLR({sgd}, base_lr=0.01, max_lr=0.1, step_size_up=8, scale_fn=lambda x: 0.97**x, "
            "scale_mode='iterations', cycle_momentum=False)",
        ),
        (41, f"{cycle})"),
        (41, f"{cycle})", "momentum"),
        (41, f"{cycle}, anneal_strategy='linear')"),
        (41, f"{cycle}, anneal_strategy='linear')", "momentum"),
        (33, f"{cycle.replace('40', '33')})"),
        (33, f"{cycle.replace('40', '33')})", "momentum"),
        (33, f"{cycle.replace('40', '33')}, three_phase=True)"),
        (40, f"{cycle}, three_phase=True)"),
        (40, f"{cycle}, three_phase=True)", "momentum"),
        (40, f"{cycle}, anneal_strategy='linear', three_phase=True)"),
        (40, f"{cycle}, anneal_strategy='linear', three_phase=True)", "momentum"),
        (
            30,
            "OneCycleLR(Adam(lr=0.1), max_lr=0.02, epochs=3, steps_per_epoch=10, pct_start=0.4, div_factor=10, "
            "final_div_factor=100, base_momentum=0.8, max_momentum=0.9)",
        ),
        (
            30,
            "OneCycleLR(Adam(lr=0.1), max_lr=0.02, epochs=3, steps_per_epoch=10, pct_start=0.4, div_factor=10, "
            "final_div_factor=100, base_momentum=0.8, max_momentum=0.9)",
            "beta1",
        ),
        (30, f"LambdaLR({sgd}, lr_lambda=lambda t: 0.95**t)"),
        (30, f"MultiplicativeLR({sgd}, lr_lambda=lambda t: 0.95)"),
        (
            45,
            f"sgd = {sgd}; SequentialLR(sgd, [LinearLR(sgd, start_factor=0.1, total_iters=5), "
            "CosineAnnealingLR(sgd, T_max=30, eta_min=0.001), ConstantLR(sgd, factor=0.1, total_iters=100)], "
            "milestones=[5, 35])",
        ),
        (
            30,
            f"sgd = {sgd}; SequentialLR(sgd, [ConstantLR(sgd, factor=0.1, total_iters=10), "
            "ExponentialLR(sgd, gamma=0.9)], milestones=[10])",
        ),
        (
            30,
            f"sgd = {sgd}; ChainedScheduler([ConstantLR(sgd, factor=0.1, total_iters=10), "
            "ExponentialLR(sgd, gamma=0.9)])",
        ),
        (
            30,
            f"sgd = {sgd}; ChainedScheduler([LinearLR(sgd, start_factor=0.1, total_iters=5), "
            "StepLR(sgd, step_size=10, gamma=0.5)])",
        ),
        (20, f"SWALR({sgd}, swa_lr=0.02, anneal_epochs=10, anneal_strategy='linear')"),
        (20, f"SWALR({sgd}, swa_lr=0.02, anneal_epochs=10)"),
        (6, f"SWALR({sgd}, swa_lr=0.02, anneal_epochs=0)"),
    ]
    return rows("torch", table, names, run)


def optax(sources):
    import optax

    table = [
        (10, "optax.constant_schedule(0.1)"),
        (30, "optax.linear_schedule(init_value=0.1, end_value=0.01, transition_steps=20)"),
        (30, "optax.linear_schedule(init_value=0.01, end_value=0.1, transition_steps=10, transition_begin=5)"),
        (30, "optax.polynomial_schedule(init_value=0.1, end_value=0.01, power=2.0, transition_steps=20)"),
        (
            30,
            "optax.polynomial_schedule(init_value=0.1, end_value=0.01, power=0.5, transition_steps=15, "
            "transition_begin=5)",
        ),
        (30, "optax.piecewise_constant_schedule(init_value=0.1, boundaries_and_scales={8: 0.5, 20: 0.1})"),
        (30, "optax.exponential_decay(init_value=0.1, transition_steps=10, decay_rate=0.5)"),
        (30, "optax.exponential_decay(init_value=0.1, transition_steps=7, decay_rate=0.5, staircase=True)"),
        (
            40,
            "optax.exponential_decay(init_value=0.1, transition_steps=10, decay_rate=0.5, transition_begin=5, "
            "end_value=0.02)",
        ),
        (40, "optax.exponential_decay(init_value=0.01, transition_steps=10, decay_rate=2.0, end_value=0.08)"),
        (30, "optax.cosine_decay_schedule(init_value=0.1, decay_steps=20)"),
        (30, "optax.cosine_decay_schedule(init_value=0.1, decay_steps=20, alpha=0.1)"),
        (30, "optax.cosine_decay_schedule(init_value=0.1, decay_steps=20, alpha=0.1, exponent=2.0)"),
        (
            30,
            "optax.piecewise_interpolate_schedule('linear', init_value=0.1, "
            "boundaries_and_scales={5: 2.0, 15: 0.5, 25: 0.1})",
        ),
        (
            30,
            "optax.piecewise_interpolate_schedule('cosine', init_value=0.1, "
            "boundaries_and_scales={5: 2.0, 15: 0.5, 25: 0.1})",
        ),
        (46, "optax.linear_onecycle_schedule(transition_steps=40, peak_value=0.1)"),
        (46, "optax.cosine_onecycle_schedule(transition_steps=40, peak_value=0.1)"),
        (20, "optax.warmup_constant_schedule(init_value=0.01, peak_value=0.1, warmup_steps=8)"),
        (
            30,
            "optax.warmup_cosine_decay_schedule(init_value=0.01, peak_value=0.1, warmup_steps=5, decay_steps=25, "
            "end_value=0.001)",
        ),
        (
            30,
            "optax.warmup_cosine_decay_schedule(init_value=0.0, peak_value=0.1, warmup_steps=5, decay_steps=25, "
            "exponent=2.0)",
        ),
        (
            40,
            "optax.warmup_exponential_decay_schedule(init_value=0.01, peak_value=0.1, warmup_steps=5, "
            "transition_steps=10, decay_rate=0.5, end_value=0.02)",
        ),
        (
            40,
            "optax.warmup_exponential_decay_schedule(init_value=0.01, peak_value=0.1, warmup_steps=5, "
            "transition_steps=10, decay_rate=0.5, transition_begin=4, staircase=True)",
        ),
        (
            50,
            "optax.sgdr_schedule([dict(init_value=0.0, peak_value=0.1, warmup_steps=3, decay_steps=10), "
            "dict(init_value=0.0, peak_value=0.08, warmup_steps=5, decay_steps=20, end_value=0.01), "
            "dict(init_value=0.01, peak_value=0.04, warmup_steps=5, decay_steps=15)])",
        ),
        (
            40,
            "optax.join_schedules([optax.linear_schedule(0.0, 0.1, 5), optax.constant_schedule(0.1), "
            "optax.cosine_decay_schedule(0.1, 20)], boundaries=[5, 12])",
        ),
    ]
    return rows("optax", table, {"optax": optax}, of_step)


def transformers(sources):
    from transformers import optimization

    run = Torch()
    short = "(SGD(lr=0.1), num_warmup_steps=5, "
    wsd = f"get_wsd_schedule{short}num_stable_steps=12, num_decay_steps=8, "
    table = [
        (8, "get_constant_schedule(SGD(lr=0.1))"),
        (20, f"get_constant_schedule_with_warmup{short[:-2]})"),
        (35, f"get_linear_schedule_with_warmup{short}num_training_steps=30)"),
        (35, "get_linear_schedule_with_warmup(SGD(lr=0.1), num_warmup_steps=0, num_training_steps=30)"),
        (40, f"get_cosine_schedule_with_warmup{short}num_training_steps=30)"),
        (40, f"get_cosine_schedule_with_warmup{short}num_training_steps=30, num_cycles=1.25)"),
        (40, f"get_cosine_with_hard_restarts_schedule_with_warmup{short}num_training_steps=35, num_cycles=3)"),
        (35, f"get_polynomial_decay_schedule_with_warmup{short}num_training_steps=30, lr_end=1e-3, power=2.0)"),
        (35, f"get_polynomial_decay_schedule_with_warmup{short}num_training_steps=30)"),
        (40, f"get_inverse_sqrt_schedule{short}timescale=10)"),
        (40, f"get_inverse_sqrt_schedule{short[:-2]})"),
        (40, "get_inverse_sqrt_schedule(SGD(lr=0.1), num_warmup_steps=0)"),
        (40, f"get_cosine_with_min_lr_schedule_with_warmup{short}num_training_steps=30, min_lr=0.01)"),
        (
            40,
            f"get_cosine_with_min_lr_schedule_with_warmup{short}num_training_steps=30, min_lr_rate=0.05, "
            "num_cycles=1.25)",
        ),
        (40, f"get_cosine_with_min_lr_schedule_with_warmup_lr_rate{short}num_training_steps=30, min_lr=0.01)"),
        (
            40,
            f"get_cosine_with_min_lr_schedule_with_warmup_lr_rate{short}num_training_steps=30, min_lr_rate=0.05, "
            "warmup_lr_rate=0.2)",
        ),
        (30, f"{wsd}min_lr_ratio=0.1)"),
        (30, f"{wsd}decay_type='linear')"),
        (30, f"{wsd}decay_type='1-sqrt', min_lr_ratio=0.1)"),
        (30, f"{wsd}decay_type='cosine', warmup_type='cosine', min_lr_ratio=0.1)"),
        (30, f"{wsd}decay_type='linear', warmup_type='1-sqrt', min_lr_ratio=0.1)"),
        (30, f"{wsd}decay_type='cosine', num_cycles=1.5)"),
        (30, f"get_wsd_schedule{short}num_training_steps=25, num_decay_steps=8)"),
        (35, "get_scheduler('linear', SGD(lr=0.1), num_warmup_steps=5, num_training_steps=30)"),
        (35, "get_scheduler('cosine', SGD(lr=0.1), num_warmup_steps=5, num_training_steps=30)"),
    ]
    return rows("transformers", table, vars(optimization) | {"SGD": run.SGD}, run)


def timm(sources):
    with Without("torchvision"):
        from timm import scheduler

    run = Torch()

    def step_update(call, n):
        """The loop of timm's train.py, stepped on updates: the count of updates done is given."""
        made, values = call(), []
        made = made[0] if isinstance(made, tuple) else made
        for t in range(n):
            values.append(run.last.param_groups[0]["lr"])
            run.last.step()
            made.step_update(t + 1)
        return values

    cosine = "CosineLRScheduler(SGD(lr=0.1), t_initial=10, lr_min=0.01"
    short = cosine.replace("10", "7")
    wsd = "WSDLRScheduler(SGD(lr=0.1), t_initial=20, decay_t=8, lr_min=0.01"
    step = "StepLRScheduler(SGD(lr=0.1), decay_t=7, decay_rate=0.5"
    multistep = "MultiStepLRScheduler(SGD(lr=0.1), decay_t=[8, 15], decay_rate=0.5"
    warmup = ", warmup_t=4, warmup_lr_init=0.001"
    cycles = ", cycle_mul=2, cycle_decay=0.5, cycle_limit=3"
    table = [
        (26, step),
        (26, f"{step}{warmup}"),
        (26, f"{step}{warmup}, warmup_prefix=False"),
        (26, multistep),
        (26, f"{multistep}{warmup}"),
        (26, f"{multistep}{warmup}, warmup_prefix=False"),
        (15, cosine),
        (15, f"{cosine}{warmup}"),
        (20, f"{cosine}{warmup}, warmup_prefix=True"),
        (15, f"{cosine}, k_decay=2.0"),
        (35, f"{cosine}, cycle_limit=3"),
        (35, f"{cosine}, cycle_limit=3, cycle_decay=0.5"),
        (35, f"{cosine}, cycle_mul=2, cycle_limit=2"),
        (55, f"{short}{cycles}"),
        (60, f"{short}{cycles}{warmup}, warmup_prefix=True"),
        (40, f"{short}, cycle_mul=1.5, cycle_limit=3"),
    ]
    for name, more in [("Poly", "power=2.0"), ("Poly", "power=1.0, k_decay=2.0"), ("Tanh", "lb=-5.0, ub=2.0")]:
        table.append((15, f"{cosine.replace('Cosine', name)}, {more}"))
    for name in ["Poly", "Tanh"]:
        table += [
            (15, cosine.replace("Cosine", name)),
            (15, f"{cosine.replace('Cosine', name)}{warmup}"),
            (20, f"{cosine.replace('Cosine', name)}{warmup}, warmup_prefix=True"),
            (55, f"{short.replace('Cosine', name)}{cycles}"),
        ]
    table += [
        (30, f"{wsd}{warmup}"),
        (25, f"{wsd}, decay_fn='1-sqrt'"),
        (25, f"{wsd}, decay_fn='linear'"),
        (25, f"{wsd}, decay_fn='cosine'"),
        (25, f"{wsd}, decay_fn='power', decay_power=2.0"),
        (25, f"{wsd}, decay_fn='exp', decay_ratio=0.1"),
        (25, f"{wsd}, decay_fn='exp', decay_ratio=0.5"),
        (25, f"{wsd}, decay_fn=lambda x: (1 - x)**3"),
        (30, f"{wsd}, decay_fn='linear', stable_fn='rsqrt'{warmup}"),
        (30, f"{wsd}, decay_fn='linear', stable_fn='rsqrt', stable_timescale=10{warmup}"),
        (30, f"{wsd}, decay_fn='cosine', stable_fn='power', stable_power=0.8, stable_timescale=10"),
    ]
    table = [(n, f"{call}, t_in_epochs=False)") for n, call in table]
    made = "create_scheduler_v2(SGD(lr=0.1), step_on_epochs=False, updates_per_epoch=1, num_epochs=30, "
    table += [
        (34, f"{made}sched='constant', warmup_epochs=4, warmup_lr=0.001)"),
        (34, f"{made}sched='rsqrt', warmup_epochs=4, warmup_lr=0.001, min_lr=0.002)"),
        (34, f"{made}sched='wsd', warmup_epochs=4, warmup_lr=0.001, decay_epochs=0.25)"),
        (36, f"{made}sched='cosine', warmup_epochs=4, warmup_lr=0.001, cooldown_epochs=3, min_lr=0.002)"),
    ]
    return rows("timm", table, vars(scheduler) | {"SGD": run.SGD}, step_update)


def keras(sources):
    import keras
    import numpy

    names = vars(keras.optimizers.schedules) | {"float64": numpy.float64}
    table = [
        (30, "ExponentialDecay(0.1, decay_steps=10, decay_rate=0.5)"),
        (30, "ExponentialDecay(0.1, decay_steps=7, decay_rate=0.5, staircase=True)"),
        (30, "PiecewiseConstantDecay([8, 20], [0.1, 0.05, 0.01])"),
        (30, "PolynomialDecay(0.1, decay_steps=20, end_learning_rate=0.01, power=2.0)"),
        (30, "PolynomialDecay(0.1, decay_steps=20, end_learning_rate=0.01)"),
        (50, "PolynomialDecay(0.1, decay_steps=10, end_learning_rate=0.01, power=2.0, cycle=True)"),
        (30, "InverseTimeDecay(0.1, decay_steps=5, decay_rate=0.5)"),
        (30, "InverseTimeDecay(0.1, decay_steps=5, decay_rate=0.5, staircase=True)"),
        (30, "CosineDecay(0.1, decay_steps=20, alpha=0.1)"),
        (30, "CosineDecay(0.01, decay_steps=20, alpha=0.1, warmup_target=0.1, warmup_steps=5)"),
        (30, "CosineDecay(0.1, decay_steps=20)"),
        (60, "CosineDecayRestarts(0.1, first_decay_steps=8, alpha=0.1)"),
        (40, "CosineDecayRestarts(0.1, first_decay_steps=10, t_mul=1.0, m_mul=0.5, alpha=0.1)"),
        (60, "CosineDecayRestarts(0.1, first_decay_steps=8, t_mul=1.5, m_mul=0.8)"),
    ]

    return rows("keras", table, names, of_step)


def tf1(sources):
    import numpy
    import tensorflow

    # noisy_linear_cosine_decay is left out: it is random.
    table = [
        (30, "exponential_decay(0.1, t, decay_steps=10, decay_rate=0.5)"),
        (30, "exponential_decay(0.1, t, decay_steps=7, decay_rate=0.5, staircase=True)"),
        (30, "piecewise_constant(t, [8, 20], [0.1, 0.05, 0.01])"),
        (30, "polynomial_decay(0.1, t, decay_steps=20, end_learning_rate=0.01, power=2.0)"),
        (50, "polynomial_decay(0.1, t, decay_steps=10, end_learning_rate=0.01, power=2.0, cycle=True)"),
        (30, "natural_exp_decay(0.1, t, decay_steps=10, decay_rate=0.5)"),
        (30, "natural_exp_decay(0.1, t, decay_steps=7, decay_rate=0.5, staircase=True)"),
        (30, "inverse_time_decay(0.1, t, decay_steps=5, decay_rate=0.5)"),
        (30, "inverse_time_decay(0.1, t, decay_steps=5, decay_rate=0.5, staircase=True)"),
        (30, "cosine_decay(0.1, t, decay_steps=20, alpha=0.1)"),
        (60, "cosine_decay_restarts(0.1, t, first_decay_steps=8, t_mul=2.0, m_mul=0.5, alpha=0.1)"),
        (30, "linear_cosine_decay(0.1, t, decay_steps=20)"),
        (30, "linear_cosine_decay(0.1, t, decay_steps=20, num_periods=1.5, alpha=0.1, beta=0.01)"),
    ]

    def decayed(call, n):
        return [call()(t)() for t in numpy.arange(n)]

    for n, call in table:
        # The cosines mix in a float32 pi.
        float32 = "cosine" in call
        names = {"tf": tensorflow} if float32 else {"tf": tensorflow, "float64": numpy.float64}
        more = {"precision": "float32"} if float32 else {}
        for row in rows("tf1", [(n, f"lambda t: tf.compat.v1.train.{call}")], names, decayed, **more):
            yield row | {"name": call.split("(")[0], "call": row["call"].removeprefix("lambda t: ")}


def composer(sources):
    unused = [
        "torchvision",
        "torch_optimizer",
        "cpuinfo",
        "coolname",
        "tabulate",
        "importlib_metadata",
        "psutil",
        "mcli",
    ]
    with Without(*unused, "psutil", "mcli"):
        from composer.core import Time, Timestamp
        from composer.optim import scheduler

    run = Torch()

    def batches(call, n):
        """Composer's trainer: 30 batches in 3 epochs, the scheduler stepped after each batch."""
        made = call()
        given, ratio = made if isinstance(made, tuple) else (made, 1.0)
        state = types.SimpleNamespace(timestamp=Timestamp(), max_duration=Time(3, "ep"), dataloader_len=10)
        state.optimizers = [run.SGD(lr=0.1)]
        made, values = scheduler.compile_composer_scheduler(given, state, ratio), []
        for t in range(n):
            values.append(run.last.param_groups[0]["lr"])
            run.last.step()
            state.timestamp = state.timestamp.to_next_batch(samples=8)
            if t % 10 == 9:
                state.timestamp = state.timestamp.to_next_epoch()
            made.step()
        return values

    table = [
        (30, "StepScheduler('7ba', gamma=0.5)"),
        (30, "MultiStepScheduler(['8ba', '2ep'], gamma=0.5)"),
        (30, "ConstantScheduler()"),
        (30, "ConstantScheduler(alpha=0.25, t_max='8ba')"),
        (30, "LinearScheduler(alpha_i=0.2, alpha_f=1.0, t_max='1ep')"),
        (33, "LinearScheduler()"),
        (30, "ExponentialScheduler(gamma=0.5, decay_period='1ep')"),
        (30, "ExponentialScheduler(gamma=0.9, decay_period='1ba')"),
        (33, "CosineAnnealingScheduler()"),
        (30, "CosineAnnealingScheduler(t_max='2ep', alpha_f=0.1)"),
        (30, "CosineAnnealingScheduler(t_max='0.5dur', alpha_f=0.1)"),
        (30, "CosineAnnealingScheduler(t_max='160sp')"),
        (33, "CosineAnnealingWarmRestartsScheduler('8ba', alpha_f=0.1)"),
        (33, "CosineAnnealingWarmRestartsScheduler('7ba', t_mult=1.5, alpha_f=0.1)"),
        (30, "PolynomialScheduler(power=2.0, t_max='2ep', alpha_f=0.1)"),
        (30, "MultiStepWithWarmupScheduler('5ba', milestones=['12ba', '2ep'], gamma=0.5)"),
        (30, "ConstantWithWarmupScheduler('5ba')"),
        (30, "ConstantWithWarmupScheduler('5ba', alpha=0.5)"),
        (33, "LinearWithWarmupScheduler('5ba', alpha_f=0.1)"),
        (33, "LinearWithWarmupScheduler('0.2dur')"),
        (33, "CosineAnnealingWithWarmupScheduler('5ba', alpha_f=0.1)"),
        (33, "PolynomialWithWarmupScheduler('5ba', alpha_f=0.1)"),
        (30, "Trainer(schedulers=CosineAnnealingScheduler(t_max='2ep'), scale_schedule_ratio=0.5)"),
        (30, "Trainer(schedulers=lambda state: 0.5 if state.timestamp.epoch < 1 else 0.1)"),
    ]

    def trainer(schedulers, scale_schedule_ratio=1.0):
        return schedulers, scale_schedule_ratio

    return rows("composer", table, vars(scheduler) | {"Trainer": trainer}, batches)


def fastai(sources):
    with Without("fasthtml"):
        from fastai import basics
        from fastai.callback import schedule

    torch = basics.torch
    data = [(torch.zeros(1), torch.zeros(1))] * 10
    made = []

    def learner():
        """10 batches in an epoch."""
        loaders = basics.DataLoaders(basics.DataLoader(data, bs=1), basics.DataLoader(data, bs=1))
        made.append(basics.Learner(loaders, torch.nn.Linear(1, 1), loss_func=torch.nn.MSELoss(), lr=0.1))
        made[-1].create_opt()
        return made[-1]

    class Fresh:
        def __getattr__(self, name):
            return getattr(learner(), name)

    def fit(call, n, what="lr"):
        call()
        values = made[-1].recorder.hps[what]
        assert len(values) == n, len(values)
        return values

    def param(schedule):
        return f"learn.fit(3, cbs=ParamScheduler({{'lr': {schedule}}}))"

    table = [
        (30, param("SchedNo(0.1, 0.01)")),
        (30, param("SchedLin(0.1, 0.01)")),
        (30, param("SchedCos(0.1, 0.01)")),
        (30, param("SchedExp(0.1, 0.01)")),
        (30, param("SchedPoly(0.1, 0.01, 2)")),
        (30, param("SchedPoly(0.1, 0.01, 0.5)")),
        (30, param("lambda pos: 0.1 * (1 - pos)**3")),
    ]
    # combine_scheds computes the place in the run in float32.
    combined = [
        (30, param("combine_scheds([0.2, 0.5, 0.3], [SchedLin(0.01, 0.1), SchedNo(0.1, 0.1), SchedExp(0.1, 0.001)])")),
        (30, param("combined_cos(0.25, 0.01, 0.1, 0.001)")),
        (30, "learn.fit_one_cycle(3, lr_max=0.1)"),
        (30, "learn.fit_one_cycle(3, lr_max=0.1)", "mom"),
        (40, "learn.fit_one_cycle(4, lr_max=0.1, div=10.0, div_final=1e3, pct_start=0.3, moms=(0.9, 0.8, 0.9))"),
        (40, "learn.fit_one_cycle(4, lr_max=0.1, div=10.0, div_final=1e3, pct_start=0.3, moms=(0.9, 0.8, 0.9))", "mom"),
        (40, "learn.fit_flat_cos(4, lr=0.1)"),
        (40, "learn.fit_flat_cos(4, lr=0.1, div_final=1e2, pct_start=0.5)"),
        (70, "learn.fit_sgdr(3, 1, lr_max=0.1, cycle_mult=2)"),
    ]
    names = vars(schedule) | {"learn": Fresh()}

    def quiet(call, n, what="lr"):
        with contextlib.redirect_stdout(io.StringIO()):
            return fit(call, n, what)

    for row in [*rows("fastai", table, names, quiet), *rows("fastai", combined, names, quiet, precision="float32")]:
        inner = row["call"].split("'lr': ")[-1] if "ParamScheduler" in row["call"] else row["call"]
        row["name"] = inner.split("(")[0].split(".")[-1] if "lambda" not in inner else "ParamScheduler"
        yield row


def ignite(sources):
    import ignite.handlers as handlers
    from ignite.engine import Engine, Events
    from torch.optim import lr_scheduler

    run = Torch()

    def trainer(call, n, what="lr"):
        """The scheduler is attached to ITERATION_STARTED, as ignite's documentation does."""
        values, scheduler = [], call()
        update = Engine(lambda engine, batch: values.append(run.last.param_groups[0][what]))
        update.add_event_handler(Events.ITERATION_STARTED, scheduler)
        update.run(range(n), max_epochs=1)
        return values

    def state(call, n):
        values, scheduler = [], call()
        update = Engine(lambda engine, batch: values.append(engine.state.lr))
        scheduler.attach(update, Events.ITERATION_STARTED)
        update.run(range(n), max_epochs=1)
        return values

    sgd = "SGD(lr=0.1, momentum=0.9)"
    table = [
        (
            30,
            f"PiecewiseLinear({sgd}, 'lr', milestones_values=[(5, 0.1), (10, 0.02), (15, 0.06), (15, 0.01), "
            "(22, 0.0)])",
        ),
        (30, f"PiecewiseLinear({sgd}, 'momentum', milestones_values=[(5, 0.5), (20, 0.9)])", "momentum"),
        (40, f"LinearCyclicalScheduler({sgd}, 'lr', 0.01, 0.1, cycle_size=16)"),
        (40, f"LinearCyclicalScheduler({sgd}, 'lr', 0.1, 0.01, cycle_size=10, monotonic=True)"),
        (50, f"LinearCyclicalScheduler({sgd}, 'lr', 0.01, 0.1, cycle_size=10, cycle_mult=2, end_value_mult=0.5)"),
        (60, f"LinearCyclicalScheduler({sgd}, 'lr', 0.1, 0.01, cycle_size=10, warmup_duration=5, monotonic=True)"),
        (40, f"CosineAnnealingScheduler({sgd}, 'lr', 0.1, 0.01, cycle_size=10)"),
        (60, f"CosineAnnealingScheduler({sgd}, 'lr', 0.1, 0.01, cycle_size=10, cycle_mult=1.5, start_value_mult=0.5)"),
        (60, f"CosineAnnealingScheduler({sgd}, 'lr', 0.1, 0.01, cycle_size=10, cycle_mult=2, end_value_mult=0.5)"),
        (
            60,
            f"CosineAnnealingScheduler({sgd}, 'lr', 0.1, 0.01, cycle_size=10, warmup_duration=5, start_value_mult=0.8)",
        ),
        (
            40,
            f"sgd = {sgd}; ConcatScheduler([LinearCyclicalScheduler(sgd, 'lr', 0.1, 0.5, cycle_size=60), "
            "CosineAnnealingScheduler(sgd, 'lr', 0.5, 0.01, cycle_size=20)], durations=[15])",
        ),
        (30, "LRScheduler(ExponentialLR(SGD(lr=0.1), gamma=0.9))"),
        (
            30,
            "create_lr_scheduler_with_warmup(ExponentialLR(SGD(lr=0.1), gamma=0.9), warmup_start_value=0.0, "
            "warmup_duration=6)",
        ),
        (
            30,
            "create_lr_scheduler_with_warmup(StepLR(SGD(lr=0.1), step_size=5, gamma=0.5), warmup_start_value=0.01, "
            "warmup_duration=6, warmup_end_value=0.08)",
        ),
        (
            40,
            f"create_lr_scheduler_with_warmup(CosineAnnealingScheduler({sgd}, 'lr', 0.1, 0.01, cycle_size=20), "
            "warmup_start_value=0.0, warmup_duration=6)",
        ),
    ]
    torch_names = {name: getattr(lr_scheduler, name) for name in ("ExponentialLR", "StepLR")}
    names = vars(handlers) | torch_names | {"SGD": run.SGD}
    # Of a StateParamScheduler the first event is 1, not 0.
    states = [
        (20, "StepStateScheduler(param_name='lr', initial_value=0.1, gamma=0.5, step_size=7)"),
        (20, "MultiStepStateScheduler(param_name='lr', initial_value=0.1, gamma=0.5, milestones=[5, 15])"),
        (20, "ExpStateScheduler(param_name='lr', initial_value=0.1, gamma=0.9)"),
        (20, "LambdaStateScheduler(param_name='lr', lambda_obj=lambda event: 0.1 / event)"),
        (30, "PiecewiseLinearStateScheduler(param_name='lr', milestones_values=[(5, 0.1), (20, 0.02)])"),
    ]
    yield from rows("ignite", table, names, trainer)
    yield from rows("ignite", states, names, state)


def mmengine(sources):
    from mmengine.optim import scheduler

    run = Torch()
    names = vars(scheduler) | {"SGD": run.SGD}
    sgd = "SGD(lr=0.1)"

    def chained(call, n, what="lr"):
        """All schedulers of param_scheduler=[...] are stepped after each update, as mmengine's runner does."""
        made, values = call(), []
        made = made if isinstance(made, list) else [made]
        for t in range(n):
            if t:
                run.last.step()
                for scheduler in made:
                    scheduler.step()
            values.append(run.last.param_groups[0][what])
        return values

    table = [
        (30, f"ConstantLR({sgd}, factor=0.25, begin=4, end=12, by_epoch=False)"),
        (12, f"ConstantLR({sgd}, factor=0.25, end=6, by_epoch=False)"),
        (30, f"LinearLR({sgd}, start_factor=0.1, end=8, by_epoch=False)"),
        (30, f"LinearLR({sgd}, start_factor=1.0, end_factor=0.1, begin=5, end=21, by_epoch=False)"),
        (30, f"StepLR({sgd}, step_size=7, gamma=0.5, by_epoch=False)"),
        (30, f"MultiStepLR({sgd}, milestones=[8, 15], gamma=0.5, by_epoch=False)"),
        (30, f"ExponentialLR({sgd}, gamma=0.9, by_epoch=False)"),
        (30, f"ExponentialLR({sgd}, gamma=0.9, begin=5, end=20, by_epoch=False)"),
        (30, f"PolyLR({sgd}, eta_min=0.01, power=2.0, end=20, by_epoch=False)"),
        (30, f"PolyLR({sgd}, eta_min=0.01, power=0.9, begin=5, end=20, by_epoch=False)"),
        (30, f"CosineAnnealingLR({sgd}, T_max=20, eta_min=0.01, end=20, by_epoch=False)"),
        (45, f"CosineAnnealingLR({sgd}, T_max=20, eta_min=0.01, by_epoch=False)"),
        (30, f"CosineAnnealingLR({sgd}, eta_min_ratio=0.05, begin=5, end=25, by_epoch=False)"),
        (
            50,
            f"CosineRestartLR({sgd}, periods=[10, 20, 10], restart_weights=[1, 0.5, 0.25], eta_min=0.01, "
            "by_epoch=False)",
        ),
        (40, f"OneCycleLR({sgd}, eta_max=0.1, total_steps=40, by_epoch=False)"),
        (
            40,
            f"OneCycleLR({sgd}, eta_max=0.1, total_steps=40, anneal_strategy='linear', three_phase=True, "
            "by_epoch=False)",
        ),
        (
            30,
            f"sgd = {sgd}; [LinearLR(sgd, start_factor=0.1, end=6, by_epoch=False), "
            "CosineAnnealingLR(sgd, T_max=20, begin=6, end=26, by_epoch=False)]",
        ),
        (
            30,
            f"sgd = {sgd}; [LinearLR(sgd, start_factor=0.1, end=6, by_epoch=False), "
            "MultiStepLR(sgd, milestones=[3, 15], gamma=0.5, by_epoch=False)]",
        ),
        (30, "LinearMomentum(SGD(lr=0.1, momentum=0.9), start_factor=0.5, end=10, by_epoch=False)", "momentum"),
        (30, "CosineAnnealingMomentum(SGD(lr=0.1, momentum=0.9), T_max=20, eta_min=0.5, by_epoch=False)", "momentum"),
    ]
    for row in rows("mmengine", table, names, chained):
        if row["name"].startswith("["):
            row["name"] = "param_scheduler"
        yield row


def pytorch_optimizer(sources):
    with Without("torchvision"):
        import pytorch_optimizer as peer

    run = Torch()
    names = vars(peer) | {"SGD": run.SGD}
    sgd, wsd = "SGD(lr=0.1)", "get_wsd_schedule(SGD(lr=0.1), num_warmup_steps=5, num_stable_steps=12, num_decay_steps=8"

    def proportion(call, n):
        """The value of ProportionScheduler, stepped after the scheduler that it follows."""
        made, values = call(), []
        for t in range(n):
            if t:
                run.last.step()
                made.lr_scheduler.step()
                made.step()
            values.append(made.last_lr[0])
        return values

    table = [
        (30, f"LinearScheduler({sgd}, t_max=25, max_lr=0.1, min_lr=0.01, init_lr=0.001, warmup_steps=5)"),
        (30, f"CosineScheduler({sgd}, t_max=25, max_lr=0.1, min_lr=0.01, init_lr=0.001, warmup_steps=5)"),
        (25, f"CosineScheduler({sgd}, t_max=20, max_lr=0.1, min_lr=0.01)"),
        (25, f"PolyScheduler({sgd}, poly_order=0.5, t_max=20, max_lr=0.1, min_lr=0.01, warmup_steps=5)"),
        (30, f"{wsd}, min_lr_ratio=0.05, cooldown_type='cosine')"),
        (30, f"{wsd}, min_lr_ratio=0.05, cooldown_type='cosine', num_cycles=1.5)"),
        (30, f"{wsd}, min_lr_ratio=0.05)"),
        (30, f"{wsd}, min_lr_ratio=0.05, cooldown_type='linear')"),
        (30, f"{wsd}, min_lr_ratio=0.05, cooldown_type='1-square')"),
        (30, f"{wsd})"),
        (25, f"REXScheduler({sgd}, total_steps=20, max_lr=0.1, min_lr=0.01)"),
        (
            50,
            f"CosineAnnealingWarmupRestarts({sgd}, first_cycle_steps=10, cycle_mult=2.0, max_lr=0.1, min_lr=0.001, "
            "warmup_steps=3, gamma=0.5)",
        ),
        (40, f"CosineAnnealingWarmupRestarts({sgd}, first_cycle_steps=10, max_lr=0.1, min_lr=0.001, gamma=0.8)"),
        (20, f"get_chebyshev_schedule({sgd}, num_epochs=16)"),
    ]
    yield from rows("pytorch_optimizer", table, names, run)
    call = (
        "sgd = SGD(lr=0.1); ProportionScheduler(CosineScheduler(sgd, t_max=20, max_lr=0.1, min_lr=0.01), max_lr=0.1, "
        "min_lr=0.01, max_value=2.0, min_value=1.0)"
    )
    yield from rows("pytorch_optimizer", [(20, call)], names, proportion, of="rho")


def pytorch_scheduler(sources):
    import pytorch_scheduler as peer
    from pytorch_scheduler import experimental
    from torch.optim.lr_scheduler import ExponentialLR

    run = Torch()
    names = {"ExponentialLR": ExponentialLR} | vars(peer) | vars(experimental) | {"SGD": run.SGD}
    sgd = "SGD(lr=0.1)"
    table = [
        (8, f"IdentityScheduler({sgd})"),
        (26, f"LinearDecayScheduler({sgd}, total_steps=20, min_lr=0.01)"),
        (26, f"LinearDecayScheduler({sgd}, total_steps=20, warmup_steps=5, min_lr=0.01)"),
        (26, f"CosineWithWarmupScheduler({sgd}, total_steps=20, warmup_steps=5, min_lr=0.01)"),
        (26, f"CosineWithWarmupScheduler({sgd}, total_steps=20)"),
        (26, f"PolynomialScheduler({sgd}, total_steps=20, power=2.0, min_lr=0.01, warmup_steps=4)"),
        (50, f"PolynomialScheduler({sgd}, total_steps=20, power=2.0, min_lr=0.01, warmup_steps=4, cycle=True)"),
        (50, f"PolynomialScheduler({sgd}, total_steps=20, power=2.0, min_lr=0.01, cycle=True)"),
        (26, f"KDecayScheduler({sgd}, total_steps=20, k=2.0, min_lr=0.01)"),
        (26, f"TanhDecayScheduler({sgd}, total_steps=20, min_lr=0.01)"),
        (26, f"TanhDecayScheduler({sgd}, total_steps=20, steepness=5.0)"),
        (30, f"InverseSqrtScheduler({sgd}, warmup_steps=6)"),
        (30, f"PowerDecayScheduler({sgd}, total_steps=30, warmup_steps=6, alpha=0.7, min_lr=0.04)"),
        (30, f"PowerDecayScheduler({sgd}, total_steps=30, alpha=0.7)"),
        (30, f"WSDScheduler({sgd}, total_steps=25, warmup_steps=5, stable_steps=12, min_lr=0.01)"),
        (30, f"WSDScheduler({sgd}, total_steps=25, warmup_steps=5, stable_steps=12, min_lr=0.01, decay_type='linear')"),
        (30, f"WSDScheduler({sgd}, total_steps=25, warmup_steps=5, stable_steps=12, min_lr=0.01, decay_type='sqrt')"),
        (30, f"TrapezoidalScheduler({sgd}, total_steps=25, warmup_steps=5, decay_steps=8, min_lr=0.01)"),
        (30, f"WarmupHoldCosineScheduler({sgd}, total_steps=25, warmup_steps=5, hold_steps=8, min_lr=0.01)"),
        (26, f"FlatCosineScheduler({sgd}, total_steps=20, min_lr=0.01)"),
        (46, f"SlantedTriangularScheduler({sgd}, total_steps=40)"),
        (30, f"SlantedTriangularScheduler({sgd}, total_steps=25, cut_frac=0.3, ratio=10.0)"),
        (26, f"RexScheduler({sgd}, total_steps=20)"),
        (26, f"HyperbolicLRScheduler({sgd}, total_steps=20, upper_bound=30, min_lr=0.001)"),
        (26, f"HyperbolicLRScheduler({sgd}, total_steps=20, upper_bound=30, min_lr=0.001, warmup_steps=4)"),
        (26, f"ExpHyperbolicLRScheduler({sgd}, total_steps=20, upper_bound=30, min_lr=0.001)"),
        (26, f"ExpHyperbolicLRScheduler({sgd}, total_steps=20, upper_bound=30, min_lr=0.001, warmup_steps=4)"),
        (26, f"ChebyshevScheduler({sgd}, total_steps=20, min_lr=0.01)"),
        (60, f"CosineAnnealingWarmupRestarts({sgd}, first_cycle_steps=10, warmup_steps=3, cycle_mult=1.5, gamma=0.8)"),
        (40, f"CosineAnnealingWarmupRestarts({sgd}, first_cycle_steps=10)"),
        (30, f"sgd = {sgd}; WarmupScheduler(sgd, CosineWithWarmupScheduler(sgd, total_steps=20), warmup_steps=5)"),
        (
            30,
            f"sgd = {sgd}; WarmupScheduler(sgd, CosineWithWarmupScheduler(sgd, total_steps=20), warmup_steps=5, "
            "warmup_type='cosine')",
        ),
        (
            30,
            f"sgd = {sgd}; WarmupScheduler(sgd, CosineWithWarmupScheduler(sgd, total_steps=20), warmup_steps=5, "
            "warmup_type='exponential')",
        ),
        (
            40,
            f"sgd = {sgd}; SequentialComposer(sgd, [LinearDecayScheduler(sgd, total_steps=10, min_lr=0.05), "
            "CosineWithWarmupScheduler(sgd, total_steps=20, warmup_steps=4)], milestones=[10])",
        ),
    ]
    return rows("pytorch_scheduler", table, names, run)


def pytorch_warmup(sources):
    import pytorch_warmup
    from torch.optim import lr_scheduler

    run = Torch()
    names = vars(lr_scheduler) | vars(pytorch_warmup) | {"Adam": run.Adam, "AdamW": run.AdamW}

    def dampened(call, n):
        """Its documentation's loop: scheduler.step() inside `with warmup.dampening():`, after each update."""
        (warmup, scheduler), values = call(), []
        for t in range(n):
            if t:
                run.last.step()
                with warmup.dampening():
                    scheduler.step()
            values.append(run.last.param_groups[0]["lr"])
        return values

    adam = "adam = Adam(lr=0.1, betas=(0.9, 0.9)); scheduler = "
    cosine, constant = f"{adam}CosineAnnealingLR(adam, T_max=30)", f"{adam}LambdaLR(adam, lambda t: 1)"
    table = [
        (20, f"{constant}; LinearWarmup(adam, warmup_period=8), scheduler"),
        (30, f"{cosine}; LinearWarmup(adam, warmup_period=8), scheduler"),
        (30, f"{cosine}; ExponentialWarmup(adam, warmup_period=8), scheduler"),
        (30, f"{cosine}; UntunedLinearWarmup(adam), scheduler"),
        (30, f"{cosine}; UntunedExponentialWarmup(adam), scheduler"),
        (30, f"{constant}; RAdamWarmup(adam), scheduler"),
        (30, f"{cosine}; RAdamWarmup(adam), scheduler"),
        (60, f"{constant.replace('0.9))', '0.999))')}; RAdamWarmup(adam), scheduler"),
        (60, f"{constant.replace('0.9))', '0.99))')}; UntunedLinearWarmup(adam), scheduler"),
        (60, f"{constant.replace('0.9))', '0.99))')}; UntunedExponentialWarmup(adam), scheduler"),
    ]
    return rows("pytorch_warmup", table, names, dampened)


def lrsched(sources):
    import lrsched
    from lrsched import clr, compose, schedules

    names = vars(schedules) | vars(compose) | vars(clr) | vars(lrsched)
    wsd = "warmup_stable_decay(base_lr=0.1, warmup_steps=5, decay_steps=8, total_steps=25, final_lr=0.01, "
    table = [
        (5, "constant(lr=0.1)"),
        (20, "step_decay(base_lr=0.1, drop=0.5, step_size=7)"),
        (20, "multi_step(base_lr=0.1, milestones=[8, 15], gamma=0.5)"),
        (20, "exponential(base_lr=0.1, gamma=0.9)"),
        (20, "exponential_decay(base_lr=0.1, decay_rate=0.5, decay_steps=10)"),
        (26, "polynomial(base_lr=0.1, end_lr=0.01, total_steps=20, power=2.0)"),
        (26, "polynomial_decay(start_lr=0.1, end_lr=0.01, total_steps=20, power=0.5)"),
        (26, "linear(base_lr=0.1, end_lr=0.01, total_steps=20)"),
        (26, "cosine(base_lr=0.1, min_lr=0.01, total_steps=20)"),
        (50, "cosine_restarts(base_lr=0.1, min_lr=0.01, period=7, t_mult=2)"),
        (30, "inverse_sqrt(base_lr=0.1, warmup_steps=6)"),
        (45, "one_cycle(max_lr=0.1, total_steps=40, pct_start=0.3, initial_div=25.0, final_div=1e4)"),
        (30, f"{wsd}warmup_start=0.001, decay_shape='linear')"),
        (30, f"{wsd}warmup_start=0.0, decay_shape='1-sqrt')"),
        (40, "triangular(min_lr=0.01, max_lr=0.1, step_size=8)"),
        (50, "triangular2(min_lr=0.01, max_lr=0.1, step_size=8)"),
        (50, "exp_range(min_lr=0.01, max_lr=0.1, step_size=8, gamma=0.97)"),
        (30, "with_warmup(cosine(base_lr=0.1, min_lr=0.01, total_steps=20), warmup_steps=5, start_lr=0.001)"),
        (
            30,
            "sequential([(5, linear(base_lr=0.0, end_lr=0.1, total_steps=5)), (10, constant(lr=0.1)), "
            "(10, cosine(base_lr=0.1, min_lr=0.0, total_steps=10))])",
        ),
    ]
    return rows("lrsched", table, names, of_step)


def fvcore(sources):
    from fvcore.common import param_scheduler

    def fraction(call, n):
        """Its schedulers take the fraction of the run that is done: t / n."""
        schedule = call()
        return [schedule(t / n) for t in range(n)]

    table = [
        (5, "ConstantParamScheduler(0.1)"),
        (20, "CosineParamScheduler(0.1, 0.01)"),
        (20, "ExponentialParamScheduler(0.1, 0.02)"),
        (20, "LinearParamScheduler(0.1, 0.01)"),
        (20, "MultiStepParamScheduler([0.1, 0.01, 0.001], milestones=[8, 15, 20])"),
        (20, "MultiStepParamScheduler([0.1, 0.01, 0.001], num_updates=20)"),
        (20, "PolynomialDecayParamScheduler(0.1, 0.9)"),
        (20, "StepParamScheduler(20, [0.1, 0.05, 0.02, 0.01])"),
        (20, "StepWithFixedGammaParamScheduler(0.1, num_decays=3, gamma=0.5, num_updates=20)"),
        (
            40,
            "CompositeParamScheduler([LinearParamScheduler(0.01, 0.1), CosineParamScheduler(0.1, 0.001)], "
            "lengths=[0.25, 0.75], interval_scaling=['rescaled', 'rescaled'])",
        ),
        (
            40,
            "CompositeParamScheduler([LinearParamScheduler(0.01, 0.1), CosineParamScheduler(0.1, 0.001)], "
            "lengths=[0.25, 0.75], interval_scaling=['rescaled', 'fixed'])",
        ),
    ]
    return rows("fvcore", table, vars(param_scheduler), fraction)


def tf_models(sources):
    with Without("gin", "tensorflow_addons", "tensorflow_text"):
        from official.legacy.transformer import optimizer
        from official.modeling.optimization import lr_schedule
        from official.nlp import optimization
    import tf_keras

    names = vars(tf_keras.optimizers.schedules) | vars(lr_schedule) | {"WarmUp": optimization.WarmUp}
    names |= {"transformer": optimizer}
    poly = "PolynomialDecay(0.1, decay_steps=20, end_learning_rate=0.0)"
    table = [
        (30, "PiecewiseConstantDecayWithOffset(offset=4, boundaries=[8, 15], values=[0.1, 0.05, 0.01])"),
        (
            30,
            "PolynomialDecayWithOffset(offset=4, initial_learning_rate=0.1, decay_steps=20, end_learning_rate=0.01, "
            "power=2.0)",
        ),
        (30, "ExponentialDecayWithOffset(offset=4, initial_learning_rate=0.1, decay_steps=10, decay_rate=0.5)"),
        (30, "CosineDecayWithOffset(offset=4, initial_learning_rate=0.1, decay_steps=20, alpha=0.1)"),
        (30, f"LinearWarmup({poly}, warmup_steps=5, warmup_learning_rate=0.01)"),
        (15, "LinearWarmup(0.1, warmup_steps=5, warmup_learning_rate=0.01)"),
        (30, f"PolynomialWarmUp({poly}, warmup_steps=5, power=2.0)"),
        (15, "PolynomialWarmUp(0.1, warmup_steps=5)"),
        (30, f"WarmUp(0.1, {poly}, warmup_steps=5)"),
        (30, f"WarmUp(0.1, {poly}, warmup_steps=5, power=2.0)"),
        (20, "DirectPowerDecay(0.1, power=-0.5)"),
        (30, "PowerAndLinearDecay(0.1, total_decay_steps=20, power=-0.5, linear_decay_fraction=0.4)"),
        (30, "PowerAndLinearDecay(0.1, total_decay_steps=20, power=-0.5, linear_decay_fraction=0.4, offset=5)"),
        (30, "PowerDecayWithOffset(0.1, power=-0.5, offset=6, pre_offset_learning_rate=0.08)"),
        # NaN from its last boundary on.
        (25, "StepCosineDecayWithOffset([0, 10, 25], [0.1, 0.06, 0.01])"),
        (30, "transformer.LearningRateSchedule(2.0, hidden_size=512, warmup_steps=8)"),
    ]
    return rows("tf-models", table, names, of_step, precision="float32")


def tf_addons(sources):
    import numpy
    import tensorflow

    # github.com/tensorflow/addons at d208d752, 2024-04-15. It runs no more with Keras 3 as a package.
    kinds = ["", "Triangular", "Triangular2", "Exponential"]
    given = {"tf": tensorflow, "typechecked": lambda f: f}
    given |= {"FloatTensorLike": float, "Union": Union, "Callable": Callable}
    names = definitions(
        sources / "addons/tensorflow_addons/optimizers/cyclical_learning_rate.py",
        [f"{kind}CyclicalLearningRate" for kind in kinds],
        **given,
    )

    def in_float64(call, n):
        """The step is given in float64: an integer step fails with scale_mode='iterations'."""
        schedule = call()
        return [schedule(tensorflow.constant(t, tensorflow.float64)) for t in range(n)]

    table = [
        (40, "TriangularCyclicalLearningRate(0.01, 0.1, step_size=8)"),
        (50, "Triangular2CyclicalLearningRate(0.01, 0.1, step_size=8)"),
        (50, "ExponentialCyclicalLearningRate(0.01, 0.1, step_size=8, gamma=0.97)"),
        (50, "ExponentialCyclicalLearningRate(0.01, 0.1, step_size=8, gamma=0.5, scale_mode='cycle')"),
        (50, "CyclicalLearningRate(0.01, 0.1, step_size=8, scale_fn=lambda x: 1 / x)"),
        (50, "CyclicalLearningRate(0.01, 0.1, step_size=8, scale_fn=lambda x: 0.97**x, scale_mode='iterations')"),
    ]
    return rows("tf-addons", table, vars(names) | {"float64": numpy.float64}, in_float64)


def big_vision(sources):
    import jax.numpy

    # github.com/google-research/big_vision at 0127fb6b, 2025-05-19.
    path = sources / "big_vision/big_vision/utils.py"
    names = definitions(path, ["create_learning_rate_schedule", "steps"], jnp=jax.numpy)
    start = "create_learning_rate_schedule(30, base=0.1, decay_type="
    table = [
        (34, f"{start}'linear', warmup_steps=5)"),
        (34, f"{start}'linear', linear_end=0.01)"),
        (34, f"{start}'polynomial', power=2, end=0.01, warmup_steps=5)"),
        (34, f"{start}'cosine')"),
        (34, f"{start}'cosine', warmup_steps=5)"),
        (34, f"{start}'rsqrt', timescale=10)"),
        (34, f"{start}'rsqrt', timescale=10, shift=3, warmup_steps=5)"),
        (31, f"{start}'rsqrt', timescale=10, warmup_steps=5, cooldown_steps=8)"),
        (31, f"{start}'linear', end=0.1, warmup_steps=5, cooldown_steps=8)"),
        (34, f"{start}'stair', steps=[8, 20], mults=[0.5, 0.1])"),
        (34, f"{start}'stair', steps=[8, 20], mults=[0.5, 0.1], warmup_steps=5)"),
        (
            31,
            "create_learning_rate_schedule(30, batch_size=1024, data_size=10240, base=0.1, decay_type='cosine', "
            "scale_with_batchsize=True, warmup_epochs=0.5, cooldown_percent=0.1)",
        ),
    ]
    return rows("big_vision", table, vars(names), of_step, precision="float32")


def t5x(sources):
    import jax.numpy

    # github.com/google-research/t5x at cc342d41, 2026-04-21.
    given = {"jnp": jax.numpy, "LearningRateCallable": None}
    names = definitions(sources / "t5x/t5x/utils.py", ["create_learning_rate_scheduler"], **given)
    start = "create_learning_rate_scheduler("
    table = [
        (10, f"{start}'constant', base_learning_rate=0.1)"),
        (20, f"{start}'constant * linear_warmup', base_learning_rate=0.1, warmup_steps=8)"),
        (30, f"{start}'constant * linear_warmup * rsqrt_decay', base_learning_rate=0.5, warmup_steps=8)"),
        (30, f"{start}'constant * rsqrt_normalized_decay', base_learning_rate=0.1, warmup_steps=8)"),
        (
            30,
            f"{start}'constant * linear_warmup * rsqrt_normalized_decay', base_learning_rate=0.1, warmup_steps=8, "
            "step_offset=4)",
        ),
        (40, f"{start}'linear_decay', base_learning_rate=0.1, warmup_steps=8, decay_factor=0.04)"),
        (30, f"{start}'constant * decay_every', base_learning_rate=0.1, decay_factor=0.5, steps_per_decay=7)"),
        (
            40,
            f"{start}'constant * linear_warmup * cosine_decay', base_learning_rate=0.1, warmup_steps=5, "
            "steps_per_cycle=15)",
        ),
    ]
    return rows("t5x", table, vars(names), of_step, precision="float32")


def fairseq(sources):
    # github.com/facebookresearch/fairseq at 3d262bb2, 2025-09-30.
    folder = sources / "fairseq/fairseq/optim/lr_scheduler"

    class Optimizer:
        def set_lr(self, rate):
            self.rate = rate

        def get_lr(self):
            return self.rate

    given = {"FairseqOptimizer": Optimizer, "FairseqDataclass": object, "II": lambda name: None, "math": math}
    given |= {"register_lr_scheduler": lambda *_, **__: lambda cls: cls, "field": dataclasses.field, "ast": ast}
    given |= {"dataclass": dataclasses.dataclass, "Collection": Collection, "List": list, "Optional": Optional}
    given |= {"Tuple": tuple, "Namespace": argparse.Namespace, "logger": logging.getLogger("fairseq")}
    base = ["FairseqLRScheduler", "LegacyFairseqLRScheduler"]
    names = {"Namespace": argparse.Namespace} | vars(definitions(folder / "fairseq_lr_scheduler.py", base, **given))
    given |= names
    for file, kind in [
        ("cosine_lr_scheduler", "CosineLRSchedule"),
        ("inverse_square_root_schedule", "InverseSquareRoot"),
        ("polynomial_decay_schedule", "PolynomialDecayLRSchedule"),
        ("tri_stage_lr_scheduler", "TriStageLRSchedule"),
        ("triangular_lr_scheduler", "TriangularLRSchedule"),
        ("step_lr_scheduler", "StepLRSchedule"),
        ("fixed_schedule", "FixedLRSchedule"),
    ]:
        both = [f"{kind}Config", kind]
        if kind == "InverseSquareRoot":
            both = ["InverseSquareRootLRScheduleConfig", "InverseSquareRootSchedule"]
        names |= vars(definitions(folder / f"{file}.py", both, **given))
    names |= vars(definitions(folder / "manual_lr_scheduler.py", ["ManualSchedule"], **given))

    def trainer(call, n):
        """The order of fairseq's Trainer, with 10 updates in an epoch."""
        schedule, values = call(), []
        optimizer = schedule.optimizer
        schedule.step_update(0)
        for t in range(n):
            if t % 10 == 0:
                schedule.step_begin_epoch(t // 10 + 1)
                schedule.step_update(t)
            values.append(optimizer.get_lr())
            schedule.step_update(t + 1)
        return values

    def call(kind, settings, config=None):
        return f"{kind}({config or kind + 'Config'}({settings}), optimizer)"

    cosine, polynomial = "CosineLRSchedule", "PolynomialDecayLRSchedule"
    manual, by_update = "lr=[0.1]", "\"{'1': 0.1, '8': 0.05, '20,25': 0.01}\""
    by_epoch = "\"{'1-2': 0.1, '3': 0.05}\""
    sqrt, sqrt_config = "InverseSquareRootSchedule", "InverseSquareRootLRScheduleConfig"
    table = [
        (30, call(cosine, "lr=[0.1], min_lr=0.01, warmup_updates=5, warmup_init_lr=0.001, lr_period_updates=25")),
        (60, call(cosine, "lr=[0.1], min_lr=0.01, lr_period_updates=8, t_mult=2, lr_shrink=0.5")),
        (50, call(cosine, "lr=[0.1], min_lr=0.01, lr_period_updates=12, lr_shrink=0.5, warmup_updates=5")),
        (30, call(sqrt, "lr=[0.1], warmup_updates=6", sqrt_config)),
        (30, call(sqrt, "lr=[0.1], warmup_updates=6, warmup_init_lr=0.01", sqrt_config)),
        (30, call(polynomial, "lr=[0.1], warmup_updates=5, end_learning_rate=0.01, power=2.0, total_num_update=25")),
        (30, call(polynomial, "lr=[0.1], total_num_update=25")),
        (40, call("TriStageLRSchedule", "lr=[0.1], warmup_steps=6, hold_steps=10, decay_steps=15")),
        (
            44,
            call(
                "TriStageLRSchedule",
                "lr=[0.1], phase_ratio=(0.125, 0.375, 0.5), max_update=40, init_lr_scale=0.1, final_lr_scale=0.05",
            ),
        ),
        (50, call("TriangularLRSchedule", "lr=[0.01], max_lr=0.1, lr_period_updates=16, lr_shrink=0.5")),
        (
            50,
            call("TriangularLRSchedule", "lr=[0.01], max_lr=0.1, lr_period_updates=16, lr_shrink=0.5, shrink_min=True"),
        ),
        (40, call("StepLRSchedule", "lr=[0.1], min_lr=0.02, warmup_updates=5, lr_deacy_period=7, lr_decay=0.5")),
        (40, call("FixedLRSchedule", "lr=[0.1, 0.05], force_anneal=3, lr_shrink=0.5, warmup_updates=5")),
        (40, call("ManualSchedule", f"{manual}, epoch2lr='{{}}', update2lr={by_update}", "Namespace")),
        (40, call("ManualSchedule", f"{manual}, epoch2lr={by_epoch}, update2lr='{{}}'", "Namespace")),
    ]
    return rows("fairseq", table, names | {"optimizer": Optimizer()}, trainer)


def deepspeed(sources):
    import torch

    # DeepSpeed 0.19.8, its source package.
    kinds = ["LRRangeTest", "OneCycle", "WarmupLR", "WarmupDecayLR", "WarmupCosineLR"]
    names = definitions(
        sources / "DeepSpeed/deepspeed/runtime/lr_schedules.py",
        ["update_lr", "get_torch_optimizer", "_format_param", *kinds],
        **{"math": math, "Optimizer": torch.optim.Optimizer, "is_tensor": torch.is_tensor},
        **{"logger": logging.getLogger("deepspeed"), "WARMUP_LOG_RATE": "log", "WARMUP_LINEAR_RATE": "linear"},
    )
    logging.getLogger("deepspeed").setLevel("ERROR")
    run = Torch()
    sgd, adam = "SGD(lr=0.1)", "Adam(lr=0.1)"
    cycle = f"OneCycle({adam}, 0.01, 0.1, cycle_first_step_size=8, "
    table = [
        (20, f"WarmupLR({sgd}, warmup_max_lr=0.1, warmup_num_steps=8)"),
        (20, f"WarmupLR({sgd}, warmup_min_lr=0.01, warmup_max_lr=0.1, warmup_num_steps=8, warmup_type='linear')"),
        (34, f"WarmupDecayLR({sgd}, 30, warmup_max_lr=0.1, warmup_num_steps=8)"),
        (34, f"WarmupDecayLR({sgd}, 30, warmup_max_lr=0.1, warmup_num_steps=8, warmup_type='linear')"),
        (34, f"WarmupCosineLR({sgd}, 30, warmup_num_steps=8)"),
        (
            34,
            f"WarmupCosineLR({sgd}, 30, warmup_min_ratio=0.1, warmup_num_steps=8, cos_min_ratio=0.1, "
            "warmup_type='linear')",
        ),
        (30, f"{cycle}decay_lr_rate=0.5, decay_step_size=5)"),
        (30, f"{cycle}decay_lr_rate=0.5, decay_step_size=5)", "beta1"),
        (30, f"{cycle}cycle_second_step_size=12)"),
        (30, f"{cycle}cycle_first_stair_count=4, decay_lr_rate=0.5, decay_step_size=5)"),
        (30, f"{cycle}decay_mom_rate=0.01, decay_step_size=5)", "beta1"),
        (20, f"LRRangeTest({sgd}, lr_range_test_min_lr=0.001, lr_range_test_step_size=5)"),
        (
            20,
            f"LRRangeTest({sgd}, lr_range_test_min_lr=0.001, lr_range_test_step_size=5, lr_range_test_staircase=True)",
        ),
    ]
    return rows("deepspeed", table, vars(names) | {"SGD": run.SGD, "Adam": run.Adam}, run)


def megatron(sources):
    # megatron-core 0.16.1, its wheel.
    names = definitions(
        sources / "megatron-core/megatron/core/optimizer_param_scheduler.py",
        ["OptimizerParamScheduler"],
        **{"math": math, "logging": logging, "logger": None, "log_single_rank": lambda *_: None, "Optional": Optional},
    )
    run = Torch()

    def updates(call, n, what="lr"):
        """One sample in a batch: megatron counts samples."""
        made = call()
        made.step, step = (lambda: step(1)), made.step
        return run(lambda: made, n, what)

    def call(style, warmup=5, more="", wd="start_wd=0.0, end_wd=0.0, wd_incr_steps=30, wd_incr_style='constant'"):
        return (
            f"OptimizerParamScheduler(SGD(lr=0.1), init_lr=0.0, max_lr=0.1, min_lr=0.01, lr_warmup_steps={warmup}, "
            f"lr_decay_steps=30, lr_decay_style='{style}', {wd}{more})"
        )

    table = [(34, call(style)) for style in ("constant", "linear", "cosine", "inverse-square-root")]
    table.append((34, call("cosine", 0)))
    for style in ("linear", "cosine", "exponential", "minus_sqrt"):
        table.append((34, call("WSD", more=f", wsd_decay_steps=10, lr_wsd_decay_style='{style}'")))
    for style in ("linear", "cosine"):
        wd = f"start_wd=0.01, end_wd=0.1, wd_incr_steps=20, wd_incr_style='{style}'"
        table.append((26, call("cosine", wd=wd), "weight_decay"))
    return rows("megatron", table, vars(names) | {"SGD": run.SGD}, updates)


class OldKeras:
    """The parts of Keras 2 that old callbacks use, and a fit of 4 epochs of 10 batches of 8."""

    class Variable:
        value = None

    set_value = staticmethod(lambda variable, value: setattr(variable, "value", value))
    get_value = staticmethod(lambda variable: variable.value)
    callbacks = types.SimpleNamespace(Callback=object)

    def __call__(self, call, n, what="lr"):
        callback, values = call(), []
        optimizer = types.SimpleNamespace(lr=self.Variable(), momentum=self.Variable())
        callback.model = types.SimpleNamespace(optimizer=optimizer)
        callback.params = {"epochs": 4, "steps": 10, "samples": 80, "batch_size": 8}
        callback.on_train_begin()
        for t in range(n):
            getattr(callback, "on_train_batch_begin", lambda batch: None)(t % 10)
            values.append(getattr(optimizer, what).value)
            end = getattr(callback, "on_train_batch_end", None) or callback.on_batch_end
            end(t % 10)
        return values


def old_callbacks(sources):
    import numpy

    run = OldKeras()
    given = {"K": run, "np": numpy, "keras": run, "Callback": object}
    # github.com/bckenstler/CLR at 968cf5a4, 2020-06-05.
    names = vars(definitions(sources / "CLR/clr_callback.py", ["CyclicLR"], **given))
    table = [
        (40, "CyclicLR(base_lr=0.01, max_lr=0.1, step_size=8)"),
        (50, "CyclicLR(base_lr=0.01, max_lr=0.1, step_size=8, mode='triangular2')"),
        (50, "CyclicLR(base_lr=0.01, max_lr=0.1, step_size=8, mode='exp_range', gamma=0.97)"),
        (50, "CyclicLR(base_lr=0.01, max_lr=0.1, step_size=8, scale_fn=lambda x: 1 / x, scale_mode='cycle')"),
    ]
    yield from rows("clr", table, names, run)

    # github.com/psklight/keras_one_cycle_clr at d9588bdf, 2019-06-12.
    given["set_lr"] = lambda optimizer, value: setattr(optimizer.lr, "value", value)
    given["set_momentum"] = lambda optimizer, value: setattr(optimizer.momentum, "value", value)
    folder = sources / "keras_one_cycle_clr/keras_one_cycle_clr"
    names = vars(definitions(folder / "one_cycle.py", ["OneCycle"], **given))
    names |= vars(definitions(folder / "cyclic_lr.py", ["CLR"], **given))
    one, many = "OneCycle((0.01, 0.1), momentum_range=(0.95, 0.85))", "CLR(2, (0.01, 0.1), (0.95, 0.85)"
    table = [
        (40, one),
        (40, one, "momentum"),
        (40, f"{many})"),
        (40, f"{many})", "momentum"),
        (40, f"{many}, phase_one_fraction=0.5, amplitude_fn=lambda x: 0.5**x)"),
    ]
    yield from rows("keras_one_cycle_clr", table, names, run)

    # github.com/titu1994/keras-one-cycle at 06c20299, 2020-06-30.
    names = vars(definitions(sources / "keras-one-cycle/clr.py", ["OneCycleLR"], **given))
    start = "OneCycleLR(num_samples=80, batch_size=8, max_lr=0.1"
    table = [
        (40, f"{start})"),
        (40, f"{start})", "momentum"),
        (40, f"{start}, end_percentage=0.2, scale_percentage=0.1)"),
        (40, f"{start}, end_percentage=0.2)"),
    ]
    yield from rows("keras-one-cycle", table, names, run)

    # keras-adamw 1.38, its wheel: what AdamW(use_cosine_annealing=True) multiplies the rate by.
    import tensorflow as tf

    assign = types.SimpleNamespace(assign=lambda v, x: v.assign(x), assign_add=lambda v, x: v.assign_add(x))
    ops = types.SimpleNamespace(cast=tf.cast, cos=tf.cos, equal=tf.equal)
    parts = definitions(
        sources / "keras-adamw/keras_adamw/utils.py",
        ["_compute_eta_t", "_update_t_cur"],
        **{"math_ops": ops, "state_ops": assign, "control_flow_ops": tf, "TF_KERAS": False},
    )

    def AdamW(lr, total_iterations, use_cosine_annealing, eta_min=0.0, eta_max=1.0):
        kept = {"t_cur": tf.Variable(0, dtype=tf.int64), "total_iterations": total_iterations}
        kept |= {"eta_min": eta_min, "eta_max": eta_max, "autorestart": use_cosine_annealing, "lr": lr}
        return types.SimpleNamespace(eta_t=1.0, **kept)

    def updates(call, n):
        optimizer, values = call(), []
        for _ in range(n):
            values.append(optimizer.lr * float(optimizer.eta_t))
            parts._update_t_cur(optimizer)
            optimizer.eta_t = parts._compute_eta_t(optimizer)
        return values

    call = "AdamW(lr=0.1, total_iterations=16, use_cosine_annealing=True"
    table = [(40, f"{call})"), (40, f"{call}, eta_min=0.1)")]
    yield from rows("keras-adamw", table, {"AdamW": AdamW}, updates, precision="float32")


def allennlp(sources):
    import torch

    # github.com/allenai/allennlp at 80fb6061, 2022-11-21.
    folder = sources / "allennlp/allennlp/training"
    scheduler = definitions(folder / "scheduler.py", ["Scheduler"], torch=torch, Dict=dict, Any=object).Scheduler

    class Base(scheduler):
        register = staticmethod(lambda name: lambda cls: cls)

        def __init__(self, optimizer, last_epoch=-1):
            super().__init__(optimizer, "lr", last_epoch)

    given = {"torch": torch, "LearningRateScheduler": Base, "Optional": Optional, "List": list}
    path = folder / "learning_rate_schedulers/slanted_triangular.py"
    names = definitions(path, ["SlantedTriangular"], logger=logging.getLogger("allennlp"), **given)
    run = Torch()

    def trainer(call, n):
        """The order of allennlp's GradientDescentTrainer: step_batch(t + 1) comes BEFORE the update t."""
        made, values = call(), []
        for t in range(n):
            made.step_batch(t + 1)
            values.append(run.last.param_groups[0]["lr"])
            run.last.step()
            if t % 10 == 9:
                made.step()
        return values

    table = [
        (44, "SlantedTriangular(SGD(lr=0.1), num_epochs=4, num_steps_per_epoch=10)"),
        (40, "SlantedTriangular(SGD(lr=0.1), num_epochs=4, num_steps_per_epoch=10, cut_frac=0.3, ratio=10)"),
    ]
    return rows("allennlp", table, vars(names) | {"SGD": run.SGD}, trainer)


def knee(sources):
    from torch.optim import Optimizer

    # github.com/nikhil-iyer-97/wide-minima-density-hypothesis at 8a283dd2, 2024-11-30.
    path = sources / "wide-minima-density-hypothesis/knee_lr_schedule.py"
    names = definitions(path, ["KneeLRScheduler"], Optimizer=Optimizer)
    run = Torch()
    table = [
        (30, "KneeLRScheduler(SGD(lr=0.1), peak_lr=0.1, warmup_steps=5, explore_steps=10, total_steps=25)"),
        (25, "KneeLRScheduler(SGD(lr=0.1), peak_lr=0.1, explore_steps=10, total_steps=20)"),
    ]
    return rows("knee", table, vars(names) | {"SGD": run.SGD}, run)


def anyschedule(sources):
    with Without("toml"):
        from anyschedule import AnySchedule

    run = Torch()
    start = "AnySchedule(SGD(lr=0.1), config={'lr': {'mode': "
    table = [
        (30, f"{start}'constant', 'warmup': 5}}}})"),
        (30, f"{start}'cosine', 'end': 25, 'warmup': 5, 'min_value': 0.1}}}})"),
        (25, f"{start}'polynomial', 'end': 25, 'power': 2, 'min_value': 0.1}}}})"),
        (30, f"{start}'step', 'gamma': 0.5, 'step_size': 7}}}})"),
        (30, f"{start}'power', 's0': 8, 'b': -0.5, 'warmup': 5, 'init_value': 0.1}}}})"),
        (
            40,
            f"{start}'composer', 'schedules': [{{'mode': 'cosine', 'end': 20, 'warmup': 5, 'min_value': 0.5}}, "
            "{'mode': 'polynomial', 'end': 35, 'value': 0.5, 'min_value': 0.1}], 'end': 35}})",
        ),
    ]
    return rows("anyschedule", table, {"AnySchedule": AnySchedule, "SGD": run.SGD}, run)


# --------------------------------------------------------------------------------------------------------- the file
PEERS = {
    "torch": torch,
    "optax": optax,
    "transformers": transformers,
    "timm": timm,
    "keras": keras,
    "tf1": tf1,
    "composer": composer,
    "fastai": fastai,
    "ignite": ignite,
    "mmengine": mmengine,
    "pytorch_optimizer": pytorch_optimizer,
    "pytorch_scheduler": pytorch_scheduler,
    "pytorch_warmup": pytorch_warmup,
    "lrsched": lrsched,
    "fvcore": fvcore,
    "tf-models": tf_models,
    "tf-addons": tf_addons,
    "big_vision": big_vision,
    "t5x": t5x,
    "fairseq": fairseq,
    "deepspeed": deepspeed,
    "megatron": megatron,
    "clr": old_callbacks,
    "keras_one_cycle_clr": old_callbacks,
    "keras-one-cycle": old_callbacks,
    "keras-adamw": old_callbacks,
    "allennlp": allennlp,
    "knee": knee,
    "anyschedule": anyschedule,
}
# The package of a peer that isn't named as it.
PACKAGES = {
    "tf1": "tensorflow-cpu",
    "composer": "mosaicml",
    "ignite": "pytorch-ignite",
    "tf-models": "tf-models-official",
}
# The commit, or the version, of a peer that is run from its source.
SOURCES = {
    "tf-addons": "d208d752",
    "big_vision": "0127fb6b",
    "t5x": "cc342d41",
    "fairseq": "3d262bb2",
    "deepspeed": "0.19.8",
    "megatron": "0.16.1",
    "clr": "968cf5a4",
    "keras_one_cycle_clr": "d9588bdf",
    "keras-one-cycle": "06c20299",
    "keras-adamw": "1.38",
    "allennlp": "80fb6061",
    "knee": "8a283dd2",
}


def main():
    arguments = ARGUMENTS.parse_args()
    old = json.loads(FILE.read_text()) if FILE.exists() else {"made": {}, "rows": []}
    made, found = dict(old["made"]), {}
    for peer, run in PEERS.items():
        found[peer] = [row for row in old["rows"] if row["peer"] == peer]
        if arguments.peers and peer not in arguments.peers:
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found[peer] = [row for row in run(arguments.sources) if row["peer"] == peer]
        except (ImportError, FileNotFoundError) as error:
            print(f"{peer}: not run, {len(found[peer])} old rows kept: {error}")
            continue
        made[peer] = SOURCES.get(peer) or importlib.metadata.version(PACKAGES.get(peer, peer))
        print(f"{peer} {made[peer]}: {len(found[peer])} rows")
    made["python"] = platform.python_version()
    lines = [json.dumps(row, separators=(",", ":")) for rows in found.values() for row in rows]
    body = ",\n".join(lines)
    head = json.dumps(dict(sorted(made.items())))
    FILE.write_text(f'{{"made":{head},\n"rows":[\n{body}\n]}}\n')


if __name__ == "__main__":
    main()
