"""The shared style of all plots: distinguishable lines, figures without global state, notebook output."""

from __future__ import annotations

import base64
import functools
import html
import io
from collections.abc import Callable
from typing import Any

# Okabe and Ito's colours, which colour-blind people can distinguish; dashes and markers distinguish them in grey.
STYLES: list[dict[str, Any]] = [
    {"color": "#555555", "linestyle": "-", "marker": "o"},
    {"color": "#0072B2", "linestyle": "-", "marker": "s"},
    {"color": "#009E73", "linestyle": (0, (5, 1.5)), "marker": "^"},
    {"color": "#CC79A7", "linestyle": (0, (1, 1.2)), "marker": "D"},
    {"color": "#D55E00", "linestyle": "-", "marker": "v"},
    {"color": "#E69F00", "linestyle": (0, (6, 1.5, 1.2, 1.5)), "marker": "P"},
    {"color": "#56B4E9", "linestyle": (0, (3, 2)), "marker": "x"},
    {"color": "#000000", "linestyle": (0, (8, 2)), "marker": "*"},
]


def new_figure(**options: Any) -> Any:
    """An empty Figure without a window or global state, which a notebook shows as an image."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("Plots need matplotlib: pip install matplotlib") from error
    figure: Any = Figure(layout="constrained", **options)
    figure._repr_png_ = functools.partial(as_png, figure)  # pyplot does this only for its own figures
    return figure


def as_png(figure: Any) -> bytes:
    """A figure as the bytes of a PNG file."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=100)
    return file.getvalue()


def style_of(index: int) -> dict[str, Any]:
    """Colour, line style and marker of the line with this index; after the last colour, with hollow markers."""
    hollow = {"markerfacecolor": "white"} if index // len(STYLES) % 2 else {}
    return STYLES[index % len(STYLES)] | hollow


def tidy(ax: Any) -> None:
    """Reduce the frame of an Axes to what helps to read it."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color("#999999")
    ax.tick_params(color="#999999", labelcolor="#333333")
    ax.grid(color="#e6e6e6", linewidth=0.8)
    ax.set_axisbelow(True)


def as_html(draw: Callable[[], Any], text: str) -> str | None:
    """A plot and a text for a notebook; `None` if it can't be drawn, so that the notebook shows the text alone."""
    try:
        ax = draw()
    except (ImportError, ValueError):  # without matplotlib, or of lengths that are not known yet
        return None
    image = base64.b64encode(as_png(ax.figure)).decode()
    return f'<img src="data:image/png;base64,{image}" alt="its curve"><pre>{html.escape(text)}</pre>'
