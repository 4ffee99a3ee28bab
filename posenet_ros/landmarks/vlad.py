"""Global descriptor of an image from its local features: VLAD and principal components."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats32
from posenet_ros.landmarks.landmark_map import Vocabulary
from posenet_ros.landmarks.matching import unit_rows


def global_descriptor(descriptors: NDArray[np.uint8], vocabulary: Vocabulary) -> Floats32:
    """
    Compute the global descriptor of an image.

    :param descriptors: (N, DESCRIPTOR_SIZE) of its local features.
    :returns: (D,) of length 1; zeros for an image without features.
    """
    if not len(descriptors):
        return np.zeros(vocabulary.projection.shape[1], np.float32)
    centred = vlad(unit_rows(descriptors), vocabulary.centres) - vocabulary.mean
    return unit_rows(centred @ vocabulary.projection.astype(np.float32, copy=False))


def vlad(descriptors: Floats32, centres: Floats32) -> Floats32:
    """
    Aggregate local descriptors: the sums of their differences to the nearest visual words.

    Jegou et al. 2010, with the sum of each word normalised to length 1, so that a texture that
    repeats does not dominate (Arandjelovic and Zisserman 2013).

    :param descriptors: (N, D) of length 1.
    :param centres: (K, D) visual words.
    :returns: (K * D,) of length 1; zeros without descriptors.
    """
    if not len(centres):  # of images without a feature
        return np.empty(0, np.float32)
    # the nearest word: |d - c|^2 = |d|^2 - 2 d c + |c|^2
    scores = descriptors @ centres.T - np.sum(centres ** 2, axis=1) / 2
    members = (scores.argmax(axis=1) == np.arange(len(centres))[:, np.newaxis])
    sums = members.astype(np.float32) @ descriptors
    differences = sums - members.sum(axis=1, keepdims=True).astype(np.float32) * centres
    return unit_rows(unit_rows(differences).ravel())
