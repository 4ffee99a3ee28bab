"""
What is wrong with a camera's images: covered, dark, overexposed, frozen or blurred.

Looks at the network's input, which is small, so that it costs less than 0.1 ms. The limits were
set beside some 840 images of four scenes (rendered college, synthetic court, two hand-held
recordings): the nearest any of them came to one is said at each.
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
MOST_DARK = 0.95  # share of the pixels; 0.53 in the darkest good image
MOST_BRIGHT = 0.6  # 0.09 in the brightest: much of an image may be sky
LEAST_DETAIL = 5.0  # grey levels; 17 in the plainest
CELL = 16  # pixels; what is larger than that is light and shade, not detail


@unique
class ImageFault(Enum):
    """What can be wrong with an image; the value is the word in diagnostics and reports."""

    COVERED = 'covered'
    DARK = 'dark'
    OVEREXPOSED = 'overexposed'
    FROZEN = 'frozen'
    BLURRED = 'blurred'


class Look(NamedTuple):
    """
    What an image is like.

    :param dark: share of the pixels that are almost black.
    :param bright: share of the pixels that are almost white.
    :param detail: standard deviation of the brightness within cells of 16 pixels, grey levels.
    :param sharpness: standard deviation of the Laplacian over that of the brightness in the
        cells: it falls with blur, and hardly with the light.
    :param repeats: how many images in a row this one equals to the last pixel, with itself.
    """

    dark: float
    bright: float
    detail: float
    sharpness: float
    repeats: int


class Fault(NamedTuple):
    """A fault, and in one line what was expected and what came."""

    kind: ImageFault
    reason: str


@dataclass(frozen=True)
class FaultLimits:
    """
    Limits that depend on the camera and on what it looks at; 0 switches a check off.

    :param max_identical: so many equal images in a row are a frozen camera's; a real one at rest
        still has noise.
    :param min_sharpness: an image below is blurred. Good images have 0.6 to 2.
    """

    max_identical: int
    min_sharpness: float


def looked_at(image: RgbImage, repeats: int = 1) -> Look:
    """
    Return what an image is like.

    :param image: (height, width, 3) RGB of 8 bits, of the network's size.
    :param repeats: see :class:`Look`.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    height, width = grey.shape
    cells = cv2.resize(grey, (-(-width // CELL), -(-height // CELL)),
                       interpolation=cv2.INTER_AREA)
    # variance within the cells = variance of the whole - variance between the cells
    detail = max(_deviation(grey) ** 2 - _deviation(cells) ** 2, 0.0) ** 0.5
    edges = _deviation(cv2.Laplacian(grey, cv2.CV_16S))
    return Look(float(np.mean(grey <= DARK_LEVEL)), float(np.mean(grey >= BRIGHT_LEVEL)),
                detail, edges / detail if detail else 0.0, repeats)


def _deviation(values: cv2.typing.MatLike) -> float:
    return float(cv2.meanStdDev(values)[1][0, 0])


class Inspector:
    """Looks at the images of one camera, one after the other."""

    def __init__(self) -> None:
        self._last: RgbImage | None = None
        self._repeats = 0

    def __call__(self, image: RgbImage) -> Look:
        """
        Return what the next image is like.

        :param image: as for :func:`looked_at`; it is kept until the next one, and not copied.
        """
        same = self._last is not None and np.array_equal(self._last, image)
        self._repeats = self._repeats + 1 if same else 1
        self._last = image
        return looked_at(image, self._repeats)


def find_fault(look: Look, limits: FaultLimits) -> Fault | None:
    """Return the first thing that is wrong with an image, None when nothing is."""
    return next((Fault(kind, reason) for kind, check in CHECKS if (reason := check(look, limits))),
                None)


def _dark(look: Look, _: FaultLimits) -> str:
    if look.dark <= MOST_DARK:
        return ''
    return f'{look.dark:.0%} of the image is black, at most {MOST_DARK:.0%} may be'


def _overexposed(look: Look, _: FaultLimits) -> str:
    if look.bright <= MOST_BRIGHT:
        return ''
    return f'{look.bright:.0%} of the image is white, at most {MOST_BRIGHT:.0%} may be'


def _covered(look: Look, _: FaultLimits) -> str:
    if look.detail >= LEAST_DETAIL:
        return ''
    return (f'hardly anything is to be seen: {look.detail:.1f} grey levels of detail, at least '
            f'{LEAST_DETAIL:g} are expected. Is something before the lens?')


def _frozen(look: Look, limits: FaultLimits) -> str:
    if not limits.max_identical or look.repeats < limits.max_identical:
        return ''
    return f'the same image came {look.repeats} times in a row'


def _blurred(look: Look, limits: FaultLimits) -> str:
    if look.sharpness >= limits.min_sharpness:
        return ''
    return f'the sharpness is {look.sharpness:.2f}, at least {limits.min_sharpness:g} is expected'


# an image without light has no detail either, and is called by what is seen first
CHECKS: tuple[tuple[ImageFault, Callable[[Look, FaultLimits], str]], ...] = (
    (ImageFault.DARK, _dark), (ImageFault.OVEREXPOSED, _overexposed),
    (ImageFault.COVERED, _covered), (ImageFault.FROZEN, _frozen), (ImageFault.BLURRED, _blurred))
