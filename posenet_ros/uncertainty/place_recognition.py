"""Visual place recognition: how far an image is from the trained place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.uncertainty.options import DEFAULT_PLACE, PlaceOptions


def place_distance(descriptors: NDArray[np.floating],
                   global_descriptors: NDArray[np.floating],
                   options: PlaceOptions = DEFAULT_PLACE) -> Floats:
    """
    Compute the distance of images to the training images: 0 is the same, 1 is unrelated.

    One minus the mean cosine similarity of the global descriptors to the nearest few; it
    separates other places best among the measures tried (doc/experiments.md).

    :param descriptors: (N, D) of images, length 1.
    :param global_descriptors: (M, D) of training images, length 1.
    :returns: (N,).
    """
    cosines = np.asarray(descriptors, np.float32) @ np.asarray(global_descriptors, np.float32).T
    count = min(options.neighbours, cosines.shape[1])
    nearest = np.partition(cosines, -count, axis=1)[:, -count:]
    return np.asarray(1 - nearest.mean(axis=1), np.float64)
