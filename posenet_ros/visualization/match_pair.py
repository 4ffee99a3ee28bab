"""A query beside the training image that it was matched with, and lines between the matches."""

from __future__ import annotations

import cv2
import numpy as np
from posenet_ros.arrays import Floats, RgbImage

GAP_PX = 8
LINE_RGB, SPOT_RGB = (60, 200, 90), (255, 255, 255)


def fit_height(image: RgbImage, height: int) -> RgbImage:
    """Resize an image (H, W, 3) to this height, keeping its aspect."""
    width = max(round(image.shape[1] * height / image.shape[0]), 1)
    shrinks = height < image.shape[0]
    return np.asarray(cv2.resize(
        image, (width, height),
        interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR), np.uint8)


def draw_match_pair(query: RgbImage, query_pixels: Floats, view: RgbImage, view_pixels: Floats,
                    height: int = 360) -> RgbImage:
    """
    Draw a query, left, and a training image, right, with a line for each match.

    :param query: (H, W, 3) RGB.
    :param query_pixels: (N, 2) where the query shows the landmarks.
    :param view: (H', W', 3) RGB.
    :param view_pixels: (N, 2) where the training image shows them.
    :param height: of the picture, pixels.
    :returns: (height, width, 3) RGB.
    """
    left, right = fit_height(query, height), fit_height(view, height)
    offset = left.shape[1] + GAP_PX
    picture = np.full((height, offset + right.shape[1], 3), 255, np.uint8)
    picture[:, :left.shape[1]], picture[:, offset:] = left, right
    starts = query_pixels * (height / query.shape[0])
    ends = view_pixels * (height / view.shape[0]) + (offset, 0)
    for start, end in zip(starts, ends, strict=True):
        first, last = ((round(float(x)), round(float(y))) for x, y in (start, end))
        cv2.line(picture, first, last, LINE_RGB, 1, cv2.LINE_AA)
        for spot in (first, last):
            cv2.circle(picture, spot, 2, SPOT_RGB, -1, cv2.LINE_AA)
    return picture
