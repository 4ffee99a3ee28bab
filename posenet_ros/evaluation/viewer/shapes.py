"""Shapes to draw: frusta, a sphere, walks and errors, as arrays of triangles and of lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.geometry.camera import Camera

PYRAMID = np.array([[0, 1, 2], [0, 2, 3], [0, 3, 4], [0, 4, 1], [1, 3, 2], [1, 4, 3]], np.uint32)
EDGES = (0, 1), (0, 2), (0, 3), (0, 4), (1, 2), (2, 3), (3, 4), (4, 1)
PRISM = np.array([[0, 1, 4], [0, 4, 3], [1, 2, 5], [1, 5, 4], [2, 0, 3], [2, 3, 5]], np.uint32)


class Mesh(NamedTuple):
    """
    Triangles.

    :param vertices: (V, 3).
    :param faces: (F, 3) indices of vertices.
    """

    vertices: Floats
    faces: NDArray[np.uint32]


def frustum(camera: Camera) -> Mesh:
    """Make the pyramid of what a camera sees up to a depth of 1, in its optical frame."""
    x = np.array([-0.5, camera.width - 0.5, camera.width - 0.5, -0.5])
    y = np.array([-0.5, -0.5, camera.height - 0.5, camera.height - 0.5])
    corners = np.column_stack(
        [(x - camera.cx) / camera.fx, (y - camera.cy) / camera.fy, np.ones(4)])
    return Mesh(np.vstack([np.zeros(3), corners]), PYRAMID)


def frustum_edges(camera: Camera, radius: float = 0.02) -> Mesh:
    """Make the eight edges of :func:`frustum` as thin prisms."""
    ends = frustum(camera).vertices
    vertices: list[Floats] = []
    faces: list[NDArray[np.uint32]] = []
    for first, last in EDGES:
        direction = ends[last] - ends[first]
        across = np.cross(direction, np.roll(direction, 1))
        across *= radius / np.linalg.norm(across)
        beside = np.cross(direction / np.linalg.norm(direction), across)
        ring = np.array([across, beside * 0.87 - across / 2, -beside * 0.87 - across / 2])
        faces.append((PRISM + 6 * len(vertices)).astype(np.uint32))
        vertices.append(np.vstack([ends[first] + ring, ends[last] + ring]))
    return Mesh(np.vstack(vertices), np.vstack(faces))


def unit_sphere(rings: int = 8, sectors: int = 16) -> Mesh:
    """Make a sphere of radius 1, to be scaled to ellipsoids."""
    polar, around = np.meshgrid(np.linspace(0, np.pi, rings + 1),
                                np.arange(sectors) * 2 * np.pi / sectors, indexing='ij')
    vertices = np.stack([np.sin(polar) * np.cos(around), np.sin(polar) * np.sin(around),
                         np.cos(polar)], axis=-1).reshape(-1, 3)
    ring, sector = np.mgrid[:rings, :sectors]
    here, right = ring * sectors + sector, ring * sectors + (sector + 1) % sectors
    faces = np.stack([here, here + sectors, right, right, here + sectors, right + sectors],
                     axis=-1).reshape(-1, 3)
    return Mesh(vertices, faces.astype(np.uint32))


def walk_segments(positions_m: Floats, sequences: Sequence[str]) -> Floats:
    """
    Join the positions of each sequence by lines.

    :param positions_m: (N, 3) in the order of recording.
    :param sequences: of each position.
    :returns: (S, 2, 3) starts and ends, metres.
    """
    names = np.asarray(sequences)
    together = names[1:] == names[:-1]
    return np.asarray(np.stack([positions_m[:-1], positions_m[1:]], axis=1)[together])


def error_segments(truths_m: Floats, estimates_m: Floats, factor: float) -> Floats:
    """
    Make the lines from true to estimated positions, so many times as long as they are.

    :param truths_m: (N, 3).
    :param estimates_m: (N, 3).
    :returns: (N, 2, 3) metres.
    """
    return np.stack([truths_m, truths_m + factor * (estimates_m - truths_m)], axis=1)


def nearest_to_ray(points_m: Floats, origin_m: Floats, direction: Floats) -> int:
    """
    Find the point that is nearest to a ray, such as that of a click.

    :param points_m: (N, 3), at least one.
    :param origin_m: (3,) start of the ray.
    :param direction: (3,) unit vector; points behind the start are as far as they are from it.
    """
    offsets = points_m - origin_m
    along = np.maximum(offsets @ direction, 0)
    return int(np.linalg.norm(offsets - np.outer(along, direction), axis=1).argmin())


def thin(count: int, most: int) -> NDArray[np.intp]:
    """Choose at most `most` of `count` rows at random, the same each time, in their order."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).choice(count, most, replace=False))
