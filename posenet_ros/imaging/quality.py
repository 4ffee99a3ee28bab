"""
Image faults: covered, dark, overexposed, frozen or blurred.

The statistics are those of the network's input, which is small: less than 0.1 ms an image. The
limits were set against some 840 images of four scenes (rendered college, synthetic court, two
hand-held recordings); the comment at each limit gives the most extreme value among them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, unique
from typing import NamedTuple

import cv2
import numpy as np
from posenet_ros.arrays import RgbImage

DARK_LEVEL, BRIGHT_LEVEL = 24, 250  # grey levels, of 255
MAX_DARK_RATIO = 0.95  # of the pixels; 0.53 in the darkest good image
MAX_BRIGHT_RATIO = 0.6  # 0.09 in the brightest: much of an image may be sky
MIN_DETAIL = 5.0  # grey levels; 17 in the plainest
CELL_SIZE = 16  # pixels; larger structures are light and shade, not detail


@unique
class ImageFault(Enum):
    """The kinds of image fault; the value is the word in diagnostics and reports."""

    COVERED = 'covered'
    DARK = 'dark'
    OVEREXPOSED = 'overexposed'
    FROZEN = 'frozen'
    BLURRED = 'blurred'


class ImageStatistics(NamedTuple):
    """
    Brightness, detail and sharpness of an image.

    :param dark: ratio of the pixels that are almost black.
    :param bright: ratio of the pixels that are almost white.
    :param detail: standard deviation of the brightness within cells of 16 pixels, grey levels.
    :param sharpness: standard deviation of the Laplacian over that of the brightness in the
        cells: it falls with blur, and hardly with the light.
    :param repeats: number of consecutive identical images, this one included; see
        :class:`FrozenImageDetector`.
    """

    dark: float
    bright: float
    detail: float
    sharpness: float
    repeats: int = 1


class Fault(NamedTuple):
    """A fault, and the reason in one line."""

    kind: ImageFault
    reason: str


@dataclass(frozen=True)
class FaultLimits:
    """
    Limits that depend on the camera and on what it looks at; 0 switches a check off.

    :param max_identical: number of consecutive identical images that mean a frozen camera; a real
        camera at rest still has noise.
    :param min_sharpness: an image below is blurred. Good images have 0.6 to 2.
    """

    max_identical: int
    min_sharpness: float


def image_statistics(image: RgbImage) -> ImageStatistics:
    """
    Compute the statistics of an image.

    :param image: (height, width, 3) RGB of 8 bits, of the network's size.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    height, width = grey.shape
    cells = cv2.resize(grey, (-(-width // CELL_SIZE), -(-height // CELL_SIZE)),
                       interpolation=cv2.INTER_AREA)
    # variance within the cells = variance of the whole - variance between the cells
    detail = max(_deviation(grey) ** 2 - _deviation(cells) ** 2, 0.0) ** 0.5
    edges = _deviation(cv2.Laplacian(grey, cv2.CV_16S))
    return ImageStatistics(
        float(np.mean(grey <= DARK_LEVEL)), float(np.mean(grey >= BRIGHT_LEVEL)), detail,
        edges / detail if detail else 0.0)


def _deviation(values: cv2.typing.MatLike) -> float:
    return float(cv2.meanStdDev(values)[1][0, 0])


class FrozenImageDetector:
    """Count consecutive identical images of one camera."""

    def __init__(self) -> None:
        self._last: RgbImage | None = None
        self._repeats = 0

    def count_repeats(self, image: RgbImage) -> int:
        """
        Count how often an image came in a row, to the last pixel and with itself.

        :param image: the network's input; kept until the next one, and not copied.
        """
        same = self._last is not None and np.array_equal(self._last, image)
        self._repeats = self._repeats + 1 if same else 1
        self._last = image
        return self._repeats


def find_fault(statistics: ImageStatistics, limits: FaultLimits) -> Fault | None:
    """Find the first fault of an image by the order of CHECKS; None when it has none."""
    return next((Fault(kind, reason) for kind, check in CHECKS
                 if (reason := check(statistics, limits))), None)


def _dark(statistics: ImageStatistics, _: FaultLimits) -> str:
    if statistics.dark <= MAX_DARK_RATIO:
        return ''
    return f'{statistics.dark:.0%} of the image is black, at most {MAX_DARK_RATIO:.0%} may be'


def _overexposed(statistics: ImageStatistics, _: FaultLimits) -> str:
    if statistics.bright <= MAX_BRIGHT_RATIO:
        return ''
    return f'{statistics.bright:.0%} of the image is white, at most {MAX_BRIGHT_RATIO:.0%} may be'


def _covered(statistics: ImageStatistics, _: FaultLimits) -> str:
    if statistics.detail >= MIN_DETAIL:
        return ''
    return (f'the image has hardly any detail: {statistics.detail:.1f} grey levels, at least '
            f'{MIN_DETAIL:g} are expected. Is something before the lens?')


def _frozen(statistics: ImageStatistics, limits: FaultLimits) -> str:
    if not limits.max_identical or statistics.repeats < limits.max_identical:
        return ''
    return f'the same image came {statistics.repeats} times in a row'


def _blurred(statistics: ImageStatistics, limits: FaultLimits) -> str:
    if statistics.sharpness >= limits.min_sharpness:
        return ''
    return (f'the sharpness is {statistics.sharpness:.2f}, at least {limits.min_sharpness:g} is '
            'expected')


# the order matters: an image without light has no detail, either
CHECKS: tuple[tuple[ImageFault, Callable[[ImageStatistics, FaultLimits], str]], ...] = (
    (ImageFault.DARK, _dark), (ImageFault.OVEREXPOSED, _overexposed),
    (ImageFault.COVERED, _covered), (ImageFault.FROZEN, _frozen), (ImageFault.BLURRED, _blurred))
