"""Landmarks from features: which images see the same spot, and where their rays meet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.features import Features
from posenet_ros.landmarks.matching import match, unit_rows
from posenet_ros.training.data.view_pairs import helpers, Walked

RATIO = 0.8
SMALLEST_ANGLE_DEG = 1.6  # between two rays, or their meeting is vague
TOLERANCE = 0.007  # of a ray


def meeting_points(centres_m: Floats, directions: Floats, used: NDArray[np.bool_]) -> Floats:
    """
    Return the points that are nearest to several rays, in the sense of least squares.

    :param centres_m: (K, 3) of the cameras.
    :param directions: (N, K, 3) of length 1.
    :param used: (N, K) which rays count.
    :returns: (N, 3), NaN where the rays are too parallel.
    """
    across = np.eye(3) - directions[..., :, np.newaxis] * directions[..., np.newaxis, :]
    across = across * used[..., np.newaxis, np.newaxis]
    total = across.sum(axis=1)
    right = np.einsum('nkij,kj->ni', across, centres_m)
    # two rays at the angle a: the smallest eigenvalue is 1 - cos a
    steep = np.linalg.eigvalsh(total)[:, 0] > 1 - np.cos(np.radians(SMALLEST_ANGLE_DEG))
    points = np.full((len(used), 3), np.nan)
    points[steep] = np.linalg.solve(total[steep], right[steep][..., np.newaxis])[..., 0]
    return points


def agreeing(points_m: Floats, cameras: Sequence[Pose], rays: Floats) -> NDArray[np.bool_]:
    """
    Return which cameras see a point where they should.

    :param points_m: (N, 3).
    :param rays: (N, K, 2) where the cameras see it; NaN where they do not.
    :returns: (N, K).
    """
    errors = np.full(rays.shape[:2], np.inf)
    for k, camera in enumerate(cameras):
        seen = (points_m - camera.translation_m) @ camera.rotation
        front = seen[:, 2] > 0
        errors[front, k] = np.linalg.norm(
            seen[front, :2] / seen[front, 2:] - rays[front, k], axis=1)
    return np.asarray(np.nan_to_num(errors, nan=np.inf) < TOLERANCE)


def triangulate(cameras: Sequence[Pose], rays: Floats) -> Floats:
    """
    Return where the rays of several cameras meet.

    The point of the first camera and one other that most cameras agree with, then that of all
    which agree.

    :param cameras: K poses.
    :param rays: (N, K, 2) where they see each of N spots; NaN where they do not. The first does.
    :returns: (N, 3), NaN where they do not meet.
    """
    ahead = np.concatenate([rays, np.ones((*rays.shape[:2], 1))], axis=2)
    ahead /= np.linalg.norm(ahead, axis=2, keepdims=True)
    directions = np.stack([ahead[:, k] @ camera.rotation.T for k, camera in enumerate(cameras)],
                          axis=1)
    known = np.isfinite(directions).all(axis=2)
    directions = np.nan_to_num(directions)
    centres_m = np.array([camera.translation_m for camera in cameras])
    best = np.zeros(rays.shape[:2], bool)
    for other in range(1, len(cameras)):
        pair = np.zeros_like(best)
        pair[:, [0, other]] = known[:, [other]]
        fits = agreeing(meeting_points(centres_m, directions, pair), cameras, rays)
        better = fits[:, 0] & (fits.sum(axis=1) > np.maximum(best.sum(axis=1), 1))
        best[better] = fits[better]
    return meeting_points(centres_m, directions, best)


def landmarks_of(index: int, features: Sequence[Features], cameras: Walked,
                 hidden: int | None = None,
                 ) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """
    Return the landmarks that an image sees: (N, 3) metres and their descriptors.

    :param hidden: an image that must not help to place them.
    """
    own = features[index]
    others = [i for i in helpers(index, cameras) if i != hidden]
    rays = np.full((len(own.rays), 1 + len(others), 2), np.nan)
    rays[:, 0] = own.rays
    ours = unit_rows(own.descriptors)
    for k, other in enumerate(others, 1):
        mine, its = match(ours, unit_rows(features[other].descriptors), RATIO)
        rays[mine, k] = features[other].rays[its]
    points = triangulate([cameras.poses[i] for i in (index, *others)], rays)
    met = np.isfinite(points).all(axis=1)
    return points[met].astype(np.float32), own.descriptors[met]
