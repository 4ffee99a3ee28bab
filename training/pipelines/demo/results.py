"""What the demo found: its table, what it promises, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
import os
from pathlib import Path
import shutil
import sys

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.errors import PoseNetError
from posenet_ros.evaluation.metrics.pose_errors import ByUnit, Errors
from posenet_ros.evaluation.report.build import build_report, Evaluation
from posenet_ros.evaluation.report.content import Report
from posenet_ros.evaluation.report.tables import DEGREES, length, percent, text_table

MIN_ANSWERED = 0.99  # of the frames
MAX_OF_CONSTANT = 0.2  # of the constant pose's median error, of the network alone
MAX_REFINED = ByUnit(0.015, 0.1)  # median error of refined poses, metres and degrees
SAME_POSE_M = 1e-4  # the network's pose and a published one that differ less are the same
REFINED, NETWORK = 'refined by landmarks', 'network alone'
BASELINES = {'nearest_train_image': 'nearest training image', 'constant': 'constant pose'}
MEASURED = ('elsewhere: 7 mm refined; 0.68 to 0.95 m by the network alone on three processors, '
            'with which its training varies')


@dataclass(frozen=True, eq=False)
class Results:
    """
    Both answers of a demo.

    :param live: of the live node.
    :param network: of the network alone, offline.
    :param refines: whether the live node refines poses by landmarks.
    """

    live: Evaluation
    network: Evaluation
    refines: bool

    @cached_property
    def report(self) -> Report:
        """Compute the report of the live node."""
        return build_report(self.live)

    @property
    def refined(self) -> int:
        """Return the number of published poses that are not the network's."""
        alone = dict(zip((frame.stamp_ns for frame in self.network.frames),
                         self.network.table.estimates_m, strict=True))
        moves_m = [np.linalg.norm(frame.estimate.translation_m - alone[frame.stamp_ns])
                   for frame in self.live.frames if frame.estimate is not None]
        return int(np.sum(np.array(moves_m) > SAME_POSE_M))


rounded_length = partial(length, rounded=True)


def angle(value_deg: float) -> str:
    """Format an angle."""
    return f'{DEGREES.rounded(value_deg)} {DEGREES.name}'


def _percentiles(values: Floats) -> list[float]:
    finite = values[np.isfinite(values)]
    return np.percentile(finite, (50, 95)).tolist() if finite.size else [np.nan, np.nan]


def _row(name: str, errors: Errors) -> list[str]:
    return [name, *map(rounded_length, _percentiles(errors.translation_m)),
            *map(angle, _percentiles(errors.rotation_deg))]


def error_table(results: Results) -> str:
    """Format median and p95 of both answers and of the baselines, the best first."""
    live = results.live
    rows = [['error', 'median', 'p95', 'median', 'p95']]
    if results.refines:
        rows.append(_row(REFINED, live.table.accepted_errors))
    rows.append(_row(NETWORK, results.network.table.accepted_errors))
    rows += [_row(text, errors) for name, text in BASELINES.items()
             if (errors := live.baselines[name]) is not None]
    return text_table(rows)


def describe_run(results: Results) -> str:
    """Describe how many frames the live node answered, and how fast."""
    counts, latency = results.report.frames, results.report.latency_ms.get('end_to_end')
    refined = f', {results.refined} refined by landmarks' if results.refines else ''
    text = f'live node: {counts.estimated} of {counts.total} frames answered{refined}'
    if latency is None:
        return text
    return (f'{text}\nlatency, image published to pose received: p50 {latency.p50:.0f} ms, '
            f'p95 {latency.p95:.0f} ms, p99 {latency.p99:.0f} ms')


def warn_of_load(report: Report) -> str:
    """Warn when fewer frames were answered than promised, '' else: it depends on the load."""
    counts = report.frames
    if counts.estimated >= MIN_ANSWERED * counts.total:
        return ''
    return (f'{counts.estimated} of {counts.total} frames were answered in time, where '
            f'{percent(MIN_ANSWERED, 0)} are expected: this machine is busy with other things')


def check_errors(results: Results) -> None:
    """
    Check the errors against the demo's promise.

    :raises PoseNetError: when no frame was answered, or an error is larger.
    """
    if not results.report.frames.accepted:
        raise PoseNetError('expected poses from the live node. Received: none')
    constant = results.live.baselines['constant']
    if constant is not None:
        limits = ByUnit(*(MAX_OF_CONSTANT * _percentiles(errors)[0] for errors in constant))
        _check_medians(results.network, limits, f'of the {NETWORK}')
    if results.refines:
        _check_medians(results.live, MAX_REFINED, f'of poses {REFINED}')


def _check_medians(evaluation: Evaluation, limits: ByUnit[float], which: str) -> None:
    found = ByUnit(*(_percentiles(errors)[0] for errors in evaluation.table.accepted_errors))
    if not (found.translation_m <= limits.translation_m
            and found.rotation_deg <= limits.rotation_deg):
        raise PoseNetError(
            f'expected a median error {which} of at most '
            f'{rounded_length(limits.translation_m)} and {angle(limits.rotation_deg)}. Received: '
            f'{rounded_length(found.translation_m)} and {angle(found.rotation_deg)}')


def command(name: str = 'posenet') -> str:
    """Return how to call a program of this Python's environment."""
    if shutil.which(name):
        return name
    return os.path.relpath(Path(sys.executable).parent / name)


def next_steps(out: Path) -> str:
    """Return the lines that say what to do next."""
    lines = {
        f'{out / "report" / "report.html"}': 'open it in a browser: both answers, path, latency',
        f'{command()} view {out / "model"} {out / "report"} --data {out / "court"}':
            'the map in 3D',
        'make test': 'check the project on this machine',
        'README.md, "Your own place"': 'train on your own recording'}
    width = max(map(len, lines))
    return 'next:\n' + '\n'.join(f'  {what:{width}}  {why}' for what, why in lines.items())
