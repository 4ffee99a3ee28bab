"""Figures as SVG text, in one style. Matplotlib is imported when the first one is drawn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
import io
from typing import Any, TYPE_CHECKING

import numpy as np
from posenet_ros.arrays import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STYLE = {
    'font.family': 'sans-serif', 'font.size': 10, 'svg.fonttype': 'none',
    'svg.hashsalt': 'posenet_ros', 'axes.spines.top': False, 'axes.spines.right': False,
    'axes.edgecolor': '#64748b', 'axes.labelcolor': '#1f2937', 'axes.grid': True,
    'grid.color': '#e5e7eb', 'grid.linewidth': 0.8, 'axes.axisbelow': True,
    'xtick.color': '#475569', 'ytick.color': '#475569', 'legend.frameon': False,
    'legend.fontsize': 9, 'figure.facecolor': 'white', 'savefig.facecolor': 'white'}
MAX_MINOR_LABEL_DECADES = 1.8  # a longer axis has no room for minor labels


class Colour:
    """The colours of what is drawn, the same in all figures."""

    TRUTH = '#1f2937'
    ESTIMATE = '#2563eb'
    FAILURE = '#dc2626'
    TRAINING = '#cbd5e1'


@contextmanager
def drawing(
        out: list[str], size: tuple[float, float], rows: int = 1,
        columns: int = 1, *, sharey: bool = True) -> Iterator[Any]:
    """Yield (figure, axes); the finished SVG is appended to `out`."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=size, layout='constrained')
        FigureCanvasSVG(figure)
        yield figure, figure.subplots(
            rows, columns, sharex=rows > 1, sharey=sharey and columns > 1)
        buffer = io.StringIO()
        figure.savefig(buffer, format='svg', metadata={'Date': None, 'Creator': None}, dpi=150)
        text = buffer.getvalue()
        out.append(text[text.index('<svg'):])


def logarithmic(axis: Axes, values: Floats) -> None:
    """Make the x axis logarithmic, with minor labels where they do not overlap."""
    axis.set_xscale('log', subs=(2, 5))
    axis.xaxis.set_major_formatter('{x:g}')
    few = np.ptp(np.log10(values)) < MAX_MINOR_LABEL_DECADES
    axis.xaxis.set_minor_formatter('{x:g}' if few else '')
