"""The nodes of several cameras in one process: how each is named, and what it listens to."""

from __future__ import annotations

from collections.abc import Sequence
import re
from typing import Any

from posenet_ros.errors import InputError

NAME = re.compile(r'/?[A-Za-z_]\w*(/[A-Za-z_]\w*)*')


def camera_names(text: str) -> tuple[str, ...]:
    """
    Split names of cameras by commas; no text gives none.

    :raises InputError: when one is no namespace, or is there twice.
    """
    names = tuple(name.strip() for name in text.split(',')) if text.strip() else ()
    if not all(map(NAME.fullmatch, names)) or len(set(names)) < len(names):
        raise InputError('--cameras has to be namespaces, each once, such as front,rear. '
                         f'Received: {text}')
    return names


def node_options(arguments: Sequence[str], cameras: Sequence[str]) -> list[dict[str, Any]]:
    """
    Return the options of rclpy's node for each camera; for no camera those of the one node.

    Each is in the camera's namespace and takes `image_raw` there, but where `image` is remapped.
    All listen to one `initialpose`, that of the namespace around them: it is of the robot.

    :param arguments: the command line; its remappings win.
    """
    if not cameras:
        return [{}]
    rules = dict(word.split(':=', 1) for word in arguments if ':=' in word)
    around = rules.get('__ns', '').strip('/')
    defaults = {'image': 'image_raw', 'initialpose': f'{_absolute(around)}/initialpose'}
    options = []
    for camera in cameras:
        remaps = {'__ns': f'{_absolute(around)}{_absolute(camera)}', **{
            name: target for name, target in defaults.items() if name not in rules}}
        options.append({'cli_args': ['--ros-args', *(
            part for name, target in remaps.items() for part in ('-r', f'{name}:={target}'))]})
    return options


def _absolute(name: str) -> str:
    """Return a namespace with one slash before it; nothing for the root."""
    return f'/{name.strip("/")}' if name.strip('/') else ''
