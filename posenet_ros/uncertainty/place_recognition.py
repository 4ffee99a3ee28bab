"""Whether an image is of the trained place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats

NEIGHBOURS = 5  # training images that a descriptor is compared with


def unlikeness(descriptors: NDArray[np.floating], places: NDArray[np.floating]) -> Floats:
    """
    Return how little images look like the training images: 0 is alike, 1 has nothing in common.

    One minus the mean cosine to the nearest few of the training set; of the measures that were
    tried it tells other places apart best (doc/experiments.md).

    :param descriptors: (N, D).
    :param places: (M, D) of training images.
    :returns: (N,).
    """
    alike = np.asarray(descriptors, np.float32) @ np.asarray(places, np.float32).T
    count = min(NEIGHBOURS, alike.shape[1])
    nearest = np.partition(alike, -count, axis=1)[:, -count:]
    return np.asarray(1 - nearest.mean(axis=1), np.float64)
