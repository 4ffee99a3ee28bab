"""
From a camera image to the network's input: one path for training, node and evaluator.

source image -> undistorted, resized `base` image -> crop of the network's size.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from posenet_ros.camera import Camera
from posenet_ros.errors import InputError

Image = NDArray[np.uint8]


@lru_cache(maxsize=8)
def _undistortion_maps(camera: Camera) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the maps of cv2.remap that take the camera's distortion out."""
    x, y = cv2.initUndistortRectifyMap(
        camera.matrix, np.array(camera.distortion), np.eye(3), camera.matrix, camera.size,
        cv2.CV_32FC1)
    return np.asarray(x, np.float32), np.asarray(y, np.float32)


def centred(outer: int, inner: int) -> int:
    """Return the first index of a window of `inner` in the middle of `outer`."""
    return (outer - inner) // 2


@dataclass(frozen=True)
class Preprocess:
    """
    How an image becomes the network's input.

    :param width: network input width, pixels.
    :param height: network input height, pixels.
    :param short_side: the base image's short side, pixels (256 in the 2015 paper); 0 means the
        smallest base image that covers the input, so that (almost) the whole frame is seen.
    :raises InputError: on sizes that are not positive, or an input larger than the base image.
    """

    width: int
    height: int
    short_side: int = 0

    def __post_init__(self) -> None:
        if min(self.width, self.height) < 1 or self.short_side < 0:
            raise InputError('preprocess sizes have to be positive. Received: '
                             f'{self.width}x{self.height}, short side {self.short_side}')

    def base_camera(self, camera: Camera) -> Camera:
        """Return the camera of the base image: without distortion, resized."""
        if self.short_side:
            scale = self.short_side / min(camera.size)
        else:
            scale = max(self.width / camera.width, self.height / camera.height)
        width, height = (max(round(side * scale), 1) for side in camera.size)
        if width < self.width or height < self.height:
            raise InputError(f'images of {camera.width}x{camera.height}, resized to '
                             f'{width}x{height}, have to cover the network input '
                             f'{self.width}x{self.height}')
        return camera.undistorted().scaled(width, height)

    def input_camera(self, camera: Camera) -> Camera:
        """Return the camera of the network's input."""
        base = self.base_camera(camera)
        return base.cropped(centred(base.width, self.width), centred(base.height, self.height),
                            self.width, self.height)

    def base(self, image: Image, camera: Camera) -> Image:
        """
        Undistort and resize.

        :param image: (height, width, 3) RGB of `camera`.
        :returns: (base height, base width, 3) RGB.
        :raises InputError: when the image does not have the camera's size.
        """
        if image.shape != (camera.height, camera.width, 3) or image.dtype != np.uint8:
            raise InputError(f'the image has to be {camera.width}x{camera.height} RGB of 8 bits, '
                             f'as its camera. Received: shape {image.shape}, {image.dtype}')
        if camera.distortion:
            image = np.asarray(
                cv2.remap(image, *_undistortion_maps(camera), cv2.INTER_LINEAR), np.uint8)
        size = self.base_camera(camera).size
        method = cv2.INTER_AREA if size[0] < camera.width else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(image, size, interpolation=method), np.uint8)

    def crop(self, base: Image) -> Image:
        """Return the (height, width, 3) window in the middle of a base image, as a view."""
        top, left = centred(base.shape[0], self.height), centred(base.shape[1], self.width)
        return base[top:top + self.height, left:left + self.width]

    def __call__(self, image: Image, camera: Camera) -> Image:
        """
        Return the network's input.

        :param image: (height, width, 3) RGB of `camera`, 8 bits.
        :returns: (self.height, self.width, 3) RGB, 8 bits, contiguous.
        :raises InputError: when the image does not have the camera's size.
        """
        return np.ascontiguousarray(self.crop(self.base(image, camera)))
