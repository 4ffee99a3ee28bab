"""The figures of errors, correlations and latency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.evaluation.correlations import BINS, LABELS
from posenet_ros.evaluation.metrics.pose_errors import Errors
from posenet_ros.evaluation.report.drawing import (
    Colour,
    drawing,
    legend_below,
    logarithmic,
    logarithmic_lengths,
    MAX_VECTOR_POINTS,
    show_percent,
)
from posenet_ros.evaluation.report.tables import BASELINE_LABELS, DEGREES, length_unit
from posenet_ros.evaluation.results import FrameResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

Style = dict[str, str | float]  # of a line

BASELINE_STYLES: Mapping[str, tuple[str, str]] = {  # colour, line
    'nearest_train_image': ('#d97706', '-'), 'nearest_train_position': ('#059669', '--'),
    'constant': ('#9ca3af', '-')}
METHOD_STYLES: Sequence[Style] = (  # of the evaluation, and of those beside it
    {'color': Colour.ESTIMATE, 'linewidth': 2.2}, {'color': '#7c3aed', 'linewidth': 1.8},
    {'color': '#dc2626', 'linewidth': 1.8, 'linestyle': '-.'},
    {'color': '#059669', 'linewidth': 1.8}, {'color': '#d97706', 'linewidth': 1.8})
LATENCY_LABELS = {  # stages of the histogram, which shows the first of them that was timed
    'end_to_end': 'from publishing the image to receiving its pose',
    'total': 'decoding, preprocessing and inference'}
MIN_ERROR = 1e-4  # metres or degrees, the lower end of a logarithmic axis
MAX_STEPS, MAX_SEQUENCE_LABELS = 1000, 10  # of a cumulative curve, of a plot
KINDS = ('position', 'rotation')


def _logarithmic_errors(axis: Axis, kind: str, errors: Floats) -> None:
    """Make an axis of errors logarithmic, and label it."""
    finite = np.maximum(errors[np.isfinite(errors)], MIN_ERROR)
    if kind == 'position':
        logarithmic_lengths(axis, finite if finite.size else np.ones(1))
        axis.set_label_text('position error')
        return
    logarithmic(axis, finite if finite.size else np.ones(1))
    axis.set_label_text('rotation error (deg)')


def error_along_path(frames: Sequence[FrameResult], errors: Errors) -> list[str]:
    """Plot both errors over the frames; failures are crosses on the upper edge."""
    out: list[str] = []
    medians = [float(np.median(v[np.isfinite(v)])) if np.isfinite(v).any() else None
               for v in errors]
    units = length_unit(medians[:1]), DEGREES
    for kind, values, median, unit in zip(KINDS, errors, medians, units, strict=True):
        with drawing(out, f'The {kind} error of each frame', 2.8) as (figure, axis):
            _draw_along_path(axis, values * unit.factor)
            if median is not None:
                axis.axhline(median * unit.factor, color=Colour.TRUTH, linewidth=1,
                             linestyle='--', label=f'median {unit.number(median)} {unit.name}')
                legend_below(figure, axis)
            _mark_sequences(axis, frames)
            axis.set_ylim(bottom=0)
            axis.set(xlabel='frame, in the order of recording',
                     ylabel=f'{kind} error ({unit.name})')
    return out


def _draw_along_path(axis: Axes, values: Floats) -> None:
    index, good = np.arange(len(values)), np.isfinite(values)
    many = len(values) > MAX_VECTOR_POINTS
    axis.plot(index[good], values[good], '.', color=Colour.ESTIMATE, markersize=4,
              rasterized=many)
    if not good.all():
        axis.plot(index[~good], np.ones(int((~good).sum())), 'x', color=Colour.FAILURE,
                  transform=axis.get_xaxis_transform(), clip_on=False, rasterized=many,
                  label='no accepted estimate')


def _mark_sequences(axis: Axes, frames: Sequence[FrameResult]) -> None:
    starts = [i for i, frame in enumerate(frames)
              if i == 0 or frame.sequence != frames[i - 1].sequence]
    for i in starts if 1 < len(starts) <= MAX_SEQUENCE_LABELS else ():
        axis.axvline(i - 0.5, color='#64748b', linewidth=0.8)
        axis.annotate(frames[i].sequence, (i, 1), (2, 4), annotation_clip=False, fontsize=8,
                      xycoords=axis.get_xaxis_transform(), textcoords='offset points',
                      color='#475569')


def cumulative(methods: Mapping[str, Errors], baselines: Mapping[str, Errors | None]) -> list[str]:
    """Plot the cumulative distributions of the methods' errors, beside those of the baselines."""
    curves: list[tuple[Errors, Style]] = [
        (errors, {**style, 'label': name})
        for (name, errors), style in zip(methods.items(), cycle(METHOD_STYLES), strict=False)]
    for name, (colour, line) in BASELINE_STYLES.items():
        known = baselines.get(name)
        if known is not None:
            curves.append((known, {'color': colour, 'linestyle': line,
                                   'label': BASELINE_LABELS[name]}))
    return cumulative_curves(curves)


def cumulative_curves(curves: Sequence[tuple[Errors, Style]]) -> list[str]:
    """Plot the cumulative distributions of several methods' errors, each in its style."""
    out: list[str] = []
    by_kind = zip(*(errors for errors, _ in curves), strict=True)
    for kind, values in zip(KINDS, by_kind, strict=True):
        with drawing(out, f'Cumulative distribution of the {kind} errors') as (figure, axis):
            for errors, (_, style) in list(zip(values, curves, strict=True))[::-1]:
                _draw_cumulative(axis, errors, **style)  # the first one on top
            _logarithmic_errors(axis.xaxis, kind, np.concatenate(values))
            axis.set_ylim(0, 1)
            show_percent(axis.yaxis)
            axis.set_ylabel('fraction of all frames')
            legend_below(figure, axis, 1, upwards=True)
    return out


def _draw_cumulative(axis: Axes, errors: Floats, **style: str | float) -> None:
    """Plot a step a frame; with failures, the curve ends below 100 %."""
    finite = np.sort(errors[np.isfinite(errors)])
    # a logarithmic axis has no 0: exact estimates stand at its left end
    finite = np.maximum(finite, MIN_ERROR)
    count = min(len(finite), MAX_STEPS)
    shown = np.linspace(0, len(finite) - 1, count).round().astype(int)
    axis.step(finite[shown], (shown + 1) / len(errors), where='post', **style)


def correlation_views(errors_m: Floats, known: Mapping[str, Floats]) -> list[str]:
    """Plot the position's error over each quantity, with the medians of bins."""
    out: list[str] = []
    for key, values in known.items():
        good = np.isfinite(errors_m) & np.isfinite(values)
        x, y = values[good], np.maximum(errors_m[good], MIN_ERROR)
        with drawing(out, f'Position error over {LABELS[key]}', 2.8) as (_, axis):
            axis.plot(x, y, '.', color=Colour.ESTIMATE, markersize=3, alpha=0.4,
                      rasterized=len(x) > MAX_VECTOR_POINTS)
            for i in np.array_split(np.argsort(x, kind='stable'), BINS):
                if i.size:
                    axis.plot(x[i[[0, -1]]], [np.median(y[i])] * 2, '-', color=Colour.TRUTH,
                              linewidth=2)
            _logarithmic_errors(axis.yaxis, 'position', y)
            axis.set_xlabel(fill(LABELS[key], 42))
            if key == 'sigma_m' and x.size and (x > 0).all():  # of millimetres to metres
                logarithmic_lengths(axis.xaxis, x)
                axis.set_xlabel(LABELS[key].removesuffix(' (m)'))
    return out


def latency_histogram(frames: Sequence[FrameResult]) -> str | None:
    """Plot the histogram of the latencies; None when nothing was timed."""
    stage = next((s for s in LATENCY_LABELS if any(s in f.latency_ms for f in frames)), '')
    durations = np.array([f.latency_ms[stage] for f in frames if stage in f.latency_ms])
    if not durations.size:
        return None
    out: list[str] = []
    with drawing(out, 'Histogram of the latency', 2.8) as (figure, axis):
        end = float(np.percentile(durations, 99.5)) * 1.1
        axis.hist(np.minimum(durations, end), bins=60, range=(0, end), color=Colour.ESTIMATE,
                  alpha=0.8)
        for q, line in ((50, '-'), (95, '--'), (99, ':')):
            value = float(np.percentile(durations, q))
            axis.axvline(value, color=Colour.TRUTH, linewidth=1.2, linestyle=line,
                         label=f'p{q}: {value:.1f} ms')
        axis.set_xlabel(f'ms, {LATENCY_LABELS[stage]}')
        axis.set_ylabel('frames')
        legend_below(figure, axis, 3)
    return out[0]
