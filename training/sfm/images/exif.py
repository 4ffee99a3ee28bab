"""Orientation and focal length that a camera wrote into an image file (Exif 2.32)."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from posenet_ros.training.data.exif import ORIENTATION, read_exif_tags, UPRIGHT

FOCAL_35MM = 0xA405  # a tag
DIAGONAL_35MM = 43.2666  # millimetres of 36 x 24
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
    tags = read_exif_tags(path)
    try:
        orientation = int(tags.image.get(ORIENTATION, UPRIGHT))
        focal = float(tags.exposure.get(FOCAL_35MM, 0))
    except (TypeError, ValueError, ArithmeticError):  # damaged, such as 50 divided by 0
        return Exif()
    return Exif(orientation if 1 <= orientation <= 8 else UPRIGHT,
                focal if focal > 0 else None)
