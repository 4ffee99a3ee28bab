"""The reliability figures as SVG text: calibration, sparsification and place scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import erf, exp, pi, sqrt
from typing import Any, TYPE_CHECKING

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.evaluation.reliability import place_scores, SCORE_LIMIT
from posenet_ros.evaluation.report.plots import (
    drawing,
    ESTIMATE,
    FAILURE,
    logarithmic,
    TRAINING,
    TRUTH,
)
from posenet_ros.evaluation.results import FrameResult, positions, quaternions
from posenet_ros.geometry.lie import rotation_vectors_rad

if TYPE_CHECKING:
    from matplotlib.axes import Axes


AXIS_COLOURS = ('#2563eb', '#059669', '#d97706')
MAX_SIGMAS, MAX_NEES = 4.0, 15.0
MIN_SCORE = 1e-2  # the lower end of a logarithmic axis


def _errors_with_covariances(frames: Sequence[FrameResult]) -> tuple[list[Floats], Floats] | None:
    """Stack the (N, 3) errors of position and rotation, and the (N, 6, 6) covariances."""
    known = [f for f in frames if f.accepted and f.covariance is not None]
    if not known:
        return None
    estimates = [f.estimate for f in known if f.estimate is not None]
    truths = [f.truth for f in known]
    return ([positions(estimates) - positions(truths),
             rotation_vectors_rad(quaternions(estimates), quaternions(truths))],
            np.array([f.covariance for f in known]))


def _percent(axis: Axes, *, x: bool = False) -> None:
    """Format fractions as percentages."""
    for side in (axis.yaxis, axis.xaxis)[:2 if x else 1]:
        side.set_major_formatter(lambda v, _: f'{100 * v:.0f} %')


def calibration_view(frames: Sequence[FrameResult]) -> str | None:
    """Plot coverage over sigma for each axis, and the NEES; None without covariances."""
    known = _errors_with_covariances(frames)
    if known is None:
        return None
    errors, covariances = known
    out: list[str] = []
    with drawing(out, size=(9, 3.6), columns=3) as (figure, axes):
        for axis, error, start, label in zip(axes, errors, (0, 3), ('along', 'about'),
                                              strict=False):
            sigmas = np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))[:, start:start + 3]
            _draw_coverage(axis, np.abs(error) / sigmas, label)
        _draw_nees(axes[2], errors, covariances)
        axes[0].set_ylabel('fraction of the frames')
        axes[0].set_title('position')
        axes[1].set_title('rotation')
        figure.legend(*axes[2].get_legend_handles_labels(), loc='outside lower center', ncols=3)
    return out[0]


def _draw_coverage(axis: Axes, ratios: Floats, label: str) -> None:
    """Plot the fraction of the errors within multiples of the predicted standard deviation."""
    x = np.linspace(0, MAX_SIGMAS, 81)
    axis.plot(x, [erf(v / sqrt(2)) for v in x], '--', color=TRUTH, linewidth=1)
    for name, colour, column in zip('xyz', AXIS_COLOURS, ratios.T, strict=True):
        inside = np.searchsorted(np.sort(column), x, side='right') / len(column)
        axis.plot(x, inside, color=colour, label=f'{label} {name}')
    axis.set(xlim=(0, MAX_SIGMAS), ylim=(0, 1.01), xlabel='sigma')
    axis.legend(loc='lower right')
    _percent(axis)


def _draw_nees(axis: Axes, errors: Sequence[Floats], covariances: Floats) -> None:
    """Draw the distribution of e' C^-1 e beside chi squared of three degrees of freedom."""
    x = np.linspace(0, MAX_NEES, 121)
    chi = [erf(sqrt(v / 2)) - sqrt(2 * v / pi) * exp(-v / 2) for v in x]
    axis.plot(x, chi, '--', color=TRUTH, linewidth=1, label='calibrated covariance')
    for error, start, colour, name in zip(errors, (0, 3), (ESTIMATE, FAILURE),
                                          ('position', 'rotation'), strict=True):
        part = covariances[:, start:start + 3, start:start + 3]
        nees = np.einsum('ni,ni->n', error, np.linalg.solve(part, error[..., None])[..., 0])
        axis.plot(x, np.searchsorted(np.sort(nees), x, side='right') / len(nees), color=colour,
                  label=name)
    axis.set(xlim=(0, MAX_NEES), xlabel='NEES, 3 degrees of freedom', title='squared error')


def sparsification_view(report: Mapping[str, Any]) -> str | None:
    """Plot the sparsification curves; None where the sigmas give no order."""
    known = {k: v for k, v in (report['sparsification'] or {}).items() if v}
    if not known:
        return None
    out: list[str] = []
    with drawing(out, size=(9, 3.6), columns=len(known), sharey=False) as (figure, axes):
        for axis, (key, found) in zip(np.atleast_1d(axes), known.items(), strict=True):
            for statistic, style, label in (('mean', '-', 'mean'),
                                            ('p95', '--', '95th percentile')):
                axis.plot(found['kept'], found[statistic], style, color=ESTIMATE,
                          label=f'{label}, the most certain kept')
                axis.plot(found['kept'], found[f'oracle_{statistic}'], style, color=TRAINING,
                          label=f'{label}, by an oracle')
                if f'predicted_{statistic}' in found:
                    axis.plot(found['kept'], found[f'predicted_{statistic}'], style, color=TRUTH,
                              linewidth=0.8, label=f'{label}, as predicted')
            axis.set(xlim=(1.0, 0.0), xlabel='fraction of the frames kept')
            axis.set_ylim(bottom=0)
            axis.xaxis.set_major_formatter(lambda v, _: f'{100 * v:.0f} %')
            axis.set_title(f'{key.split("_")[0]} ({key.split("_")[1]})')
        axes = np.atleast_1d(axes)
        axes[0].set_ylabel('error')
        figure.legend(*axes[0].get_legend_handles_labels(), loc='outside lower center', ncols=3)
    return out[0]


def place_score_view(
        frames: Sequence[FrameResult], out_of_place: Sequence[FrameResult]) -> str | None:
    """Plot the place scores and their ROC curve; None without both kinds of images."""
    inside, outside = place_scores(frames), place_scores(out_of_place)
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
    for values, colour, name in ((inside, ESTIMATE, 'of this place'),
                                 (outside, FAILURE, 'of other places')):
        values = np.maximum(values, MIN_SCORE)
        axis.hist(values, bins=bins, weights=np.full(len(values), 1 / len(values)), color=colour,
                  alpha=0.6, label=f'{name} ({len(values)})')
    axis.axvline(SCORE_LIMIT, color=TRUTH, linewidth=1, linestyle='--', label='limit of the model')
    logarithmic(axis, both)
    axis.set(xlabel='place score, logarithmic', ylabel='fraction of the images')
    _percent(axis)


def _draw_roc(axis: Axes, inside: Floats, outside: Floats) -> None:
    limits = np.sort(np.concatenate([inside, outside]))
    kept = [np.searchsorted(np.sort(v), limits, side='right') / len(v) for v in (inside, outside)]
    axis.step(np.append(0, kept[0]), np.append(0, kept[1]), where='post', color=ESTIMATE)
    axis.axvline(0.95, color=TRUTH, linewidth=1, linestyle=':')
    axis.set(xlim=(0, 1.005), ylim=(-0.01, 1), xlabel='images of this place that pass a limit',
             ylabel='images of others that pass it')
    _percent(axis, x=True)
