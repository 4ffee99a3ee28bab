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
from posenet_ros.evaluation.report.drawing import (
    Colour,
    drawing,
    legend_below,
    logarithmic,
    show_percent,
)
from posenet_ros.evaluation.report.tables import DEGREES, length_unit, Unit
from posenet_ros.evaluation.results import FrameTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes


AXIS_COLOURS = ('#2563eb', '#059669', '#d97706')
MAX_SIGMAS, MAX_NEES = 4.0, 15.0
MIN_SCORE = 1e-2  # the lower end of a logarithmic axis


def calibration_views(table: FrameTable) -> list[str]:
    """Plot coverage over sigma for each axis, and the NEES; nothing without covariances."""
    known = table.select(table.accepted & table.with_covariance)
    if not len(known):
        return []
    errors = known.differences
    ratios = np.abs(errors) / np.sqrt(np.diagonal(known.covariances, axis1=1, axis2=2))
    out: list[str] = []
    for kind, columns, label in (('position', slice(3), 'along'),
                                 ('rotation', slice(3, 6), 'about')):
        with drawing(out, f'Coverage of the {kind}') as (figure, axis):
            _draw_coverage(axis, ratios[:, columns], label)
            axis.set_title(kind)
            legend_below(figure, axis, 4)
    with drawing(out, 'Distribution of the NEES') as (figure, axis):
        _draw_nees(axis, errors, known.covariances)
        legend_below(figure, axis, 3)
    return out


def _draw_coverage(axis: Axes, ratios: Floats, label: str) -> None:
    """Plot the fraction of the errors within multiples of the predicted standard deviation."""
    x = np.linspace(0, MAX_SIGMAS, 81)
    axis.plot(x, [erf(v / sqrt(2)) for v in x], '--', color=Colour.TRUTH, linewidth=1,
              label='calibrated')
    for name, colour, column in zip('xyz', AXIS_COLOURS, ratios.T, strict=True):
        inside = np.searchsorted(np.sort(column), x, side='right') / len(column)
        axis.plot(x, inside, color=colour, label=f'{label} {name}')
    axis.set(xlim=(0, MAX_SIGMAS), ylim=(0, 1.01), xlabel='sigma',
             ylabel='fraction of the frames')
    show_percent(axis.yaxis)


def _draw_nees(axis: Axes, errors: Floats, covariances: Floats) -> None:
    """Draw the distribution of e' C^-1 e beside chi squared of three degrees of freedom."""
    x = np.linspace(0, MAX_NEES, 121)
    chi = [erf(sqrt(v / 2)) - sqrt(2 * v / pi) * exp(-v / 2) for v in x]
    axis.plot(x, chi, '--', color=Colour.TRUTH, linewidth=1, label='calibrated')
    for part, colour, name in ((slice(3), Colour.ESTIMATE, 'position'),
                               (slice(3, 6), Colour.FAILURE, 'rotation')):
        nees = normalised_squared_errors(errors[:, part], covariances[:, part, part])
        axis.plot(x, np.searchsorted(np.sort(nees), x, side='right') / len(nees), color=colour,
                  label=name)
    axis.set(xlim=(0, MAX_NEES), ylim=(0, 1.01), xlabel='NEES, 3 degrees of freedom',
             ylabel='fraction of the frames', title='squared error')
    show_percent(axis.yaxis)


def sparsification_views(report: Report) -> list[str]:
    """Plot the sparsification curves; nothing where the sigmas give no order."""
    out: list[str] = []
    metres, degrees = report.sparsification or (None, None)
    if metres is not None:
        _add_sparsification(out, metres, 'position', length_unit([float(np.max(metres.mean))]))
    if degrees is not None:
        _add_sparsification(out, degrees, 'rotation', DEGREES)
    return out


def _add_sparsification(out: list[str], curves: Sparsification, kind: str, unit: Unit) -> None:
    with drawing(out, f'Sparsification of the {kind} errors', 3.6) as (figure, axis):
        _draw_sparsification(axis, curves, unit.factor)
        axis.set(title=kind, ylabel=f'error ({unit.name})')
        legend_below(figure, axis, 2)


def _draw_sparsification(axis: Axes, curves: Sparsification, factor: float) -> None:
    for label, style, actual, oracle, predicted in (
            ('mean', '-', curves.mean, curves.oracle_mean, curves.predicted_mean),
            ('p95', '--', curves.p95, curves.oracle_p95, curves.predicted_p95)):
        axis.plot(curves.kept, factor * actual, style, color=Colour.ESTIMATE,
                  label=f'{label}, most certain kept')
        axis.plot(curves.kept, factor * oracle, style, color='#9ca3af',
                  label=f'{label}, by an oracle')
        axis.plot(curves.kept, factor * predicted, style, color=Colour.TRUTH, linewidth=0.8,
                  label=f'{label}, as predicted')
    axis.set(xlim=(1.0, 0.0), xlabel='fraction of the frames kept')
    axis.set_ylim(bottom=0)
    show_percent(axis.xaxis)


def place_score_views(inside: Floats, outside: Floats) -> list[str]:
    """
    Plot the place scores and their ROC curve; nothing without both kinds of images.

    :param inside: (N,) scores of images of the place.
    :param outside: (M,) scores of images of other places.
    """
    if not inside.size or not outside.size:
        return []
    out: list[str] = []
    with drawing(out, 'Histogram of the place scores') as (figure, axis):
        _draw_scores(axis, inside, outside)
        legend_below(figure, axis, 2)
    with drawing(out, 'ROC curve of the place score') as (_, axis):
        _draw_roc(axis, inside, outside)
    return out


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
    logarithmic(axis.xaxis, both)
    axis.set(xlabel='place score, logarithmic', ylabel='fraction of the images')
    show_percent(axis.yaxis)


def _draw_roc(axis: Axes, inside: Floats, outside: Floats) -> None:
    limits = np.sort(np.concatenate([inside, outside]))
    kept = [np.searchsorted(np.sort(v), limits, side='right') / len(v) for v in (inside, outside)]
    axis.step(np.append(0, kept[0]), np.append(0, kept[1]), where='post', color=Colour.ESTIMATE)
    axis.axvline(0.95, color=Colour.TRUTH, linewidth=1, linestyle=':')
    axis.set(xlim=(0, 1.005), ylim=(-0.01, 1), xlabel='images of this place that pass a limit',
             ylabel='images of others that pass it')
    show_percent(axis.xaxis, axis.yaxis)
