"""Open the file or folder of a bag by rosbags, whole or truncated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from posenet_ros.errors import InputError
from posenet_ros.ros_data.files.bag_layout import (
    bag_files,
    BagPath,
    decompressed,
    file_kind,
    METADATA,
    unwritten,
)
from posenet_ros.ros_data.files.tolerant_reader import (
    disagreement,
    has_index,
    listed_files,
    TolerantReader,
)
from posenet_ros.ros_data.files.truncated_mcap import TruncatedMcapPath
from rosbags.highlevel import AnyReader
from rosbags.typesys import get_types_from_msg, get_typestore, Stores
from rosbags.typesys.store import Typestore

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


@dataclass(frozen=True, eq=False)
class OpenedBag:
    """
    A bag opened for reading.

    :param reader: of all of its files.
    :param damage: what is lost of it; empty for a whole bag.
    :param note: what else should be known of its files; empty for nothing.
    """

    reader: AnyReader
    damage: str = ''
    note: str = ''


def _opened(paths: Sequence[Any], scratch: ExitStack | None = None) -> TolerantReader:
    reader = TolerantReader(paths, typestore(), scratch or ExitStack())
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


def open_reader(path: Path, *, recover: bool = False) -> OpenedBag:
    """
    Open a bag: a file, or a folder with its metadata.yaml, or by its files alone.

    :param recover: open the complete records of a truncated .mcap file.
    :raises InputError: when it is missing, no bag, several, or damaged.
    """
    if not path.exists():
        raise InputError(f'{path}: no such bag')
    try:
        return _open_folder(path) if path.is_dir() else _open_files([path])
    except (PermissionError, InputError):
        raise
    except Exception as error:
        if recover:
            return _open_truncated(path, error)
        raise damaged(path, error) from error


def _open_files(files: Sequence[Path], note: str = '') -> OpenedBag:
    """
    Open the files of one bag.

    :raises Exception: of rosbags, when one is damaged.
    """
    scratch = ExitStack()
    try:
        reader = _opened([BagPath(file) for file in decompressed(files, scratch)], scratch)
    except BaseException:
        scratch.close()
        raise
    return OpenedBag(reader, unwritten(files), note)


def _open_folder(folder: Path) -> OpenedBag:
    """
    Open the bag in a folder by its metadata.yaml, or by its files where these say other.

    :raises InputError: when the folder has no bag, or several.
    :raises Exception: of rosbags, when it is damaged.
    """
    if not (folder / METADATA).is_file():
        files = bag_files(folder)
        return _open_files(files, '' if file_kind(files[0]) == '.bag' else (
            f'{folder.name} has no {METADATA}: its files are read as they are'))
    try:
        reader = _opened([BagPath(folder)])
    except PermissionError:
        raise
    except Exception as error:
        return _open_other_files(folder, error)
    why = disagreement(reader)
    if not why:
        return OpenedBag(reader, unwritten([folder / name for name in listed_files(reader)]))
    reader.close()
    return _open_files(bag_files(folder), f'{METADATA} of {folder.name} {why}: its files are read '
                       'as they are')


def _open_other_files(folder: Path, error: Exception) -> OpenedBag:
    """
    Open a folder whose metadata.yaml cannot be used.

    :param error: of rosbags, about metadata.yaml or about the files.
    """
    try:
        files = bag_files(folder)
    except InputError as other:
        raise error from other
    reason = ' '.join(str(error).split()) or type(error).__name__
    return _open_files(files, f'{METADATA} of {folder.name} cannot be used ({reason}): its files '
                       f'are read as they are, {", ".join(file.name for file in files)}')


@contextmanager
def own_position(path: Path, reader: AnyReader, *, recover: bool) -> Iterator[AnyReader]:
    """
    Yield a reader whose position in the files no other reading moves.

    :param reader: of the bag; it is yielded itself where its files have an index.
    :param recover: as of :func:`open_reader`.
    """
    if has_index(reader):
        yield reader
        return
    with closing(open_reader(path, recover=recover).reader) as own:
        yield own


def _open_truncated(path: Path, error: Exception) -> OpenedBag:
    truncated = TruncatedMcapPath(path)
    try:
        reader = _opened([truncated])
        next(reader.messages())  # the metadata may promise messages that are not there
    except Exception:
        raise damaged(path, error) from error
    return OpenedBag(reader, f'{path}: {truncated.describe_loss()}')
