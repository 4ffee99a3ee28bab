"""Find pairs of images that match but whose poses contradict the matches."""

from __future__ import annotations

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.geometry.pose import Pose
from posenet_ros.training.sfm.correspondences.features import FeatureFiles
from posenet_ros.training.sfm.correspondences.matching import REFERENCE_WIDTH, VerifiedPairs
from posenet_ros.training.sfm.reconstruction import Component, ConflictingPair

MAX_ERROR_PX = 8.0  # of images 640 wide: median distance to the epipolar lines, twice an inlier's
MIN_MATCHES = 30  # fewer agree by chance


def epipolar_errors(second_from_first: Pose, first: Floats, second: Floats) -> Floats:
    """
    Return the Sampson distances of matches (Hartley and Zisserman, eq. 11.9).

    :param first: (M, 2) normalised image coordinates; `second` the same in the other image.
    :returns: (M,) in focal lengths.
    """
    x, y, z = second_from_first.translation_m / max(
        float(np.linalg.norm(second_from_first.translation_m)), 1e-12)
    essential = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]]) @ second_from_first.rotation
    a, b = (np.column_stack([points, np.ones(len(points))]) for points in (first, second))
    line_b, line_a = a @ essential.T, b @ essential
    norms = np.sqrt((line_b[:, :2] ** 2).sum(axis=1) + (line_a[:, :2] ** 2).sum(axis=1))
    return np.asarray(np.abs((b * line_b).sum(axis=1)) / np.maximum(norms, 1e-12))


def find_conflicts(component: Component, verified: VerifiedPairs, features: FeatureFiles,
                   names: tuple[str, ...]) -> tuple[tuple[ConflictingPair, ...], int]:
    """
    Find the verified pairs that contradict the poses of a component.

    :param names: of all images, by their index.
    :returns: the pairs, that with the most matches first, and the number of pairs looked at.
    """
    poses = dict(zip(component.names, component.map_from_camera, strict=True))
    camera = component.camera
    limit = MAX_ERROR_PX * camera.width / REFERENCE_WIDTH / camera.fx
    rays = {i: camera.undistort_points(features.keypoints(i).astype(np.float64))
            for i, name in enumerate(names) if name in poses}
    found, count = [], 0
    for (i, j), matches in zip(verified.pairs.tolist(), verified.inliers, strict=True):
        if i not in rays or j not in rays:
            continue
        count += 1
        relative = poses[names[j]].inverse() @ poses[names[i]]
        errors = epipolar_errors(relative, rays[i][matches[:, 0]], rays[j][matches[:, 1]])
        if len(matches) >= MIN_MATCHES and np.nanmedian(errors) > limit:
            found.append(ConflictingPair(names[i], names[j], len(matches)))
    return tuple(sorted(found, key=lambda pair: -pair.matches)), count
