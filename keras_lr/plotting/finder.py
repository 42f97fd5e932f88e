"""Plots of what the finder measures: range tests, and the trials of a tuned peak."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..schedules import arguments
from .style import new_figure, style_of, tidy

MARKERS = {"steepest": "^", "valley": "o", "slide": "s", "minimum": "D", "lowest": "v"}


def plot_range_tests(tests: Any, *, ax: Any = None) -> Any:
    """Draw a range test with its recommendation and suggestions, or the smoothed losses of several range tests.

    For a grid, such as learning rate by weight decay, test the rate once for each weight decay:

    >>> import numpy as np, keras_lr as klr
    >>> from keras_lr.plotting import plot_range_tests
    >>> rates = np.geomspace(1e-5, 1, 100)
    >>> tests = {f"weight decay {d}": klr.RangeTest.of(rates, [2 - rates**0.2 + 9 * d * rates]) for d in (0.01, 0.1)}
    >>> ax = plot_range_tests(tests)
    >>> ax.figure.savefig("grid.png")  # doctest: +SKIP

    Args:
        tests: A `RangeTest`, or a dictionary of several of the same hyperparameter, with names for the legend.
        ax: The matplotlib Axes to draw on; by default those of a new figure.

    Returns:
        The Axes; `ax.figure` is the figure.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: There are no tests, or one has no losses.
    """
    named = dict(tests) if isinstance(tests, Mapping) else {"": tests}
    if not named or not all(np.isfinite(test.losses).any() for test in named.values()):
        arguments.reject("plot_range_tests", "tests", "range tests with losses, at least one", tests)
    ax = new_figure(figsize=(7, 4.2)).subplots() if ax is None else ax
    several, lowest, highest = len(named) > 1, [], []
    for index, (name, test) in enumerate(named.items()):
        style = style_of(index + 1)
        line = {key: value for key, value in style.items() if key != "marker"}
        if not several:
            for run in test.runs:
                ax.plot(test.rates, run, color="#999999", linewidth=0.9, label="_raw")
        ax.plot(test.rates, test.smoothed, linewidth=2.2, label=name or "smoothed loss", **line)
        lowest.append(np.nanmin(test.smoothed if several else test.runs))
        highest.append(np.nanmax(test.smoothed))
    if not several:
        _mark_recommended(ax, test)
        _mark_suggestions(ax, test)
    tidy(ax)
    margin = (max(highest) - min(lowest) or 1.0) * 0.12  # exploding losses may exceed the limits
    ax.set(xscale="log", xlabel=test.hyperparameter.replace("_", " "), ylabel="loss of the batch")
    ax.set_ylim(min(lowest) - margin, max(highest) + margin)
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=1 if several else 3, frameon=False, handlelength=3)
    return ax


def _mark_recommended(ax: Any, test: Any) -> None:
    found = test.recommended
    if found.peak is not None:
        ax.axvspan(*np.clip(found.between, test.rates[0], test.rates[-1]), color="#009E73", alpha=0.12, zorder=0)
        ax.axvline(found.peak, color="#009E73", linewidth=2, label=f"peak {found.peak:.2g}, {found.reliability}")
        ax.axvline(found.constant, color="#009E73", linestyle=":", label=f"constant {found.constant:.2g}")


def _mark_suggestions(ax: Any, test: Any) -> None:
    for name, marker in MARKERS.items():
        rate = getattr(test.suggestions, name)
        if rate is not None:
            known = np.isfinite(test.smoothed)
            height = np.interp(np.log(rate), np.log(test.rates[known]), test.smoothed[known])
            style = {"markerfacecolor": "white", "markeredgecolor": "black", "markeredgewidth": 1.5, "zorder": 3}
            ax.plot(rate, height, marker, markersize=9, label=f"{name} {rate:.2g}", **style)


def plot_tuned_rate(tuned: Any, *, ax: Any = None) -> Any:
    """Draw the validation losses of the trials of a `TunedRate` by their peak, and the peak for the whole training.

    Args:
        tuned: The result of `tune_learning_rate`.
        ax: The matplotlib Axes to draw on; by default those of a new figure.

    Returns:
        The Axes; `ax.figure` is the figure.

    Raises:
        ImportError: matplotlib is not installed.
    """
    ax = new_figure(figsize=(7, 4.2)).subplots() if ax is None else ax
    finite = [trial for trial in tuned.trials if np.isfinite(trial.loss)]
    highest = max(trial.loss for trial in finite)
    label = f"after {tuned.trials[0].updates} updates"
    ax.plot([t.peak for t in finite], [t.loss for t in finite], label=label, linewidth=2.2, **style_of(1))
    for trial in tuned.trials:
        if trial not in finite:
            ax.plot(trial.peak, highest, "x", color="#D55E00", markersize=10, label=f"{trial.peak:.2g} diverged")
    ax.axvspan(*tuned.between, color="#009E73", alpha=0.12, zorder=0)
    ax.axvline(tuned.peak, color="#009E73", linewidth=2, label=f"peak {tuned.peak:g}, {tuned.reliability}")
    tidy(ax)
    ax.set(xscale="log", xlabel="peak of the learning rate", ylabel="validation loss")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, frameon=False, handlelength=3)
    return ax
