"""The report's figures: trajectories, errors, correlations and latency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.evaluation.correlations import BINS, LABELS
from posenet_ros.evaluation.metrics.pose_errors import Errors
from posenet_ros.evaluation.report.drawing import Colour, drawing, logarithmic
from posenet_ros.evaluation.report.tables import BASELINE_LABELS, number
from posenet_ros.evaluation.results import FrameResult, FrameTable
from posenet_ros.inference.train_index import TrainIndex

if TYPE_CHECKING:
    from matplotlib.axes import Axes


BASELINE_STYLES: Mapping[str, tuple[str, str]] = {  # colour, line
    'nearest_train_image': ('#d97706', '-'), 'nearest_train_position': ('#059669', '--'),
    'constant': ('#9ca3af', '-')}
LATENCY_LABELS = {  # stages of the histogram, which shows the first of them that was timed
    'end_to_end': 'from publishing the image to receiving its pose',
    'total': 'decoding, preprocessing and inference'}
MIN_ERROR = 1e-3  # metres or degrees, the lower end of a logarithmic axis
MAX_STEPS, MAX_SEQUENCE_LABELS = 1000, 20  # of a cumulative curve, of a plot
MAX_VECTOR_POINTS = 3000  # more points are rasterised inside the SVG


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


def _draw_path(
        axis: Axes, table: FrameTable, train: TrainIndex | None,
        across: tuple[int, int]) -> None:
    from matplotlib.collections import LineCollection
    a, b = across
    truth = table.truths_m
    many = len(table) > MAX_VECTOR_POINTS
    if train is not None:
        axis.plot(train.positions_m[:, a], train.positions_m[:, b], '.', color=Colour.TRAINING,
                  markersize=4, label=f'training positions ({len(train.names)})', rasterized=many)
    line = _gaps(truth, [frame.sequence for frame in table.frames])
    axis.plot(line[:, a], line[:, b], '-', color=Colour.TRUTH, linewidth=1.4, label='truth',
              rasterized=many)
    estimates = table.estimates_m[table.accepted]
    pairs = np.stack([truth[table.accepted], estimates], axis=1)[..., [a, b]]  # (N, 2 ends, 2)
    axis.add_collection(LineCollection(
        list(pairs), colors=Colour.ESTIMATE, linewidths=0.6, alpha=0.45, rasterized=many))
    axis.plot(estimates[:, a], estimates[:, b], 'o', color=Colour.ESTIMATE, markersize=3,
              label=f'estimate ({len(estimates)}), joined to its truth', rasterized=many)
    failed = truth[~table.accepted]
    if len(failed):
        axis.plot(failed[:, a], failed[:, b], 'x', color=Colour.FAILURE, markersize=6,
                  label=f'no accepted estimate ({len(failed)})', rasterized=many)


def _window(truth: Floats, across: tuple[int, int]) -> list[tuple[float, float]]:
    """Compute the limits of both axes: the truth and a margin, whatever the estimates' errors."""
    margin = max(0.1 * float(np.ptp(truth, axis=0).max()), 0.5)
    return [(truth[:, i].min() - margin, truth[:, i].max() + margin) for i in across]


def _view(table: FrameTable, train: TrainIndex | None, across: tuple[int, int]) -> str:
    """Draw the path along two axes, to scale."""
    window = _window(table.truths_m, across)
    (left, right), (low, high) = window
    height = float(np.clip(8.2 * (high - low) / (right - left), 1.6, 7.5)) + 0.9
    out: list[str] = []
    with drawing(out, size=(9, height)) as (figure, axis):
        _draw_path(axis, table, train, across)
        axis.set(xlim=window[0], ylim=window[1], xlabel=f'{"xyz"[across[0]]} (m)',
                 ylabel=f'{"xyz"[across[1]]} (m)')
        axis.set_aspect('equal')
        figure.legend(loc='outside lower center', ncols=4)
    return out[0]


def path_views(table: FrameTable, train: TrainIndex | None) -> list[str]:
    """Draw the path from above and from the side."""
    truth = table.truths_m
    up = up_axis(truth)
    flat = [i for i in range(3) if i != up]
    along = max(flat, key=lambda i: float(np.ptp(truth[:, i])))
    return [_view(table, train, across) for across in ((flat[0], flat[1]), (along, up))]


def error_along_path(frames: Sequence[FrameResult], errors: Errors) -> str:
    """Plot both errors over the frames; failures are crosses on the upper edge."""
    out: list[str] = []
    many = len(frames) > MAX_VECTOR_POINTS
    with drawing(out, size=(9, 4.6), rows=2) as (_, axes):
        for axis, values, unit in zip(axes, errors, ('m', 'deg'), strict=True):
            index = np.arange(len(values))
            good = np.isfinite(values)
            axis.plot(index[good], values[good], '.', color=Colour.ESTIMATE, markersize=4,
                      rasterized=many)
            if good.any():
                median = float(np.median(values[good]))
                axis.axhline(median, color=Colour.TRUTH, linewidth=1, linestyle='--',
                             label=f'median {number(median, unit)}')
                axis.legend(loc='upper right')
            if not good.all():
                axis.plot(index[~good], np.ones(int((~good).sum())), 'x', color=Colour.FAILURE,
                          transform=axis.get_xaxis_transform(), clip_on=False, rasterized=many)
            _mark_sequences(axis, frames)
            axis.set_ylim(bottom=0)
            axis.set_ylabel(f'error ({unit})')
        axes[-1].set_xlabel('frame, in the order of recording')
    return out[0]


def _mark_sequences(axis: Axes, frames: Sequence[FrameResult]) -> None:
    starts = [i for i, frame in enumerate(frames)
              if i == 0 or frame.sequence != frames[i - 1].sequence]
    for i in starts if len(starts) <= MAX_SEQUENCE_LABELS else ():
        axis.axvline(i - 0.5, color='#94a3b8', linewidth=0.8)
        axis.annotate(frames[i].sequence, (i, 1), (2, 4), annotation_clip=False, fontsize=8,
                      xycoords=axis.get_xaxis_transform(), textcoords='offset points',
                      color='#475569')


def cumulative(errors: Errors, baselines: Mapping[str, Errors | None]) -> str:
    """Plot the cumulative distribution of the errors, beside those of the baselines."""
    curves: list[tuple[Errors, dict[str, str | float]]] = [
        (errors, {'color': Colour.ESTIMATE, 'linewidth': 2.2, 'label': 'estimate'})]
    for name, (colour, line) in BASELINE_STYLES.items():
        known = baselines.get(name)
        if known is not None:
            curves.append((known, {'color': colour, 'linestyle': line,
                                   'label': BASELINE_LABELS[name]}))
    return cumulative_curves(curves)


def cumulative_curves(curves: Sequence[tuple[Errors, dict[str, str | float]]]) -> str:
    """Plot the cumulative distributions of several methods' errors, each in its style."""
    out: list[str] = []
    with drawing(out, size=(9, 3.8), columns=2) as (figure, axes):
        by_unit = zip(*(errors for errors, _ in curves), strict=True)
        for axis, unit, values in zip(axes, ('m', 'deg'), by_unit, strict=True):
            for errors, (_, style) in list(zip(values, curves, strict=True))[::-1]:
                _draw_cumulative(axis, errors, **style)  # the first one on top
            axis.set_xscale('log')
            axis.xaxis.set_major_formatter('{x:g}')
            axis.xaxis.set_minor_formatter('')  # its numbers would overlap
            axis.set_xlabel(f'error ({unit}), logarithmic')
            axis.set_ylim(0, 1)
            axis.yaxis.set_major_formatter(lambda v, _: f'{100 * v:.0f} %')
        axes[0].set_ylabel('fraction of all frames')
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles[::-1], labels[::-1], loc='outside lower center', ncols=4)
    return out[0]


def _draw_cumulative(axis: Axes, errors: Floats, **style: str | float) -> None:
    """Plot a step a frame; with failures, the curve ends below 100 %."""
    finite = np.sort(errors[np.isfinite(errors)])
    # a logarithmic axis has no 0: exact estimates stand at its left end
    finite = np.maximum(finite, MIN_ERROR)
    count = min(len(finite), MAX_STEPS)
    shown = np.linspace(0, len(finite) - 1, count).round().astype(int)
    axis.step(finite[shown], (shown + 1) / len(errors), where='post', **style)


def correlation_views(errors_m: Floats, known: Mapping[str, Floats]) -> str:
    """Plot the position's error over each quantity, with the medians of bins."""
    out: list[str] = []
    with drawing(out, size=(9, 3.2), columns=len(known)) as (_, axes):
        for axis, (key, values) in zip(np.atleast_1d(axes), known.items(), strict=True):
            good = np.isfinite(errors_m) & np.isfinite(values)
            x, y = values[good], np.maximum(errors_m[good], MIN_ERROR)
            axis.plot(x, y, '.', color=Colour.ESTIMATE, markersize=3, alpha=0.4,
                      rasterized=len(x) > MAX_VECTOR_POINTS)
            for i in np.array_split(np.argsort(x, kind='stable'), BINS):
                if i.size:
                    axis.plot(x[i[[0, -1]]], [np.median(y[i])] * 2, '-', color=Colour.TRUTH,
                              linewidth=2)
            axis.set_yscale('log')
            axis.yaxis.set_major_formatter('{x:g}')
            label = fill(LABELS[key], 24)
            if key == 'sigma_m' and (x > 0).all():  # of millimetres to metres
                logarithmic(axis, x)
                label = fill(f'{LABELS[key]}, logarithmic', 28)
            axis.set_xlabel(label)
        np.atleast_1d(axes)[0].set_ylabel('error (m), logarithmic')
    return out[0]


def latency_histogram(frames: Sequence[FrameResult]) -> str | None:
    """Plot the histogram of the latencies; None when nothing was timed."""
    stage = next((s for s in LATENCY_LABELS if any(s in f.latency_ms for f in frames)), '')
    durations = np.array([f.latency_ms[stage] for f in frames if stage in f.latency_ms])
    if not durations.size:
        return None
    out: list[str] = []
    with drawing(out, size=(9, 3)) as (_, axis):
        end = float(np.percentile(durations, 99.5)) * 1.1
        axis.hist(np.minimum(durations, end), bins=60, range=(0, end), color=Colour.ESTIMATE,
                  alpha=0.8)
        for q, line in ((50, '-'), (95, '--'), (99, ':')):
            value = float(np.percentile(durations, q))
            axis.axvline(value, color=Colour.TRUTH, linewidth=1.2, linestyle=line,
                         label=f'p{q}: {value:.1f} ms')
        axis.set_xlabel(f'ms, {LATENCY_LABELS[stage]}')
        axis.set_ylabel('frames')
        axis.legend(loc='upper right')
    return out[0]
