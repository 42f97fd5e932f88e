"""Parses the arguments of `python -m keras_lr compare`, without Keras, so that help and errors appear at once."""

from __future__ import annotations

import argparse
import contextlib
import math
import re
from pathlib import Path
from typing import Any, NoReturn

from .builtin import POLICIES, builtin_name, closest, is_unknown

_DESCRIPTION = """\
Train a model under several learning-rate policies, with several seeds each.
Print which policy to use, how sure that is, and the code to paste. The peak of
each policy is tuned first. FOLDER gets compare.png, a picture; compare.json, all
numbers; and best.keras, the best model. A final check loads this model and trains
it for a few steps, to make sure that it continues as if it had not been saved."""

_EPILOG = """\
built-in policies; peak is the rate to tune, steps the number of updates in a run:
{policies}

your own policy, an expression of peak, steps, epochs, klr, keras and np:
  --policy "klr.flat_cosine(peak, steps, decay=0.3)"
  --policy "adamw=keras.optimizers.AdamW(klr.warmup_cosine(peak, steps))"
  --policy mine:policy     policy(peak, steps) returns a number, a schedule, a
                           rule or an optimizer, or a tuple of one of these
                           and a list of callbacks

your own problem, where mine:load is the function load in mine.py:
  --data file.npz     arrays x and y, and optionally x_val and y_val
  --data file.csv     a header, then rows of numbers. The last column is the
                      target: classes if it has all integers from 0, or
                      from 1, to its maximum and nothing else, each five times
                      on average; otherwise a regression. All other columns,
                      and a regression target, are standardized.
  --data mine:load    load() returns (x, y), ((x, y), (x_val, y_val)), or a
                      training and a validation dataset, such as two
                      tf.data.Datasets
  --model mine:make   make(input_shape, outputs) returns a Keras model. If it is
                      not compiled, --optimizer, --loss and --metric apply.
Without validation data, each seed holds out a different random quarter.

exit status:
  0    done
  1    every policy diverged, or the loaded model continues differently
  2    bad input
  130  interrupted"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog.replace('python -m ', '')}: {message}\n")  # one line, without the usage


def parse(arguments: list[str] | None, version: str) -> argparse.Namespace:
    """Parse the arguments of `python -m keras_lr`; exit after printing the help, the version or an error."""
    parser = _Parser("python -m keras_lr", description="Learning-rate schedules for Keras.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=version)
    policies = "\n".join(f"  {name:<15} {text}" for name, text in POLICIES.items())
    command = parser.add_subparsers(dest="command", required=True, metavar="compare").add_parser(
        "compare",
        help="train a model under several policies and say which to use",
        description=_DESCRIPTION,
        epilog=_EPILOG.format(policies=policies).replace("%", "%%"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add, count = command.add_argument, _positive(int, "an integer")
    add("--data", metavar="DATA", help="your data, see below (default: the handwritten digits of scikit-learn)")
    add("--model", metavar="MODULE:FUNCTION", help="your model, see below (default: two hidden layers of 64 units)")
    every = 'built-in policies to compare, "" for none (default: all of those below)'
    add("--policies", type=_policies, metavar="A,B", default=list(POLICIES), help=every)
    own = "a policy of your own; repeatable"
    add("--policy", action="append", default=[], type=_named, metavar="[NAME=]EXPRESSION", help=own)
    add("--optimizer", metavar="EXPRESSION", help="default: SGD(momentum=0.9, nesterov=True)")
    add("--loss", metavar="NAME", help="default: a crossentropy for classes, mse for a regression")
    add("--metric", action="append", metavar="NAME", help="repeatable (default: accuracy for classes)")
    ranks = "the metric that ranks policies (default: the first metric on validation data, or else val_loss)"
    add("--monitor", metavar="NAME", help=ranks)
    better = "whether lower or higher values are better, if the name of the metric does not tell"
    add("--mode", choices=("min", "max"), help=better)
    add(
        "--peak",
        "--rate",
        type=_positive(float, "a number"),
        metavar="PEAK",
        help="use this peak for every policy instead of tuning it",
    )
    add("--batch-size", type=count, default=32, metavar="N", help="examples per step (default: %(default)s)")
    add("--epochs", type=count, default=10, metavar="N", help="epochs per run (default: %(default)s)")
    add("--seeds", type=count, default=5, metavar="N", help="runs per policy (default: %(default)s)")
    parallel = "policies trained at the same time, each in its own process (default: 1)"
    add("--jobs", type=count, metavar="N", help=parallel)
    folder = "the folder for results (default: %(default)s)"
    add("--out", type=Path, default=Path("compare"), metavar="FOLDER", help=folder)
    options = parser.parse_args(arguments)
    named = {name: name for name in options.policies}
    for name, text in options.policy:
        if name in named:
            other = f"use another one, as in other={text}"
            alone = f"{name!r} is compared anyway; to compare it alone, write --policies {name}"
            command.error(f"argument --policy: {alone if text == name else f'the name {name!r} is taken: {other}'}")
        named[name] = text
    if not named:
        command.error("argument --policies: must name at least one policy, unless you pass --policy")
    options.policies = named
    return options


def _policies(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if not builtin_name(name):
            raise _unknown(name)
    return list(dict.fromkeys(builtin_name(name) or name for name in names))


def _unknown(name: str) -> argparse.ArgumentTypeError:
    return argparse.ArgumentTypeError(
        f"unknown policy {name!r}; choose from {', '.join(POLICIES)}. {closest(name)}".rstrip(". ")
    )


def _named(text: str) -> tuple[str, str]:
    """A name and an expression; without a name, the expression is its own name."""
    named = re.fullmatch(r"\s*([A-Za-z][\w -]*?)\s*=(?!=)\s*(\S.*)", text)
    if not text.strip():
        raise argparse.ArgumentTypeError("must be an expression, such as klr.one_cycle(peak, steps)")
    name, source = (named[1], named[2]) if named else (text.strip(), text.strip())
    if is_unknown(source):
        raise _unknown(source)
    builtin = builtin_name(source)
    return (name if named else builtin or name), builtin or source


def _positive(kind: type, rule: str) -> Any:
    """A function that reads a number > 0."""

    def read(text: str) -> Any:
        with contextlib.suppress(ValueError):
            if 0 < kind(text) < math.inf:
                return kind(text)
        raise argparse.ArgumentTypeError(f"must be {rule} > 0. Received: {text}")

    return read
