"""When two poses are of one place."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from posenet_ros.geometry.lie import so3_log
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.options import DecisionOptions
from posenet_ros.landmarks.pnp.matrix_pose import MatrixPose

AnyPose = Pose | MatrixPose


class PlaceRadius(NamedTuple):
    """Within which two poses are of one place: a distance, metres, and an angle, degrees."""

    distance_m: float
    angle_deg: float

    @classmethod
    def of_map(cls, metric: bool, median_depth_m: float,
               options: DecisionOptions) -> PlaceRadius:
        """
        Return the radius in a map.

        :param metric: False: the scale is not known, the distance is a part of the median depth.
        """
        distance_m = options.same_distance_m if metric else (
            options.same_distance * median_depth_m)
        return cls(distance_m, options.same_angle_deg)

    def same(self, one: AnyPose, other: AnyPose) -> bool:
        """Whether two poses are of one place."""
        return (distance_m(one, other) <= self.distance_m
                and angle_deg(one, other) <= self.angle_deg)


def distance_m(one: AnyPose, other: AnyPose) -> float:
    """Return the distance of two poses, metres."""
    return float(np.linalg.norm(one.translation_m - other.translation_m))


def angle_deg(one: AnyPose, other: AnyPose) -> float:
    """Return the angle between two orientations, degrees."""
    return float(np.degrees(np.linalg.norm(so3_log(one.rotation.T @ other.rotation))))
