"""Load pycolmap, which structure from motion alone needs."""

from __future__ import annotations

import signal
import threading
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
            "structure from motion needs pycolmap: pip install 'posenet_ros[map]'; images with "
            'poses need none (--data)') from error
    pycolmap.logging.minloglevel = ERRORS_ONLY
    if threading.current_thread() is threading.main_thread():
        # its import lets SIGTERM print a stack trace and abort
        signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGTERM))
    return pycolmap
