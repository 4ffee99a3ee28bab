"""The reliability figures: calibration, sparsification and place scores."""

from __future__ import annotations

from math import erf, exp, pi, sqrt
from typing import TYPE_CHECKING

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.evaluation.metrics.coverage import normalised_squared_errors
from posenet_ros.evaluation.metrics.sparsification import Sparsification
from posenet_ros.evaluation.reliability import SCORE_LIMIT
from posenet_ros.evaluation.report.content import Report
from posenet_ros.evaluation.report.drawing import Colour, drawing, logarithmic
from posenet_ros.evaluation.report.tables import UNITS
from posenet_ros.evaluation.results import FrameTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes


AXIS_COLOURS = ('#2563eb', '#059669', '#d97706')
MAX_SIGMAS, MAX_NEES = 4.0, 15.0
MIN_SCORE = 1e-2  # the lower end of a logarithmic axis


def _percent(axis: Axes, *, x: bool = False) -> None:
    """Format fractions as percentages."""
    for side in (axis.yaxis, axis.xaxis)[:2 if x else 1]:
        side.set_major_formatter(lambda v, _: f'{100 * v:.0f} %')


def calibration_view(table: FrameTable) -> str | None:
    """Plot coverage over sigma for each axis, and the NEES; None without covariances."""
    known = table.select(table.accepted & table.with_covariance)
    if not len(known):
        return None
    errors = known.differences
    ratios = np.abs(errors) / np.sqrt(np.diagonal(known.covariances, axis1=1, axis2=2))
    out: list[str] = []
    with drawing(out, size=(9, 3.6), columns=3) as (figure, axes):
        _draw_coverage(axes[0], ratios[:, :3], 'along')
        _draw_coverage(axes[1], ratios[:, 3:], 'about')
        _draw_nees(axes[2], errors, known.covariances)
        axes[0].set_ylabel('fraction of the frames')
        axes[0].set_title('position')
        axes[1].set_title('rotation')
        figure.legend(*axes[2].get_legend_handles_labels(), loc='outside lower center', ncols=3)
    return out[0]


def _draw_coverage(axis: Axes, ratios: Floats, label: str) -> None:
    """Plot the fraction of the errors within multiples of the predicted standard deviation."""
    x = np.linspace(0, MAX_SIGMAS, 81)
    axis.plot(x, [erf(v / sqrt(2)) for v in x], '--', color=Colour.TRUTH, linewidth=1)
    for name, colour, column in zip('xyz', AXIS_COLOURS, ratios.T, strict=True):
        inside = np.searchsorted(np.sort(column), x, side='right') / len(column)
        axis.plot(x, inside, color=colour, label=f'{label} {name}')
    axis.set(xlim=(0, MAX_SIGMAS), ylim=(0, 1.01), xlabel='sigma')
    axis.legend(loc='lower right')
    _percent(axis)


def _draw_nees(axis: Axes, errors: Floats, covariances: Floats) -> None:
    """Draw the distribution of e' C^-1 e beside chi squared of three degrees of freedom."""
    x = np.linspace(0, MAX_NEES, 121)
    chi = [erf(sqrt(v / 2)) - sqrt(2 * v / pi) * exp(-v / 2) for v in x]
    axis.plot(x, chi, '--', color=Colour.TRUTH, linewidth=1, label='calibrated covariance')
    for part, colour, name in ((slice(3), Colour.ESTIMATE, 'position'),
                               (slice(3, 6), Colour.FAILURE, 'rotation')):
        nees = normalised_squared_errors(errors[:, part], covariances[:, part, part])
        axis.plot(x, np.searchsorted(np.sort(nees), x, side='right') / len(nees), color=colour,
                  label=name)
    axis.set(xlim=(0, MAX_NEES), xlabel='NEES, 3 degrees of freedom', title='squared error')


def sparsification_view(report: Report) -> str | None:
    """Plot the sparsification curves; None where the sigmas give no order."""
    known = [(f'{label} ({unit})', curves) for (label, unit), curves in
             zip(UNITS, report.sparsification or (None, None), strict=True) if curves]
    if not known:
        return None
    out: list[str] = []
    with drawing(out, size=(9, 3.6), columns=len(known), sharey=False) as (figure, axes):
        axes = np.atleast_1d(axes)
        for axis, (title, curves) in zip(axes, known, strict=True):
            _draw_sparsification(axis, curves)
            axis.set_title(title)
        axes[0].set_ylabel('error')
        figure.legend(*axes[0].get_legend_handles_labels(), loc='outside lower center', ncols=3)
    return out[0]


def _draw_sparsification(axis: Axes, curves: Sparsification) -> None:
    for label, style, actual, oracle, predicted in (
            ('mean', '-', curves.mean, curves.oracle_mean, curves.predicted_mean),
            ('95th percentile', '--', curves.p95, curves.oracle_p95, curves.predicted_p95)):
        axis.plot(curves.kept, actual, style, color=Colour.ESTIMATE,
                  label=f'{label}, the most certain kept')
        axis.plot(curves.kept, oracle, style, color=Colour.TRAINING,
                  label=f'{label}, by an oracle')
        axis.plot(curves.kept, predicted, style, color=Colour.TRUTH, linewidth=0.8,
                  label=f'{label}, as predicted')
    axis.set(xlim=(1.0, 0.0), xlabel='fraction of the frames kept')
    axis.set_ylim(bottom=0)
    axis.xaxis.set_major_formatter(lambda v, _: f'{100 * v:.0f} %')


def place_score_view(inside: Floats, outside: Floats) -> str | None:
    """
    Plot the place scores and their ROC curve; None without both kinds of images.

    :param inside: (N,) scores of images of the place.
    :param outside: (M,) scores of images of other places.
    """
    if not inside.size or not outside.size:
        return None
    out: list[str] = []
    with drawing(out, size=(9, 3.6), columns=2, sharey=False) as (figure, axes):
        _draw_scores(axes[0], inside, outside)
        _draw_roc(axes[1], inside, outside)
        figure.legend(*axes[0].get_legend_handles_labels(), loc='outside lower center', ncols=3)
    return out[0]


def _draw_scores(axis: Axes, inside: Floats, outside: Floats) -> None:
    both = np.maximum(np.concatenate([inside, outside]), MIN_SCORE)
    bins = np.geomspace(both.min(), both.max() * 1.01, 50).tolist()
    for values, colour, name in ((inside, Colour.ESTIMATE, 'of this place'),
                                 (outside, Colour.FAILURE, 'of other places')):
        values = np.maximum(values, MIN_SCORE)
        axis.hist(values, bins=bins, weights=np.full(len(values), 1 / len(values)), color=colour,
                  alpha=0.6, label=f'{name} ({len(values)})')
    axis.axvline(SCORE_LIMIT, color=Colour.TRUTH, linewidth=1, linestyle='--',
                 label='limit of the model')
    logarithmic(axis, both)
    axis.set(xlabel='place score, logarithmic', ylabel='fraction of the images')
    _percent(axis)


def _draw_roc(axis: Axes, inside: Floats, outside: Floats) -> None:
    limits = np.sort(np.concatenate([inside, outside]))
    kept = [np.searchsorted(np.sort(v), limits, side='right') / len(v) for v in (inside, outside)]
    axis.step(np.append(0, kept[0]), np.append(0, kept[1]), where='post', color=Colour.ESTIMATE)
    axis.axvline(0.95, color=Colour.TRUTH, linewidth=1, linestyle=':')
    axis.set(xlim=(0, 1.005), ylim=(-0.01, 1), xlabel='images of this place that pass a limit',
             ylabel='images of others that pass it')
    _percent(axis, x=True)
