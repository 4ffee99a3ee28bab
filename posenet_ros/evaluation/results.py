"""The result of each frame, and its errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.evaluation.metrics.pose_errors import rotation_errors_deg, translation_errors_m
from posenet_ros.geometry.pose import Pose
from posenet_ros.imaging.quality import ImageFault
from posenet_ros.localisation.gate import Verdict

Errors: TypeAlias = 'tuple[Floats, Floats]'  # metres, degrees


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
    :param image: (H, W, 3) RGB, the network's input; kept of the worst frames only.
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
    image: NDArray[np.uint8] | None = None
    place_score: float | None = None
    fault: ImageFault | None = None
    landmarks: int = 0

    @property
    def accepted(self) -> bool:
        """Whether there is an estimate that no gate rejected."""
        return self.estimate is not None and self.verdict in (None, Verdict.ACCEPTED)

    @property
    def outcome(self) -> str:
        """The gate's verdict as a word, or `dropped` for a frame without an estimate."""
        if self.estimate is None:
            return 'dropped'
        return (self.verdict or Verdict.ACCEPTED).value


def positions(poses: Sequence[Pose]) -> Floats:
    """Stack the positions, (N, 3) metres."""
    return np.array([pose.translation_m for pose in poses]).reshape(-1, 3)


def quaternions(poses: Sequence[Pose]) -> Floats:
    """Stack the quaternions, (N, 4) xyzw."""
    return np.array([pose.quat_xyzw for pose in poses]).reshape(-1, 4)


def raw_errors(frames: Sequence[FrameResult]) -> Errors:
    """Compute the errors of all estimates, metres and degrees; infinite where there is none."""
    index = [i for i, frame in enumerate(frames) if frame.estimate is not None]
    estimates = [f.estimate for f in frames if f.estimate is not None]
    truths = [frames[i].truth for i in index]
    metres, degrees = np.full((2, len(frames)), np.inf)
    metres[index] = translation_errors_m(positions(estimates), positions(truths))
    degrees[index] = rotation_errors_deg(quaternions(estimates), quaternions(truths))
    return metres, degrees


def frame_errors(frames: Sequence[FrameResult]) -> Errors:
    """Compute the errors of accepted estimates, metres and degrees; infinite elsewhere."""
    rejected = np.array([not frame.accepted for frame in frames], dtype=bool)
    metres, degrees = raw_errors(frames)
    return np.where(rejected, np.inf, metres), np.where(rejected, np.inf, degrees)
