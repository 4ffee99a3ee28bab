"""Match local features by their descriptors."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def unit_rows(descriptors: ArrayLike) -> NDArray[np.float32]:
    """Return descriptors of length 1, so that products are cosines; (N, D)."""
    rows = np.asarray(descriptors, dtype=np.float32)
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-12), np.float32)


def match(ours: NDArray[np.float32], theirs: NDArray[np.float32],
          ratio: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """
    Return which features are of the same spot.

    Each has to be the other's nearest, and nearer than the second nearest by the ratio of the
    distances (Lowe 2004, section 7.1).

    :param ours: (N, SIZE) and `theirs` (M, SIZE) descriptors of length 1.
    :returns: indices (K,) into each.
    """
    if not len(ours) or len(theirs) < 2:
        return np.empty(0, np.intp), np.empty(0, np.intp)
    alike = ours @ theirs.T
    rows, back = np.arange(len(ours)), alike.argmax(axis=0)
    best = alike.argmax(axis=1)
    nearest = alike[rows, best]
    alike[rows, best] = -1
    second = alike.max(axis=1)
    # squared distances are 2 - 2 cos
    chosen = np.flatnonzero((1 - nearest < ratio ** 2 * (1 - second)) & (back[best] == rows))
    return chosen, best[chosen]
