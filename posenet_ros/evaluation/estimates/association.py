"""Associate estimated and true poses of two files by name, stamp or row; no images, no model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, unique
from pathlib import Path
from typing import Any

import numpy as np
from posenet_ros.datasets.pose_files import (
    describe_format,
    Format,
    PoseRow,
    read_poses_as_found,
)
from posenet_ros.datasets.tolerance import check_rejected, describe_rejected
from posenet_ros.errors import InputError
from posenet_ros.evaluation.results import FrameResult, positions, quaternions
from posenet_ros.evaluation.sources import ROW_NS
from posenet_ros.geometry.pose import Pose
from posenet_ros.geometry.trajectory import DEFAULT_MAX_GAP_S, Trajectory
from posenet_ros.inference.train_index import TrainIndex

NOT_A_POSE = 'the estimate is NaN'
NO_ESTIMATE = 'the file of estimates has no row for this frame'
MAX_DIFFERENCE_NS = 10_000_000  # of associated stamps, as evo's --t_max_diff


@unique
class AssociationKey(Enum):
    """The key by which rows of two files are associated."""

    NAME = 'name'
    STAMP = 'stamp'
    NEAREST = 'nearest'
    ROW = 'row'


@dataclass(frozen=True)
class PoseFiles:
    """
    The files to score.

    :param estimates: the estimated poses.
    :param truths: the ground truth.
    :param train: the training poses, for the baselines; None leaves them out.
    :param estimates_format: format of `estimates`; None detects it by content.
    :param truths_format: format of `truths` and `train`; None detects it by content.
    :param key: None takes names where both files have them, else stamps, else rows.
    :param max_gap_s: the longest gap between two truths in which to interpolate, seconds.
    """

    estimates: Path
    truths: Path
    train: Path | None = None
    estimates_format: Format | None = None
    truths_format: Format | None = None
    key: AssociationKey | None = None
    max_gap_s: float = DEFAULT_MAX_GAP_S


Rows = Sequence[PoseRow]


def _short(name: str) -> str:
    """Return `sequence/file`, without the folders before and without the suffix."""
    return '/'.join(name.split('/')[-2:]).rsplit('.', 1)[0]


def _by_name(rows: Rows, key: Callable[[str], str], path: Path) -> dict[str, PoseRow]:
    found: dict[str, PoseRow] = {}
    for row in rows:
        if key(row.name) in found:
            raise InputError(f'{path}:{row.line}: the name {row.name} is in line '
                             f'{found[key(row.name)].line} already')
        found[key(row.name)] = row
    return found


def _result(name: str, stamp_ns: int, truth: Pose, estimate: PoseRow | None,
            sequence: str = '') -> FrameResult:
    """Pair a truth with its estimate."""
    reason = NO_ESTIMATE if estimate is None else NOT_A_POSE if estimate.pose is None else ''
    return FrameResult(name, stamp_ns, truth, estimate.pose if estimate else None,
                       reasons=(reason,) if reason else (), sequence=sequence)


def _associate_by_name(estimates: Rows, truths: Rows, files: PoseFiles) -> list[FrameResult]:
    """Make a frame of every truth; it has no estimate where no row bears its name."""
    key: Callable[[str], str] = str
    if not {row.name for row in estimates} & {row.name for row in truths}:
        key = _short  # other folders or another image format
    estimates_by_name = _by_name(estimates, key, files.estimates)
    truths_by_name = _by_name(truths, key, files.truths)
    if not estimates_by_name.keys() & truths_by_name.keys():
        raise InputError(f'{files.estimates}: expected names of {files.truths}, as '
                         f'{truths[0].name}. Received: {estimates[0].name}')
    return [_result(row.name, i * ROW_NS, row.pose, estimates_by_name.get(name),
                    row.sequence.split('/')[-1])
            for i, (name, row) in enumerate(truths_by_name.items(), 1) if row.pose]


def _associate_by_stamp(estimates: Rows, truths: Rows, files: PoseFiles) -> list[FrameResult]:
    """Make a frame of every estimate at whose stamp the truth can be interpolated."""
    truth_at = Trajectory.from_poses(
        [(_stamp_ns(row), row.pose) for row in truths if row.pose]).at
    pairs = [(row, truth_at(_stamp_ns(row), files.max_gap_s)) for row in estimates]
    return [_result(f'row{row.line}', _stamp_ns(row), truth, row)
            for row, truth in pairs if truth]


def _associate_by_nearest_stamp(
        estimates: Rows, truths: Rows, files: PoseFiles) -> list[FrameResult]:
    """Pair each row of the shorter file with the nearest in time of the longer one, as evo."""
    few, many = (estimates, truths) if len(estimates) <= len(truths) else (truths, estimates)
    many = sorted(many, key=_stamp_ns)
    stamps = np.array([_stamp_ns(row) for row in many], np.int64)
    frames = []
    for row in few:
        after = int(np.searchsorted(stamps, _stamp_ns(row)))
        near = min(many[max(after - 1, 0):after + 1], key=lambda other: _gap_ns(row, other))
        estimate, truth = (row, near) if few is estimates else (near, row)
        if _gap_ns(row, near) <= MAX_DIFFERENCE_NS and truth.pose:
            frames.append(_result(f'row{estimate.line}', _stamp_ns(estimate), truth.pose,
                                  estimate))
    return frames


def _stamp_ns(row: PoseRow) -> int:
    return row.stamp_ns or 0  # all rows of a form with stamps have one


def _gap_ns(one: PoseRow, other: PoseRow) -> int:
    return abs(_stamp_ns(one) - _stamp_ns(other))


def _associate_by_row(estimates: Rows, truths: Rows, files: PoseFiles) -> list[FrameResult]:
    """Pair row n with row n."""
    if len(estimates) != len(truths):
        raise InputError(f'{files.estimates}: expected {len(truths)} rows, as {files.truths} has, '
                         f'to match them row by row. Received: {len(estimates)}')
    return [_result(truth.name or f'row{i}', i * ROW_NS, truth.pose, row, truth.sequence)
            for i, (row, truth) in enumerate(zip(estimates, truths, strict=True), 1)
            if truth.pose]


def choose_key(estimates: Rows, truths: Rows) -> AssociationKey:
    """Choose the most specific key that both files have: name, else stamp, else row."""
    if estimates[0].name and truths[0].name:
        return AssociationKey.NAME
    if estimates[0].stamp_ns is not None and truths[0].stamp_ns is not None:
        return AssociationKey.STAMP
    return AssociationKey.ROW


def _check_key(key: AssociationKey, estimates: Rows, truths: Rows, files: PoseFiles) -> None:
    for path, row in ((files.estimates, estimates[0]), (files.truths, truths[0])):
        has_key = {AssociationKey.NAME: bool(row.name), AssociationKey.ROW: True,
                   AssociationKey.STAMP: row.stamp_ns is not None,
                   AssociationKey.NEAREST: row.stamp_ns is not None}
        if not has_key[key]:
            raise InputError(f'{path}: expected rows with a {key.value} to match by. '
                             'Received: a format without; give --match row')


ASSOCIATORS = {
    AssociationKey.NAME: _associate_by_name, AssociationKey.STAMP: _associate_by_stamp,
    AssociationKey.NEAREST: _associate_by_nearest_stamp, AssociationKey.ROW: _associate_by_row}
BY_STAMP = AssociationKey.STAMP, AssociationKey.NEAREST


def _read_good(path: Path, form: Format | None, rejected: list[str],
               normalise: bool = False) -> tuple[list[PoseRow], Format]:
    """Read the rows that can be used, and the form; add a message for each other row."""
    bad: list[str] = []
    rows, form = read_poses_as_found(path, form, bad, normalise)
    check_rejected(bad, len(rows) + len(bad))
    rejected += bad
    return rows, form


def _recognised(formats: Sequence[Format], key: AssociationKey) -> str:
    """Say what the files were read as, and how their rows were matched."""
    estimates, truths = map(describe_format, formats)
    same = 'both' if estimates == truths else 'the poses'
    other = '' if estimates == truths else f'; the truth as {truths}'
    return f'{same} read as {estimates}{other}; matched by {key.value}'


def associate_files(files: PoseFiles) -> tuple[list[FrameResult], dict[str, Any]]:
    """
    Associate estimates with truths.

    :returns: one result a frame, and the report's description of the data.
    :raises InputError: naming file and line when more than a tenth of the rows are bad; when
        nothing can be associated.
    """
    rejected: list[str] = []
    estimates, form = _read_good(files.estimates, files.estimates_format, rejected, normalise=True)
    truths, truths_form = _read_good(files.truths, files.truths_format, rejected)
    key = files.key or choose_key(estimates, truths)
    _check_key(key, estimates, truths, files)
    frames = ASSOCIATORS[key](estimates, truths, files)
    if not frames:
        raise InputError(f'{files.estimates}: expected poses at times of {files.truths}. '
                         f'Received: {len(estimates)} poses, none with a truth')
    data = {'name': files.truths.name, 'kind': 'poses', 'poses': files.estimates.name,
            'format': form.value, 'truth_format': truths_form.value, 'match': key.value,
            'stamps': 'recorded' if key in BY_STAMP else 'rows',
            'without_truth': max(len(estimates) - len(frames), 0),
            'read_as': _recognised((form, truths_form), key), **describe_rejected(rejected)}
    return frames, data


def read_train_poses(files: PoseFiles) -> TrainIndex | None:
    """Read the training poses, without descriptors; None where no file is given."""
    if files.train is None:
        return None
    rows = [row for row in _read_good(files.train, files.truths_format, [])[0] if row.pose]
    poses = [row.pose for row in rows if row.pose]
    return TrainIndex(tuple(row.name for row in rows), positions(poses), quaternions(poses),
                      np.zeros((len(rows), 0), np.float16))
