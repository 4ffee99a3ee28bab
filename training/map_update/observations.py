"""Which landmarks of a map a posed image sees: expected by its neighbours, matched by its own."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.features import Features
from posenet_ros.landmarks.landmark_map import LandmarkMap
from posenet_ros.landmarks.matching import match_near, unit_rows
from posenet_ros.landmarks.retrieval.view_index import ViewIndex
from posenet_ros.training.map_update.options import JoinOptions

Indices = NDArray[np.intp]


class Observed(NamedTuple):
    """
    What an image sees of a map.

    :param expected: (E,) landmarks that views near it see, and that it should.
    :param landmarks: (K,) that it sees, and `keypoints` (K,) its features there.
    """

    expected: Indices
    landmarks: Indices
    keypoints: Indices


def half_extent(camera: Camera) -> Floats:
    """Return the half width and height of an image, normalised image coordinates."""
    size = np.array([camera.width, camera.height], np.float64)
    return np.asarray(size / 2 / (camera.fx, camera.fy), np.float64)


def project(points_m: Floats, pose: Pose) -> tuple[Floats, NDArray[np.bool_]]:
    """
    Project points (N, 3).

    :returns: (N, 2) normalised image coordinates, and whether they are in front of the camera.
    """
    in_camera = (points_m - pose.translation_m) @ pose.rotation
    front = in_camera[:, 2] > 1e-9
    depths = np.where(front, in_camera[:, 2], 1.0)
    return in_camera[:, :2] / depths[:, np.newaxis], front


def expected_landmarks(landmark_map: LandmarkMap, index: ViewIndex, pose: Pose, extent: Floats,
                       options: JoinOptions, exclude: tuple[int, ...] = ()) -> Indices:
    """
    Return the landmarks that an image should see: views near it do, and they are in its frame.

    :param extent: (2,) see :func:`half_extent`.
    :param exclude: views that do not count.
    """
    near = index.by_pose(pose, options.views, exclude)
    landmarks = landmark_map.landmarks_of(near).astype(np.intp)
    points, front = project(landmark_map.points_m[landmarks].astype(np.float64), pose)
    return np.asarray(landmarks[front & (np.abs(points) < extent).all(axis=1)], np.intp)


def observe_landmarks(landmark_map: LandmarkMap, index: ViewIndex, pose: Pose,
                      features: Features, extent: Floats, options: JoinOptions) -> Observed:
    """
    Find the landmarks that a posed image sees: a similar keypoint is where each is projected.

    :param index: of the map.
    :param extent: (2,) see :func:`half_extent`.
    """
    expected = expected_landmarks(landmark_map, index, pose, extent, options)
    points, _ = project(landmark_map.points_m[expected].astype(np.float64), pose)
    keypoints, found = match_near(
        features.points_normalized, points, unit_rows(features.descriptors),
        unit_rows(landmark_map.descriptors[expected]), options.max_error, options.min_cosine)
    return Observed(expected, expected[found], keypoints)
