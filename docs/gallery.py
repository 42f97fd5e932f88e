"""Draws docs/images/NAME.png of each schedule and policy and writes gallery.md: `python docs/gallery.py`.

Everything comes from the table that the tests go through, `CASES` in
tests/cases.py: the expressions, the curves, and the dots, which are the values
worked out by hand. The words come from the docstrings.
"""

from __future__ import annotations

import ast
import functools
import inspect
import re
import sys
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

import keras_lr as klr

ROOT = Path(__file__).resolve().parent.parent
IMAGES, PAGE = ROOT / "docs" / "images", ROOT / "docs" / "gallery.md"
TABLE = ROOT / "tests" / "cases.py"

sys.path.insert(0, str(TABLE.parent))
from cases import CASES  # noqa: E402

# Which row of the table shows a name, group by group.
GROUPS = {
    "Curves": {
        "Constant": "constant",
        "Linear": "linear",
        "Cosine": "cosine to a floor",
        "Polynomial": "polynomial",
        "Rex": "rex",
        "Tanh": "tanh",
        "Approach": "approach",
        "Logarithmic": "logarithmic",
        "Hyperbolic": "hyperbolic",
        "ExpHyperbolic": "exp-hyperbolic",
    },
    "Decays": {
        "Exponential": "exponential",
        "InverseTime": "inverse time",
        "InverseSqrt": "inverse square root",
        "PowerLaw": "power law",
    },
    "Tables": {
        "Intervals": "intervals",
        "Knots": "knots",
        "Table": "table",
    },
    "Cycles": {
        "Repeat": "repeat",
        "CosineWaves": "cosine waves",
    },
    "Composition": {
        "Sequence": "sequence",
        "Warmup": "warmup",
        "Delay": "delay",
        "Skip": "skip",
        "Stretch": "stretch",
        "Staircase": "staircase",
        "PerUpdate": "per update",
    },
    "Arithmetic": {
        "Product": "product",
        "Sum": "sum",
        "Clip": "clip",
        "Rescale": "rescale",
        "Noise": "noise",
    },
    "Policies": {
        "one_cycle": "one cycle",
        "warmup_cosine": "warmup and cosine",
        "warmup_linear": "warmup and line",
        "warmup_stable_decay": "warmup, stable, decay",
        "tri_stage": "three stages",
        "slanted_triangular": "slanted triangular",
        "flat_cosine": "flat, then cosine",
        "cooldown": "cooldown",
        "noam": "noam",
        "multi_step": "multi-step",
        "sgdr": "sgdr",
        "triangular": "triangular",
    },
    "Momentum": {
        "one_cycle_momentum": "one cycle's momentum",
        "SutskeverMomentum": "Sutskever's momentum",
        "Demon": "Demon",
    },
}
SHOWN = {name: key for group in GROUPS.values() for name, key in group.items()}
JUMPS = {"Table", "PerUpdate"}  # so short that a slope between two steps would be seen

LINE, DOT, GROUND = "#2f6fb2", "#16395f", "#c9ced6"
FAR = 2**20  # values by hand from here on are about digits, not about the shape
WIDTH, HEIGHT = 360, 180


@functools.cache
def expressions() -> dict[str, str]:
    """How each schedule is written in the table of the tests, without `klr.` and line breaks."""
    source = TABLE.read_text("utf-8")
    table = next(x for x in ast.parse(source).body if isinstance(x, ast.Assign) and x.targets[0].id == "CASES").value
    written = {}
    for key, case in zip(table.keys, table.values, strict=True):
        text = " ".join(ast.get_source_segment(source, case.args[0]).split())
        written[key.value] = re.sub(r"([(\[]) | ?,? ([)\]])", r"\1\2", text.replace("klr.", ""))
    return written


def expression(name: str) -> str:
    """The expression that is drawn for a name."""
    return expressions()[SHOWN[name]]


def draw(name: str, folder: Path = IMAGES) -> Path:
    """The picture of a name: its curve, and dots at the values worked out by hand. The line below is 0."""
    case = CASES[SHOWN[name]]
    dots = {t: value for t, value in case.by_hand.items() if t < FAR}
    last = max(*dots, *(t for t in case.boundaries if t < FAR), 1)
    end = last + max(1, round(0.08 * last))
    steps = np.unique(np.linspace(0, end, min(end, 1000) + 1).round().astype(int))
    values = case.schedule.values(steps)
    low, high = values.min(), values.max()
    from_zero = low < 0.6 * high or low == high

    figure = Figure(figsize=(WIDTH / 100, HEIGHT / 100), dpi=100, facecolor="white")
    axes = figure.add_axes((0.04, 0.08, 0.92, 0.84))
    style = {"drawstyle": "steps-post"} if name in JUMPS else {}
    if from_zero:
        axes.axhline(0, color=GROUND, linewidth=2, zorder=1)
        axes.fill_between(steps, 0, values, color=LINE, alpha=0.12, linewidth=0, step="post" if style else None)
    axes.plot(steps, values, color=LINE, linewidth=2.5, solid_joinstyle="round", zorder=3, clip_on=False, **style)
    axes.plot([*dots], [*dots.values()], "o", color=DOT, markersize=7, zorder=4, clip_on=False)
    bottom = 0 if from_zero else low - 0.25 * (high - low)
    axes.set_xlim(-0.02 * end, end)
    axes.set_ylim(bottom - 0.03 * (high - bottom), high + 0.03 * (high - bottom))
    axes.set_axis_off()
    path = folder / f"{name}.png"
    # The expression says in the file what is drawn; without the version of the software, nothing else changes it.
    metadata = {"Software": None, "Description": expression(name)}
    with matplotlib.rc_context({"savefig.dpi": "figure"}):
        figure.savefig(path, metadata=metadata)
    return path


def described(name: str) -> str:
    """What a docstring says up to its first example, and its source."""
    text = inspect.getdoc(getattr(klr, name))
    paragraphs = [" ".join(x.split()) for x in re.split(r"\n\n(?=>>>|Args:)", text)[0].split("\n\n")]
    says = " ".join(paragraphs)
    says = re.sub(r" [^.]*:$", "", says)  # the words before an example
    source = re.search(r"^Source: (.+?)(?:\n\n|\Z)", text, re.DOTALL | re.MULTILINE)
    if not source:
        return says
    links = re.sub(r"arXiv ([\d.]+\d)", r"[arXiv \1](https://arxiv.org/abs/\1)", " ".join(source.group(1).split()))
    return f"{says}<br>*Source:* {links}"


def page() -> str:
    """The text of gallery.md."""
    lines = [
        "# The gallery",
        "",
        "Every schedule and every policy, with its formula and its source.",
        "t is the index of the update, 0 for the first. Lengths are in steps here; [other units](time.md) work, too.",
        "",
        "A grey line marks 0 if the curve comes near it. The dots are values worked out by hand; the tests check them.",
        "[gallery.py](gallery.py) draws the pictures.",
    ]
    for group, names in GROUPS.items():
        lines += ["", f"## {group}", "", "| | |", "| --- | --- |"]
        for name in names:
            picture = f'<img src="images/{name}.png" width="{WIDTH // 2}" alt="{name}">'
            lines.append(f"| {picture} | `{expression(name)}`<br>{described(name)} |")
    return "\n".join(lines) + "\n"


def draw_range_test(folder: Path = IMAGES) -> Path:
    """A range test on the digits of scikit-learn, with the network of `python -m keras_lr compare`."""
    import keras

    from keras_lr.compare.problem import digits, mlp

    keras.utils.set_random_seed(0)
    (x, y), _ = digits()
    model = mlp(x.shape[1:], 10)
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), loss="sparse_categorical_crossentropy")
    axes = klr.find_learning_rate(model, x, y, batch_size=32, verbose=0).plot()
    path = folder / "range_test.png"
    axes.figure.savefig(path, dpi=100, metadata={"Software": None})
    return path


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    for name in SHOWN:
        print(draw(name))
    PAGE.write_text(page(), "utf-8")
    print(PAGE)
    print(draw_range_test())
