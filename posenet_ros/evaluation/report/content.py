"""Compute the report from the results of the frames, whichever method estimated the poses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
import platform
from typing import Any

import numpy as np
from posenet_ros import __version__
from posenet_ros.arrays import Floats
from posenet_ros.errors import InputError
from posenet_ros.evaluation.baselines import (
    constant_pose,
    errors_of_training_poses,
    nearest_positions,
)
from posenet_ros.evaluation.correlations import correlations
from posenet_ros.evaluation.metrics.coverage import calibration
from posenet_ros.evaluation.metrics.pose_errors import (
    ErrorStatistics,
    recall,
    rotation_errors_deg,
    translation_errors_m,
)
from posenet_ros.evaluation.metrics.resampling import median_interval
from posenet_ros.evaluation.reliability import FALSE_POSE_M, reliability
from posenet_ros.evaluation.results import (
    Errors,
    frame_errors,
    FrameResult,
    positions,
    quaternions,
)
from posenet_ros.inference.artifact import LoadedArtifact
from posenet_ros.inference.train_index import TrainIndex

REPORT_FILE = 'report.json'
BASELINES = ('constant', 'nearest_train_position', 'nearest_train_image')
PACKAGES = ('numpy', 'opencv-python-headless', 'ai-edge-litert', 'tensorflow', 'tensorflow-cpu',
            'keras', 'rosbags')


def finite_error_statistics(errors: Floats) -> dict[str, float] | None:
    """Compute the statistics of the finite errors, None when there are none."""
    finite = errors[np.isfinite(errors)]
    return ErrorStatistics.from_errors(finite).to_mapping() if finite.size else None


def count(frames: Sequence[FrameResult]) -> dict[str, int]:
    """Count the frames: all, with an estimate, with an accepted one, without."""
    estimated = sum(frame.estimate is not None for frame in frames)
    return {'total': len(frames), 'estimated': estimated,
            'accepted': sum(frame.accepted for frame in frames),
            'dropped': len(frames) - estimated}


def error_statistics(frames: Sequence[FrameResult]) -> dict[str, Any]:
    """Compute counts, error statistics and recall of frames."""
    metres, degrees = frame_errors(frames)
    return {'frames': count(frames), 'translation_m': finite_error_statistics(metres),
            'rotation_deg': finite_error_statistics(degrees), 'recall': recall(metres, degrees)}


def baseline_errors(
        frames: Sequence[FrameResult], train: TrainIndex) -> dict[str, Errors | None]:
    """
    Compute the errors of each baseline on all frames, metres and degrees; None where unknown.

    :param train: poses in the same frame as the truth.
    """
    truths = [frame.truth for frame in frames]
    metres, quats = positions(truths), quaternions(truths)
    position, quat = constant_pose(train)
    result: dict[str, Errors | None] = {
        'constant': (
            translation_errors_m(np.broadcast_to(position, metres.shape), metres),
            rotation_errors_deg(np.broadcast_to(quat, quats.shape), quats)),
        'nearest_train_position': errors_of_training_poses(
            train, nearest_positions(train, metres), metres, quats),
        'nearest_train_image': None}
    known = [i for i, frame in enumerate(frames) if frame.nearest_image is not None]
    if known:
        nearest = np.array([frames[i].nearest_image for i in known], dtype=np.intp)
        errors = np.full((2, len(frames)), np.inf)  # a bad image resembles none
        errors[:, known] = errors_of_training_poses(train, nearest, metres[known], quats[known])
        result['nearest_train_image'] = (errors[0], errors[1])
    return result


def _medians(errors: Errors | None) -> dict[str, float] | None:
    if errors is None:
        return None
    metres, degrees = (float(np.median(e[np.isfinite(e)])) for e in errors)
    return {'translation_m': metres, 'rotation_deg': degrees}


def _latencies(frames: Sequence[FrameResult]) -> dict[str, dict[str, float]]:
    """Compute the percentiles of each stage's latency, over the frames that it was timed for."""
    stages: dict[str, list[float]] = {}
    for frame in frames:
        for stage, duration in frame.latency_ms.items():
            stages.setdefault(stage, []).append(duration)
    return {stage: {f'p{q}': float(np.percentile(durations, q)) for q in (50, 95, 99)}
            for stage, durations in stages.items()}


def frame_calibration(frames: Sequence[FrameResult]) -> dict[str, Any] | None:
    """
    Compute the coverage and NEES of the estimates' covariances.

    :returns: as :func:`posenet_ros.evaluation.metrics.coverage.calibration`; None where no
        estimate has a covariance.
    """
    known = [f for f in frames if f.estimate is not None and f.covariance is not None]
    if not known:
        return None
    estimates = [f.estimate for f in known if f.estimate is not None]
    truths = [f.truth for f in known]
    covariances = np.array([f.covariance for f in known])
    return {'frames': len(known), **calibration(
        positions(estimates), quaternions(estimates), positions(truths), quaternions(truths),
        covariances)}


def _by_group(
        frames: Sequence[FrameResult],
        key: Callable[[FrameResult], str]) -> dict[str, list[FrameResult]]:
    groups: dict[str, list[FrameResult]] = {}
    for frame in frames:
        groups.setdefault(key(frame), []).append(frame)
    return groups


def _confidence(frames: Sequence[FrameResult]) -> dict[str, list[float]] | None:
    metres, degrees = (e[np.isfinite(e)] for e in frame_errors(frames))
    if not metres.size:
        return None
    return {'translation_m': median_interval(metres), 'rotation_deg': median_interval(degrees)}


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that took part in the computation."""
    found = {'posenet_ros': __version__, 'python': platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def describe_model(artifact: LoadedArtifact, **more: str | int) -> dict[str, Any]:
    """Describe a model for the report; `more` is for the engine and the like."""
    return {'folder': artifact.folder.name, 'digest': artifact.digest,
            'backbone': artifact.network.backbone, **more,
            'provenance': dict(artifact.provenance)}


def build_report(
        frames: Sequence[FrameResult], train: TrainIndex | None,
        model: Mapping[str, Any], data: Mapping[str, Any],
        out_of_place: Sequence[FrameResult] = (),
        false_pose_m: float = FALSE_POSE_M) -> dict[str, Any]:
    """
    Compute the content of report.json.

    Statistics are over accepted estimates; recall is over all frames, of which those without an
    accepted estimate have an infinite error.

    :param frames: results in the order of recording.
    :param train: training poses in the frame of the truth, for the baselines; None when unknown.
    :param model: the method, as from :func:`describe_model`.
    :param data: the description of the source.
    :param out_of_place: results of images of other places; their truth has no meaning.
    :param false_pose_m: an error beyond it makes a pose a false one, metres.
    :raises InputError: when there are no frames.
    """
    if not frames:
        raise InputError('a report needs at least one frame that has a truth. Received: none')
    baselines = baseline_errors(frames, train) if train else dict.fromkeys(BASELINES)
    sequences = _by_group(frames, lambda frame: frame.sequence)
    return {
        **error_statistics(frames),
        'confidence_95': _confidence(frames),
        'outcomes': {k: len(v) for k, v in _by_group(frames, lambda f: f.outcome).items()},
        'baselines': {name: _medians(errors) for name, errors in baselines.items()},
        'latency_ms': _latencies(frames),
        'calibration': frame_calibration([f for f in frames if f.accepted]),
        **reliability(frames, out_of_place, false_pose_m),
        'relations': correlations(frames, train, timed=data.get('stamps') != 'rows'),
        'sequences': {name: error_statistics(group) for name, group in sequences.items()},
        'model': dict(model),
        'data': {'created': f'{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}', **data},
        'versions': versions(),
    }
