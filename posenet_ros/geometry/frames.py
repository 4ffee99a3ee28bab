"""Names of TF frames; light to import, for options and parameters."""

from __future__ import annotations

from posenet_ros.errors import InputError


def frame_name(name: str, what: str = '') -> str:
    """
    Return a frame's name as tf2 looks it up: without the slash that ROS 1 put before it.

    :param what: the option or parameter that it is of, where it may not be empty.
    :raises InputError: when it is empty, and `what` is given.
    """
    stripped = name.removeprefix('/')
    if what and not stripped:
        raise InputError(f"{what} has to be a frame's name. Received: {name!r}")
    return stripped
