"""Read image files."""

from __future__ import annotations

from pathlib import Path
import stat

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import RgbImage
from posenet_ros.errors import InputError
from posenet_ros.imaging.decoding import decode_compressed, decode_depth, Reduction
from posenet_ros.imaging.headers import (
    check_size,
    file_size,
    ImageError,
    is_cut_off,
    png_is_whole,
    png_size,
)

MAX_BYTES = 1 << 29  # of a file
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
        _check_file(path)
        return decode_compressed(np.fromfile(path, np.uint8), 'mono16', reduction)
    except (OSError, ImageError) as error:
        raise _unreadable(path, where, error) from error


def read_depth(path: Path) -> NDArray[np.uint16]:
    """
    Read a depth image.

    :returns: (height, width), millimetres.
    :raises ImageFileError: when the file is none.
    """
    try:
        _check_file(path)
        return decode_depth(np.fromfile(path, np.uint8))
    except ImageError as error:
        raise ImageFileError(f'{path}: {error}') from error
    except OSError as error:
        raise _unreadable(path, '', error) from error


def _check_file(path: Path) -> None:
    """
    Check what stands at a path before it is opened: a pipe would wait for ever.

    :raises ImageError: when it is no file, or larger than any image.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ImageError('an image has to be a file. Received: '
                         + ('a folder' if path.is_dir() else 'a pipe or a device'))
    if status.st_size > MAX_BYTES:
        raise ImageError(f'the file of an image has to be of at most {MAX_BYTES >> 20} MB. '
                         f'Received: {status.st_size >> 20} MB')


def image_size(path: Path) -> tuple[int, int]:
    """
    Return (width, height) of an image file, pixels, from its header; nothing is decoded.

    :raises ImageFileError: when the file is missing, cut off, has no such header, or is too large
        to be decoded.
    """
    try:
        _check_file(path)
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
    if path.is_file():
        received = f'a damaged file ({received})'
    elif not path.exists():
        received = 'no such file'
    return ImageFileError(f'{where + ": " if where else ""}the image {path} has to be readable. '
                          f'Received: {received}')
