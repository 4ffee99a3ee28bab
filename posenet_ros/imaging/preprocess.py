"""
From a camera image to the network's input: one path for training, node and evaluator.

source image -> halved while it is far too large -> undistorted -> resized to the `base` image
-> crop of the network's size. Only what the crop needs is resized.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import RgbImage
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.imaging.rectify import remap_maps

Box = tuple[int, int, int, int]


# A mean of 2x2 pixels costs a tenth of a resize by area, but leaves coarser steps. With this many
# pixels left for each of the base image's, the network's input changes by 0.4 grey levels on
# average (photographs; 0.8 with 3, 1.3 with 2), about as much as JPEG changes it.
MIN_OVERSAMPLING = 4
SLACK = 16  # base pixels around the crop, among which the best border is sought


def centred(outer: int, inner: int) -> int:
    """Return the first index of a window of `inner` in the middle of `outer`."""
    return (outer - inner) // 2


@dataclass(frozen=True)
class Preprocess:
    """
    The preprocessing from an image to the network's input.

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

    def _base_size(self, width: int, height: int) -> tuple[int, int]:
        """Return width and height of the base image of images of this size."""
        if self.short_side:
            scale = self.short_side / min(width, height)
        else:
            scale = max(self.width / width, self.height / height)
        base_width, base_height = (max(round(side * scale), 1) for side in (width, height))
        if base_width < self.width or base_height < self.height:
            raise InputError(f'images of {width}x{height}, resized to '
                             f'{base_width}x{base_height}, have to cover the network input '
                             f'{self.width}x{self.height}')
        return base_width, base_height

    def base_camera(self, camera: Camera) -> Camera:
        """Return the camera of the base image: without distortion, resized."""
        return camera.undistorted().scaled(*self._base_size(*camera.size))

    def input_camera(self, camera: Camera) -> Camera:
        """Return the camera of the network's input."""
        base = self.base_camera(camera)
        return base.cropped(centred(base.width, self.width), centred(base.height, self.height),
                            self.width, self.height)

    def reduction(self, width: int, height: int) -> int:
        """
        Return the factor by which an image of this size is halved before resizing: 1, 2, 4...

        A decoder that halves at less cost (JPEG) may do that; :meth:`base` takes either image.
        """
        base_width, base_height = self._base_size(width, height)
        left = min(width / base_width, height / base_height)
        factor = 1
        while left >= 2 * MIN_OVERSAMPLING * factor and not (width % (2 * factor)
                                                             or height % (2 * factor)):
            factor *= 2
        return factor

    def base(self, image: RgbImage, camera: Camera) -> RgbImage:
        """
        Undistort and resize.

        :param image: (height, width, 3) RGB of `camera`, or smaller by :meth:`reduction`.
        :returns: (base height, base width, 3) RGB.
        :raises InputError: when the image does not have the camera's size.
        """
        return self._window(image, camera, (0, 0, *self.base_camera(camera).size))

    def crop(self, base: RgbImage) -> RgbImage:
        """Return the (height, width, 3) window in the middle of a base image, as a view."""
        top, left = centred(base.shape[0], self.height), centred(base.shape[1], self.width)
        return base[top:top + self.height, left:left + self.width]

    def __call__(self, image: RgbImage, camera: Camera) -> RgbImage:
        """
        Return the network's input: the base image's crop, without making the rest of it.

        :param image: (height, width, 3) RGB of `camera`, or smaller by :meth:`reduction`, 8 bits.
        :returns: (self.height, self.width, 3) RGB, 8 bits, contiguous.
        :raises InputError: when the image does not have the camera's size.
        """
        base = self._base_size(*camera.size)
        left, top = centred(base[0], self.width), centred(base[1], self.height)
        return np.ascontiguousarray(
            self._window(image, camera, (left, top, self.width, self.height)))

    def _window(self, image: RgbImage, camera: Camera, window: Box) -> RgbImage:
        """Return a window (left, top, width, height) of the base image."""
        factor = self.reduction(*camera.size)
        _check(image, camera, factor)
        plan = _plan(camera, self._base_size(*camera.size), window, factor)
        if image.shape[0] == camera.height // factor:
            factor = 1
        if plan.maps:
            part = np.asarray(
                cv2.remap(_halved(image, factor), *plan.maps, cv2.INTER_LINEAR), np.uint8)
        else:
            left, top, right, bottom = (factor * side for side in plan.source)
            part = _halved(image[top:bottom, left:right], factor)
        method = cv2.INTER_AREA if plan.size[0] < part.shape[1] else cv2.INTER_LINEAR
        resized = np.asarray(cv2.resize(part, plan.size, interpolation=method), np.uint8)
        return resized[plan.top:plan.top + window[3], plan.left:plan.left + window[2]]


class _Plan(NamedTuple):
    """
    How to make a window of the base image; the same for every frame.

    :param source: left, top, right, bottom in the halved image (undistorted).
    :param size: width and height that this part is resized to; the window is in it at `left`,
        `top`.
    :param maps: of cv2.remap, from the halved image to the part; None without distortion.
    """

    source: Box
    size: tuple[int, int]
    left: int
    top: int
    maps: tuple[NDArray[Any], NDArray[Any]] | None


@lru_cache(maxsize=8)
def _plan(camera: Camera, base: tuple[int, int], window: Box, factor: int) -> _Plan:
    """
    Plan a window (left, top, width, height) of the base image.

    :param base: width and height of the base image.
    """
    small = camera.scaled(camera.width // factor, camera.height // factor)
    x, y = (_span(window[i], window[i] + window[i + 2], base[i], small.size[i]) for i in (0, 1))
    source = (x.source[0], y.source[0], x.source[1], y.source[1])
    maps = None
    if camera.distortion:
        size = source[2] - source[0], source[3] - source[1]
        target = small.undistorted().cropped(source[0], source[1], *size)
        maps = remap_maps(small, target)
    return _Plan(source, (x.base[1] - x.base[0], y.base[1] - y.base[0]),
                 window[0] - x.base[0], window[1] - y.base[0], maps)


class _Span(NamedTuple):
    """An interval of one axis: its borders in the base image and in the source."""

    base: tuple[int, int]
    source: tuple[int, int]


def _span(first: int, last: int, base: int, source: int) -> _Span:
    """
    Find an interval around first..last whose borders are borders of source pixels.

    :param base: and `source`: the lengths of the whole axis, pixels.
    """
    scale = source / base
    if scale < 1:  # to enlarge takes the pixels around the interval, too
        return _Span((0, base), (0, source))

    def off(border: int) -> float:
        return abs(border * scale - round(border * scale))

    start = min(range(first, max(first - SLACK, -1), -1), key=off)
    end = min(range(last, min(last + SLACK, base + 1)), key=off)
    return _Span((start, end), (round(start * scale), round(end * scale)))


def _check(image: RgbImage, camera: Camera, factor: int) -> None:
    """Raise InputError unless the image has the camera's size, or is smaller by the factor."""
    shapes = {(camera.height // n, camera.width // n, 3) for n in (1, factor)}
    if image.shape not in shapes or image.dtype != np.uint8:
        raise InputError(f'the image has to be {camera.width}x{camera.height} RGB of 8 bits, '
                         f'as its camera. Received: shape {image.shape}, {image.dtype}')


def _halved(image: RgbImage, factor: int) -> RgbImage:
    """Halve an image until it is smaller by the factor 1, 2, 4..., which divides its sides."""
    while factor > 1:
        size = image.shape[1] // 2, image.shape[0] // 2
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        factor //= 2
    return image
