"""
Figures as SVG text, in one style. Matplotlib is imported when the first one is drawn.

A figure is a panel: two stand side by side on a desktop, one fills a phone's width, and its text
can be read on both. Colours are variables of the page's style, which has two sets of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from html import escape, unescape
import io
import re
from typing import Any, TYPE_CHECKING

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.evaluation.report.tables import length_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

STYLE = {
    'font.family': 'sans-serif', 'font.size': 10, 'svg.fonttype': 'none',
    'axes.spines.top': False, 'axes.spines.right': False, 'text.color': '#1f2937',
    'text.parse_math': False,  # names of walks and folders are shown as they are
    'axes.edgecolor': '#64748b', 'axes.labelcolor': '#1f2937', 'axes.grid': True,
    'axes.titlesize': 11, 'grid.color': '#e5e7eb', 'grid.linewidth': 0.8, 'axes.axisbelow': True,
    'xtick.color': '#475569', 'ytick.color': '#475569', 'xtick.minor.size': 3.5,
    'xtick.minor.pad': 3.5, 'ytick.minor.size': 3.5, 'ytick.minor.pad': 3.5,
    'legend.frameon': False, 'legend.fontsize': 9, 'figure.facecolor': 'none',
    'axes.facecolor': 'none', 'savefig.facecolor': 'none'}
PANEL_IN = (4.5, 3.3)  # width and height, inches
NOT_DRAWN = 'This figure could not be drawn'
MAX_VECTOR_POINTS = 3000  # more points are rasterised inside the SVG
MAX_MINOR_LABEL_DECADES = {True: 1.3, False: 2.5}  # across, up: no room for more minor labels
# What is taken out of an SVG, or made shorter
CLUTTER = re.compile(
    r'<!--.*?-->|<metadata>.*?</metadata>|<style.*?</style>|font-family: [^;"]*;? ?', re.DOTALL)
GROUP, FRACTION = re.compile(r'<g id="[^"]*"'), re.compile(r'(\d\.\d\d)\d+(?=[^<>]*>)')
MARKER = re.compile(r'(<use xlink:href="#(m\w+)"[^>]*) style="([^"]*)"')
HEX = re.compile('#[0-9a-f]{6}')


class Colour:
    """The colours of what is drawn, the same in all figures."""

    TRUTH = '#1f2937'
    ESTIMATE = '#2563eb'
    FAILURE = '#dc2626'
    TRAINING = '#cbd5e1'


# The page's variables, and what they are in dark mode; other colours are the same in both modes.
VARIABLES: Mapping[str, tuple[str, str]] = {
    '#1f2937': ('ink', '#e2e8f0'), '#475569': ('tick', '#cbd5e1'), '#64748b': ('edge', '#94a3b8'),
    '#e5e7eb': ('grid', '#293548'), '#2563eb': ('estimate', '#60a5fa'),
    '#dc2626': ('failure', '#f87171'), '#cbd5e1': ('training', '#475569'),
    '#d97706': ('orange', '#fbbf24'), '#059669': ('green', '#34d399'),
    '#9ca3af': ('grey', '#9ca3af'), '#7c3aed': ('violet', '#a78bfa')}


def _hoist_marker_styles(svg: str) -> str:
    """Give a marker its style once, where it is defined, and not at each of its places."""
    styles: dict[str, str] = {}

    def keep(found: re.Match[str]) -> str:
        styles[found[2]] = found[3]
        return found[1]

    svg = MARKER.sub(keep, svg)
    return re.sub(r'(<path id="(m\w+)" d="[^"]*") style="[^"]*"', lambda found: (
        f'{found[1]} style="{styles[found[2]]}"' if found[2] in styles else found[0]), svg)


def _slim(svg: str, title: str) -> str:
    """
    Make an SVG fit for a page: colours by variable, the page's font, short numbers, a title.

    Names of groups go, too: each would be in the page once a figure.
    """
    svg = CLUTTER.sub('', svg[svg.index('<svg'):])
    svg = _hoist_marker_styles(FRACTION.sub(r'\1', GROUP.sub('<g', svg)))
    svg = HEX.sub(lambda found: f'var(--{VARIABLES[found[0]][0]})' if found[0] in VARIABLES
                  else found[0], svg)
    return svg.replace('<svg ', f'<svg role="img" aria-label="{escape(title)}" ', 1)


def not_drawn(title: str, error: Exception) -> str:
    """Say in HTML that a figure could not be drawn, and why."""
    return (f'<p class="quiet">{NOT_DRAWN}: {escape(title)} '
            f'({escape(f"{type(error).__name__}: {error}")})</p>')


def figures_not_drawn(page: str) -> list[str]:
    """Return what a page says of the figures that could not be drawn: each title, and why."""
    return [unescape(found) for found in re.findall(f'{NOT_DRAWN}: (.*?)</p>', page, re.DOTALL)]


@contextmanager
def drawing(out: list[str], title: str, height_in: float = PANEL_IN[1]) -> Iterator[Any]:
    """
    Yield (figure, axes) of one panel; the finished SVG is appended to `out`.

    What cannot be drawn is said in its place: the other figures and the numbers are worth having.

    :param title: the text for those who cannot see it, unlike those of the page's other figures.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with mpl.rc_context({**STYLE, 'svg.hashsalt': title}):  # ids that no other figure has
        figure = Figure(figsize=(PANEL_IN[0], height_in), layout='constrained')
        FigureCanvasSVG(figure)
        try:
            yield figure, figure.subplots()
            out.append(_slim(_svg(figure), title))
        except Exception as error:  # of another version of Matplotlib
            out.append(not_drawn(title, error))


def _svg(figure: Any) -> str:  # noqa: ANN401
    buffer = io.StringIO()
    figure.savefig(buffer, format='svg', metadata={'Date': None, 'Creator': None}, dpi=150)
    return buffer.getvalue()


def logarithmic(axis: Axis, values: Floats) -> None:
    """Make an axis logarithmic, with minor labels where they do not overlap."""
    across = axis is axis.axes.xaxis
    (axis.axes.set_xscale if across else axis.axes.set_yscale)('log', subs=(2, 5))
    axis.set_major_formatter('{x:g}')
    axis.set_minor_formatter('{x:g}' if _is_short(axis, values) else '')


def _is_short(axis: Axis, values: Floats) -> bool:
    """Whether a logarithmic axis has room for minor labels."""
    across = axis is axis.axes.xaxis
    return bool(np.ptp(np.log10(values)) < MAX_MINOR_LABEL_DECADES[across])


def _length_tick(value_m: float, _: object) -> str:
    value_m = float(f'{value_m:.9g}')  # Matplotlib 3.6 has a tick at 0.09999999999999999
    unit = length_unit([value_m])
    return f'{value_m * unit.factor:g} {unit.name}'


def logarithmic_lengths(axis: Axis, values_m: Floats) -> None:
    """Make an axis of metres logarithmic; each tick bears its unit, so that all lengths fit."""
    logarithmic(axis, values_m)
    axis.set_major_formatter(_length_tick)
    if _is_short(axis, values_m):
        axis.set_minor_formatter(_length_tick)


def show_percent(*axes: Axis) -> None:
    """Format fractions as percentages."""
    for axis in axes:
        axis.set_major_formatter(lambda v, _: f'{100 * v:.0f} %')


def legend_below(figure: Any, axis: Axes, columns: int = 2, *,  # noqa: ANN401
                 upwards: bool = False) -> None:
    """
    Place the legend below the plot, where it covers nothing.

    Room is kept for it by hand, as Matplotlib has `outside` from 3.7 on, and Ubuntu 24.04 3.6.

    :param upwards: whether what was drawn last stands first.
    """
    entries = (found[::-1 if upwards else 1] for found in axis.get_legend_handles_labels())
    legend = figure.legend(*entries, loc='lower center', ncols=columns, handlelength=1.6,
                           columnspacing=1.2)
    top = legend.get_window_extent().y1 / figure.bbox.height
    figure.get_layout_engine().set(rect=(0, top, 1, 1 - top))
