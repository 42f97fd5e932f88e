"""Plots with matplotlib: they take data, return Axes or a Figure, and never show or save."""

from .finder import plot_range_tests, plot_tuned_rate
from .runs import plot_monitor, plot_paths
from .schedules import Curves, plot_comparison, plot_schedules
from .style import new_figure

__all__ = [
    "Curves",
    "new_figure",
    "plot_comparison",
    "plot_monitor",
    "plot_paths",
    "plot_range_tests",
    "plot_schedules",
    "plot_tuned_rate",
]
