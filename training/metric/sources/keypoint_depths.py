"""Depths of keypoints in units of the reconstruction, by triangulation with a near keyframe."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from posenet_ros.arrays import Floats, RgbImage
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.lie import rotation_angle_rad
from posenet_ros.geometry.pose import Pose
from posenet_ros.imaging.files import read_image
from posenet_ros.landmarks.features import detect, Features
from posenet_ros.landmarks.matching import match_mutual, unit_rows
from posenet_ros.landmarks.options import FeatureOptions
from posenet_ros.training.data.walk import WalkImage
from posenet_ros.training.metric.keyframes import Keyframes
from posenet_ros.training.metric.options import DepthOptions
from posenet_ros.utils.progress import progress

FEATURES = FeatureOptions(width=1280, max_keypoints=1200)  # exact disparities need the full size


@dataclass(frozen=True, eq=False)
class KeypointDepths:
    """
    Keypoints of an image with their depths.

    :param features: all keypoints of the image.
    :param indices: (K,) of those with a depth.
    :param depths: (K,) along the optical axis, units.
    """

    image: WalkImage
    features: Features
    indices: np.ndarray
    depths: Floats

    @property
    def points_normalized(self) -> Floats:
        """(K, 2) normalised image coordinates."""
        return np.asarray(self.features.points_normalized[self.indices])


def keypoint_depths(keyframes: Sequence[Keyframes], camera: Camera, wanted: str,
                    options: DepthOptions) -> Iterator[KeypointDepths]:
    """
    Yield keypoints with depths of images, evenly spread over the walks.

    :param wanted: `right` or `depth`: the images that have such a file beside them.
    """
    starts = [(k, i) for k in keyframes for i in range(len(k) - 1)
              if getattr(k.images[i], wanted) is not None]
    step = max(len(starts) / options.images, 1.0)
    chosen = [starts[int(i * step)] for i in range(int(len(starts) / step))]
    for walk, index in progress(chosen, len(chosen), 'image', 'scale'):
        partner = _partner(walk, index, options)
        ours, theirs = (features_of(read_image(walk.images[i].path), camera)
                        for i in (index, partner))
        yield _triangulated(walk.images[index], ours, theirs,
                            walk.poses[partner].inverse() @ walk.poses[index], camera, options)


def features_of(image: RgbImage, camera: Camera) -> Features:
    """Detect features at the image's full size."""
    return detect(image, camera, FEATURES)


def _partner(walk: Keyframes, index: int, options: DepthOptions) -> int:
    """
    Return the keyframe among the next ones that stands most apart and still looks alike.

    A gaze that has turned by 15 degrees counts as half the distance.
    """
    last = min(index + options.neighbours, len(walk) - 1)
    found, best = index + 1, -1.0
    for other in range(index + 1, last + 1):
        step = walk.poses[index].inverse() @ walk.poses[other]
        turn = float(np.degrees(rotation_angle_rad(step.quat_xyzw, Pose().quat_xyzw)))
        worth = float(np.linalg.norm(step.translation_m)) * 0.5 ** (turn / 15)
        if worth > best:
            found, best = other, worth
    return found


def _triangulated(image: WalkImage, ours: Features, theirs: Features, there_from_here: Pose,
                  camera: Camera, options: DepthOptions) -> KeypointDepths:
    """Match two images and keep what agrees with their poses, with its depth in the first."""
    here, there = match_mutual(unit_rows(ours.descriptors), unit_rows(theirs.descriptors),
                               options.max_ratio)
    rays = _homogeneous(ours.points_normalized[here])
    others = _homogeneous(theirs.points_normalized[there])
    baseline = there_from_here.translation_m
    turned = rays @ there_from_here.rotation.T
    lines = np.cross(baseline, turned)  # epipolar lines in the other image
    off = np.abs((lines * others).sum(1)) / np.maximum(np.hypot(lines[:, 0], lines[:, 1]), 1e-12)
    # depth z of the first ray: others x (z turned + baseline) = 0, by least squares
    a, b = np.cross(others, turned), np.cross(others, baseline)
    depths = -(a * b).sum(1) / np.maximum((a * a).sum(1), 1e-12)
    lengths = np.linalg.norm(turned, axis=1) * np.linalg.norm(others, axis=1)
    angle = np.degrees(np.arcsin(np.clip(np.linalg.norm(a, axis=1) / lengths, 0, 1)))
    good = (off * camera.fx < options.max_epipolar_px) & (angle > options.min_angle_deg)
    good &= depths > 0
    return KeypointDepths(image, ours, here[good], depths[good])


def _homogeneous(points: Floats) -> Floats:
    return np.column_stack([points, np.ones(len(points))])
