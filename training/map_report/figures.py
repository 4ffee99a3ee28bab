"""The figures of a map's report: the floor plan, and the errors of left-out images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.evaluation.metrics.pose_errors import Errors
from posenet_ros.evaluation.report.drawing import (
    Colour,
    drawing,
    legend_below,
    logarithmic_lengths,
    MAX_VECTOR_POINTS,
    PANEL_IN,
    STYLE,
)
from posenet_ros.evaluation.report.figures.errors import cumulative_curves
from posenet_ros.landmarks.landmark_map import LandmarkMap
from posenet_ros.training.landmarks.held_out.poses import HeldOutPoses
from posenet_ros.training.map_report.content import MapReport, WeakCell

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS, COLOUR_RANGE, COLOUR_STEPS = 'viridis', (0.12, 0.95), 24
MIN_ERROR_M = 1e-4
MAX_LANDMARKS = 4000  # that are drawn
VIEW_PERCENTILES = 2, 98  # of the landmarks, to which the plan reaches: some lie far away
MARGIN = 0.06  # of the longer side
MARGIN_IN = 1.1
PNG_WIDTH_IN, PNG_DPI = 8.0, 130
WEAK, LANDMARK = '#d97706', '#9ca3af'  # seen on white and on black


@dataclass(frozen=True, eq=False)
class Plan:
    """
    What a floor plan shows.

    :param landmarks_m: (L, 2) along the axes of the plan; `views_m` (V, 2) likewise.
    :param errors_m: (V,) of left-out images; NaN for others and those without a pose.
    :param failed: (V,) left-out images without a pose.
    :param starts: first view of each walk.
    :param seen: (V,) number of landmarks that each view sees.
    """

    landmarks_m: Floats
    views_m: Floats
    errors_m: Floats
    failed: NDArray[np.bool_]
    starts: NDArray[np.intp]
    seen: NDArray[np.integer]
    weak: tuple[WeakCell, ...]
    axes: tuple[str, str]
    unit: str

    @classmethod
    def of(cls, report: MapReport, landmark_map: LandmarkMap, held_out: HeldOutPoses) -> Plan:
        """Return the plan of a report."""
        across = ['xyz'.index(axis) for axis in report.plan_axes]
        errors = np.full(len(landmark_map.views), np.nan)
        errors[held_out.views] = np.linalg.norm(held_out.rows[:, 0, :3], axis=1)
        failed = np.zeros(len(errors), np.bool_)
        failed[held_out.views] = ~held_out.localised
        names = np.array(landmark_map.views.sequences)
        chosen = slice(None, None, max(1, len(landmark_map.points_m) // MAX_LANDMARKS))
        return cls(landmark_map.points_m[chosen][:, across].astype(np.float64),
                   landmark_map.views.positions_m[:, across], errors, failed,
                   np.flatnonzero(np.r_[True, names[1:] != names[:-1]]),
                   np.diff(landmark_map.starts), report.weak_cells, report.plan_axes, report.unit)

    @property
    def window(self) -> Floats:
        """(2, 2) lower and upper ends of both axes: the views, and most landmarks."""
        low, high = (np.percentile(self.landmarks_m, q, axis=0) for q in VIEW_PERCENTILES)
        low, high = np.minimum(low, self.views_m.min(axis=0)), np.maximum(
            high, self.views_m.max(axis=0))
        margin = max(MARGIN * float((high - low).max()), 1e-6)
        return np.array([low - margin, high + margin])


def plan_figures(plan: Plan) -> list[str]:
    """Draw the floor plan as SVG: the errors of left-out images, and the coverage."""
    out: list[str] = []
    height = _height_in(plan, PANEL_IN[0])
    with drawing(out, 'Floor plan: position errors of images left out', height) as (figure, axis):
        draw_plan(figure, axis, plan)
    with drawing(out, 'Floor plan: landmarks that each image sees', height) as (figure, axis):
        draw_coverage(figure, axis, plan)
    return out


def write_plan(plan: Plan, file: Path) -> None:
    """Draw the floor plan as PNG, on white."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context({**STYLE, 'savefig.facecolor': 'white'}):
        figure = Figure(figsize=(PNG_WIDTH_IN, _height_in(plan, PNG_WIDTH_IN)),
                        layout='constrained')
        FigureCanvasAgg(figure)
        draw_plan(figure, figure.subplots(), plan)
        figure.savefig(file, format='png', dpi=PNG_DPI)


def _height_in(plan: Plan, width_in: float) -> float:
    across, up = np.ptp(plan.window, axis=0)
    return float(np.clip((width_in - 1.4) * up / across, 1.0, 1.2 * width_in)) + MARGIN_IN


def draw_plan(figure: Any, axis: Axes, plan: Plan) -> None:  # noqa: ANN401
    """Draw landmarks, the way of each walk, and the left-out images by their errors."""
    _draw_ground(axis, plan)
    _draw_errors(figure, axis, plan)
    if plan.failed.any():
        axis.plot(*plan.views_m[plan.failed].T, 'x', color=Colour.FAILURE, markersize=5, zorder=4,
                  label=f'not localised ({int(plan.failed.sum())})')
    legend_below(figure, axis, 3)


def draw_coverage(figure: Any, axis: Axes, plan: Plan) -> None:  # noqa: ANN401
    """Draw the images in the colour of the number of landmarks that they see."""
    _draw_ground(axis, plan)
    x, y = plan.views_m.T
    spots = axis.scatter(x, y, c=plan.seen, s=8, cmap=_colours(), zorder=3, vmin=0,
                         rasterized=len(plan.views_m) > MAX_VECTOR_POINTS)
    bar = figure.colorbar(spots, ax=axis, shrink=0.9, pad=0.02)
    bar.outline.set_visible(False)
    bar.set_label('landmarks seen')
    legend_below(figure, axis, 3)


def _draw_ground(axis: Axes, plan: Plan) -> None:
    """Draw landmarks, ways and weak cells, to scale."""
    from matplotlib.patches import Rectangle

    axis.plot(*plan.landmarks_m.T, '.', color=LANDMARK, alpha=0.5, markersize=1.5, zorder=1,
              rasterized=True, label='landmarks')
    for way in np.split(plan.views_m, plan.starts[1:]):
        axis.plot(*way.T, '-', color='#64748b', linewidth=0.7, zorder=2)
    for i, cell in enumerate(plan.weak):
        corner = cell.centre_m[0] - cell.size_m / 2, cell.centre_m[1] - cell.size_m / 2
        axis.add_patch(Rectangle(corner, cell.size_m, cell.size_m, facecolor='none', zorder=5,
                                 edgecolor=WEAK, linewidth=1.4,
                                 label='' if i else 'record more here'))
    low, high = plan.window
    axis.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]),
             xlabel=f'{plan.axes[0]} ({plan.unit})', ylabel=f'{plan.axes[1]} ({plan.unit})')
    axis.set_aspect('equal')


def _colours() -> Any:  # noqa: ANN401
    import matplotlib as mpl
    from matplotlib.colors import ListedColormap
    return ListedColormap(
        mpl.colormaps[COLOURS](np.linspace(*COLOUR_RANGE, COLOUR_STEPS)).tolist())


def _draw_errors(figure: Any, axis: Axes, plan: Plan) -> None:  # noqa: ANN401
    """Draw the left-out images in the colour of their error."""
    from matplotlib.colors import LogNorm

    known = np.isfinite(plan.errors_m)
    if not known.any():
        return
    errors = np.maximum(plan.errors_m[known], MIN_ERROR_M)
    low, high = float(errors.min()), float(errors.max())
    norm = LogNorm(low, high) if high > 1.01 * low else LogNorm(low / 2, 2 * high)
    x, y = plan.views_m[known].T
    spots = axis.scatter(x, y, c=errors, s=12, cmap=_colours(), norm=norm,
                         edgecolors=Colour.TRUTH, linewidths=0.2, zorder=3)
    bar = figure.colorbar(spots, ax=axis, shrink=0.9, pad=0.02)
    bar.outline.set_visible(False)
    if plan.unit == 'm':
        logarithmic_lengths(bar.ax.yaxis, np.array([norm.vmin, norm.vmax]))
    bar.set_label('position error')


def error_figures(held_out: HeldOutPoses) -> list[str]:
    """Plot the cumulative errors of the left-out images, those without a pose as infinite."""
    errors = held_out.rows[:, 0]
    metres = np.linalg.norm(errors[:, :3], axis=1)
    degrees = np.degrees(np.linalg.norm(errors[:, 3:], axis=1))
    if not np.isfinite(metres).any():
        return []
    return cumulative_curves([(
        Errors(np.nan_to_num(metres, nan=np.inf), np.nan_to_num(degrees, nan=np.inf)),
        {'color': Colour.ESTIMATE, 'linewidth': 2.2, 'label': 'images of walks left out'})])
