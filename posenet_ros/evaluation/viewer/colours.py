"""Colours of landmarks: those of their pixels, or of their height."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats, RgbImage
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.place_map import PlaceMap

Colours = NDArray[np.uint8]
VIRIDIS = np.array([(68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37)])
BOUNDS_PERCENT = 5, 95


def colours_of_height(points_m: Floats, up: Floats) -> Colours:
    """
    Colour points from violet, low, to yellow, high.

    :param points_m: (N, 3).
    :param up: (3,) unit vector.
    :returns: (N, 3) RGB.
    """
    if not len(points_m):
        return np.empty((0, 3), np.uint8)
    height = points_m @ up
    low, high = np.percentile(height, BOUNDS_PERCENT)
    place = np.clip((height - low) / max(high - low, 1e-9), 0, 1) * (len(VIRIDIS) - 1)
    return np.column_stack([np.interp(place, range(len(VIRIDIS)), channel)
                            for channel in VIRIDIS.T]).astype(np.uint8)


def project(points_m: Floats, map_from_camera: Pose, camera: Camera) -> Floats:
    """Return the pixels (N, 2) of points (N, 3) in the map; NaN behind the camera."""
    points = map_from_camera.inverse().apply(points_m)
    pixels, ahead = np.full((len(points), 2), np.nan), points[:, 2] > 1e-6
    if ahead.any():
        pixels[ahead] = camera.project(points[ahead])
    return pixels


def inside(pixels: Floats, image: RgbImage) -> NDArray[np.bool_]:
    """Tell which pixels (N, 2) an image has, (N,)."""
    height, width = image.shape[:2]
    with np.errstate(invalid='ignore'):
        return np.asarray(((pixels > -0.5) & (pixels < (width - 0.5, height - 0.5))).all(axis=1))


def paint(colours: Colours, place: PlaceMap, camera: Camera,
          images: Iterable[tuple[int, RgbImage]]) -> int:
    """
    Give landmarks the colours that the training images have there.

    :param colours: (L, 3) RGB, changed where an image shows the landmark.
    :param camera: of the training images.
    :param images: indices of views and their images, at any size.
    :returns: the number of landmarks that were painted.
    """
    order = np.argsort(place.point_views, kind='stable')
    starts = np.searchsorted(place.point_views[order], np.arange(len(place.views) + 1))
    painted = 0
    for view, image in images:
        rows = order[starts[view]:starts[view + 1]]
        pixels = project(place.points_m[rows], place.views[view].map_from_camera,
                         camera.scaled(image.shape[1], image.shape[0]))
        shown = inside(pixels, image)
        x, y = np.rint(pixels[shown]).astype(int).T
        colours[rows[shown]] = image[y, x]
        painted += int(shown.sum())
    return painted
