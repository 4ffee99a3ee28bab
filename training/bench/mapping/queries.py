"""Localise images whose poses are known: the accuracy, and the CPU time of each image."""

from __future__ import annotations

from collections.abc import Callable
import math
import time
from typing import Any

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.geometry.lie import pose_difference
from posenet_ros.geometry.pose import Pose
from posenet_ros.imaging.files import read_image
from posenet_ros.landmarks.features import detect, Features
from posenet_ros.landmarks.landmark_map import LandmarkMap
from posenet_ros.landmarks.localiser import LandmarkLocaliser
from posenet_ros.landmarks.options import FeatureOptions
from posenet_ros.training.data.datasets import Dataset
from posenet_ros.utils.progress import progress

RECALLS = {'r_0.1m_1deg': (0.1, 1.0), 'r_0.25m_2deg': (0.25, 2.0)}  # metres, degrees
FALSE_M, FALSE_DEG = 1.0, 10.0  # an answer beyond either is false
Localise = Callable[[Features], Pose | None]


def measure_queries(queries: Dataset, features: FeatureOptions, localise: Localise,
                    ) -> dict[str, Any]:
    """
    Localise all images, one after another.

    :param queries: images with their true poses.
    :param localise: returns the pose of an image by its features, None without one.
    :returns: as :func:`accuracy`, and `features_ms` and `pose_ms`, the medians of an image's
        CPU time.
    """
    errors, times = [], []
    for sample in progress(queries.samples, len(queries.samples), 'image', 'queries'):
        image = read_image(sample.path)
        start = time.process_time()
        found = detect(image, queries.camera, features)
        middle = time.process_time()
        pose = localise(found)
        times.append((middle - start, time.process_time() - middle))
        errors.append(absolute_pose_error(pose, sample.map_from_camera))
    features_ms, pose_ms = 1e3 * np.median(np.reshape(times, (-1, 2)), axis=0)
    return {**accuracy(np.reshape(errors, (-1, 2))),
            'features_ms': float(features_ms), 'pose_ms': float(pose_ms)}


def localiser_of(landmark_map: LandmarkMap) -> Localise:
    """Return a function that localises an image in a map by its features alone."""
    localiser = LandmarkLocaliser(landmark_map)

    def localise(features: Features) -> Pose | None:
        found = localiser.localise(features)
        return found.map_from_camera if found else None

    return localise


def absolute_pose_error(pose: Pose | None, truth: Pose) -> tuple[float, float]:
    """Return the error in metres and degrees, infinite without a pose."""
    if pose is None:
        return math.inf, math.inf
    difference = pose_difference(pose, truth)
    return (float(np.linalg.norm(difference[:3])),
            math.degrees(float(np.linalg.norm(difference[3:]))))


def accuracy(errors: Floats) -> dict[str, Any]:
    """
    Summarise errors; an image without a pose counts as an infinite one.

    :param errors: (N, 2) metres and degrees.
    :returns: medians and 95th percentiles are None where they are infinite.
    """
    answered = np.isfinite(errors[:, 0])
    median, p95 = np.percentile(errors, (50, 95), axis=0, method='higher')
    false = answered & (errors > (FALSE_M, FALSE_DEG)).any(axis=1)
    return {'queries': len(errors), 'answered': float(answered.mean()),
            'median_m': _finite(median[0]), 'median_deg': _finite(median[1]),
            'p95_m': _finite(p95[0]), 'p95_deg': _finite(p95[1]),
            **{name: float((errors <= limits).all(axis=1).mean())
               for name, limits in RECALLS.items()},
            'false': int(false.sum())}


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
