"""Draws the thumbnails of the README: `python docs/gallery.py` writes docs/images/NAME.png for each schedule."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

import keras_lr as klr

IMAGES = Path(__file__).with_name("images")

# What the README shows of each schedule and policy; its table gives the same expressions.
SHOWN = {
    "Constant": klr.Constant(0.1),
    "Linear": klr.Linear(0.1, 0.0, steps=1000),
    "Polynomial": klr.Polynomial(0.1, 0.0, steps=1000, power=2.0),
    "Cosine": klr.Cosine(0.1, 0.0, steps=1000),
    "Exponential": klr.Exponential(0.1, 0.6, steps=200, staircase=True),
    "InverseTime": klr.InverseTime(0.1, 4.0, steps=1000),
    "Intervals": klr.Intervals([400, 700], [0.1, 0.05, 0.02]),
    "Table": klr.Table([0.1, 0.06, 0.08, 0.04, 0.05, 0.02]),
    "Sequence": klr.Sequence([0.06, klr.Linear(0.1, 0.0, steps=600)], boundaries=[400]),
    "Warmup": klr.Warmup(0.1, steps=300),
    "PerUpdate": klr.PerUpdate(klr.Table([0.1, 0.05, 0.02]), batches=4),
    "SutskeverMomentum": klr.SutskeverMomentum(0.99, steps=50),
    "Demon": klr.Demon(0.9, steps=1000),
    "one_cycle": klr.one_cycle(0.1, steps=1000),
    "warmup_cosine": klr.warmup_cosine(0.1, steps=1000),
}
ONE_BY_ONE = {"Table": 9, "PerUpdate": 12}  # drawn as that many single steps, not as a line of 1000

LINE, GROUND = "#2f6fb2", "#c9ced6"


def draw(name: str, folder: Path = IMAGES) -> Path:
    """The thumbnail of `SHOWN[name]`, 240 x 120 pixels: a curve, and dots where it starts and ends."""
    steps = np.arange(ONE_BY_ONE.get(name, 1000))
    values = SHOWN[name].values(steps)
    figure = Figure(figsize=(2.4, 1.2), dpi=100, facecolor="white")
    axes = figure.add_axes((0.05, 0.1, 0.9, 0.8))
    axes.axhline(0, color=GROUND, linewidth=1.5, zorder=1)
    if name in ONE_BY_ONE:
        axes.vlines(steps, 0, values, color=LINE, linewidth=1, alpha=0.35, zorder=2)
        axes.plot(steps, values, "o", color=LINE, markersize=5, zorder=3, clip_on=False)
    else:
        axes.fill_between(steps, 0, values, color=LINE, alpha=0.12, linewidth=0)
        axes.plot(steps, values, color=LINE, linewidth=2.5, solid_joinstyle="round", zorder=3, clip_on=False)
        axes.plot(steps[[0, -1]], values[[0, -1]], "o", color=LINE, markersize=7, zorder=4, clip_on=False)
    axes.set_xlim(-0.03 * steps[-1], 1.03 * steps[-1])
    top = max(0.1, values.max())  # rates are shown on one scale, and momentums on theirs
    axes.set_ylim(-0.04 * top, 1.06 * top)
    axes.set_axis_off()
    path = folder / f"{name}.png"
    with matplotlib.rc_context({"savefig.dpi": "figure"}):
        figure.savefig(path, metadata={"Software": None})  # so that only the drawing decides what is in the file
    return path


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    for name in SHOWN:
        print(draw(name))
