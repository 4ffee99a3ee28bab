"""Open the file or folder of a bag by rosbags, whole or truncated."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from posenet_ros.errors import InputError
from posenet_ros.ros_data.truncated_mcap import TruncatedMcapPath
from rosbags.highlevel import AnyReader
from rosbags.typesys import get_types_from_msg, get_typestore, Stores
from rosbags.typesys.store import Typestore


class UriPath(type(Path())):  # type: ignore[misc]
    """
    A path whose text is that of a URI.

    rosbags puts it into the URI of an sqlite3 file, where `#`, `?` and `%` mean something else.
    Files are opened by their real name all the same.
    """

    def __str__(self) -> str:
        return quote(super().__str__())

    def __fspath__(self) -> str:
        return str(super().__str__())


class _Folder(UriPath):
    """A path without suffix: rosbags takes a folder called `walk.bag` for a file of ROS 1."""

    suffix = ''


# videos, whose types are not of ROS itself
VIDEO_DEFINITIONS = {
    'foxglove_msgs/msg/CompressedVideo':
        'builtin_interfaces/Time timestamp\nstring frame_id\nuint8[] data\nstring format\n',
    'ffmpeg_image_transport_msgs/msg/FFMPEGPacket':
        'std_msgs/Header header\nint32 width\nint32 height\nstring encoding\nuint64 pts\n'
        'uint8 flags\nbool is_bigendian\nuint8[] data\n'}


@cache
def typestore() -> Typestore:
    """Return the message types of Jazzy, and those of videos."""
    store = get_typestore(Stores.ROS2_JAZZY)
    for name, definition in VIDEO_DEFINITIONS.items():
        store.register(get_types_from_msg(definition, name))
    return store


def _opened(path: Any) -> AnyReader:  # noqa: ANN401 - what rosbags calls RPath
    reader = AnyReader([path], default_typestore=typestore())
    reader.open()
    return reader


def damaged(path: Path, error: Exception, after: str = '') -> InputError:
    """
    Make the error of a damaged bag.

    :param error: of rosbags, which lets out whatever a damaged file causes.
    :param after: how far the bag could be read.
    """
    reason = ' '.join(str(error).split()) or type(error).__name__
    return InputError(f'{path}: expected a whole ROS bag. Received: one that is damaged, '
                      f'cut off or of an unknown kind{after} ({reason}); "ros2 bag reindex" '
                      'or "mcap recover" may save it')


def open_reader(path: Path, *, recover: bool = False) -> tuple[AnyReader, str]:
    """
    Open a bag.

    :param recover: open the complete records of a truncated .mcap file.
    :returns: the reader, and a description of the loss, empty for a whole bag.
    :raises InputError: when it is missing, no bag, or damaged.
    """
    if not path.exists():
        raise InputError(f'{path}: no such bag')
    if path.is_dir() and not (path / 'metadata.yaml').exists():
        raise InputError(f'{path}: a bag folder has to hold metadata.yaml. Received: '
                         'none; give a .mcap or .db3 file, or run "ros2 bag reindex"')
    try:
        return _opened(_Folder(path) if path.is_dir() else UriPath(path)), ''
    except PermissionError:
        raise
    except Exception as error:
        if recover:
            return _open_truncated(path, error)
        raise damaged(path, error) from error


def _open_truncated(path: Path, error: Exception) -> tuple[AnyReader, str]:
    truncated = TruncatedMcapPath(path)
    try:
        reader = _opened(truncated)
        next(reader.messages())  # the metadata may promise messages that are not there
    except Exception:
        raise damaged(path, error) from error
    return reader, f'{path}: {truncated.describe_loss()}'
