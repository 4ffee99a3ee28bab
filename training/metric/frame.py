"""The frame of a map: an existing one by common poses, or upright with the first image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.geometry.lie import mean_quaternion, quat_product
from posenet_ros.geometry.pose import Pose
from posenet_ros.geometry.similarity import Similarity
from posenet_ros.training.data.datasets import Dataset
from posenet_ros.training.data.walk import Walk
from posenet_ros.training.metric.options import DEFAULT_SCALE, ScaleOptions
from posenet_ros.training.metric.results import FrameAlignment, UpEstimate
from posenet_ros.training.metric.robust import flatness, robust_umeyama
from posenet_ros.training.metric.sources.known import common_poses

ON_A_LINE = 'the common cameras stand on a line: the roll about it is that of their orientations'
LEVEL = 0.1  # horizontal part of a unit vector, below which it has no heading


def move_dataset(dataset: Dataset, target_from_dataset: Similarity) -> Dataset:
    """Return the dataset with its poses in another frame, of another scale."""
    return replace(dataset, samples=tuple(
        replace(s, map_from_camera=target_from_dataset.apply_to_pose(s.map_from_camera))
        for s in dataset.samples))


def align_with_frame(
        dataset: Dataset, walks: Sequence[Walk], file: Path, *, rigid: bool = False,
        options: ScaleOptions = DEFAULT_SCALE) -> FrameAlignment:
    """
    Align a reconstruction with an existing frame, by poses of the same images in it.

    :param file: poses of images in that frame, see :func:`common_poses`.
    :param rigid: keep the scale, which is known.
    :raises InputError: when fewer than two images are common.
    """
    pairs = common_poses(dataset, walks, file, options)
    source, target = (np.array([pose.translation_m for pose in side])
                      for side in zip(*pairs, strict=True))
    found, _ = robust_umeyama(source, target, with_scale=not rigid)
    note = ''
    if flatness(source)[0] < options.min_flatness:
        found, note = _by_orientations(pairs, source, target, found.scale), ON_A_LINE
    distances = np.linalg.norm(found.apply(source) - target, axis=1)
    limit = 3 * max(float(np.median(distances)) * 1.2, 1e-9)  # of a 3D normal's length
    inside = distances <= limit
    rmse_m = float(np.sqrt(np.mean(distances[inside] ** 2)))
    spread_m = found.scale * float(np.sqrt(np.sum((source - source.mean(0)) ** 2)))
    sigma = max(rmse_m / 3 ** 0.5, options.position_sigma_m) / spread_m
    return FrameAlignment(found, rmse_m, len(pairs), int((~inside).sum()), sigma, note)


def _by_orientations(pairs: Sequence[tuple[Pose, Pose]], source: Floats, target: Floats,
                     scale: float) -> Similarity:
    """Return the similarity whose rotation is the mean of those between the common cameras."""
    ours, theirs = (np.array([pose.quat_xyzw for pose in side])
                    for side in zip(*pairs, strict=True))
    quat = mean_quaternion(quat_product(theirs, ours * (-1, -1, -1, 1)))
    turned = Similarity(scale, Pose(np.zeros(3), quat))
    return Similarity(scale, Pose(np.median(target - turned.apply(source), axis=0), quat))


def natural_frame(first: Pose, up: UpEstimate, scale: float = 1.0) -> Similarity:
    """
    Return the frame with z up, its origin at the first image and x where that one looks.

    :param first: reconstruction_from_camera of the first image.
    :param scale: metres per unit.
    :returns: map_from_reconstruction.
    """
    z = up.direction / np.linalg.norm(up.direction)
    rotation = first.rotation
    for axis in (rotation[:, 2], -rotation[:, 1]):  # looking straight down: its upper edge
        ahead = axis - (axis @ z) * z
        if np.linalg.norm(ahead) > LEVEL:
            break
    x = ahead / np.linalg.norm(ahead)
    turned = Similarity(scale, Pose.from_rotation(np.array([x, np.cross(z, x), z])))
    return Similarity(scale, Pose(-turned.apply(first.translation_m), turned.rigid.quat_xyzw))
