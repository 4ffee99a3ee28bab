"""A room that was mapped by two walks, and a third walk through it: points, no images."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from posenet_ros.geometry.pose import Pose
from posenet_ros.training.data.datasets import Dataset
from posenet_ros.training.landmarks.feature_cache import ViewFeatures
from posenet_ros.training.map_update.update import NewImages

from ..landmarks.scene import CAMERA, make_dataset, observe, scene_points

__all__ = ['CAMERA', 'observe', 'scene_points']  # of the tests of the landmarks, too

POINTS = scene_points(400)
IMAGES = 12


def walk(data: Dataset, name: str) -> Dataset:
    """Return the images of one walk."""
    return data.subset([i for i, s in enumerate(data.samples) if s.sequence == name])


def three_walks() -> Dataset:
    """Return the images of three walks, of which the third is new."""
    return make_dataset(3, IMAGES)


def lost(dataset: Dataset) -> Dataset:
    """Return the images without their poses."""
    return replace(dataset, samples=tuple(
        replace(sample, map_from_camera=Pose()) for sample in dataset.samples))


def new_images(dataset: Dataset, points_m: np.ndarray, *, given: bool = False,
               seed: int = 7) -> NewImages:
    """Return the images of a walk that sees some points, with their poses where given."""
    poses = [sample.map_from_camera if given else None for sample in dataset.samples]
    return NewImages(lost(dataset), poses, observe(dataset, points_m, seed=seed))


def nothing(features: ViewFeatures) -> ViewFeatures:
    """Return no features."""
    local = features.features
    return ViewFeatures(local._replace(points_normalized=local.points_normalized[:0],
                                       descriptors=local.descriptors[:0]), features.colors[:0])
