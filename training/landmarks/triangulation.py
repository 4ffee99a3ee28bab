"""Triangulate landmarks from features that several views match."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.features import Features
from posenet_ros.landmarks.matching import match_mutual, unit_rows
from posenet_ros.training.data.view_pairs import matching_views, ViewSet

RATIO = 0.8  # of the nearest descriptor distance to the second (Lowe 2004)
MIN_ANGLE_DEG = 1.6  # triangulation angle between two rays
MAX_REPROJECTION_ERROR = 0.007  # in normalised image coordinates


def intersect_rays(centres_m: Floats, directions: Floats, used: NDArray[np.bool_]) -> Floats:
    """
    Intersect rays in the least-squares sense: the point nearest to all of them.

    :param centres_m: (K, 3) camera centres, metres in the map.
    :param directions: (N, K, 3) unit vectors in the map.
    :param used: (N, K) mask of the rays.
    :returns: (N, 3) metres in the map, NaN below MIN_ANGLE_DEG.
    """
    across = np.eye(3) - directions[..., :, np.newaxis] * directions[..., np.newaxis, :]
    across = across * used[..., np.newaxis, np.newaxis]
    total = across.sum(axis=1)
    right = np.einsum('nkij,kj->ni', across, centres_m)
    # two rays at the angle a: the smallest eigenvalue is 1 - cos a
    steep = np.linalg.eigvalsh(total)[:, 0] > 1 - np.cos(np.radians(MIN_ANGLE_DEG))
    points = np.full((len(used), 3), np.nan)
    points[steep] = np.linalg.solve(total[steep], right[steep][..., np.newaxis])[..., 0]
    return points


def reprojection_inliers(points_m: Floats, cameras: Sequence[Pose],
                         points_normalized: Floats) -> NDArray[np.bool_]:
    """
    Return the inliers: observations within MAX_REPROJECTION_ERROR of the projected point.

    :param points_m: (N, 3) in the map.
    :param cameras: K poses map_from_camera.
    :param points_normalized: (N, K, 2) observations, normalised image coordinates; NaN for none.
    :returns: (N, K) mask.
    """
    errors = np.full(points_normalized.shape[:2], np.inf)
    for k, camera in enumerate(cameras):
        seen = (points_m - camera.translation_m) @ camera.rotation
        front = seen[:, 2] > 0
        errors[front, k] = np.linalg.norm(
            seen[front, :2] / seen[front, 2:] - points_normalized[front, k], axis=1)
    return np.asarray(np.nan_to_num(errors, nan=np.inf) < MAX_REPROJECTION_ERROR)


def triangulate(cameras: Sequence[Pose], points_normalized: Floats) -> Floats:
    """
    Triangulate points from their observations by several cameras.

    The pair of the first camera and another with most inliers is chosen, then the point is
    triangulated from all inliers.

    :param cameras: K poses map_from_camera.
    :param points_normalized: (N, K, 2) observations, normalised image coordinates; NaN for none.
        The first camera observes all points.
    :returns: (N, 3) metres in the map, NaN without another inlier.
    """
    shape = points_normalized.shape[:2]
    rays = np.concatenate([points_normalized, np.ones((*shape, 1))], axis=2)
    rays /= np.linalg.norm(rays, axis=2, keepdims=True)
    directions = np.stack([rays[:, k] @ camera.rotation.T for k, camera in enumerate(cameras)],
                          axis=1)
    known = np.asarray(np.isfinite(directions).all(axis=2))
    directions = np.nan_to_num(directions)
    centres_m = np.array([camera.translation_m for camera in cameras])
    best = np.zeros(shape, bool)
    for other in range(1, len(cameras)):
        pair = np.zeros_like(best)
        pair[:, [0, other]] = known[:, [other]]
        inliers = reprojection_inliers(intersect_rays(centres_m, directions, pair), cameras,
                                       points_normalized)
        better = inliers[:, 0] & (inliers.sum(axis=1) > np.maximum(best.sum(axis=1), 1))
        best[better] = inliers[better]
    return intersect_rays(centres_m, directions, best)


def triangulate_view(index: int, features: Sequence[Features], cameras: ViewSet,
                     hidden: int | None = None,
                     ) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """
    Triangulate the landmarks of one view: (N, 3) metres in the map, and their descriptors.

    :param hidden: index of a view that is left out.
    """
    own = features[index]
    others = [i for i in matching_views(index, cameras) if i != hidden]
    observed = np.full((len(own.points_normalized), 1 + len(others), 2), np.nan)
    observed[:, 0] = own.points_normalized
    ours = unit_rows(own.descriptors)
    for k, other in enumerate(others, 1):
        mine, its = match_mutual(ours, unit_rows(features[other].descriptors), RATIO)
        observed[mine, k] = features[other].points_normalized[its]
    points = triangulate([cameras.poses[i] for i in (index, *others)], observed)
    valid = np.isfinite(points).all(axis=1)
    return points[valid].astype(np.float32), own.descriptors[valid]
