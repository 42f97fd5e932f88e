"""Plots of schedules, and comparisons of policies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from ..schedules import arguments
from ..schedules.base import Schedule
from ..schedules.exact import LONGEST
from ..schedules.spans import Span, in_steps
from .style import new_figure, style_of, tidy
from .time_axis import time_axis


class Curves(NamedTuple):
    """The curves of a policy: rates at even distances; the loss and a metric as arrays of seeds by epochs."""

    name: str
    rate: np.ndarray
    loss: np.ndarray
    metric: np.ndarray


def plot_schedules(schedules: dict[str, Any] | Sequence[Any], steps: Any = None, *, ax: Any = None) -> Any:
    """Draw the value of each schedule at every step.

    Schedules in epochs that are not bound to steps yet are drawn in epochs, those in examples or in fractions of the
    run in these.

    >>> import keras_lr as klr
    >>> ax = plot_schedules({"line": klr.Linear(0.1, 0.0, steps=100), "wave": klr.Cosine(0.1, 0.0, steps=100)})
    >>> ax.figure.savefig("schedules.png")  # doctest: +SKIP

    Args:
        schedules: A dictionary of schedules with names for the legend, or a sequence of
            schedules. Keras' own schedules and numbers also work.
        steps: A number n for the steps 0 to n-1, or increasing integers; by default
            all steps until the last schedule has ended, and some more.
        ax: The matplotlib Axes to draw on; by default those of a new figure.

    Returns:
        The Axes; `ax.figure` is the figure.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: A span is not bound yet, and there are `steps` or lengths in another unit. Or there are no
            schedules.
    """
    named = schedules.items() if isinstance(schedules, dict) else ((_name(item), item) for item in schedules)
    read = [(name, arguments.validate("plot_schedules", "schedule", schedule)) for name, schedule in named]
    if not read:
        arguments.reject("plot_schedules", "schedules", "schedules, at least one", schedules)
    unit, label = 1, "step"
    if steps is None:
        bound, unit, label = time_axis([schedule for _, schedule in read], _shown_steps)
        read = [(name, schedule) for (name, _), schedule in zip(read, bound, strict=True)]
        steps = unit + 1 if label == "fraction of the run" else _shown_steps(bound)
    if isinstance(steps, int | np.integer) and not 0 < steps <= LONGEST:
        arguments.reject("plot_schedules", "steps", "an integer > 0, or increasing integers", steps)
    if isinstance(steps, int | np.integer):  # a plot can't show more points than this
        steps = np.unique(np.linspace(0, steps - 1, min(steps, 100_000)).astype("int64"))
    curves = [(name, schedule.values(steps)) for name, schedule in read]
    several = len(curves) > 1
    if ax is None:
        ax = new_figure(figsize=(7, 3.6 + several * 0.22 * len(curves))).subplots()
    for index, (name, values) in enumerate(curves):
        style = {key: value for key, value in style_of(index + 1).items() if key != "marker"}
        ax.plot(np.asarray(steps) / unit, values, drawstyle="steps-post", linewidth=2, label=name, **style)
    tidy(ax)
    ax.set(xlabel=label, ylabel="learning rate")
    ax.set_ylim(bottom=0)
    ax.margins(x=0.02)
    ax.yaxis.set_major_formatter("{x:g}")
    if label != "fraction of the run":
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.xaxis.set_major_formatter("{x:,.0f}")
    if several:  # above the curves, to hide none of them
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.2, frameon=False, handlelength=3)
    else:
        ax.set_title(curves[0][0], loc="left")
    return ax


def plot_comparison(policies: Sequence[Curves], metric: str, mode: str) -> Any:
    """Draw learning rate, training loss and a metric of policies: means, and the range of the seeds.

    Args:
        policies: The curves to draw, the best first, all with the same number of epochs.
        metric: The name of the metric, such as `"val_accuracy"`.
        mode: `"max"` if more of it is better, else `"min"`.

    Returns:
        The Figure.

    Raises:
        ImportError: matplotlib is not installed.
    """
    figure = new_figure(figsize=(11, 8.5))
    mosaic = [["rate", "loss", "key"], ["metric", "metric", "metric"]]
    panels = figure.subplot_mosaic(mosaic, height_ratios=(1, 1.45), width_ratios=(1, 1, 0.56))
    seeds, total = policies[0].loss.shape if policies else (0, 1)
    epochs = np.arange(1, total + 1)
    for index, curves in enumerate(policies):
        style = {**style_of(index), "markersize": 5.5, "linewidth": 2}
        time = np.arange(len(curves.rate) + 1) * total / len(curves.rate)
        rate = np.append(curves.rate, curves.rate[-1])  # the last step has a width too
        panels["rate"].plot(time, rate, drawstyle="steps-post", markevery=(0.03 * (index + 1), 0.25), **style)
        for panel, values in ((panels["loss"], curves.loss), (panels["metric"], curves.metric)):
            every = math.ceil(total / 8)
            values = np.where(np.isfinite(values), values, np.nan)
            panel.plot(epochs, values.mean(axis=0), markevery=(index % every, every), **style)
            panel.fill_between(epochs, values.min(axis=0), values.max(axis=0), color=style["color"], alpha=0.09, lw=0)
    for name, title in {"rate": "Learning rate", "loss": "Training loss", "metric": metric}.items():
        tidy(panels[name])
        panels[name].set_title(title, loc="left", weight="bold")
        panels[name].set(xlabel="epoch", xlim=(0, total * 1.01))
        panels[name].xaxis.get_major_locator().set_params(integer=True)
    _scale(panels, policies, mode)
    _key(panels["key"], panels["metric"].lines, policies, metric)
    several = "Lines: mean over the seeds\n(rates: of the first seed).\nBands: range over the seeds."
    panels["key"].text(0, 0.02, several if seeds > 1 else "One seed.", size=9)
    return figure


def _scale(panels: dict[str, Any], policies: Sequence[Curves], mode: str) -> None:
    peak = max((curves.rate.max() for curves in policies if np.isfinite(curves.rate).all()), default=0.0)
    if peak > 0:
        panels["rate"].set_ylim(peak / 400, peak * 1.5)
        panels["rate"].set_yscale("log")
    losses = np.array([curves.loss.mean(axis=0) for curves in policies])
    if np.isfinite(losses).any() and np.nanmin(losses) > 0:
        panels["loss"].set(yscale="log")
    # Only the range that matters: early epochs and diverged runs may be far outside.
    metrics = [curves.metric for curves in policies if np.isfinite(curves.metric).all()]
    if not metrics:
        return
    values = np.array(metrics)  # of policies by seeds by epochs
    late, ends = values[..., values.shape[-1] // 2 :], values[..., -1]
    means = ends.mean(axis=1)
    # Half the range of the seeds, so that their bands are inside where the policies hardly differ.
    unit = max(np.ptp(means), 0.02 * np.abs(means).max(), np.ptp(ends) / 2)
    if mode == "max":
        panels["metric"].set_ylim(max(late.min(), means.max() - 3 * unit) - 0.1 * unit, values.max() + 0.3 * unit)
    else:
        panels["metric"].set_ylim(values.min() - 0.3 * unit, min(late.max(), means.min() + 3 * unit) + 0.1 * unit)


def _key(ax: Any, lines: Sequence[Any], policies: Sequence[Curves], metric: str) -> None:
    """The legend with the final values."""
    ax.axis("off")
    final = [curves.metric[:, -1].mean() for curves in policies]
    ax.legend(
        lines,
        [f"{value:#.4g}  {curves.name}" for value, curves in zip(final, policies, strict=True)],
        title=f"Final {metric}",
        alignment="left",
        loc="upper left",
        bbox_to_anchor=(-0.05, 1.05),
        handlelength=4,
        labelspacing=0.9,
        frameon=False,
    )


def _name(schedule: Any) -> str:
    text = repr(schedule)
    return text if len(text) <= 60 else type(schedule).__name__


def _shown_steps(schedules: Sequence[Schedule]) -> int:
    return max(map(_natural_length, schedules))


def _natural_length(schedule: Schedule) -> int:
    """How many steps show the whole schedule and a little more."""
    end = max(1, math.ceil(_end(schedule)))
    at_end, later = schedule.values([end, 4 * end])
    # Schedules such as Exponential never end: their `steps` are those of one decay factor, so show several.
    return math.ceil(end * 1.25) + 1 if at_end == later else 5 * end


def _end(schedule: Schedule) -> float:
    """The step from which on the value is constant, according to the spans and the longest member of a schedule."""
    spans, members = [0.0], [0.0]
    for field in schedule._fields:
        value = getattr(schedule, field.name)
        if field.name == "values":
            spans.append(len(value))
        elif field.name != "batches":
            for item in value if isinstance(value, tuple) else (value,):
                if isinstance(item, Schedule):
                    members.append(_end(item))
                elif isinstance(item, int | Fraction | Span):
                    spans.append(float(in_steps(item)))
    return (max(spans) + max(members)) * getattr(schedule, "batches", 1)
