"""When and how an image was taken, by its EXIF data."""

from __future__ import annotations

from datetime import datetime, UTC
from pathlib import Path
from typing import NamedTuple

ORIENTATION, EXIF_FOLDER = 0x0112, 0x8769
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
    from PIL import Image  # comes with matplotlib; costs much to import
    try:
        with Image.open(path) as image:
            data = image.getexif()
        taken = data.get_ifd(EXIF_FOLDER)
        return Exif(_stamp_ns(taken), data.get(ORIENTATION, 1) not in (0, 1))
    except Exception:  # Pillow lets out whatever a damaged file causes
        return Exif()


def _stamp_ns(taken: dict[int, str]) -> int | None:
    if TAKEN not in taken:
        return None
    fraction = str(taken.get(SUBSECONDS, '')).strip('\0 ')
    time = datetime.strptime(str(taken[TAKEN]).strip('\0 ') + (
        str(taken.get(OFFSET, '')).strip('\0 ') or '+00:00'), '%Y:%m:%d %H:%M:%S%z')
    nanoseconds = int((fraction + '0' * 9)[:9]) if fraction.isdigit() else 0
    seconds = int((time - datetime.fromtimestamp(0, UTC)).total_seconds())
    return seconds * 10**9 + nanoseconds
