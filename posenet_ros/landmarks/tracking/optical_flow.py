"""Optical flow of a keyframe's landmarks: pyramidal Lucas-Kanade (Bouguet 2000), and back."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.landmarks.tracking.options import TrackingOptions


def follow(template: NDArray[np.uint8], image: NDArray[np.uint8], points: NDArray[np.float32],
           expected: Floats, levels: int,
           options: TrackingOptions) -> tuple[Floats, NDArray[np.bool_]]:
    """
    Find points of one image in another.

    What is found is followed back, on the image itself without its pyramid: it has to come out
    where it began (forward-backward error, Kalal et al. 2010).

    :param template: (H, W) grey, `points` (N, 2) in it, pixels.
    :param image: (H, W) grey, `expected` (N, 2) where they should be in it.
    :param levels: of the pyramid above the image: 2 ** levels times as far may they be off.
    :returns: (N, 2) where they are, and (N,) whether they were found.
    """
    if not len(points):
        return np.empty((0, 2)), np.empty(0, np.bool_)
    criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, options.iterations,
                options.epsilon_px)
    window = options.window_px, options.window_px
    found, there, _ = cv2.calcOpticalFlowPyrLK(
        template, image, points, expected.astype(np.float32), winSize=window,
        maxLevel=levels, criteria=criteria, flags=cv2.OPTFLOW_USE_INITIAL_FLOW)
    back, again, _ = cv2.calcOpticalFlowPyrLK(
        image, template, found, points.copy(), winSize=window, maxLevel=0, criteria=criteria,
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW)
    round_trip = np.abs(back - points).max(axis=1)
    ok = (there[:, 0] == 1) & (again[:, 0] == 1) & (round_trip < options.max_round_trip_px)
    return np.asarray(found, np.float64), np.asarray(ok)
