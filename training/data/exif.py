"""What a camera wrote into an image file (Exif 2.32)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
import warnings

ORIENTATION, EXIF_FOLDER = 0x0112, 0x8769  # tags
UPRIGHT = 1


class ExifTags(NamedTuple):
    """
    The tags of an image file, by their numbers.

    :param image: such as the orientation.
    :param exposure: of the Exif folder, such as the time and the focal length.
    """

    image: Mapping[int, Any]
    exposure: Mapping[int, Any]


def read_exif_tags(path: Path) -> ExifTags:
    """Read the header of an image file; nothing where there is none, or it is damaged."""
    from PIL import Image  # comes with matplotlib; costs much to import
    if not path.is_file():  # a pipe would wait for ever
        return ExifTags({}, {})
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # of large images and odd tags
            with Image.open(path) as image:
                tags = image.getexif()
                return ExifTags(dict(tags), dict(tags.get_ifd(EXIF_FOLDER)))
    except Exception:  # Pillow lets out whatever a damaged file causes
        return ExifTags({}, {})
