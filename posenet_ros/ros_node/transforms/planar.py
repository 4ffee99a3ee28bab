"""The pose of a robot that drives on the floor z = 0 of the map (`planar`)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.geometry.estimate import PoseEstimate
from posenet_ros.geometry.pose import Pose

IN_PLANE = [0, 1, 5]  # x, y, yaw of a covariance
MIN_VARIANCE = 1e-6  # m^2, rad^2: filters invert the covariance, so it must not be singular


def planar_pose(map_from_base: Pose) -> Pose:
    """
    Set z, roll and pitch to 0.

    The yaw is that of tf2's getYaw, atan2(R[1,0], R[0,0]): where the base's x axis points.
    """
    rotation = map_from_base.rotation
    half_rad = np.arctan2(rotation[1, 0], rotation[0, 0]) / 2
    x, y, _ = map_from_base.translation_m
    return Pose(np.array([x, y, 0.0]), np.array([0.0, 0.0, np.sin(half_rad), np.cos(half_rad)]))


def planar_covariance(covariance: Floats) -> Floats:
    """
    Keep the part (6, 6) of x, y and yaw; no variance is smaller than `MIN_VARIANCE`.

    :param covariance: (6, 6) of the base, as a PoseEstimate has it.
    """
    planar = np.zeros((6, 6))
    block = np.ix_(IN_PLANE, IN_PLANE)
    planar[block] = covariance[block]
    np.fill_diagonal(planar, np.maximum(planar.diagonal(), MIN_VARIANCE))
    return planar


def planar_estimate(estimate: PoseEstimate) -> PoseEstimate:
    """Make the estimate of the base planar; its `map_from_camera` is map_from_base."""
    return replace(estimate, map_from_camera=planar_pose(estimate.map_from_camera),
                   covariance=planar_covariance(estimate.covariance))
