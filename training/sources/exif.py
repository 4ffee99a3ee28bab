"""When and how an image was taken, by its EXIF data."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, UTC
from pathlib import Path
from typing import Any, NamedTuple

from posenet_ros.training.data.exif import ORIENTATION, read_exif_tags, UPRIGHT

TAKEN, SUBSECONDS, OFFSET = 0x9003, 0x9291, 0x9011


class Exif(NamedTuple):
    """
    EXIF data of an image.

    :param stamp_ns: when it was taken, nanoseconds; None where it does not say.
    :param rotated: whether a viewer shall turn the pixels.
    """

    stamp_ns: int | None = None
    rotated: bool = False


def read_exif(path: Path) -> Exif:
    """Read the EXIF data of an image file; nothing where there is none, or it is damaged."""
    tags = read_exif_tags(path)
    try:
        stamp_ns = _stamp_ns(tags.exposure)
    except (ValueError, OverflowError):  # no time that is one
        return Exif()
    return Exif(stamp_ns, tags.image.get(ORIENTATION, UPRIGHT) not in (0, UPRIGHT))


def _stamp_ns(taken: Mapping[int, Any]) -> int | None:
    if TAKEN not in taken:
        return None
    fraction = str(taken.get(SUBSECONDS, '')).strip('\0 ')
    time = datetime.strptime(str(taken[TAKEN]).strip('\0 ') + (
        str(taken.get(OFFSET, '')).strip('\0 ') or '+00:00'), '%Y:%m:%d %H:%M:%S%z')
    nanoseconds = int((fraction + '0' * 9)[:9]) if fraction.isdigit() else 0
    seconds = int((time - datetime.fromtimestamp(0, UTC)).total_seconds())
    return seconds * 10**9 + nanoseconds
