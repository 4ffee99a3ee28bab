"""Select keyframes: images that the camera moved between, and that are sharp."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from posenet_ros.imaging.files import read_image
from posenet_ros.imaging.quality import image_statistics
from posenet_ros.landmarks.features import max_reduction
from posenet_ros.landmarks.options import FeatureOptions
from posenet_ros.training.sfm.options import KeyframeOptions

GreyImage = NDArray[np.uint8]


class ReducedImage(NamedTuple):
    """A grey image (H, W) of the width for optical flow, and its sharpness."""

    grey: GreyImage
    sharpness: float


@dataclass(frozen=True)
class Keyframes:
    """
    The keyframes of a walk.

    :param indices: of the images that are kept, rising.
    :param blurred: number of images that were left out because they are blurred.
    :param still: number of images left out because the camera had hardly moved.
    """

    indices: tuple[int, ...]
    blurred: int = 0
    still: int = 0


def read_reduced(path: Path, options: KeyframeOptions) -> ReducedImage:
    """Read an image at the width for optical flow."""
    limit = FeatureOptions(options.width, patch_width=options.width)
    image = read_image(path, reduction=lambda width, _: max_reduction(width, limit))
    height, width = image.shape[:2]
    if width > options.width:
        size = options.width, max(round(height * options.width / width), 1)
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)
    return ReducedImage(grey, image_statistics(image).sharpness)


class MotionMeter:
    """Measure how far the corners of the last keyframe have moved, by optical flow."""

    def __init__(self, options: KeyframeOptions) -> None:
        self._options = options
        self._last: GreyImage | None = None
        self._start = self._now = np.empty((0, 2), np.float32)
        self._count = 0

    def motion(self, grey: GreyImage) -> float:
        """
        Return the median motion since the last keyframe, by the width of the image.

        Infinite for the first image, and where too few corners are left in view.
        """
        if self._last is None or not len(self._now):
            self._last = grey
            return np.inf
        moved, status, _ = cv2.calcOpticalFlowPyrLK(  # type: ignore[call-overload]
            self._last, grey, self._now[:, np.newaxis], None, winSize=(15, 15), maxLevel=3)
        seen = status[:, 0] == 1
        self._start, self._now, self._last = self._start[seen], moved[seen, 0], grey
        if len(self._now) < self._options.min_tracked * self._count:
            return np.inf
        lengths = np.linalg.norm(self._now - self._start, axis=1)
        return float(np.median(lengths) / grey.shape[1])

    def restart(self, grey: GreyImage) -> None:
        """Take an image as the last keyframe."""
        corners = cv2.goodFeaturesToTrack(grey, self._options.corners, 0.01, 7)
        found = np.empty((0, 2)) if corners is None else corners[:, 0]
        self._start = self._now = found.astype(np.float32)
        self._count, self._last = len(found), grey


def _with_window(images: Iterable[ReducedImage], options: KeyframeOptions
                 ) -> Iterator[tuple[GreyImage, float]]:
    """Yield each image with its relative sharpness, holding no more images than the window."""
    waiting: list[ReducedImage] = []
    sharpness: list[float] = []
    done = 0

    def ready(end: int) -> Iterator[tuple[GreyImage, float]]:
        nonlocal done
        while waiting and done < end:
            window = sharpness[max(done - options.neighbours, 0):done + options.neighbours + 1]
            image = waiting.pop(0)
            usual = float(np.median(window))
            yield image.grey, image.sharpness / usual if usual else 1.0
            done += 1

    for image in images:
        waiting.append(image)
        sharpness.append(image.sharpness)
        yield from ready(len(sharpness) - options.neighbours)
    yield from ready(len(sharpness))


def select_keyframes(images: Iterable[ReducedImage], options: KeyframeOptions) -> Keyframes:
    """
    Select the keyframes of a walk.

    :param images: of the walk, in order.
    """
    meter, kept = MotionMeter(options), []
    blurred = still = count = 0
    for index, (grey, sharpness) in enumerate(_with_window(images, options)):
        count += 1
        motion = meter.motion(grey)
        is_sharp = sharpness >= options.min_relative_sharpness
        if motion < options.min_motion:
            still += 1
        elif not is_sharp:
            blurred += 1
        else:
            kept.append(index)
            meter.restart(grey)
    if len(kept) > options.photographs * count:
        return Keyframes(tuple(range(count)))
    return Keyframes(tuple(kept), blurred, still)
