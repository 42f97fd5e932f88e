"""The command line: `python -m keras_lr compare`."""

from __future__ import annotations

import argparse
import functools
import re
import sys
import tempfile
from pathlib import Path

from . import __version__
from .compare.command import parse
from .compare.comparison import counted
from .compare.data import load
from .compare.experiment import compare_policies
from .compare.model import make_model, read_model
from .compare.script import BadInput, joined


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    options = parse(arguments, __version__)
    try:
        return compare(options)
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)  # `compare_policies` has shown the finished runs
        return 130
    except (BadInput, TypeError, ValueError, ImportError) as error:
        fault = _about_options(error)
        if fault is None:
            raise
        print(f"keras_lr compare: {fault}", file=sys.stderr)
        return 2


def compare(options: argparse.Namespace) -> int:
    """Run a comparison and return the exit status."""
    _require_writable(options.out)
    data, data_code, said = load(options.data)
    print(f"Data: {said}.")
    model_code, compile_code, said = read_model(options, data)
    print(f"Model: {said}.")
    sizes = [counted(len(options.policies), "policy", "policies"), counted(options.seeds, "seed")]
    print(" x ".join([*sizes, counted(options.epochs, "epoch")]) + ".", flush=True)
    comparison = compare_policies(
        functools.partial(make_model, f"{model_code}\n{compile_code}"),
        **data,
        policies=options.policies,
        epochs=options.epochs,
        batch_size=options.batch_size if "y" in data else None,
        seeds=options.seeds,
        peak=options.peak,
        monitor=options.monitor,
        mode=options.mode,
        jobs=options.jobs,
        folder=options.out,
        verbose=1 if sys.stdout.isatty() else 2,
    )
    print(f"\n{comparison.table()}\n\n{comparison.answer()}\n")
    best, reload, code = comparison.best, comparison.reload, comparison.code
    if best and reload:
        is_compiled = "model.compile(" in code and "model.loss" not in code
        script = joined(data_code, model_code, "" if is_compiled else compile_code, code)
        print(f"Code to paste into a new script:\n\n{script}\n")
        print(reload.text(options.out / "best.keras", best.policies[0]))
    print(f"Picture: {options.out / 'compare.png'}   Numbers: {options.out / 'compare.json'}")
    return 1 if reload is None or reload.different else 0


def _about_options(error: Exception) -> str | None:
    """The message of an error in one line, with the names of options; `None` if it is not about the user's input."""
    said = " ".join(str(error).split())
    if not isinstance(error, BadInput | ImportError) and not said.startswith("Argument `"):
        return None
    said = re.sub(r"Argument `policies\[(['\"])(.*)\1\]` of `compare_policies`", r"--policy \2", said)
    said = re.sub(r"Argument `(\w+)` of `compare_policies`", lambda match: f"--{match[1].replace('_', '-')}", said)
    return said.replace("pass a `peak`", "pass --peak")


def _require_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise BadInput(f"--out {folder} can't be written to: {error.strerror}.") from error


if __name__ == "__main__":
    sys.exit(main())
