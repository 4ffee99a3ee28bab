"""The result of each frame, and all of them as a table of arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats, RgbImage
from posenet_ros.evaluation.metrics.coverage import pose_differences
from posenet_ros.evaluation.metrics.pose_errors import (
    ByUnit,
    Errors,
    rotation_errors_deg,
    translation_errors_m,
)
from posenet_ros.geometry.pose import Pose
from posenet_ros.imaging.quality import ImageFault
from posenet_ros.localisation.gate import Verdict

UNKNOWN_COVARIANCE = np.full((6, 6), np.nan)


@dataclass(frozen=True, eq=False)
class FrameResult:
    """
    One image's estimated and true pose.

    :param name: the image's name, or its number in a bag.
    :param stamp_ns: when it was taken, nanoseconds.
    :param truth: map_from_camera.
    :param estimate: map_from_camera; None when there is none, or it is no valid pose.
    :param covariance: (6, 6) of the estimate, None when unknown.
    :param place_score: as of a PoseEstimate: above 1 the image is out of place; None when
        unknown.
    :param verdict: the gate's verdict; None without a gate.
    :param reasons: why there is no estimate, or why the gate did not accept it.
    :param sequence: the part of the recording that it belongs to.
    :param latency_ms: duration of each stage, milliseconds.
    :param nearest_image: index of the most similar training image, None when not computed.
    :param recorded_ns: when the bag recorded the image; 0 when unknown.
    :param fault: the fault of the image, whether or not the gate rejects it.
    :param landmarks: as of a PoseEstimate: the number of inliers; 0 for the network's estimate.
    :param ambiguous: as of a PoseEstimate: the poses that the image cannot tell apart.
    """

    name: str
    stamp_ns: int
    truth: Pose
    estimate: Pose | None = None
    covariance: Floats | None = None
    verdict: Verdict | None = None
    reasons: tuple[str, ...] = ()
    sequence: str = ''
    latency_ms: Mapping[str, float] = field(default_factory=dict)
    nearest_image: int | None = None
    recorded_ns: int = 0
    place_score: float | None = None
    fault: ImageFault | None = None
    landmarks: int = 0
    ambiguous: tuple[Pose, ...] = ()

    @property
    def accepted(self) -> bool:
        """Whether there is an estimate that no gate rejected."""
        return self.estimate is not None and self.verdict in (None, Verdict.ACCEPTED)

    @property
    def error_m(self) -> float:
        """Return the distance of the estimate to the truth, metres; -1 without an estimate."""
        if self.estimate is None:
            return -1.0
        return float(np.linalg.norm(self.estimate.translation_m - self.truth.translation_m))

    @property
    def outcome(self) -> str:
        """Return the gate's verdict as a word, or `dropped` for a frame without an estimate."""
        if self.estimate is None:
            return 'dropped'
        return (self.verdict or Verdict.ACCEPTED).value


@dataclass(frozen=True, eq=False)
class WorstFrame:
    """
    A frame with a large error or without an estimate, to be looked at.

    :param picture: (H, W, 3) RGB: its image, beside the nearest training image where there is
        one; None when neither can be shown.
    :param caption: what the picture shows.
    """

    frame: FrameResult
    picture: RgbImage | None = None
    caption: str = ''


def positions(poses: Sequence[Pose]) -> Floats:
    """Stack the positions, (N, 3) metres."""
    return np.array([pose.translation_m for pose in poses]).reshape(-1, 3)


def quaternions(poses: Sequence[Pose]) -> Floats:
    """Stack the quaternions, (N, 4) xyzw."""
    return np.array([pose.quat_xyzw for pose in poses]).reshape(-1, 4)


def _stack_poses(poses: Sequence[Pose]) -> tuple[Floats, Floats]:
    return positions(poses), quaternions(poses)


def _stack_covariances(frames: Sequence[FrameResult]) -> Floats:
    return np.array([UNKNOWN_COVARIANCE if frame.covariance is None else frame.covariance
                     for frame in frames]).reshape(-1, 6, 6)


@dataclass(frozen=True, eq=False)
class FrameTable:
    """
    The results of frames as arrays of one row a frame.

    Positions are in metres in the map's frame; estimates and covariances are NaN where there are
    none.

    :param frames: the results themselves.
    :param truths_m: (N, 3).
    :param truths_xyzw: (N, 4).
    :param estimates_m: (N, 3).
    :param estimates_xyzw: (N, 4).
    :param covariances: (N, 6, 6).
    :param errors: of all estimates, accepted or not; infinite where there is none.
    :param estimated: (N,) whether there is an estimate.
    :param accepted: (N,) whether there is an estimate that no gate rejected.
    :param with_covariance: (N,) whether the estimate has a covariance.
    """

    frames: Sequence[FrameResult]
    truths_m: Floats
    truths_xyzw: Floats
    estimates_m: Floats
    estimates_xyzw: Floats
    covariances: Floats
    errors: Errors
    estimated: NDArray[np.bool_]
    accepted: NDArray[np.bool_]
    with_covariance: NDArray[np.bool_]

    @classmethod
    def from_frames(cls, frames: Sequence[FrameResult]) -> FrameTable:
        """Stack the results, and compute their errors."""
        estimated = np.array([frame.estimate is not None for frame in frames], dtype=bool)
        poses = [frame.estimate for frame in frames if frame.estimate is not None]
        truths_m, truths_xyzw = _stack_poses([frame.truth for frame in frames])
        estimates_m, estimates_xyzw = np.full((len(frames), 3), np.nan), np.full(
            (len(frames), 4), np.nan)
        estimates_m[estimated], estimates_xyzw[estimated] = _stack_poses(poses)
        metres, degrees = np.full((2, len(frames)), np.inf)
        metres[estimated] = translation_errors_m(estimates_m[estimated], truths_m[estimated])
        degrees[estimated] = rotation_errors_deg(
            estimates_xyzw[estimated], truths_xyzw[estimated])
        return cls(
            tuple(frames), truths_m, truths_xyzw, estimates_m, estimates_xyzw,
            _stack_covariances(frames), ByUnit(metres, degrees), estimated,
            np.array([frame.accepted for frame in frames], dtype=bool),
            np.array([frame.covariance is not None for frame in frames], dtype=bool))

    def __len__(self) -> int:
        return len(self.frames)

    @cached_property
    def accepted_errors(self) -> Errors:
        """Return the errors of accepted estimates, infinite elsewhere."""
        metres, degrees = (np.where(self.accepted, values, np.inf) for values in self.errors)
        return ByUnit(metres, degrees)

    @cached_property
    def differences(self) -> Floats:
        """Return the (N, 6) differences of estimates and truths, ordered as the covariance."""
        return pose_differences(
            self.estimates_m, self.estimates_xyzw, self.truths_m, self.truths_xyzw)

    @cached_property
    def sigmas(self) -> ByUnit[Floats]:
        """Return the predicted standard deviations, roots of the traces; NaN where unknown."""
        variances = np.diagonal(self.covariances, axis1=1, axis2=2).reshape(-1, 2, 3).sum(axis=2)
        metres, radians = np.sqrt(variances).T
        return ByUnit(metres, np.degrees(radians))

    @cached_property
    def place_scores(self) -> Floats:
        """Return the place scores of the frames that have one, (M,)."""
        return np.array([frame.place_score for frame in self.frames
                         if frame.place_score is not None])

    def select(self, rows: Sequence[int] | NDArray[Any]) -> FrameTable:
        """
        Select frames.

        :param rows: indices of the frames, or a mask, (N,).
        """
        index = np.arange(len(self))[np.asarray(rows)]
        arrays = {f.name: getattr(self, f.name)[index] for f in fields(self)
                  if f.name not in ('frames', 'errors')}
        metres, degrees = (values[index] for values in self.errors)
        return replace(self, frames=tuple(self.frames[i] for i in index),
                       errors=ByUnit(metres, degrees), **arrays)

    def by_sequence(self) -> dict[str, FrameTable]:
        """Split the frames by sequence, in the order of their first frames."""
        rows: dict[str, list[int]] = {}
        for i, frame in enumerate(self.frames):
            rows.setdefault(frame.sequence, []).append(i)
        return {sequence: self.select(index) for sequence, index in rows.items()}
