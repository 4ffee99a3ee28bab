"""Read image files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from posenet_ros.arrays import RgbImage
from posenet_ros.errors import InputError
from posenet_ros.imaging.decoding import (
    decode_compressed,
    ImageError,
    Reduction,
)


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
        raise ImageFileError(
            f'{where + ": " if where else ""}the image {path} has to be readable. '
            f'Received: {"a damaged file" if path.exists() else "no such file"}') from error
