"""Find pairs of images that match but whose poses contradict the matches."""

from __future__ import annotations

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.geometry.pose import Pose
from posenet_ros.training.data.epipolar import essential_matrix, sampson_distances
from posenet_ros.training.sfm.correspondences.features import FeatureFiles
from posenet_ros.training.sfm.correspondences.matching import REFERENCE_WIDTH, VerifiedPairs
from posenet_ros.training.sfm.reconstruction import Component, ConflictingPair

MAX_ERROR_PX = 8.0  # of images 640 wide: median distance to the epipolar lines, twice an inlier's
MIN_MATCHES = 30  # fewer agree by chance


def epipolar_errors(second_from_first: Pose, first: Floats, second: Floats) -> Floats:
    """
    Return the Sampson distances of matches.

    :param first: (M, 2) normalised image coordinates; `second` the same in the other image.
    :returns: (M,) in focal lengths.
    """
    step = second_from_first.translation_m
    essential = essential_matrix(
        second_from_first.rotation, step / max(float(np.linalg.norm(step)), 1e-12))
    return sampson_distances(first, second, essential)


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
