"""The command line: `python -m keras_lr compare`."""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from pathlib import Path

from . import __version__
from .compare.command import parse
from .compare.experiment import prepare
from .compare.files import BadInput
from .compare.inputs import FUNCTION, SPLIT, function_of, read_maker, read_task
from .compare.preparation import joined, policies_code
from .compare.reload import reload_text


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    options = parse(arguments, __version__)
    try:
        return compare(options)
    except BadInput as error:
        print(f"keras_lr compare: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"\nInterrupted. The finished runs are in {options.out}.", file=sys.stderr)
        return 130


def compare(options: argparse.Namespace) -> int:
    """Run a comparison and return the exit status."""
    _require_writable(options.out)
    policies = {
        name: function_of("--policy", text) if FUNCTION.fullmatch(text) else text
        for name, text in options.policies.items()
    }
    task = read_task(options.data)
    maker, said, model_code = read_maker(options, task)
    try:
        trials = prepare(
            maker,
            task.x,
            task.y,
            policies=policies,
            epochs=options.epochs,
            validation_data=task.validation_data,
            validation_split=SPLIT if task.validation_data is None else None,
            batch_size=None if task.y is None else options.batch_size,
            seeds=options.seeds,
            peak=options.peak,
            monitor=options.monitor,
            mode=options.mode,
            jobs=options.jobs,
            folder=options.out,
            verbose=1 if sys.stdout.isatty() else 2,
        )
    except Exception as error:  # the user's model and policies may raise anything
        raise BadInput(_about_options(error)) from error
    print(f"Data: {task.said}.\nModel: {said}.", flush=True)
    print(f"{len(policies)} policies x {options.seeds} seeds x {options.epochs} epochs.", flush=True)
    comparison = trials()
    print(f"\n{comparison.table()}\n\n{comparison.answer()}\n")
    if comparison.code:
        functions = {name: text for name, text in options.policies.items() if FUNCTION.fullmatch(text)}
        print("Code to paste into a new script:\n")
        print(_script(comparison.code, task.code, model_code, functions) + "\n")
    best, reload = comparison.best, comparison.reload
    if best and reload:
        print(reload_text(reload, options.out / "best.keras", best.policies[0]))
    print(f"Picture: {options.out / 'compare.png'}   Numbers: {options.out / 'compare.json'}")
    return 1 if reload is None or reload.different else 0


def _script(code: str, data_code: str, model_code: list[str], functions: dict[str, str]) -> str:
    """The code of the comparison, after that for its data, its model and the policies that are functions."""
    make, *compiled = model_code
    blocks = [data_code, make]
    if "model.compile(\n" not in code:  # it expects a compiled model
        blocks += compiled
    if "policies[" in code:
        blocks.append(policies_code(functions))
    return joined(*blocks, code)


def _about_options(error: Exception) -> str:
    """The message of an error in one line, with the names of options instead of arguments."""
    said = " ".join(str(error).split())
    said = re.sub(r"Argument `policies\[(['\"])(.*)\1\]` of `compare_policies`", r"--policy \2", said)
    said = re.sub(r"Argument `(\w+)` of `compare_policies`", lambda match: f"--{match[1].replace('_', '-')}", said)
    said = said.replace("pass a `peak`", "pass --peak")
    if said.startswith(("--", "The policy", "Argument `learning_rate` of `policy")) or isinstance(error, ImportError):
        return said
    return f"the model can't be trained on this data: {type(error).__name__}: {said[:300]}"


def _require_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise BadInput(f"--out {folder} can't be written to: {error.strerror}.") from error


if __name__ == "__main__":
    sys.exit(main())
