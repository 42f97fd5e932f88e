"""The arguments of `python -m keras_lr compare`. It does without Keras, so that help and errors come at once."""

from __future__ import annotations

import argparse
import math
import re
from pathlib import Path
from typing import NoReturn

from .builtin import POLICIES

_DESCRIPTION = """\
Train a model under several learning-rate policies, each with several seeds, and
say which to use, how sure that is, and the code to paste. Each policy's peak is
tuned first. Leaves in OUT: compare.png, compare.json, and the best policy's
model as best.keras, which is loaded again and checked to go on as if never saved."""

_EPILOG = """\
policies, as expressions of peak, steps and epochs:
{policies}

your own policy, with the names klr, keras and np:
  --policy "klr.flat_cosine(peak, steps, decay=0.3)"
  --policy "adamw=keras.optimizers.AdamW(klr.warmup_cosine(peak, steps))"
  --policy mine:policy     policy(peak, steps) returns a number, a schedule, a
                           rule, an optimizer, or one of these and callbacks

your own problem:
  --data file.npz     arrays x and y, and x_val and y_val if you have them
  --data file.csv     numbers below a header; the last column is the target:
                      classes if all of it are integers from 0 on that each
                      occur, else a regression. Columns are standardized.
  --data mine:load    load() returns (x, y), ((x, y), (x_val, y_val)), or two
                      datasets, as tf.data.Dataset, to train and to validate on
  --model mine:make   make(input_shape, outputs) returns a Keras model: compiled,
                      it is kept as it is; else OPTIMIZER, LOSS and METRIC apply.
Without validation data each seed holds out another quarter of the examples.

exit status: 0 done, 1 every policy diverged, or the loaded model does not go on
as the saved one, 2 bad input, 130 interrupted"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog.replace('python -m ', '')}: {message}\n")  # one line, without the usage


def parse(arguments: list[str] | None, version: str) -> argparse.Namespace:
    """Parse the arguments of `python -m keras_lr`; exits after a help, the version or an error."""
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
    add = command.add_argument
    add("--data", metavar="DATA", help="your data; scikit-learn's handwritten digits by default")
    add("--model", metavar="MODULE:FUNCTION", help="your model; two hidden layers of 64 by default")
    add(
        "--policies",
        type=_policies,
        metavar="A,B",
        default=list(POLICIES),
        help='those below; all by default, "" for none',
    )
    add("--policy", action="append", default=[], type=_named, metavar="[NAME=]EXPRESSION", help="one more; repeatable")
    add("--optimizer", metavar="EXPRESSION", help='"SGD(momentum=0.9, nesterov=True)" by default')
    add("--loss", metavar="NAME", help="crossentropy for classes, mse for a regression by default")
    add("--metric", action="append", metavar="NAME", help="accuracy for classes by default; repeatable")
    add("--monitor", metavar="NAME", help="the metric that decides; the first one, on the validation data, by default")
    add("--mode", choices=("min", "max"), help="whether less or more of it is better, if its name does not tell")
    add("--rate", type=_rate, metavar="PEAK", help="the peak of every policy, instead of tuning each")
    add("--batch-size", type=_count, default=32, metavar="N", help="examples per step, %(default)s by default")
    add("--epochs", type=_count, default=10, metavar="N", help="of every run, %(default)s by default")
    add("--seeds", type=_count, default=5, metavar="N", help="runs of every policy, %(default)s by default")
    add("--jobs", type=_count, metavar="N", help="policies at once, each in a process; 1 by default")
    add("--out", type=Path, default=Path("compare"), metavar="FOLDER", help="where files go, %(default)s by default")
    options = parser.parse_args(arguments)
    named = {name: name for name in options.policies}
    for name, text in options.policy:
        if name in named:
            command.error(f"argument --policy: the name {name!r} is taken: write it as other=...")
        named[name] = text
    if not named:
        command.error("argument --policies: must be names, or come with a --policy")
    options.policies = named
    return options


def _policies(text: str) -> list[str]:
    names = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    for name in names:
        if name not in POLICIES:
            raise argparse.ArgumentTypeError(f"there is no policy {name!r}; there are {', '.join(POLICIES)}")
    return names


def _named(text: str) -> tuple[str, str]:
    """A name and an expression; without a name, the expression is its own name."""
    named = re.fullmatch(r"\s*([A-Za-z][\w -]*?)\s*=(?!=)\s*(\S.*)", text)
    if not text.strip():
        raise argparse.ArgumentTypeError("must be an expression, such as klr.one_cycle(peak, steps)")
    return (named[1], named[2]) if named else (text.strip(), text.strip())


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"must be an integer > 0. Received: {text}")
    return int(text)


def _rate(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number > 0. Received: {text}")
    return number
