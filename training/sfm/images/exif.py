"""Orientation and focal length that a camera wrote into an image file (Exif 2.32)."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple
import warnings

ORIENTATION, EXIF_FOLDER, FOCAL_35MM = 0x0112, 0x8769, 0xA405  # tags
DIAGONAL_35MM = 43.2666  # millimetres of 36 x 24
UPRIGHT = 1
KINDS = {'.jpg', '.jpeg', '.png', '.tif', '.tiff', '.webp'}


class Exif(NamedTuple):
    """
    What an image file says of itself.

    :param orientation: 1 to 8; 1 is upright.
    :param focal_35mm: focal length as of 35 mm film, millimetres; None where it is not said.
    """

    orientation: int = UPRIGHT
    focal_35mm: float | None = None

    def focal_px(self, width: int, height: int) -> float | None:
        """Return the focal length in pixels, by the diagonal of film (CIPA DCG-001)."""
        diagonal = float(width ** 2 + height ** 2) ** 0.5
        return self.focal_35mm * diagonal / DIAGONAL_35MM if self.focal_35mm else None


def read_exif(path: Path) -> Exif:
    """Read the header of an image file; what is missing or damaged counts as not said."""
    if path.suffix.lower() not in KINDS:
        return Exif()
    from PIL import Image
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # of large images and odd tags
            with Image.open(path) as image:
                tags = image.getexif()
                orientation = int(tags.get(ORIENTATION, UPRIGHT))
                focal = float(tags.get_ifd(EXIF_FOLDER).get(FOCAL_35MM, 0))
    except Exception:  # Pillow lets out whatever a damaged file causes
        return Exif()
    return Exif(orientation if 1 <= orientation <= 8 else UPRIGHT,
                focal if focal > 0 else None)
