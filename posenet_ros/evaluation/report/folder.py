"""Write the report folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
from posenet_ros.datasets.pose_files import write_tum
from posenet_ros.evaluation.report.content import REPORT_FILE
from posenet_ros.evaluation.report.page import html_page, markdown_page
from posenet_ros.evaluation.results import FrameResult, raw_errors
from posenet_ros.geometry.pose import Pose
from posenet_ros.inference.train_index import TrainIndex
from posenet_ros.utils.atomic_folder import new_folder

COLUMNS = ('name', 'sequence', 'stamp_ns', 'outcome', 'translation_error_m', 'rotation_error_deg',
           'x', 'y', 'z', 'qx', 'qy', 'qz', 'qw', 'true_x', 'true_y', 'true_z', 'true_qx',
           'true_qy', 'true_qz', 'true_qw', 'reasons', 'place_score', 'sigma_x_m', 'sigma_y_m',
           'sigma_z_m', 'sigma_roll_deg', 'sigma_pitch_deg', 'sigma_yaw_deg', 'image_fault',
           'landmarks')


def _numbers(pose: Pose | None) -> list[str]:
    if pose is None:
        return [''] * 7
    return [f'{value:.9g}' for value in (*pose.translation_m, *pose.quat_xyzw)]


def _certainty(frame: FrameResult) -> list[str]:
    """Return place score, standard deviations, the image's fault and landmarks, empty if none."""
    score = '' if frame.place_score is None else f'{frame.place_score:.9g}'
    more = [frame.fault.value if frame.fault else '', str(frame.landmarks or '')]
    if frame.covariance is None:
        return [score, *[''] * 6, *more]
    sigmas = np.sqrt(np.diag(frame.covariance))
    return [score, *(f'{value:.9g}' for value in (*sigmas[:3], *np.degrees(sigmas[3:]))), *more]


def write_csv(path: Path, frames: Sequence[FrameResult]) -> None:
    """Write one row a frame; the errors of rejected estimates are in it too, marked by outcome."""
    stages = sorted({stage for frame in frames for stage in frame.latency_ms})
    with path.open('w', newline='', encoding='utf-8') as file:
        writer = csv.writer(file)
        writer.writerow([*COLUMNS, *(f'{stage}_ms' for stage in stages)])
        for frame, metres, degrees in zip(frames, *raw_errors(frames), strict=True):
            errors = [f'{metres:.9g}', f'{degrees:.9g}'] if frame.estimate else ['', '']
            writer.writerow([
                frame.name, frame.sequence, frame.stamp_ns, frame.outcome, *errors,
                *_numbers(frame.estimate), *_numbers(frame.truth), '; '.join(frame.reasons),
                *_certainty(frame),
                *(f'{frame.latency_ms[s]:.3f}' if s in frame.latency_ms else '' for s in stages)])


def write_strays(path: Path, strays: Sequence[FrameResult]) -> None:
    """Write one row an image of another place: where it was taken nobody knows."""
    columns = ('name', 'sequence', 'outcome', *COLUMNS[6:13], *COLUMNS[20:])
    with path.open('w', newline='', encoding='utf-8') as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for stray in strays:
            writer.writerow([stray.name, stray.sequence, stray.outcome, *_numbers(stray.estimate),
                             '; '.join(stray.reasons), *_certainty(stray)])


def write_report(
        folder: Path, report: Mapping[str, Any], frames: Sequence[FrameResult],
        train: TrainIndex | None, strays: Sequence[FrameResult] = (), *,
        force: bool = False) -> None:
    """
    Write report.json, report.html, report.md, frames.csv, estimate.tum and truth.tum.

    The TUM files hold the accepted frames, row by row the same, in the order of their stamps.

    :param report: what :func:`posenet_ros.evaluation.report.content.build_report` returned
        for these frames.
    :param train: training poses for the plots, None when unknown.
    :param strays: results of images of other places: there is an out_of_place.csv of them, too.
    :param force: replace a folder that exists.
    :raises InputError: when the folder exists and `force` is False.
    """
    accepted = sorted((f for f in frames if f.accepted), key=lambda frame: frame.stamp_ns)
    with new_folder(folder, force=force) as new:
        (new / REPORT_FILE).write_text(
            json.dumps(report, indent=2, allow_nan=False) + '\n', encoding='utf-8')
        page = html_page(report, frames, train, strays)
        (new / 'report.html').write_text(page, encoding='utf-8')
        (new / 'report.md').write_text(markdown_page(report), encoding='utf-8')
        write_csv(new / 'frames.csv', frames)
        if strays:
            write_strays(new / 'out_of_place.csv', strays)
        write_tum(new / 'truth.tum', [(f.stamp_ns, f.truth) for f in accepted])
        write_tum(new / 'estimate.tum', [(f.stamp_ns, f.estimate) for f in accepted
                                         if f.estimate is not None])
