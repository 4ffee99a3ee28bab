"""Score poses that any method wrote into a file: no images, no model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, unique
from pathlib import Path
from typing import Any

import numpy as np
from posenet_ros.datasets.pose_files import detect_format, Format, read_poses, TrackedPose
from posenet_ros.errors import InputError
from posenet_ros.evaluation.results import FrameResult, positions, quaternions
from posenet_ros.evaluation.sources import ROW_NS
from posenet_ros.geometry.pose import Pose
from posenet_ros.geometry.trajectory import DEFAULT_MAX_GAP_S, Track
from posenet_ros.inference.train_index import TrainIndex

NOT_A_POSE = 'the file says NaN'
NOT_ANSWERED = 'the file of poses has no row for this frame'


@unique
class Match(Enum):
    """How rows of two files belong together."""

    NAME = 'name'
    STAMP = 'stamp'
    ROW = 'row'


@dataclass(frozen=True)
class PoseFiles:
    """
    The files to score.

    :param estimates: poses that a method gave.
    :param truths: poses that are right.
    :param train: poses that the method was trained on, for the baselines; None leaves them out.
    :param estimates_format: form of `estimates`; None finds it by content.
    :param truths_format: form of `truths` and `train`; None finds it by content.
    :param match: None takes names where both have them, else stamps, else rows.
    :param max_gap_s: how far apart two truths may be for an estimate between them, seconds.
    """

    estimates: Path
    truths: Path
    train: Path | None = None
    estimates_format: Format | None = None
    truths_format: Format | None = None
    match: Match | None = None
    max_gap_s: float = DEFAULT_MAX_GAP_S


Rows = Sequence[TrackedPose]


def _short(name: str) -> str:
    """Return sequence and file, without the folders before them and without the suffix."""
    return '/'.join(name.split('/')[-2:]).rsplit('.', 1)[0]


def _by_name(rows: Rows, key: Callable[[str], str], path: Path) -> dict[str, TrackedPose]:
    found: dict[str, TrackedPose] = {}
    for row in rows:
        if key(row.name) in found:
            raise InputError(f'{path}:{row.line}: the name {row.name} is in line '
                             f'{found[key(row.name)].line} already')
        found[key(row.name)] = row
    return found


def _result(name: str, stamp_ns: int, truth: Pose, estimate: TrackedPose | None,
            sequence: str = '') -> FrameResult:
    """Join a truth with its estimate."""
    reason = NOT_ANSWERED if estimate is None else NOT_A_POSE if estimate.pose is None else ''
    return FrameResult(name, stamp_ns, truth, estimate.pose if estimate else None,
                       reasons=(reason,) if reason else (), sequence=sequence)


def _match_names(estimates: Rows, truths: Rows, files: PoseFiles) -> list[FrameResult]:
    """Every truth is a frame; the one that no estimate names was not answered."""
    key: Callable[[str], str] = str
    if not {row.name for row in estimates} & {row.name for row in truths}:
        key = _short  # other folders or another image format
    answers = _by_name(estimates, key, files.estimates)
    asked = _by_name(truths, key, files.truths)
    if not answers.keys() & asked.keys():
        raise InputError(f'{files.estimates}: expected names of {files.truths}, as '
                         f'{truths[0].name}. Received: {estimates[0].name}')
    return [_result(row.name, i * ROW_NS, row.pose, answers.get(short),
                    row.sequence.split('/')[-1])
            for i, (short, row) in enumerate(asked.items(), 1) if row.pose]


def _match_stamps(estimates: Rows, truths: Rows, files: PoseFiles) -> list[FrameResult]:
    """Every estimate at whose time there is a truth is a frame."""
    track = Track.from_poses([(row.stamp_ns or 0, row.pose) for row in truths if row.pose])
    found = [(row, track.at(row.stamp_ns or 0, files.max_gap_s)) for row in estimates]
    return [_result(f'row{row.line}', row.stamp_ns or 0, truth, row)
            for row, truth in found if truth]


def _match_rows(estimates: Rows, truths: Rows, files: PoseFiles) -> list[FrameResult]:
    """Row n answers row n."""
    if len(estimates) != len(truths):
        raise InputError(f'{files.estimates}: expected {len(truths)} rows, as {files.truths} has, '
                         f'to match them row by row. Received: {len(estimates)}')
    return [_result(truth.name or f'row{i}', i * ROW_NS, truth.pose, row, truth.sequence)
            for i, (row, truth) in enumerate(zip(estimates, truths, strict=True), 1)
            if truth.pose]


def choose_match(estimates: Rows, truths: Rows) -> Match:
    """Return the surest way to join two files."""
    if estimates[0].name and truths[0].name:
        return Match.NAME
    if estimates[0].stamp_ns is not None and truths[0].stamp_ns is not None:
        return Match.STAMP
    return Match.ROW


def _check_match(match: Match, estimates: Rows, truths: Rows, files: PoseFiles) -> None:
    for path, row in ((files.estimates, estimates[0]), (files.truths, truths[0])):
        known = {Match.NAME: bool(row.name), Match.STAMP: row.stamp_ns is not None,
                 Match.ROW: True}
        if not known[match]:
            raise InputError(f'{path}: expected rows with a {match.value} to match by. '
                             'Received: a form without; give --match row')


MATCHERS = {Match.NAME: _match_names, Match.STAMP: _match_stamps, Match.ROW: _match_rows}


def match_files(files: PoseFiles) -> tuple[list[FrameResult], dict[str, Any]]:
    """
    Join estimates with truths.

    :returns: one result a frame, and what the report says of the data.
    :raises InputError: naming file and line on a bad row; when nothing matches.
    """
    forms = (files.estimates_format or detect_format(files.estimates),
             files.truths_format or detect_format(files.truths))
    estimates = read_poses(files.estimates, forms[0], normalise=True)
    truths = read_poses(files.truths, forms[1])
    match = files.match or choose_match(estimates, truths)
    _check_match(match, estimates, truths, files)
    frames = MATCHERS[match](estimates, truths, files)
    if not frames:
        raise InputError(f'{files.estimates}: expected poses at times of {files.truths}. '
                         f'Received: {len(estimates)} poses, none with a truth')
    data = {'name': files.truths.name, 'kind': 'poses', 'poses': files.estimates.name,
            'format': forms[0].value, 'truth_format': forms[1].value, 'match': match.value,
            'stamps': 'recorded' if match is Match.STAMP else 'rows',
            'without_truth': max(len(estimates) - len(frames), 0)}
    return frames, data


def read_train(files: PoseFiles) -> TrainIndex | None:
    """Return the training poses, without descriptors; None where none are given."""
    if files.train is None:
        return None
    rows = [row for row in read_poses(files.train, files.truths_format) if row.pose]
    poses = [row.pose for row in rows if row.pose]
    return TrainIndex(tuple(row.name for row in rows), positions(poses), quaternions(poses),
                      np.zeros((len(rows), 0), np.float16))
