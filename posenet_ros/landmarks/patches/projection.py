"""Projections of landmarks into the views of a map, and from these into an image."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.landmark_map import Views


class Appearance(NamedTuple):
    """
    How K landmarks of reference views appear in an image.

    :param expected: (K, 2) their projection into the image, pixels; NaN behind the camera.
    :param reference: (K, 2) into the reference views.
    :param affine: (K, 2, 2) pixels of the reference view by a pixel of the image, near there.
    :param facing: (K,) cosine between the rays and the normal of the plane they are taken to lie
        on, the smaller one of both cameras.
    """

    expected: Floats
    reference: Floats
    affine: Floats
    facing: Floats


def project_into_views(views: Views, indices: NDArray[np.integer], points_m: Floats) -> Floats:
    """
    Project points into views of a map.

    :param indices: (K,) of the views, whose cameras are known.
    :param points_m: (..., K, 3) in the map, metres.
    :returns: (..., K, 2) pixels, distortion applied; NaN where the lens does not see the point.
    """
    rotations = views.rotations[indices]
    in_camera = np.einsum('...kj,kji->...ki', points_m - views.positions_m[indices], rotations)
    pixels = np.empty((*in_camera.shape[:-1], 2))
    cameras = views.camera_indices[indices]
    for camera in np.unique(cameras):
        rows = cameras == camera
        pixels[..., rows, :] = _project(views.cameras[camera], in_camera[..., rows, :])
    return pixels


def _project(camera: Camera, in_camera: Floats) -> Floats:
    return camera.project(in_camera.reshape(-1, 3)).reshape(*in_camera.shape[:-1], 2)


def appearances(views: Views, indices: NDArray[np.integer], points_m: Floats, pose: Pose,
                camera: Camera) -> Appearance:
    """
    Compute how landmarks appear in an image, and how their reference views show them.

    Each is taken to lie on a plane that faces both cameras alike. Two short tangents of the plane
    are projected by both cameras in full, with the distortion: their images give the local affine
    map from one to the other, for any lens.

    :param indices: (K,) reference view of each landmark; `points_m` (K, 3) in the map.
    :param pose: map_from_camera of the image, taken by `camera`.
    """
    rays = pose.translation_m - points_m
    distances = np.linalg.norm(rays, axis=1, keepdims=True)
    normals = _unit(_unit(views.positions_m[indices] - points_m) + rays / distances)
    facing = np.sum(normals * rays, axis=1) / distances[:, 0]  # of both cameras, by symmetry
    rotation = pose.rotation
    across = _unit(np.cross(normals, rotation[:, 1]))
    tangents = np.stack([np.zeros_like(across), across, np.cross(normals, across)])
    spots = points_m + tangents * (distances / camera.fx)  # about a pixel away, (3, K, 3)
    image = _project(camera, (spots - pose.translation_m) @ rotation)
    reference = project_into_views(views, indices, spots)
    by_tangents = reference[1:] - reference[0], image[1:] - image[0]
    affine = _quotient(*(np.moveaxis(part, 0, -1) for part in by_tangents))
    return Appearance(image[0], reference[0], affine, facing)


def _unit(vectors: Floats) -> Floats:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), np.float64)


def _quotient(left: Floats, right: Floats) -> Floats:
    """Return left @ right^-1 of (K, 2, 2) matrices; not finite where `right` is singular."""
    (a, b), (c, d) = np.moveaxis(right, 0, -1)
    adjugate = np.moveaxis(np.array([[d, -b], [-c, a]]), -1, 0)
    with np.errstate(divide='ignore', invalid='ignore'):
        return np.asarray(left @ adjugate / (a * d - b * c)[:, np.newaxis, np.newaxis])
