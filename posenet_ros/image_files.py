"""Read image files."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.preprocess import Image


def read_image(path: Path, where: str = '') -> Image:
    """
    Read an image file.

    :param where: the file and line that named it, for the message.
    :returns: (height, width, 3) RGB, 8 bits.
    :raises InputError: when the file is no readable image.
    """
    # not IMREAD_COLOR_RGB: the OpenCV that ROS Jazzy comes with does not have it
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise InputError(f'{where + ": " if where else ""}the image {path} has to be readable. '
                         f'Received: {"a damaged file" if path.exists() else "no such file"}')
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)
