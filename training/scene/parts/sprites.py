"""Images of billboards: people who walk, lamps, a statue, a fountain, a flag, a bicycle."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import BgrImage
from posenet_ros.training.data.noise import fractal
from posenet_ros.training.scene.rendering.textures import (
    bgr,
    Color,
    scale_color,
)

STRIDE_PHASES = 8
PERSON_SIZE_M = (1.1, 1.9)
_PERSON_PIXELS_PER_M = 140
_COATS = ('2b3a55', '7c2f2f', '3f5a3a', '22252b', 'b8a888', '6d4c7d', 'c9c4ba', '8a5a2b',
          '1f4f63', '9b3b4e')
_TROUSERS = ('23262e', '3b4660', '5b5148', '2e2a28', '8b8172')
_SKINS = ('e3b995', 'c68f67', '8d5a3c', 'f0cdb0')
_HAIRS = ('2a1d14', '5a3a20', '0f0d0c', '8f6a3a', '77736e')


def blank(width_m: float, height_m: float, scale: float, color: Color) -> BgrImage:
    """Return a transparent BGRA image of a colour."""
    image = np.zeros((round(height_m * scale), round(width_m * scale), 4), np.uint8)
    image[..., :3] = color
    return image


class Pen:
    """Draws opaque shapes in metres from the middle of the feet, z up."""

    def __init__(self, image: BgrImage, scale: float) -> None:
        self.image, self.scale = image, scale

    def point(self, x: float, z: float) -> tuple[int, int]:
        """Return OpenCV's coordinates with four fractional bits."""
        height, width = self.image.shape[:2]
        return (round((width / 2 + x * self.scale) * 16),
                round((height - z * self.scale) * 16))

    def limb(self, points: list[tuple[float, float]], width_m: float, color: Color) -> None:
        """Draw a thick polyline with round joints."""
        pixels = np.array([self.point(*p) for p in points], np.int32)
        cv2.polylines(self.image, [pixels], False, (*color, 255),
                      max(round(width_m * self.scale), 1), cv2.LINE_AA, 4)

    def polygon(self, points: list[tuple[float, float]], color: Color) -> None:
        """Fill a polygon."""
        pixels = np.array([self.point(*p) for p in points], np.int32)
        cv2.fillPoly(self.image, [pixels], (*color, 255), cv2.LINE_AA, 4)

    def ellipse(self, x: float, z: float, a: float, b: float, color: Color) -> None:
        """Fill an ellipse of half axes a and b."""
        angles = np.linspace(0, 2 * np.pi, 24)
        self.polygon([(x + a * np.cos(t), z + b * np.sin(t)) for t in angles], color)


def person(rng: np.random.Generator) -> list[BgrImage]:
    """
    Return the phases of a stride of a person who walks to the right.

    :returns: BGRA images of PERSON_SIZE_M.
    """
    coat, trousers, skin, hair = (bgr(str(rng.choice(c)))
                                  for c in (_COATS, _TROUSERS, _SKINS, _HAIRS))
    style = rng.integers(0, 3, 3)
    bag = bgr(str(rng.choice(_COATS)))
    return [_step(2 * np.pi * i / STRIDE_PHASES, coat, trousers, skin, hair, bag, style)
            for i in range(STRIDE_PHASES)]


def _step(
        phase: float, coat: Color, trousers: Color, skin: Color, hair: Color, bag: Color,
        style: NDArray[np.int64]) -> BgrImage:
    image = blank(*PERSON_SIZE_M, _PERSON_PIXELS_PER_M, coat)
    pen = Pen(image, _PERSON_PIXELS_PER_M)
    bob = 0.02 * np.cos(2 * phase)
    hip, shoulder = 0.88 + bob, 1.45 + bob
    for side, tone in ((np.pi, 0.7), (0.0, 1.0)):  # the far side first, darker
        swing = np.sin(phase + side)
        lift = max(np.cos(phase + side), 0.0)
        foot = 0.34 * swing, 0.06 + 0.10 * lift
        knee = 0.17 * swing + 0.10 * lift + 0.03, 0.47 + 0.03 * lift
        leg = scale_color(trousers, tone)
        pen.limb([(0.0, hip), knee], 0.155, leg)
        pen.limb([knee, foot], 0.12, leg)
        pen.limb([foot, (foot[0] + 0.15, foot[1] - 0.02)], 0.085, scale_color(bgr('1c1a19'), tone))
        if side:
            hand = -0.26 * np.sin(phase + side) + 0.05
            pen.limb([(0.0, shoulder - 0.07), (hand * 0.5 - 0.04, 1.18), (hand, 0.95)], 0.095,
                     scale_color(coat, 0.65))
    if style[2] == 0:
        pen.polygon([(-0.10, 1.43), (-0.34, 1.38), (-0.34, 1.0), (-0.10, 0.98)], bag)
    hem = 0.62 if style[0] == 0 else 0.84
    pen.polygon([(-0.13, shoulder), (0.12, shoulder), (0.17, 1.2), (0.16, hem + bob),
                 (-0.18, hem + bob), (-0.17, 1.2)], coat)
    pen.limb([(-0.08, shoulder - 0.01), (0.07, shoulder - 0.01)], 0.12, coat)
    pen.polygon([(-0.17, 1.3), (-0.05, 1.35), (-0.08, hem + bob), (-0.18, hem + bob)],
                scale_color(coat, 0.8))
    hand = -0.26 * np.sin(phase) + 0.05
    elbow = hand * 0.5 - 0.04, 1.17
    pen.limb([(0.0, shoulder - 0.07), elbow], 0.1, scale_color(coat, 1.12))
    pen.limb([elbow, (hand, 0.95)], 0.085, scale_color(coat, 1.06))
    pen.ellipse(hand, 0.93, 0.045, 0.05, skin)
    pen.limb([(0.0, shoulder), (0.02, 1.56 + bob)], 0.1, scale_color(skin, 0.85))
    pen.ellipse(0.03, 1.66 + bob, 0.095, 0.125, skin)
    pen.polygon([(-0.08, 1.57 + bob), (-0.1, 1.7 + bob), (-0.04, 1.8 + bob), (0.08, 1.79 + bob),
                 (0.11, 1.71 + bob), (0.03, 1.71 + bob), (0.0, 1.62 + bob)], hair)
    if style[1] == 0:
        pen.polygon([(-0.08, 1.75), (-0.13, 1.5 + bob), (-0.03, 1.47 + bob), (0.0, 1.65)], hair)
    return shade_round(image)


def shade_round(image: BgrImage) -> BgrImage:
    """Darken a figure towards its outline and its lower side, as if it were round."""
    depth = cv2.distanceTransform((image[..., 3] > 127).astype(np.uint8), cv2.DIST_L2, 5)
    height = cv2.GaussianBlur(np.minimum(depth, 9), (0, 0), 2.5)
    slope = cv2.Sobel(height, cv2.CV_32F, 1, 0) + 0.6 * cv2.Sobel(height, cv2.CV_32F, 0, 1)
    shade = 0.86 + 0.02 * height + 0.035 * slope
    image[..., :3] = np.clip(image[..., :3] * shade[..., None], 0, 255)
    return image


def lamp(scale: float = 90) -> BgrImage:
    """Return a lamp post of 0.6 m x 3.6 m, BGRA."""
    iron = bgr('22282a')
    image = blank(0.6, 3.6, scale, iron)
    pen = Pen(image, scale)
    pen.limb([(0, 0), (0, 2.9)], 0.08, iron)
    pen.limb([(0, 0), (0, 0.7)], 0.16, iron)
    pen.limb([(-0.22, 2.72), (0.22, 2.72)], 0.05, iron)
    pen.polygon([(-0.11, 2.9), (-0.2, 3.35), (0.2, 3.35), (0.11, 2.9)], bgr('e9e6cf'))
    for x in (-0.11, 0.0, 0.11):
        pen.limb([(x, 2.9), (1.8 * x, 3.35)], 0.025, iron)
    pen.polygon([(-0.24, 3.33), (0, 3.56), (0.24, 3.33)], iron)
    return image


def statue(rng: np.random.Generator, scale: float = 64) -> BgrImage:
    """Return a figure on a fluted column of 1.6 m x 7 m, BGRA."""
    stone, bronze = bgr('c9bda3'), bgr('4c5a50')
    image = blank(1.6, 7.0, scale, stone)
    pen = Pen(image, scale)
    for z, half, height in ((0, 0.75, 0.3), (0.3, 0.62, 0.9), (1.2, 0.5, 0.2), (4.6, 0.42, 0.3)):
        pen.polygon([(-half, z), (-half, z + height), (half, z + height), (half, z)],
                    scale_color(stone, 0.95 if height > 0.5 else 1.08))
    for i in range(14):  # shading around the shaft
        x = -0.34 + 0.68 * i / 14
        tone = 0.62 + 0.5 * np.sin(np.pi * (0.12 + 0.7 * i / 14)) - 0.1 * (i % 2)
        pen.polygon([(x, 1.4), (x * 0.86, 4.6), ((x + 0.049) * 0.86, 4.6), (x + 0.049, 1.4)],
                    scale_color(stone, tone))
    pen.polygon([(-0.3, 4.9), (-0.26, 5.6), (-0.2, 6.3), (0.2, 6.3), (0.26, 5.5), (0.34, 4.9)],
                bronze)
    pen.polygon([(0.0, 4.9), (0.05, 6.2), (0.2, 6.3), (0.34, 4.9)], scale_color(bronze, 0.75))
    pen.limb([(0.18, 6.2), (0.42, 5.9), (0.5, 6.5)], 0.12, bronze)
    pen.limb([(0.5, 5.6), (0.5, 6.95)], 0.04, scale_color(bronze, 0.6))
    pen.ellipse(0, 6.52, 0.14, 0.18, scale_color(bronze, 1.1))
    rows, columns = image.shape[:2]
    noise = fractal(rows, columns, rng, 40, 4)
    image[..., :3] = np.clip(image[..., :3] * (1 + 0.07 * noise[..., None]), 0, 255)
    return image


def jet(rng: np.random.Generator, scale: float = 80) -> BgrImage:
    """Return the water of a fountain of 2.4 m x 3 m, BGRA, half transparent."""
    image = blank(2.4, 3.0, scale, (250, 246, 240))
    pen = Pen(image, scale)
    for _ in range(160):
        speed, side = rng.uniform(0.8, 1.0), rng.normal(0, 0.28)
        times = np.linspace(0, 1.0, 9)
        points = [(side * 1.6 * t, 0.5 + speed * (7.8 * t - 6.9 * t * t)) for t in times]
        pen.limb([p for p in points if p[1] > 0.2], 0.014, (250, 246, 240))
    image[..., 3] = cv2.GaussianBlur(image[..., 3], (0, 0), 2.0) * 0.75
    return image


def flag(scale: float = 50) -> BgrImage:
    """Return a flag on its pole of 3.4 m x 6 m, BGRA."""
    image = blank(3.4, 6.0, scale, bgr('e8e4da'))
    pen = Pen(image, scale)
    pen.limb([(0, 0), (0, 5.9)], 0.09, bgr('d8d4c8'))
    x = np.linspace(0.04, 1.6, 24)
    wave = 0.09 * np.sin(4.5 * x) * x
    for low, high, color in ((4.55, 5.8, 'a32638'), (5.05, 5.3, 'e9e4d4')):
        for i in range(23):
            tone = 1 + 1.6 * (wave[i + 1] - wave[i]) / (x[1] - x[0]) * 0.5
            pen.polygon([(x[i], low + wave[i]), (x[i], high + wave[i]),
                         (x[i + 1] + 0.02, high + wave[i + 1]),
                         (x[i + 1] + 0.02, low + wave[i + 1])], scale_color(bgr(color), tone))
    return image


def bicycle(code: str, scale: float = 90) -> BgrImage:
    """Return a bicycle of 1.7 m x 1.05 m, BGRA."""
    frame, black = bgr(code), bgr('18181a')
    image = blank(1.7, 1.05, scale, black)
    pen = Pen(image, scale)
    turn = np.linspace(0, 2 * np.pi, 40)
    for hub in (-0.52, 0.52):
        pen.limb([(hub + 0.32 * np.cos(t), 0.34 + 0.32 * np.sin(t)) for t in turn], 0.035, black)
        for t in turn[::5]:
            pen.limb([(hub, 0.34), (hub + 0.3 * np.cos(t), 0.34 + 0.3 * np.sin(t))], 0.008,
                     bgr('8d8d8d'))
    seat, pedals, head = (-0.2, 0.78), (-0.08, 0.33), (0.36, 0.8)
    for points in ([(-0.52, 0.34), seat, head, pedals, (-0.52, 0.34)], [pedals, seat],
                   [(0.52, 0.34), head, (0.33, 0.95)]):
        pen.limb(points, 0.04, frame)
    pen.limb([(0.33, 0.95), (0.2, 0.99)], 0.04, black)
    pen.limb([(-0.3, 0.84), (-0.1, 0.84)], 0.07, black)
    return image
