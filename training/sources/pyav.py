"""PyAV, which decodes video: imported when a video is read, so that nothing else needs it."""

from __future__ import annotations

from typing import Any

import numpy as np
from posenet_ros.arrays import RgbImage
from posenet_ros.errors import InputError


def load_pyav() -> Any:  # noqa: ANN401 - a module that may be missing
    """
    Return the module `av`.

    :raises InputError: when it is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise InputError("video needs PyAV: pip install 'posenet_ros[map]'. Received: "
                         f'{error}') from error
    av.logging.set_level(None)  # damaged frames are counted and told once
    return av


def upright(frame: Any) -> RgbImage:  # noqa: ANN401 - av.VideoFrame
    """Return the RGB pixels of a frame, turned as its display matrix says."""
    pixels = frame.to_ndarray(format='rgb24')
    quarters = round(frame.rotation / 90)  # anticlockwise
    return np.ascontiguousarray(np.rot90(pixels, quarters))
