"""Pairs of nearby points, by a grid of cells."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MAX_CELLS = 400  # along an axis; what lies further out shares the outermost cells
Pairs = tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]


class PointGrid:
    """
    Find the points of a set that are near others.

    :param points: (N, 2), float32.
    :param cell: side of a cell: the largest radius that can be asked for.
    """

    def __init__(self, points: NDArray[np.float32], cell: float) -> None:
        self._points, self._cell = points, cell
        low = points.min(axis=0) if len(points) else np.zeros(2, np.float32)
        high = points.max(axis=0) if len(points) else np.zeros(2, np.float32)
        self._low = low
        # one cell more on each side, so that every cell has eight neighbours
        self._shape = np.minimum((high - low) // cell, MAX_CELLS).astype(np.intp) + 3
        columns, rows = self._cells(points)
        cells = rows * self._shape[0] + columns
        self._order = np.argsort(cells, kind='stable')
        self._starts = np.searchsorted(cells[self._order], np.arange(self._shape.prod() + 1))

    def pairs(self, others: NDArray[np.float32], radius: float) -> Pairs:
        """
        Return the pairs of other points and own points within a radius.

        :param others: (M, 2).
        :returns: indices (K,) into `others` and into the own points, and squared distances.
        """
        columns, rows = self._cells(others)
        lines = np.stack([rows - 1, rows, rows + 1]) * self._shape[0] + columns  # (3, M)
        first = self._starts[lines - 1].ravel()
        counts = self._starts[lines + 2].ravel() - first
        other = np.repeat(np.tile(np.arange(len(others)), 3), counts)
        rank = np.arange(len(other)) - np.repeat(np.cumsum(counts) - counts, counts)
        own = self._order[np.repeat(first, counts) + rank]
        offset = others[other] - self._points[own]
        squares = offset[:, 0] * offset[:, 0] + offset[:, 1] * offset[:, 1]
        near = squares <= radius * radius
        return other[near], own[near], squares[near]

    def _cells(self, points: NDArray[np.float32]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the columns and rows of points; those outside get the nearest cell."""
        place = np.floor((points - self._low) / self._cell)
        # clipped as floats: what is far out does not fit an integer
        cells = np.clip(place, 0, self._shape - 3).astype(np.intp) + 1
        return cells[:, 0], cells[:, 1]
