"""The images that come while one is localised: through them the camera is tracked to the latest."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.tracking.keyframe import GreyImage
from posenet_ros.localisation.tracking.options import ScheduleOptions


class MissedImage(NamedTuple):
    """An image that could not be tracked yet, as :meth:`.CameraTracker.track` takes it."""

    grey: GreyImage
    camera: Camera
    stamp_ns: int
    odom_from_camera: Pose | None


class MissedImages:
    """Keep the latest of the images, not all of them."""

    def __init__(self, options: ScheduleOptions) -> None:
        self._options = options
        self._images: deque[MissedImage] = deque()

    def add(self, image: MissedImage) -> None:
        """Keep an image, if it is far enough from the last one in time."""
        past = self._images
        if past and image.stamp_ns < past[-1].stamp_ns:
            past.clear()  # time began anew
        if past and image.stamp_ns - past[-1].stamp_ns < self._options.missed_period_s * 1e9:
            return
        past.append(image)
        while image.stamp_ns - past[0].stamp_ns > self._options.max_missed_s * 1e9:
            past.popleft()

    def clear(self) -> None:
        """Forget them."""
        self._images.clear()

    def after(self, stamp_ns: int) -> list[MissedImage]:
        """Return those that are newer than a stamp, nanoseconds."""
        return [image for image in self._images if image.stamp_ns > stamp_ns]
