"""Predict the pose of a camera by odometry, or at the velocity of its last poses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from posenet_ros.geometry.pose import Pose

VELOCITY_WINDOW_NS = 1_000_000_000  # single estimates are too noisy to take a velocity from two


class TimedPose(NamedTuple):
    """A pose at a time, with the odometry of that time."""

    stamp_ns: int
    map_from_camera: Pose
    odom_from_camera: Pose | None


def predict_pose(past: Sequence[TimedPose], timed_pose: TimedPose) -> Pose:
    """
    Predict the pose at the time of `timed_pose` from the past poses.

    By odometry where both have it; else at the mean velocity of `past`, for as long as that was
    observed and no longer, and without turning.
    """
    last = past[-1]
    if last.odom_from_camera and timed_pose.odom_from_camera:
        return (last.map_from_camera @ last.odom_from_camera.inverse()
                @ timed_pose.odom_from_camera)
    first = past[0]
    observed_ns = last.stamp_ns - first.stamp_ns
    if observed_ns <= 0:
        return last.map_from_camera
    ratio = min((timed_pose.stamp_ns - last.stamp_ns) / observed_ns, 1.0)
    moved = last.map_from_camera.translation_m - first.map_from_camera.translation_m
    return Pose(last.map_from_camera.translation_m + ratio * moved,
                last.map_from_camera.quat_xyzw)
