"""Join the poses that parts of a map have moved, each by itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from posenet_ros.training.landmarks.reconstruction.pairs import Cameras
from posenet_ros.training.pipelines.mapping.parts.part import MappedPart
from posenet_ros.training.pipelines.mapping.parts.split import Part, views_of_several


def join_cameras(parts: Sequence[MappedPart], split: Sequence[Part],
                 given: Cameras) -> tuple[Cameras, NDArray[np.bool_]]:
    """
    Join the poses of parts: a view of several has the mean of those that moved it.

    The rotation is the chordal L2 mean (Hartley, Trumpf, Dai and Li 2013, section 5.3). Parts stay
    in one frame, as each holds its poses near the given ones.

    :param given: the poses of all V views.
    :returns: the poses, and a mask (V,) of the views that no part has exactly there.
    """
    positions, rotations = np.zeros_like(given.positions_m), np.zeros_like(given.rotations)
    counts = np.zeros(len(positions), np.intp)
    for part, one in zip(parts, split, strict=True):
        if part.check.change is not None:
            positions[one.views] += part.cameras.positions_m
            rotations[one.views] += part.cameras.rotations
            counts[one.views] += 1
    moved = np.flatnonzero(counts)
    result = Cameras(given.positions_m.copy(), given.rotations.copy())
    result.positions_m[moved] = positions[moved] / counts[moved, np.newaxis]
    result.rotations[moved] = _nearest_rotations(rotations[moved])
    return result, views_of_several(split, len(counts)) & (counts > 0)


def _nearest_rotations(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rotations nearest to sums of rotations, (N, 3, 3)."""
    u, _, vt = np.linalg.svd(sums)
    signs = np.ones(sums.shape[:2])
    signs[:, 2] = np.linalg.det(u @ vt)
    return np.asarray(u * signs[:, np.newaxis] @ vt, np.float64)
