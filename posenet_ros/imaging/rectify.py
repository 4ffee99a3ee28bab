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
    maps = _warp_maps(camera, target)
    return np.asarray(cv2.remap(image, *maps, cv2.INTER_LINEAR), np.uint8)


@lru_cache(maxsize=2)
def _warp_maps(camera: Camera, target: Camera) -> tuple[NDArray[Any], NDArray[Any]]:
    return cv2.initUndistortRectifyMap(
        camera.matrix, np.array(camera.distortion), np.eye(3), target.matrix, target.size,
        cv2.CV_16SC2)
