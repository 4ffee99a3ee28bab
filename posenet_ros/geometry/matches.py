"""2D-3D matches: spots of an image that were recognised as landmarks of the map."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.pose import Pose


@dataclass(frozen=True, eq=False)
class LandmarkMatches:
    """
    2D-3D matches of an image with landmarks, of which the inliers agree with its pose.

    :param points_m: (N, 3) the landmarks in the map, metres.
    :param points_normalized: (N, 2) where the image shows them, normalised image coordinates:
        x / z and y / z in the camera's optical frame, undistorted.
    :param views: (N,) index of the training image that each landmark's descriptor is of.
    :param inlier: (N,) True where the match is an inlier of the pose.
    """

    points_m: Floats
    points_normalized: Floats
    views: NDArray[np.intp]
    inlier: NDArray[np.bool_]

    def __len__(self) -> int:
        """Return N."""
        return len(self.points_m)

    def pixels(self, camera: Camera) -> Floats:
        """
        Return where the image shows the landmarks.

        :param camera: of the image, at the size that it is shown in.
        :returns: (N, 2) pixels, distortion applied.
        """
        return camera.project(np.column_stack([self.points_normalized, np.ones(len(self))]))

    def inlier_keypoints(self) -> int:
        """Return the number of distinct keypoints among the inliers: several views know each."""
        return len(np.unique(self.points_normalized[self.inlier], axis=0))

    def select(self, chosen: NDArray[np.bool_]) -> LandmarkMatches:
        """Return some of the matches, (N,) True for those to keep."""
        return LandmarkMatches(self.points_m[chosen], self.points_normalized[chosen],
                               self.views[chosen], self.inlier[chosen])

    def moved(self, target_from_map: Pose) -> LandmarkMatches:
        """Return the matches with their landmarks in another frame."""
        return replace(self, points_m=target_from_map.apply(self.points_m))
