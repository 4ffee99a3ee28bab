"""Epipolar geometry of two views: the essential matrix, and the errors of matches under it."""

from __future__ import annotations

import numpy as np
from posenet_ros.arrays import Floats

MIN_LENGTH = 1e-12  # of a line's normal: it is not divided by less


def essential_matrix(rotation: Floats, direction: Floats) -> Floats:
    """
    Compute the essential matrix E: y^T E x = 0 for x of the first view and y of the second.

    E = [t]x R (Hartley and Zisserman 2004, eq. 9.12).

    :param rotation: (..., 3, 3) R of second_from_first.
    :param direction: (..., 3) t of it, of length 1; zeros or NaN give an E that verifies nothing.
    :returns: (..., 3, 3).
    """
    x, y, z = np.moveaxis(direction, -1, 0)
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1)
    return np.asarray(cross.reshape(*direction.shape[:-1], 3, 3) @ rotation, np.float64)


def epipolar_residuals(first: Floats, second: Floats, essential: Floats) -> Floats:
    """
    Compute the larger distance of two matched keypoints to each other's epipolar line.

    :param first: (M, 2) normalised image coordinates, `second` likewise.
    :param essential: (3, 3), or (M, 3, 3) of each match.
    :returns: (M,) normalised image coordinates, negative on one side of the line.
    """
    products, length, other = _to_lines(first, second, essential)
    return np.asarray(products / np.maximum(np.minimum(length, other), MIN_LENGTH), np.float64)


def sampson_distances(first: Floats, second: Floats, essential: Floats) -> Floats:
    """
    Compute the Sampson distances of matches (Hartley and Zisserman 2004, eq. 11.9).

    :param first: and the others: as of :func:`epipolar_residuals`.
    :returns: (M,) normalised image coordinates.
    """
    products, length, other = _to_lines(first, second, essential)
    return np.asarray(np.abs(products) / np.maximum(np.hypot(length, other), MIN_LENGTH))


def _to_lines(first: Floats, second: Floats, essential: Floats) -> tuple[Floats, Floats, Floats]:
    """Return y^T E x (M,), and the lengths (M,) of the normals of both epipolar lines."""
    ones = np.ones((len(first), 1))
    x, y = np.hstack([first, ones]), np.hstack([second, ones])
    lines = np.einsum('...ij,...j->...i', essential, x)
    back = np.einsum('...ij,...i->...j', essential, y)
    return np.sum(y * lines, axis=1), np.hypot(*lines[:, :2].T), np.hypot(*back[:, :2].T)
