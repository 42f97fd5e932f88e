"""The command line: `python -m keras_lr compare`."""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import keras

from . import __version__, plotting
from .compare import experiment, problem, report
from .compare.policies import POLICIES

_DESCRIPTION = """\
Train a small network under several learning-rate policies, each with several
seeds, and say which to use. All have the same peak rate, the same first weights
and the same order of the data; the optimizer is SGD with Nesterov momentum 0.9.
Prints a table and leaves in OUT: compare.png, compare.json, and the best model
as best.keras, which is loaded again and checked to go on as if never saved."""

_EPILOG = """\
policies:
{policies}

your own problem, in functions that can be imported from the current directory:
  --data mine:load    load() returns ((x_train, y_train), (x_val, y_val)), arrays
                      of finite numbers and of integer classes from 0 on, as
                      keras.datasets.mnist:load_data does
  --model mine:make   make(input_shape, classes) returns a fresh, uncompiled
                      Keras model that ends in a softmax over the classes

exit status: 0 done, 1 the loaded model does not go on as the saved one,
2 bad input, 130 interrupted"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        return compare(options)
    except problem.BadInput as error:
        print(f"keras_lr compare: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"\nInterrupted. What was finished is in {options.out}.", file=sys.stderr)
        return 130


def compare(options: argparse.Namespace) -> int:
    """Run a comparison and return the exit status."""
    settings = experiment.Settings(options.rate, options.batch_size, options.epochs, options.seeds)
    out = _writable(options.out)
    _require_matplotlib()
    task = problem.read(options.data, options.model)
    print(_headline(options, task), flush=True)

    runs: list[experiment.Run] = []
    best: Any = None
    tick, report_run = _progress(len(options.policies) * settings.seeds * settings.epochs)
    for run, model in experiment.train(task, options.policies, settings, on_epoch=tick):
        runs.append(run)
        best = experiment.better(best, run, model, out / "best.keras")
        report.write_json(out / "compare.json", settings, runs)
        report_run(f"{run.policy}, seed {run.seed}: {100 * run.final:.1f} % in {run.seconds:.1f} s")
    reload = experiment.check_reload(best, task, settings)
    target = options.target or report.default_target(runs)
    rows = report.rows(runs, target)
    report.write_json(out / "compare.json", settings, runs, reload, target=target)
    plotting.plot_comparison(report.curves(runs)).savefig(out / "compare.png", dpi=150)
    print(f"\n{report.table(rows, target, settings.seeds)}\n\n{report.answer(rows, settings.seeds)}\n")
    print(report.reload_line(reload, best.path))
    print(f"Picture: {out / 'compare.png'}   Numbers: {out / 'compare.json'}")
    return 1 if reload.different else 0


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog.replace('python -m ', '')}: {message}\n")  # one line, without the usage


def _parser() -> argparse.ArgumentParser:
    parser = _Parser("python -m keras_lr", description="Learning-rate schedules for Keras.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=__version__)
    policies = "\n".join(f"  {name:<15} {build.__doc__}" for name, build in POLICIES.items())
    command = parser.add_subparsers(dest="command", required=True, metavar="compare").add_parser(
        "compare",
        help="train a network under several policies and say which to use",
        description=_DESCRIPTION,
        epilog=_EPILOG.format(policies=policies),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = command.add_argument
    add("--data", metavar="MODULE:FUNCTION", help="your data; scikit-learn's handwritten digits by default")
    add("--model", metavar="MODULE:FUNCTION", help="your model; two hidden layers of 64 by default")
    add(
        "--policies", type=_policies, default=list(POLICIES), metavar="A,B", help="which of those below; all by default"
    )
    add("--rate", type=_number(above=0), default=0.1, help="the peak rate of every policy, %(default)s by default")
    add("--batch-size", type=_count, default=32, metavar="N", help="examples per step, %(default)s by default")
    add("--epochs", type=_count, default=16, metavar="N", help="of every run, %(default)s by default")
    add("--seeds", type=_count, default=3, metavar="N", help="runs of every policy, %(default)s by default")
    add(
        "--target",
        type=_number(above=0, most=1),
        metavar="SHARE",
        help="the accuracy that the epochs are counted to, as 0.95; 0.01 below the best policy's by default",
    )
    add("--out", type=Path, default=Path("compare"), metavar="FOLDER", help="where files go, %(default)s by default")
    return parser


def _policies(text: str) -> list[str]:
    names = list(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in names:
        if name not in POLICIES:
            raise argparse.ArgumentTypeError(f"there is no policy {name!r}; there are {', '.join(POLICIES)}")
    return names


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"must be an integer > 0. Received: {text}")
    return int(text)


def _number(above: float, most: float = sys.float_info.max) -> Callable[[str], float]:
    def read(text: str) -> float:
        rule = f"a number > {above:g}" + (f" and <= {most:g}" if most <= 1 else "")
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not above < number <= most:
            raise argparse.ArgumentTypeError(f"must be {rule}. Received: {text}")
        return number

    return read


def _writable(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise problem.BadInput(f"--out {folder} can't be written to: {error.strerror}.") from error
    return folder


def _require_matplotlib() -> None:
    try:
        plotting.new_figure()
    except ImportError as error:
        raise problem.BadInput(str(error)) from error


def _headline(options: argparse.Namespace, task: problem.Problem) -> str:
    return (
        f"{options.data or 'digits'}: {len(task.x_train):,} examples to train, {len(task.x_val):,} to validate, "
        f"{task.classes} classes, in batches of {options.batch_size}.\n"
        f"{len(options.policies)} policies x {options.seeds} seeds x {options.epochs} epochs of SGD with Nesterov "
        "momentum 0.9.\n"
        f"Every policy has the same peak rate, {options.rate:g}: at another one the order can be another."
    )


def _progress(epochs: int) -> tuple[Callable[[], None], Callable[[str], None]]:
    """Functions to call after every epoch and every run: a progress bar in a terminal, otherwise a line per run."""
    if sys.stdout.isatty():
        bar: Any = keras.utils.Progbar(epochs, unit_name="epoch")
        bar.update(0)
        return lambda: bar.add(1), lambda _: None
    return lambda: None, lambda line: print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
