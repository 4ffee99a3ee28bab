"""VLAD: a global descriptor of an image from its local features (Jegou et al. 2010)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from posenet_ros.landmarks.landmark_map import Vocabulary
from posenet_ros.landmarks.matching import unit_rows


def global_descriptor(descriptors: NDArray[np.uint8],
                      vocabulary: Vocabulary) -> NDArray[np.float32]:
    """
    Compute the global descriptor of an image.

    :param descriptors: (N, DESCRIPTOR_SIZE) RootSIFT.
    :returns: (D,), of length 1.
    """
    centres, rows = vocabulary.centres, unit_rows(descriptors)
    words = (rows @ centres.T - 0.5 * np.sum(np.square(centres), axis=1)).argmax(axis=1)
    assigned = np.zeros((len(rows), len(centres)), np.float32)
    assigned[np.arange(len(rows)), words] = 1
    residuals = assigned.T @ rows - assigned.sum(axis=0)[:, np.newaxis] * centres
    vlad = unit_rows(unit_rows(residuals).ravel())
    return unit_rows((vlad - vocabulary.mean) @ np.asarray(vocabulary.projection, np.float32))
