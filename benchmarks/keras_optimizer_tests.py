"""Runs Keras' own tests of its optimizers on optimizers that keras_lr manages, and prints how many pass.

    python benchmarks/keras_optimizer_tests.py            on the backend of KERAS_BACKEND

Keras' wheel contains its tests. In each test module this file replaces the optimizer classes by functions that call
`scheduled` on what the class makes, and so manage the rate, one hyperparameter or all of them.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import keras
import pytest
from keras.src import optimizers

import keras_lr as klr
from keras_lr.optimizers.hyperparameters import NAMES, has_hyperparameter

WRAPPERS = ("LossScaleOptimizer", "MultiOptimizer")
MODES = ("plain", "the rate, a variable", "one, a variable", "all, variables", "all others, schedules")


class Managed:
    """Stands for an optimizer class in a test module."""

    def __init__(self, cls):
        self.cls = cls

    def __getattr__(self, name):
        return getattr(self.cls, name)

    def __call__(self, *args, **kwargs):
        optimizer = self.cls(*args, **kwargs)
        mode = os.environ["MANAGED"]
        if mode == "plain" or self.cls.__name__ in WRAPPERS:
            return optimizer
        names = [name for name in NAMES if name != "learning_rate" and has_hyperparameter(optimizer, name)]
        numbers = {name: vars(optimizer)[name] for name in names if vars(optimizer)[name] is not None}
        if mode == "the rate, a variable":
            return klr.scheduled(optimizer, learning_rate=True)
        if mode == "one, a variable":
            return klr.scheduled(optimizer, **dict.fromkeys([*numbers][:1], True))
        if mode == "all, variables":
            return klr.scheduled(optimizer, learning_rate=True, **dict.fromkeys(numbers, True))
        return klr.scheduled(optimizer, **{name: klr.Constant(number) for name, number in numbers.items()})


@pytest.hookimpl(hookwrapper=True)
def pytest_pycollect_makeitem(collector, name, obj):
    module = collector.getparent(pytest.Module)
    names = vars(module.obj) if module else {}
    for key, value in list(names.items()):
        if (
            isinstance(value, type)
            and issubclass(value, optimizers.Optimizer)
            and value.__module__.startswith("keras.")
        ):
            names[key] = Managed(value)
    yield


def main():
    folder = Path(optimizers.__file__).parent
    here = Path(__file__).parent
    print(f"Keras {keras.__version__}, {keras.backend.backend()}")
    for mode in MODES:
        path = os.pathsep.join([str(here), str(here.parent), os.environ.get("PYTHONPATH", "")])
        result = subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                "-q",
                "-p",
                Path(__file__).stem,
                "-p",
                "no:cacheprovider",
                "-o",
                "addopts=",
            ]
            + ["-W", "ignore", "--tb=no", "--rootdir", str(folder), *map(str, sorted(folder.glob("*_test.py")))],
            cwd=folder,
            env=os.environ | {"MANAGED": mode, "PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "3"},
            capture_output=True,
            text=True,
        )
        lines = result.stdout.strip().splitlines()
        failed = sorted({re.sub(r".*::(\w+::\w+).*", r"\1", line) for line in lines if line.startswith("FAILED")})
        print(f"  {mode:<24} {lines[-1]}", *failed, sep="\n      ")


if __name__ == "__main__":
    main()
