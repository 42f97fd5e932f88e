"""Makes peers.json: the learning rates of other libraries' schedules, got by running those libraries.

    python tests/data/make_peers.py [--sources FOLDER] [peer ...]

Each row is a call as a user of that library writes it and, in `values`, what the updates t = 0, 1, 2, ... of a training
that follows the library's own documentation use. Rows are written here as (number of updates, call); the call is run as
it stands. Without names, all peers are run. A peer that can't be imported keeps the rows it had, and so does one whose
source is not under FOLDER, which holds one folder for each library that can't be installed as a package or not without
much else: see `SOURCES`.
"""

import argparse
import ast
import importlib.abc
import importlib.machinery
import importlib.metadata
import json
import os
import platform
import sys
import types
import warnings
from pathlib import Path
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
        values = [round_trip(v) for v in run(lambda call=call: eval(call, dict(names)), n, *what)]
        row = {"peer": peer, "name": call.split("(")[0].split(".")[-1], "call": call}
        yield row | ({"of": what[0]} if what else {}) | more | {"values": values}


def round_trip(value):
    return float(f"{float(value):.17g}")


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
        (60, f"CyclicLR({sgd}, base_lr=0.01, max_lr=0.1, step_size_up=8, scale_fn=lambda x: 1 / x, "
             "scale_mode='cycle', cycle_momentum=False)"),
        (60, f"CyclicLR({sgd}, base_lr=0.01, max_lr=0.1, step_size_up=8, scale_fn=lambda x: 0.97**x, "
             "scale_mode='iterations', cycle_momentum=False)"),
        (41, f"{cycle})"),
        (41, f"{cycle})", "momentum"),
        (41, f"{cycle}, anneal_strategy='linear')"),
        (41, f"{cycle}, anneal_strategy='linear')", "momentum"),
        (40, f"{cycle}, three_phase=True)"),
        (40, f"{cycle}, three_phase=True)", "momentum"),
        (40, f"{cycle}, anneal_strategy='linear', three_phase=True)"),
        (40, f"{cycle}, anneal_strategy='linear', three_phase=True)", "momentum"),
        (30, "OneCycleLR(Adam(lr=0.1), max_lr=0.02, epochs=3, steps_per_epoch=10, pct_start=0.4, div_factor=10, "
             "final_div_factor=100, base_momentum=0.8, max_momentum=0.9)"),
        (30, "OneCycleLR(Adam(lr=0.1), max_lr=0.02, epochs=3, steps_per_epoch=10, pct_start=0.4, div_factor=10, "
             "final_div_factor=100, base_momentum=0.8, max_momentum=0.9)", "beta1"),
        (30, f"LambdaLR({sgd}, lr_lambda=lambda t: 0.95**t)"),
        (30, f"MultiplicativeLR({sgd}, lr_lambda=lambda t: 0.95)"),
        (45, f"(lambda sgd: SequentialLR(sgd, [LinearLR(sgd, start_factor=0.1, total_iters=5), "
             f"CosineAnnealingLR(sgd, T_max=30, eta_min=0.001), ConstantLR(sgd, factor=0.1, total_iters=100)], "
             f"milestones=[5, 35]))({sgd})"),
        (30, f"(lambda sgd: SequentialLR(sgd, [ConstantLR(sgd, factor=0.1, total_iters=10), "
             f"ExponentialLR(sgd, gamma=0.9)], milestones=[10]))({sgd})"),
        (30, f"(lambda sgd: ChainedScheduler([ConstantLR(sgd, factor=0.1, total_iters=10), "
             f"ExponentialLR(sgd, gamma=0.9)]))({sgd})"),
        (30, f"(lambda sgd: ChainedScheduler([LinearLR(sgd, start_factor=0.1, total_iters=5), "
             f"StepLR(sgd, step_size=10, gamma=0.5)]))({sgd})"),
        (20, f"SWALR({sgd}, swa_lr=0.02, anneal_epochs=10, anneal_strategy='linear')"),
        (20, f"SWALR({sgd}, swa_lr=0.02, anneal_epochs=10)"),
        (6, f"SWALR({sgd}, swa_lr=0.02, anneal_epochs=0)"),
    ]
    for row in rows("torch", table, names, run):
        if row["name"] == "":
            row["name"] = "SequentialLR" if "SequentialLR" in row["call"] else "ChainedScheduler"
        yield row


def optax(sources):
    import optax

    table = [
        (10, "optax.constant_schedule(0.1)"),
        (30, "optax.linear_schedule(init_value=0.1, end_value=0.01, transition_steps=20)"),
        (30, "optax.linear_schedule(init_value=0.01, end_value=0.1, transition_steps=10, transition_begin=5)"),
        (30, "optax.polynomial_schedule(init_value=0.1, end_value=0.01, power=2.0, transition_steps=20)"),
        (30, "optax.polynomial_schedule(init_value=0.1, end_value=0.01, power=0.5, transition_steps=15, "
             "transition_begin=5)"),
        (30, "optax.piecewise_constant_schedule(init_value=0.1, boundaries_and_scales={8: 0.5, 20: 0.1})"),
        (30, "optax.exponential_decay(init_value=0.1, transition_steps=10, decay_rate=0.5)"),
        (30, "optax.exponential_decay(init_value=0.1, transition_steps=7, decay_rate=0.5, staircase=True)"),
        (40, "optax.exponential_decay(init_value=0.1, transition_steps=10, decay_rate=0.5, transition_begin=5, "
             "end_value=0.02)"),
        (40, "optax.exponential_decay(init_value=0.01, transition_steps=10, decay_rate=2.0, end_value=0.08)"),
        (30, "optax.cosine_decay_schedule(init_value=0.1, decay_steps=20)"),
        (30, "optax.cosine_decay_schedule(init_value=0.1, decay_steps=20, alpha=0.1)"),
        (30, "optax.cosine_decay_schedule(init_value=0.1, decay_steps=20, alpha=0.1, exponent=2.0)"),
        (30, "optax.piecewise_interpolate_schedule('linear', init_value=0.1, "
             "boundaries_and_scales={5: 2.0, 15: 0.5, 25: 0.1})"),
        (30, "optax.piecewise_interpolate_schedule('cosine', init_value=0.1, "
             "boundaries_and_scales={5: 2.0, 15: 0.5, 25: 0.1})"),
        (46, "optax.linear_onecycle_schedule(transition_steps=40, peak_value=0.1)"),
        (46, "optax.cosine_onecycle_schedule(transition_steps=40, peak_value=0.1)"),
        (20, "optax.warmup_constant_schedule(init_value=0.01, peak_value=0.1, warmup_steps=8)"),
        (30, "optax.warmup_cosine_decay_schedule(init_value=0.01, peak_value=0.1, warmup_steps=5, decay_steps=25, "
             "end_value=0.001)"),
        (30, "optax.warmup_cosine_decay_schedule(init_value=0.0, peak_value=0.1, warmup_steps=5, decay_steps=25, "
             "exponent=2.0)"),
        (40, "optax.warmup_exponential_decay_schedule(init_value=0.01, peak_value=0.1, warmup_steps=5, "
             "transition_steps=10, decay_rate=0.5, end_value=0.02)"),
        (40, "optax.warmup_exponential_decay_schedule(init_value=0.01, peak_value=0.1, warmup_steps=5, "
             "transition_steps=10, decay_rate=0.5, transition_begin=4, staircase=True)"),
        (50, "optax.sgdr_schedule([dict(init_value=0.0, peak_value=0.1, warmup_steps=3, decay_steps=10), "
             "dict(init_value=0.0, peak_value=0.08, warmup_steps=5, decay_steps=20, end_value=0.01), "
             "dict(init_value=0.01, peak_value=0.04, warmup_steps=5, decay_steps=15)])"),
        (40, "optax.join_schedules([optax.linear_schedule(0.0, 0.1, 5), optax.constant_schedule(0.1), "
             "optax.cosine_decay_schedule(0.1, 20)], boundaries=[5, 12])"),
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
        (40, f"get_cosine_with_min_lr_schedule_with_warmup{short}num_training_steps=30, min_lr_rate=0.05, "
             "num_cycles=1.25)"),
        (40, f"get_cosine_with_min_lr_schedule_with_warmup_lr_rate{short}num_training_steps=30, min_lr=0.01)"),
        (40, f"get_cosine_with_min_lr_schedule_with_warmup_lr_rate{short}num_training_steps=30, min_lr_rate=0.05, "
             "warmup_lr_rate=0.2)"),
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

    # A float64 rate makes the built-in schedules compute in float64.
    names = vars(keras.optimizers.schedules) | {"numpy": numpy}
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

    def in_float64(call, n):
        schedule = call()
        if hasattr(schedule, "values"):  # PiecewiseConstantDecay
            schedule.values = [numpy.float64(v) for v in schedule.values]
        else:
            schedule.initial_learning_rate = numpy.float64(schedule.initial_learning_rate)
        values = [schedule(t) for t in range(n)]
        assert "float64" in str(values[0].dtype)
        return values

    return rows("keras", table, names, in_float64)


def tf1(sources):
    import numpy
    import tensorflow

    # A rate in float64 makes most compute in float64. noisy_linear_cosine_decay is left out: it is random.
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

    train = tensorflow.compat.v1.train
    for n, call in table:
        function, _, rest = call.partition("(")
        float32 = "piecewise" in call or "cosine" in call  # It mixes in a float32 of its own.
        rate = tensorflow.constant(0.1, tensorflow.float32 if float32 else tensorflow.float64)
        given = eval(f"lambda t: run({rest.replace('0.1, t', 'rate, t')}", {"run": getattr(train, function), "rate": rate})

        def run(_, n, given=given):
            return [decay() for decay in map(given, numpy.arange(n))]

        more = {"precision": "float32"} if float32 else {}
        yield from rows("tf1", [(n, f"tf.compat.v1.train.{call}")], {}, run, **more)


# --------------------------------------------------------------------------------------------------------- the file
PEERS = {"torch": torch, "optax": optax, "transformers": transformers, "timm": timm, "keras": keras, "tf1": tf1}
PACKAGES = {"tf1": "tensorflow-cpu"}


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
                found[peer] = list(run(arguments.sources))
        except (ImportError, FileNotFoundError) as error:
            print(f"{peer}: not run, {len(found[peer])} old rows kept: {error}")
            continue
        made[peer] = importlib.metadata.version(PACKAGES.get(peer, peer))
        print(f"{peer} {made[peer]}: {len(found[peer])} rows")
    made["python"] = platform.python_version()
    lines = [json.dumps(row, separators=(",", ":")) for rows in found.values() for row in rows]
    FILE.write_text('{"made":%s,\n"rows":[\n%s\n]}\n' % (json.dumps(dict(sorted(made.items()))), ",\n".join(lines)))


if __name__ == "__main__":
    main()
