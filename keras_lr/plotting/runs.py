"""Plots of runs: the record of a `Monitor`, and the paths of optimizers on a surface."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..optimizers.depth import shortened
from ..optimizers.hyperparameters import NAMES
from ..schedules import arguments
from .style import new_figure, style_of, tidy


def plot_monitor(monitor: Any, *, axes: Any = None) -> Any:
    """Draw the hyperparameters that were applied at each step, in one panel each.

    Args:
        monitor: A `Monitor` after `fit`, or a dictionary of arrays like its `steps`. Names of
            several optimizers, such as `learning_rate_body`, share a panel.
        axes: Matplotlib Axes, one for each panel; by default those of a new figure.

    Returns:
        The Axes, an array.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: Nothing was recorded, or there are not as many `axes` as panels.
    """
    steps, layers = getattr(monitor, "steps", monitor), getattr(monitor, "layers", {})
    if not steps:
        arguments.reject("plot_monitor", "monitor", "a `Monitor` that has been in a `fit`, or a dictionary", monitor)
    panels: dict[str, dict[str, np.ndarray]] = {}
    for name in sorted(steps, key=lambda name: (not name.startswith("learning_rate"), name)):
        panels.setdefault(_hyperparameter(name), {})[name] = np.asarray(steps[name])
    if axes is None:
        figure = new_figure(figsize=(7, 1.2 + 2.1 * len(panels)))
        axes = figure.subplots(len(panels), sharex=True, squeeze=False)[:, 0]
    axes = np.atleast_1d(axes)
    if len(axes) != len(panels):
        arguments.reject("plot_monitor", "axes", f"{len(panels)} Axes, one for each of {', '.join(panels)}", len(axes))
    for ax, (hyperparameter, curves) in zip(axes, panels.items(), strict=True):
        for index, (name, values) in enumerate(curves.items()):
            line = {key: value for key, value in style_of(index + 1).items() if key != "marker"}
            label = name.removeprefix(hyperparameter).strip("_") or hyperparameter
            if label != hyperparameter and layers.get(name):
                label += f": {shortened(layers[name])}"
            ax.plot(np.arange(len(values)), values, drawstyle="steps-post", linewidth=2, label=label, **line)
        tidy(ax)
        ax.set(ylabel=hyperparameter.replace("_", " "))
        ax.margins(x=0.02)
        if len(curves) > 1:
            columns = 4 if max(len(text.get_label()) for text in ax.lines) <= 15 else 2
            place = {"loc": "lower left", "bbox_to_anchor": (0, 1), "ncols": columns, "borderaxespad": 0.2}
            ax.legend(**place, frameon=False, handlelength=3)
    axes[-1].set_xlabel("step")
    axes[-1].figure.align_ylabels(axes)
    return axes


def _hyperparameter(name: str) -> str:
    return max((known for known in NAMES if name == known or name.startswith(known + "_")), key=len, default=name)


def plot_paths(
    surface: Callable[[Any, Any], Any],
    paths: Mapping[str, Any],
    steps: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    limits: tuple[tuple[float, float], tuple[float, float]] | None = None,
    minimum: tuple[float, float] | None = None,
) -> Any:
    """Draw the paths of optimizers on a surface of two variables, and their hyperparameters below.

    >>> import numpy as np
    >>> from keras_lr.plotting import plot_paths
    >>> path = np.array([1.0, 2.0]) * 0.9 ** np.arange(30)[:, None]
    >>> axes = plot_paths(lambda x, y: x**2 + 3 * y**2, {"straight": path}, minimum=(0, 0))

    Args:
        surface: A function that returns the heights at arrays `x` and `y`.
        paths: For each name, an array of shape (points, 2), from the start to the end.
        steps: For each name, a dictionary like `Monitor.steps`. Each hyperparameter has its own panel.
        limits: The smallest and largest x, and the smallest and largest y; by default around the paths.
        minimum: A point to mark with a star.

    Returns:
        The Axes, an array: the surface, then the panels.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: There are no paths.
    """
    points = {name: np.asarray(path, "float64") for name, path in paths.items()}
    if not points or any(path.ndim != 2 or path.shape[1] != 2 for path in points.values()):
        arguments.reject("plot_paths", "paths", "arrays of points by 2, at least one", paths)
    shown = list(dict.fromkeys(name for curves in (steps or {}).values() for name in curves))
    figure = new_figure(figsize=(7, 5.4 + 1.6 * len(shown)))
    axes = figure.subplots(1 + len(shown), squeeze=False, height_ratios=[4.6, *[1.4] * len(shown)])[:, 0]
    ax = axes[0]
    (left, right), (bottom, top) = limits or _around(points, minimum)
    x, y = np.meshgrid(np.linspace(left, right, 300), np.linspace(bottom, top, 300))
    height = np.asarray(surface(x, y), "float64")
    # Levels of equal areas, so that flat and steep regions of a surface both show.
    levels = np.unique(np.nanquantile(height, np.linspace(0, 1, 16)))
    if len(levels) > 1:
        from matplotlib.colors import BoundaryNorm

        ax.contourf(x, y, height, levels=levels, cmap="Greys", norm=BoundaryNorm(levels, 256), alpha=0.4)
        ax.contour(x, y, height, levels=levels, colors="#b0b0b0", linestyles="solid", linewidths=0.6)
    if minimum is not None:
        ax.plot(*minimum, "*", color="black", markersize=15, label="minimum", zorder=4)
    for index, (name, path) in enumerate(points.items()):
        style = style_of(index + 1)
        every = max(1, len(path) // 8)
        ax.plot(*path.T, linewidth=1.8, markersize=5.5, markevery=(min(index, every), every), label=name, **style)
        for panel, hyperparameter in zip(axes[1:], shown, strict=True):
            values = (steps or {}).get(name, {}).get(hyperparameter)
            if values is not None:
                line = {key: value for key, value in style.items() if key != "marker"}
                panel.plot(np.arange(len(values)), values, drawstyle="steps-post", linewidth=2, **line)
    start = next(iter(points.values()))[0]
    ax.plot(*start, "o", color="white", markeredgecolor="black", markersize=9, label="start", zorder=4)
    ax.set(xlim=(left, right), ylim=(bottom, top))
    ax.spines[["top", "right"]].set_visible(False)
    columns = 4 if max(map(len, points)) <= 10 else 3  # as many as fit
    place = {"loc": "lower left", "bbox_to_anchor": (0, 1), "ncols": columns, "borderaxespad": 0.2}
    ax.legend(**place, frameon=False, handlelength=3.5)
    for panel, hyperparameter in zip(axes[1:], shown, strict=True):
        tidy(panel)
        panel.margins(x=0.02)
        panel.set(ylabel=hyperparameter.replace("_", " "))
    if shown:
        axes[-1].set_xlabel("step")
    figure.align_ylabels(axes[1:])
    return axes


def _around(points: dict[str, np.ndarray], minimum: tuple[float, float] | None) -> Any:
    """Limits around the paths, without those that diverge."""
    boxes = [_box(path) for path in points.values()]
    size = [(high - low).max() for low, high in boxes]
    near = [box for box, one in zip(boxes, size, strict=True) if one <= 4 * np.median(size)]
    near += [] if minimum is None else [_box(np.asarray([minimum], "float64"))]
    low, high = np.min([low for low, _ in near], axis=0), np.max([high for _, high in near], axis=0)
    margin = 0.12 * np.maximum(high - low, 1e-3 + 0.1 * np.abs(high).max())
    return tuple(zip(low - margin, high + margin, strict=True))


def _box(path: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    finite = path[np.isfinite(path).all(axis=1)]
    return finite.min(axis=0), finite.max(axis=0)
