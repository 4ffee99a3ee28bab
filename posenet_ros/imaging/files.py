"""Read image files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from posenet_ros.arrays import RgbImage
from posenet_ros.errors import InputError
from posenet_ros.imaging.decoding import (
    check_size,
    decode_compressed,
    file_size,
    ImageError,
    is_cut_off,
    png_is_whole,
    png_size,
    Reduction,
)

SMALLEST = 8  # the largest factor by which a JPEG is decoded smaller


class ImageFileError(InputError):
    """An image file that is missing or damaged: a mistake in the dataset, not in one image."""


def read_image(path: Path, where: str = '', reduction: Reduction | None = None) -> RgbImage:
    """
    Read an image file, as the bytes of a CompressedImage are read.

    :param where: the file and line that named it, for the message.
    :param reduction: chooses the factor by which a JPEG is decoded smaller.
    :returns: (height, width, 3) RGB, 8 bits.
    :raises ImageFileError: when the file is no readable image.
    """
    try:  # by the name of a format that may have 16 bits, which are brought to 8
        return decode_compressed(np.fromfile(path, np.uint8), 'mono16', reduction)
    except (OSError, ImageError) as error:
        raise _unreadable(path, where, error) from error


def image_size(path: Path) -> tuple[int, int]:
    """
    Return (width, height) of an image file, pixels, from its header; nothing is decoded.

    :raises ImageFileError: when the file is missing, cut off, has no such header, or is too large
        to be decoded.
    """
    try:
        data = np.memmap(path, np.uint8, 'r')
        if is_cut_off(data):
            raise ImageError('Received: one that is cut off')
        size = file_size(data)
        check_size(*size or (0, 0))
    except (OSError, ValueError) as error:  # of NumPy for an empty file, and ImageError
        raise _unreadable(path, '', error) from error
    assert size
    return size


def check_image(path: Path) -> tuple[int, int]:
    """
    Check that an image file can be decoded, as fast as that can be known.

    A PNG has checksums; a JPEG is decoded to an eighth of its size, any other file is decoded.

    :returns: (width, height), pixels.
    :raises ImageFileError: when it cannot.
    """
    size = image_size(path)
    data = np.memmap(path, np.uint8, 'r')
    if png_size(data) is None:
        read_image(path, reduction=lambda *_: SMALLEST)
    elif not png_is_whole(data):
        raise _unreadable(path, '', ImageError('Received: a PNG whose checksums are wrong'))
    return size


def try_image(path: Path) -> tuple[int, int] | ImageFileError:
    """Return what :func:`check_image` returns, or its error."""
    try:
        return check_image(path)
    except ImageFileError as error:
        return error


def _unreadable(path: Path, where: str, error: Exception) -> ImageFileError:
    received = str(error).rpartition('Received: ')[2]
    return ImageFileError(
        f'{where + ": " if where else ""}the image {path} has to be readable. Received: '
        + (f'a damaged file ({received})' if path.exists() else 'no such file'))
