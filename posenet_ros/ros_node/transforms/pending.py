"""An estimate on its way to be a transform."""

from __future__ import annotations

from typing import NamedTuple

from posenet_ros.geometry.estimate import PoseEstimate


class PendingEstimate(NamedTuple):
    """
    An accepted estimate that waits for a transform.

    :param stamp_ns: time of its image, nanoseconds.
    :param until_s: how long it waits, on the monotonic clock.
    """

    estimate: PoseEstimate
    camera_frame: str
    stamp_ns: int
    until_s: float
