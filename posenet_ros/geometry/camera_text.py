"""Cameras of a few numbers: a focal length, or the text of the option `--camera`."""

from __future__ import annotations

from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.distortion import NAMES, RATIONAL


def centred_camera(focal_px: float, size: tuple[int, int]) -> Camera:
    """Return a camera with square pixels and the principal point in the middle."""
    width, height = size
    return Camera(width, height, focal_px, focal_px, (width - 1) / 2, (height - 1) / 2)


def camera_from_text(text: str, size: tuple[int, int]) -> Camera:
    """
    Read the option `--camera`: FX[,FY,CX,CY[,MODEL][,K1,K2,...]], pixels.

    The principal point is the middle where only FX is given. MODEL is a distortion model, such
    as `plumb_bob` (the default), `rational_polynomial` or `equidistant` (`fisheye`).

    :param size: (width, height) of the images, pixels.
    :raises InputError: when it is malformed.
    """
    parts = [part.strip() for part in text.split(',')]
    model = RATIONAL
    if len(parts) > 4 and parts[4] in NAMES:
        model = NAMES[parts.pop(4)]
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        numbers = []
    if len(numbers) not in (1, *range(4, 19)):
        raise InputError('--camera has to be FX[,FY,CX,CY[,MODEL][,K1,K2,...]] in pixels, MODEL '
                         f'one of {", ".join(NAMES)}. Received: {text!r}')
    try:
        if len(numbers) == 1:
            return centred_camera(numbers[0], size)
        fx, fy, cx, cy, *distortion = numbers
        return Camera(*size, fx, fy, cx, cy, tuple(distortion), model)
    except InputError as error:
        raise InputError(f'--camera {text}: {error}') from error
