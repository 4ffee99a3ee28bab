"""The trajectory and the errors along it, seen from above and from the side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TYPE_CHECKING

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.evaluation.report.drawing import (
    Colour,
    drawing,
    legend_below,
    logarithmic_lengths,
    MAX_VECTOR_POINTS,
    PANEL_IN,
)
from posenet_ros.evaluation.results import FrameTable
from posenet_ros.inference.train_index import TrainIndex

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = 'viridis'  # told apart by the colour-blind, and in grey
COLOUR_RANGE, COLOUR_STEPS = (0.12, 0.95), 24  # of it, so that both ends show on black and white
MIN_ERROR_M = 1e-4  # the lower end of a logarithmic axis
MARGIN_IN = 1.1  # of a view, for its axis label and legend


def up_axis(points: Floats) -> int:
    """
    Find the axis of the smallest extent of a path: z unless another one is clearly flatter.

    :param points: (N, 3) metres.
    """
    extents = np.ptp(points, axis=0)
    flattest = int(np.argmin(extents))
    return flattest if extents[flattest] < extents[2] / 2 else 2


def _gaps(points: Floats, sequences: Sequence[str]) -> Floats:
    """Insert NaN rows where the sequence changes, so that no line joins two sequences."""
    cuts = [i for i in range(1, len(sequences)) if sequences[i] != sequences[i - 1]]
    return np.insert(points, cuts, np.nan, axis=0)


def _draw_training(axis: Axes, train: TrainIndex | None, across: tuple[int, int]) -> None:
    if train is not None:
        points = train.positions_m[:, across]
        axis.plot(*points.T, '.', color=Colour.TRAINING, markersize=3, zorder=1,
                  label=f'training ({len(points)})', rasterized=len(points) > MAX_VECTOR_POINTS)


def _draw_failures(axis: Axes, table: FrameTable, across: tuple[int, int]) -> None:
    """Mark the frames without an accepted estimate at their true positions."""
    rejected = table.estimated & ~table.accepted
    for chosen, marker, label in ((rejected, 'x', 'rejected'),
                                  (~table.estimated, '+', 'no estimate')):
        if chosen.any():
            axis.plot(*table.truths_m[chosen][:, across].T, marker, color=Colour.FAILURE,
                      markersize=6, zorder=4, label=f'{label} ({int(chosen.sum())})',
                      rasterized=len(table) > MAX_VECTOR_POINTS)


def _draw_path(axis: Axes, table: FrameTable, across: tuple[int, int]) -> None:
    """Draw the true path, and each estimate joined to its truth."""
    from matplotlib.collections import LineCollection
    many = len(table) > MAX_VECTOR_POINTS
    line = _gaps(table.truths_m, [frame.sequence for frame in table.frames])[:, across]
    axis.plot(*line.T, '-', color=Colour.TRUTH, linewidth=1.2, label='truth', rasterized=many)
    estimates = table.estimates_m[table.accepted][:, across]
    pairs = np.stack([table.truths_m[table.accepted][:, across], estimates], axis=1)
    axis.add_collection(LineCollection(
        list(pairs), colors=Colour.ESTIMATE, linewidths=0.6, alpha=0.45, rasterized=many))
    axis.plot(*estimates.T, 'o', color=Colour.ESTIMATE, markersize=2.5,
              label=f'estimate ({len(estimates)})', rasterized=many)


def _draw_errors(figure: Any, axis: Axes, table: FrameTable,  # noqa: ANN401
                 across: tuple[int, int]) -> None:
    """Draw the true positions in the colour of the estimate's error."""
    import matplotlib as mpl
    from matplotlib.colors import ListedColormap, LogNorm
    known = table.accepted
    errors = np.maximum(table.errors.translation_m[known], MIN_ERROR_M)
    if not errors.size:
        return
    colours = ListedColormap(
        mpl.colormaps[COLOURS](np.linspace(*COLOUR_RANGE, COLOUR_STEPS)).tolist())
    low, high = float(errors.min()), float(errors.max())
    norm = LogNorm(low, high) if high > 1.01 * low else LogNorm(low / 2, 2 * high)
    x, y = table.truths_m[known][:, across].T
    spots = axis.scatter(
        x, y, c=errors, s=14, cmap=colours, norm=norm, zorder=3,
        edgecolors=Colour.TRUTH, linewidths=0.2, rasterized=len(table) > MAX_VECTOR_POINTS)
    bar = figure.colorbar(spots, ax=axis, shrink=0.9, pad=0.02)
    bar.outline.set_visible(False)
    logarithmic_lengths(bar.ax.yaxis, np.array([norm.vmin, norm.vmax]))
    bar.set_label('position error')


def _window(truth: Floats, across: tuple[int, int]) -> list[tuple[float, float]]:
    """Compute the limits of both axes: the truth and a margin, whatever the estimates' errors."""
    margin = max(0.1 * float(np.ptp(truth, axis=0).max()), 0.5)
    return [(truth[:, i].min() - margin, truth[:, i].max() + margin) for i in across]


def _view(table: FrameTable, train: TrainIndex | None, across: tuple[int, int], title: str, *,
          by_error: bool = False) -> str:
    """Draw the path along two axes, to scale."""
    window = _window(table.truths_m, across)
    (left, right), (low, high) = window
    width = PANEL_IN[0] - (1.4 if by_error else 0.6)
    height = float(np.clip(width * (high - low) / (right - left), 1.0, 5.0)) + MARGIN_IN
    out: list[str] = []
    with drawing(out, title, height) as (figure, axis):
        _draw_training(axis, train, across)
        if by_error:
            _draw_errors(figure, axis, table, across)
        else:
            _draw_path(axis, table, across)
        _draw_failures(axis, table, across)
        axis.set(xlim=window[0], ylim=window[1], xlabel=f'{"xyz"[across[0]]} (m)',
                 ylabel=f'{"xyz"[across[1]]} (m)')
        axis.set_aspect('equal')
        if axis.get_legend_handles_labels()[0]:
            legend_below(figure, axis)
    return out[0]


def _across(truth: Floats) -> tuple[tuple[int, int], tuple[int, int]]:
    """Find the axes to draw, seen from above and from the side."""
    up = up_axis(truth)
    flat = [i for i in range(3) if i != up]
    along = max(flat, key=lambda i: float(np.ptp(truth[:, i])))
    return (flat[0], flat[1]), (along, up)


def error_view(table: FrameTable, train: TrainIndex | None) -> str:
    """Draw the errors over the floor plan."""
    return _view(table, train, _across(table.truths_m)[0],
                 'Position errors over the floor plan, seen from above', by_error=True)


def path_views(table: FrameTable, train: TrainIndex | None) -> list[str]:
    """Draw the path from above and from the side."""
    above, side = _across(table.truths_m)
    return [_view(table, train, above, 'Truth and estimates, seen from above'),
            _view(table, train, side, 'Truth and estimates, seen from the side')]
