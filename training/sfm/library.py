"""Load pycolmap, which structure from motion alone needs."""

from __future__ import annotations

from typing import Any

from posenet_ros.errors import PoseNetError

ERRORS_ONLY = 2  # glog's level


def load_pycolmap() -> Any:  # noqa: ANN401 - a module that may be missing
    """
    Import pycolmap, silent but for errors.

    :raises PoseNetError: when it is not installed.
    """
    try:
        import pycolmap
    except ImportError as error:
        raise PoseNetError(
            'structure from motion needs pycolmap: pip install posenet_ros[map]; images with '
            'poses need none (--data)') from error
    pycolmap.logging.minloglevel = ERRORS_ONLY
    return pycolmap
