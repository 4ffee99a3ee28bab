"""Warp images into another camera at the same place."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import RgbImage
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.distortion import RATIONAL

OVERLAP_GRID = 32  # points along each side
OUTSIDE, MAX_SIDE = -2.0, 32000.0  # pixels: black in cv2.remap, and the end of its 16 bits


def warp_image(image: RgbImage, camera: Camera, target: Camera) -> RgbImage:
    """
    Warp an image into another camera at the same place; black outside its view.

    :param image: (height, width, 3) RGB of `camera`, 8 bits.
    :param target: the other camera, without distortion.
    :raises InputError: when the image does not have the size of `camera`.
    """
    if image.shape[:2] != (camera.height, camera.width):
        raise InputError(f'the image has to be {camera.width}x{camera.height}, as its camera_info '
                         f'says. Received: {image.shape[1]}x{image.shape[0]}')
    return np.asarray(cv2.remap(image, *remap_maps(camera, target), cv2.INTER_LINEAR), np.uint8)


@lru_cache(maxsize=16)
def view_overlap(camera: Camera, target: Camera) -> float:
    """
    Return how much of another camera's image a camera at the same place sees, 0 to 1.

    :param target: the other camera, without distortion.
    """
    x, y = ((np.arange(OVERLAP_GRID) + 0.5) / OVERLAP_GRID * side - 0.5 for side in target.size)
    rays = target.undistort_points(np.stack(np.meshgrid(x, y), -1).reshape(-1, 2))
    pixels = camera.project(np.column_stack([rays, np.ones(len(rays))]))
    inside = (pixels >= -0.5) & (pixels <= np.array(camera.size) - 0.5)  # not of NaN
    return float(np.mean(inside.all(axis=1)))


def crop_to_aspect(image: RgbImage, target: Camera) -> RgbImage:
    """
    Cut the middle of an image to the aspect of a camera, and resize it to that camera's size.

    :param image: (height, width, 3) RGB, 8 bits.
    """
    height, width = image.shape[:2]
    wide = min(width, max(round(height * target.width / target.height), 1))
    high = min(height, max(round(width * target.height / target.width), 1))
    left, top = (width - wide) // 2, (height - high) // 2
    part = image[top:top + high, left:left + wide]
    return np.asarray(cv2.resize(part, target.size, interpolation=cv2.INTER_AREA), np.uint8)


@lru_cache(maxsize=4)
def remap_maps(camera: Camera, target: Camera) -> tuple[NDArray[Any], NDArray[Any]]:
    """
    Return the maps of cv2.remap from the image of a camera to another at the same place.

    :param target: the other camera, without distortion.
    """
    corners = target.undistort_points([(x, y) for x in (0, target.width - 1)
                                       for y in (0, target.height - 1)])
    if (camera.distortion_model == RATIONAL
            and np.arctan(np.hypot(*corners.T)).max() < camera.max_angle_rad):
        return cv2.initUndistortRectifyMap(
            camera.matrix, np.array(camera.distortion), np.eye(3), target.matrix, target.size,
            cv2.CV_16SC2)
    columns, rows = np.meshgrid(np.arange(target.width), np.arange(target.height))
    rays = target.undistort_points(np.column_stack([columns.ravel(), rows.ravel()]))
    pixels = camera.project(np.column_stack([rays, np.ones(len(rays))]))
    sources = np.nan_to_num(pixels, nan=OUTSIDE).clip(OUTSIDE, MAX_SIDE).astype(np.float32)
    shape = target.height, target.width
    return cv2.convertMaps(
        sources[:, 0].reshape(shape), sources[:, 1].reshape(shape), cv2.CV_16SC2)
