"""The order of a large map's landmarks: those that are seen at one place are neighbours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.landmarks.landmark_map import LANDMARK_ARRAYS, LandmarkMap

TILED_FROM = 100_000  # landmarks, 40 MB; a smaller map is one file
TILE_LANDMARKS = 2048  # in a tile, at most: 0.8 MB


def in_tiles(landmark_map: LandmarkMap, most: int) -> tuple[LandmarkMap, NDArray[np.int32]]:
    """
    Return a map with its landmarks in the order of their tiles; one that has it is unaltered.

    The tiles are the leaves of a k-d tree (Bentley 1975) of the first view of each landmark: a
    landmark may be far from where it is seen. They have about one size, whatever the scale of
    the map and wherever the walks were dense.

    :param most: landmarks of a tile.
    :returns: the map, and the first landmark of each of T tiles and their number, (T + 1,).
    """
    positions_m = landmark_map.views.positions_m[landmark_map.first_views]
    tiles = list(_leaves(positions_m, np.arange(len(positions_m)), most))
    order = np.concatenate(tiles)
    new = np.empty(len(order), np.int32)
    new[order] = np.arange(len(order), dtype=np.int32)
    rows = {name: getattr(landmark_map, name)[order]
            for name in LANDMARK_ARRAYS if len(getattr(landmark_map, name))}
    starts = np.cumsum([0, *map(len, tiles)]).astype(np.int32)
    return replace(landmark_map, seen=new[landmark_map.seen], memory=None, **rows), starts


def _leaves(positions_m: Floats, rows: NDArray[np.intp], most: int) -> Iterator[NDArray[np.intp]]:
    """Yield the rows of each leaf; of equal positions the first go to the first leaf."""
    if len(rows) <= most:
        yield rows
        return
    axis = int(np.argmax(np.ptp(positions_m[rows], axis=0)))
    order = rows[np.argsort(positions_m[rows, axis], kind='stable')]
    half = len(order) // 2
    for part in (order[:half], order[half:]):
        yield from _leaves(positions_m, part, most)
