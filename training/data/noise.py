"""Fractal noise."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]


def fractal(
        height: int, width: int, rng: np.random.Generator, cell: float, octaves: int = 4,
        stretch: float = 1.0) -> Field:
    """
    Generate fractal noise with zero mean and unit deviation.

    :param cell: size of the largest blobs, pixels.
    :param stretch: ratio of the blobs' height to their width.
    """
    total: Field = np.zeros((1, 1), np.float32)
    for octave in range(octaves):  # each at a resolution just enough for its blobs
        size = cell / 2 ** octave
        shape = int(height / size / stretch) + 2, int(width / size) + 2
        enough = min(width, 4 * shape[1]), min(height, 4 * shape[0])
        coarse = rng.standard_normal(shape).astype(np.float32)
        total, finer = (np.asarray(cv2.resize(part, enough, interpolation=cv2.INTER_CUBIC),
                                   np.float32) for part in (total, coarse))
        total += finer / 1.6 ** octave
    total = (total - total.mean()) / (total.std() + 1e-6)
    return np.asarray(cv2.resize(total, (width, height), interpolation=cv2.INTER_LINEAR),
                      np.float32)
