"""Write the report folder."""

from __future__ import annotations

from collections.abc import Sequence
import csv
from pathlib import Path

import numpy as np
from posenet_ros.datasets.pose_files import write_tum
from posenet_ros.evaluation.estimates.frame_rows import FRAMES_FILE
from posenet_ros.evaluation.report.build import Evaluation
from posenet_ros.evaluation.report.content import json_text, Report, REPORT_FILE
from posenet_ros.evaluation.report.drawing import figures_not_drawn
from posenet_ros.evaluation.report.page import html_page, markdown_page
from posenet_ros.evaluation.results import FrameResult, FrameTable
from posenet_ros.evaluation.trajectory import accepted_in_order
from posenet_ros.geometry.pose import Pose
from posenet_ros.utils.atomic_folder import new_folder

COLUMNS = ('name', 'sequence', 'stamp_ns', 'outcome', 'translation_error_m', 'rotation_error_deg',
           'x', 'y', 'z', 'qx', 'qy', 'qz', 'qw', 'true_x', 'true_y', 'true_z', 'true_qx',
           'true_qy', 'true_qz', 'true_qw', 'reasons', 'place_score', 'sigma_x_m', 'sigma_y_m',
           'sigma_z_m', 'sigma_about_x_deg', 'sigma_about_y_deg', 'sigma_about_z_deg',
           'image_fault', 'landmarks')


def _pose_cells(pose: Pose | None) -> list[str]:
    if pose is None:
        return [''] * 7
    return [f'{value:.9g}' for value in (*pose.translation_m, *pose.quat_xyzw)]


def _uncertainty_cells(frame: FrameResult) -> list[str]:
    """Format place score, standard deviations, image fault and landmarks; empty where unknown."""
    score = '' if frame.place_score is None else f'{frame.place_score:.9g}'
    more = [frame.fault.value if frame.fault else '', str(frame.landmarks or '')]
    if frame.covariance is None:
        return [score, *[''] * 6, *more]
    sigmas = np.sqrt(np.diag(frame.covariance))
    return [score, *(f'{value:.9g}' for value in (*sigmas[:3], *np.degrees(sigmas[3:]))), *more]


def write_csv(path: Path, table: FrameTable) -> None:
    """Write one row a frame, with the errors of rejected estimates; `outcome` tells them apart."""
    stages = sorted({stage for frame in table.frames for stage in frame.latency_ms})
    with path.open('w', newline='', encoding='utf-8', errors='backslashreplace') as file:
        writer = csv.writer(file)
        writer.writerow([*COLUMNS, *(f'{stage}_ms' for stage in stages)])
        for frame, metres, degrees in zip(table.frames, *table.errors, strict=True):
            errors = [f'{metres:.9g}', f'{degrees:.9g}'] if frame.estimate else ['', '']
            writer.writerow([
                frame.name, frame.sequence, frame.stamp_ns, frame.outcome, *errors,
                *_pose_cells(frame.estimate), *_pose_cells(frame.truth), '; '.join(frame.reasons),
                *_uncertainty_cells(frame),
                *(f'{frame.latency_ms[s]:.3f}' if s in frame.latency_ms else '' for s in stages)])


def write_out_of_place(path: Path, out_of_place: Sequence[FrameResult]) -> None:
    """Write one row an out-of-place image, without truth and errors."""
    columns = ('name', 'sequence', 'outcome', *COLUMNS[6:13], *COLUMNS[20:])
    with path.open('w', newline='', encoding='utf-8', errors='backslashreplace') as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for frame in out_of_place:
            writer.writerow([frame.name, frame.sequence, frame.outcome,
                             *_pose_cells(frame.estimate), '; '.join(frame.reasons),
                             *_uncertainty_cells(frame)])


def write_text(path: Path, text: str) -> None:
    """Write UTF-8; bytes of a file's name that are no text become escape sequences."""
    path.write_text(text, encoding='utf-8', errors='backslashreplace')


def _write_tables(new: Path, evaluation: Evaluation) -> None:
    """Write the poses as CSV and as TUM, which evo reads."""
    write_csv(new / FRAMES_FILE, evaluation.table)
    if evaluation.out_of_place:
        write_out_of_place(new / 'out_of_place.csv', evaluation.out_of_place)
    accepted = accepted_in_order(evaluation.frames)
    write_tum(new / 'truth.tum', [(f.stamp_ns, f.truth) for f in accepted])
    write_tum(new / 'estimate.tum', [(f.stamp_ns, f.estimate) for f in accepted
                                     if f.estimate is not None])


def _write_pages(new: Path, report: Report, evaluation: Evaluation) -> list[str]:
    """Write the pages; return what could not be drawn, each with the reason."""
    failed: list[str] = []
    for name, make in (('report.md', markdown_page), ('report.html', html_page)):
        try:
            page = make(report, evaluation)
            write_text(new / name, page)
        except Exception as error:  # the numbers are worth more than the page
            failed.append(f'{name} ({type(error).__name__}: {error})')
        else:
            failed += figures_not_drawn(page)
    return failed


def write_report(
        folder: Path, report: Report, evaluation: Evaluation, *, force: bool = False) -> list[str]:
    """
    Write report.json, frames.csv, estimate.tum and truth.tum, then report.md and report.html.

    The TUM files hold the accepted frames in the order of their stamps, row for row.
    Images of other places are in out_of_place.csv. What fails to be drawn is left out, and named
    in report.json.

    :param report: of this evaluation, by
        :func:`posenet_ros.evaluation.report.build.build_report`.
    :param force: replace a folder that exists.
    :returns: what could not be drawn, each with the reason.
    :raises InputError: when the folder exists and `force` is False.
    """
    with new_folder(folder, force=force) as new:
        content = report.to_mapping()
        write_text(new / REPORT_FILE, json_text(content))
        _write_tables(new, evaluation)
        failed = _write_pages(new, report, evaluation)
        if failed:
            content['data'] = {**content['data'], 'not_drawn': failed}
            write_text(new / REPORT_FILE, json_text(content))
    return failed
