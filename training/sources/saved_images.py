"""Write the images of messages and videos as files, without loss where that is possible."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import AnyArray, RgbImage
from posenet_ros.errors import InputError
from posenet_ros.ros_data.messages import frame_from_message, Message

PNG_FLAGS = (cv2.IMWRITE_PNG_COMPRESSION, 1)
JPEG_FLAGS = (cv2.IMWRITE_JPEG_QUALITY, 95)  # of frames that a video has compressed already
SUFFIXES = {'jpeg': '.jpg', 'jpg': '.jpg', 'png': '.png'}


def decode_checked(message: Message, size: tuple[int, int]) -> RgbImage:
    """Decode an image; :raises InputError: when it is broken or not of that size."""
    return check_image_size(frame_from_message(message).image, size)


def check_image_size(image: RgbImage, size: tuple[int, int]) -> RgbImage:
    """Return the image; :raises InputError: when it is not of that size."""
    height, width, _ = image.shape
    if (width, height) != size:
        raise InputError(f'an image has to be {size[0]}x{size[1]} as its camera. '
                         f'Received: {width}x{height}')
    return image


def save_image(message: Message, image: RgbImage, path: Path) -> Path:
    """
    Write an image losslessly: the bytes of a compressed message, else PNG.

    :param path: without suffix.
    :returns: the file.
    """
    kind = getattr(message, 'format', '').rpartition(';')[2].split()
    suffix = SUFFIXES.get(kind[0].lower()) if kind else None
    file = path.with_name(path.name + (suffix or '.png'))
    if suffix:
        file.write_bytes(bytes(message.data))
        return file
    return write_image(file, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), PNG_FLAGS)


def save_frame(image: RgbImage, path: Path) -> Path:
    """
    Write a frame of a video as JPEG.

    :param path: without suffix.
    """
    file = path.with_name(f'{path.name}.jpg')
    return write_image(file, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), JPEG_FLAGS)


def save_depth(depth_mm: NDArray[np.uint16], path: Path) -> Path:
    """
    Write a depth image as PNG of 16 bits.

    :param path: without suffix.
    """
    return write_image(path.with_name(f'{path.name}.png'), depth_mm, PNG_FLAGS)


def write_image(file: Path, pixels: AnyArray, flags: tuple[int, ...] = ()) -> Path:
    """
    Write an image file; OpenCV alone would be silent on a full disk.

    :param pixels: (H, W, 3) BGR, or (H, W).
    :returns: the file.
    :raises OSError: when it cannot be written.
    """
    if not cv2.imwrite(str(file), pixels, flags):
        raise OSError(28, 'the image cannot be written', str(file))
    return file
