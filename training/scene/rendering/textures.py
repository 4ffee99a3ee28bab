"""Procedural materials: albedo images of stone, brick, slate and glass."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import BgrImage
from posenet_ros.training.data.noise import fractal

Field = NDArray[np.float32]
Color = tuple[float, float, float]
PIXELS_PER_M = 64


def bgr(code: str) -> Color:
    """Return the BGR colour of a hexadecimal RGB code such as `c8b28a`."""
    red, green, blue = bytes.fromhex(code)
    return float(blue), float(green), float(red)


def scale_color(color: Color, factor: float) -> Color:
    """Return the colour made darker or lighter."""
    blue, green, red = (min(factor * channel, 250.0) for channel in color)
    return blue, green, red


def shade_color(color: Color, shade: Field) -> BgrImage:
    """Return the colour multiplied by a shade around 1."""
    shade = np.maximum(shade, 0).astype(np.float32)
    return np.asarray(
        cv2.merge([cv2.convertScaleAbs(shade, alpha=channel) for channel in color]), np.uint8)


def masonry(
        height: int, width: int, rng: np.random.Generator, color: Color, mortar: Color,
        course_m: float, block_m: float, contrast: float, joint: float) -> BgrImage:
    """
    Return coursed stone or brick with joints, weathering and blocks of different tone.

    :param course_m: height of a course, metres.
    :param block_m: mean length of a block, metres.
    :param contrast: deviation of the tone between blocks.
    :param joint: how much of the mortar shows in the joints, 0..1.
    """
    shade = np.ones((height, width), np.float32)
    hue = np.zeros((height, width), np.float32)
    joints = np.zeros((height, width), np.float32)
    course = course_m * PIXELS_PER_M
    thick = max(round(0.016 * PIXELS_PER_M), 1)
    for row in range(int(height / course) + 1):
        top, bottom = round(row * course), round((row + 1) * course)
        gaps = rng.uniform(0.65, 1.35, int(width / (block_m * PIXELS_PER_M)) * 2 + 3)
        edges = np.cumsum(gaps * block_m * PIXELS_PER_M) - block_m * PIXELS_PER_M
        column = np.searchsorted(edges, np.arange(width))
        tones = rng.normal(0, contrast, (2, len(edges) + 1)).astype(np.float32)
        shade[top:bottom] += tones[0][column]
        hue[top:bottom] += tones[1][column]
        joints[top:top + thick] = 1
        for x in edges[(edges > 0) & (edges < width)].astype(int):
            joints[top:bottom, x:x + thick] = 1
    shade += 0.06 * fractal(height, width, rng, 4 * PIXELS_PER_M, 7)
    shade += 0.05 * np.minimum(fractal(height, width, rng, 1.2 * PIXELS_PER_M, 3, 6), 0)
    joints *= joint
    channels = [cv2.convertScaleAbs((shade * c + hue * h) * (1 - joints) + joints * m)
                for c, h, m in zip(color, (-40, 5, 60), mortar, strict=True)]
    return np.asarray(cv2.merge(channels), np.uint8)


def ashlar(height: int, width: int, rng: np.random.Generator, code: str) -> BgrImage:
    """Return dressed stone."""
    color = bgr(code)
    return masonry(height, width, rng, color, scale_color(color, 0.72), 0.36, 0.75, 0.05, 0.55)


def brick(height: int, width: int, rng: np.random.Generator, code: str) -> BgrImage:
    """Return red brick with light mortar."""
    return masonry(height, width, rng, bgr(code), bgr('b5a48f'), 0.094, 0.25, 0.11, 0.45)


def slate(height: int, width: int, rng: np.random.Generator, code: str) -> BgrImage:
    """Return roof tiles."""
    color = bgr(code)
    return masonry(height, width, rng, color, scale_color(color, 0.55), 0.22, 0.3, 0.09, 0.7)


def leaded_glass(height: int, width: int, rng: np.random.Generator) -> BgrImage:
    """Return dark panes that reflect the sky differently, with lead between them."""
    pane = round(0.22 * PIXELS_PER_M)
    tones = rng.uniform(0.5, 1.35, (height // pane + 2, width // pane + 2)).astype(np.float32)
    shade = np.kron(tones, np.ones((pane, pane), np.float32))[:height, :width].copy()
    shade += 0.35 * fractal(height, width, rng, 2 * PIXELS_PER_M, 2)
    shade[::pane] *= 0.45
    shade[:, ::pane] *= 0.45
    return shade_color(bgr('3d4c5c'), np.maximum(shade, 0.15))
