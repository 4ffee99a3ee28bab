"""
Perspective-three-point of many samples at once: lambda twist.

Persson and Nordberg, "Lambda Twist: an accurate fast robust perspective three point (P3P) solver"
(ECCV 2018); the equation numbers are theirs. Each sample is three points x_i with unit rays y_i;
the unknown depths l_i along the rays fulfil |l_i y_i - l_j y_j|^2 = |x_i - x_j|^2 (eq. 3).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats

NEWTON_STEPS = 3  # that polish the root of the cubic
TINY = 1e-30
MAX_DEFECT = 1e-3  # of a rotation: of the sum of its squares, which is 3


class P3pSolutions(NamedTuple):
    """
    Poses that samples of three points allow, up to four each.

    :param rotations: (S, 3, 3) camera_from_map.
    :param translations: (S, 3) camera_from_map.
    :param samples: (S,) index of the sample that each is of.
    """

    rotations: Floats
    translations: Floats
    samples: NDArray[np.intp]


class _Triangles(NamedTuple):
    """Squared lengths a_ij of the sides of each triangle, and b_ij = -2 cos of the rays' angle."""

    a12: Floats
    a13: Floats
    a23: Floats
    b12: Floats
    b13: Floats
    b23: Floats


def solve_p3p(points: Floats, rays: Floats) -> P3pSolutions:
    """
    Solve the perspective-three-point problem of all samples at once.

    :param points: (B, 3, 3) three points a sample, by rows, in the map.
    :param rays: (B, 3, 3) unit vectors to them in the camera's optical frame.
    :returns: finite solutions with positive depths; degenerate samples have none.
    """
    with np.errstate(all='ignore'):  # degenerate samples divide by zero; they are left out
        depths, samples = _depths(_triangles(points, rays))
        return _poses(points, rays, depths, samples)


def _triangles(points: Floats, rays: Floats) -> _Triangles:
    sides = [points[:, i] - points[:, j] for i, j in ((0, 1), (0, 2), (1, 2))]
    cosines = [_dot(rays[:, i], rays[:, j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    return _Triangles(*(_dot(side, side) for side in sides), *(-2 * each for each in cosines))


def _depths(one: _Triangles) -> tuple[Floats, NDArray[np.intp]]:
    """Return the depths along the rays (S, 3) of all solutions, and the sample of each."""
    first, second, ratio = _line_pair(one)
    depths = [_depths_on_plane(one, first, second, sign * ratio, root)
              for sign in (1, -1) for root in (1, -1)]
    found = np.concatenate(depths)
    kept = np.isfinite(found).all(axis=1) & (found > 0).all(axis=1)
    return found[kept], np.tile(np.arange(len(ratio)), 4)[kept]


def _line_pair(one: _Triangles) -> tuple[Floats, Floats, Floats]:
    """
    Return the degenerate conic of the pencil of the two quadrics as a pair of planes (eq. 8-12).

    :returns: eigenvectors (B, 3) of its two eigenvalues that are not 0, and
        sqrt(-smaller / larger) of these: the planes are v1 l = +-ratio v2 l.
    """
    gamma = _cubic_root(*_cubic_coefficients(one))
    conic = _conic(one, gamma)
    trace = conic[0, 0] + conic[1, 1] + conic[2, 2]
    minors = (conic[0, 0] * conic[1, 1] - conic[0, 1] ** 2 + conic[0, 0] * conic[2, 2]
              - conic[0, 2] ** 2 + conic[1, 1] * conic[2, 2] - conic[1, 2] ** 2)
    spread = np.sqrt(np.maximum(trace ** 2 / 4 - minors, 0))
    values = trace / 2 + spread, trace / 2 - spread
    swap = np.abs(values[0]) < np.abs(values[1])
    large, small = np.where(swap, values[::-1], values)
    return (_eigenvector(conic, large), _eigenvector(conic, small),
            np.sqrt(np.maximum(-small / large, 0)))


def _cubic_coefficients(one: _Triangles) -> tuple[Floats, Floats, Floats]:
    """Compute b, c, d of the cubic g^3 + b g^2 + c g + d = 0 that makes D1 + g D2 singular."""
    a12, a13, a23, b12, b13, b23 = one
    c12, c23, c31 = -b12 / 2, -b23 / 2, -b13 / 2
    blob = c12 * c23 * c31 - 1
    s12, s23, s31 = 1 - c12 ** 2, 1 - c23 ** 2, 1 - c31 ** 2
    p3 = a13 * (a23 * s31 - a13 * s23)
    p2 = (2 * blob * a23 * a13 + a13 * (2 * a12 + a13) * s23 + a23 * (a23 - a12) * s31)
    p1 = (a23 * (a13 - a23) * s12 - a12 ** 2 * s23 - 2 * a12 * (blob * a23 + a13 * s23))
    p0 = a12 * (a12 * s23 - a23 * s12)
    return p2 / p3, p1 / p3, p0 / p3


def _cubic_root(b: Floats, c: Floats, d: Floats) -> Floats:
    """Return a real root of x^3 + b x^2 + c x + d: Cardano's, polished by Newton's method."""
    p, q = c - b ** 2 / 3, 2 * b ** 3 / 27 - b * c / 3 + d
    discriminant = q ** 2 / 4 + p ** 3 / 27
    root = np.sqrt(np.maximum(discriminant, 0))
    radius = np.sqrt(np.maximum(-p / 3, TINY))
    angle = np.arccos(np.clip(-q / 2 / radius ** 3, -1, 1))
    x = np.where(discriminant >= 0, np.cbrt(-q / 2 + root) + np.cbrt(-q / 2 - root),
                 2 * radius * np.cos(angle / 3)) - b / 3
    for _ in range(NEWTON_STEPS):
        slope = (3 * x + 2 * b) * x + c
        x = x - np.where(slope == 0, 0, (((x + b) * x + c) * x + d) / slope)
    return np.asarray(x, np.float64)


def _conic(one: _Triangles, gamma: Floats) -> Floats:
    """Return the symmetric matrix D1 + gamma D2 of each sample, (3, 3, B)."""
    a12, a13, a23, b12, b13, b23 = one
    conic = np.empty((3, 3, len(gamma)))
    conic[0, 0] = a23 * (1 - gamma)
    conic[0, 1] = conic[1, 0] = a23 * b12 / 2
    conic[0, 2] = conic[2, 0] = -a23 * b13 * gamma / 2
    conic[1, 1] = a23 - a12 + a13 * gamma
    conic[1, 2] = conic[2, 1] = b23 * (a13 * gamma - a12) / 2
    conic[2, 2] = gamma * (a13 - a23) - a12
    return conic


def _eigenvector(conic: Floats, value: Floats) -> Floats:
    """Return the unit eigenvectors (B, 3) of matrices (3, 3, B): the longest product of rows."""
    rows = conic.transpose(0, 2, 1) - value[:, np.newaxis] * np.eye(3)[:, np.newaxis]
    normals = np.stack([_cross(rows[i], rows[j]) for i, j in ((0, 1), (0, 2), (1, 2))])
    lengths = np.sum(np.square(normals), axis=2)
    best, every = lengths.argmax(axis=0), np.arange(len(value))
    longest = np.sqrt(np.maximum(lengths[best, every], TINY))
    return np.asarray(normals[best, every] / longest[:, np.newaxis], np.float64)


def _depths_on_plane(one: _Triangles, first: Floats, second: Floats, ratio: Floats,
                     root: int) -> Floats:
    """Return the depths (B, 3) of one root on one plane, NaN where there are none (eq. 13-15)."""
    a12, a13, a23, b12, b13, b23 = one
    w2 = 1 / (ratio * second[:, 0] - first[:, 0])
    w0, w1 = ((first[:, i] - ratio * second[:, i]) * w2 for i in (1, 2))
    a = (a13 - a12) * w1 ** 2 - a12 * b13 * w1 - a12
    b = (a13 * b12 * w1 - a12 * b13 * w0 - 2 * w0 * w1 * (a12 - a13)) / a
    c = ((a13 - a12) * w0 ** 2 + a13 * b12 * w0 + a13) / a
    tau = (-b + root * np.sqrt(b ** 2 - 4 * c)) / 2  # l3 / l2
    l2 = np.sqrt(a23 / (tau * (b23 + tau) + 1))
    return np.stack([w0 * l2 + w1 * tau * l2, l2, tau * l2], axis=1)


def _poses(points: Floats, rays: Floats, depths: Floats,
           samples: NDArray[np.intp]) -> P3pSolutions:
    """Return the rotations that turn the triangles of points into those of the rays' ends."""
    d12, d13 = points[:, 0] - points[:, 1], points[:, 0] - points[:, 2]
    normal = _cross(d12, d13)
    square = np.sum(np.square(normal), axis=1, keepdims=True)
    inverse = np.stack([_cross(d13, normal), _cross(normal, d12), normal], axis=1) / square[
        :, np.newaxis]
    ends = rays[samples] * depths[:, :, np.newaxis]
    e12, e13 = ends[:, 0] - ends[:, 1], ends[:, 0] - ends[:, 2]
    columns = np.stack([e12, e13, _cross(e12, e13)], axis=2)
    rotations = columns @ inverse[samples]
    translations = ends[:, 0] - (rotations @ points[samples, 0, :, np.newaxis])[:, :, 0]
    # a degenerate triangle has solutions that are no rotations
    kept = np.abs(np.sum(np.square(rotations), axis=(1, 2)) - 3) < MAX_DEFECT
    kept &= np.isfinite(translations).all(axis=1)
    return P3pSolutions(rotations[kept], translations[kept], samples[kept])


def _dot(first: Floats, second: Floats) -> Floats:
    return np.asarray(np.sum(first * second, axis=1), np.float64)


def _cross(first: Floats, second: Floats) -> Floats:
    """Return the cross product of rows (N, 3), several times faster than np.cross."""
    x, y, z = first.T
    u, v, w = second.T
    return np.stack([y * w - z * v, z * u - x * w, x * v - y * u], axis=1)
