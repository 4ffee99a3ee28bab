"""Facades: windows, doors, mouldings and battlements, drawn in metres on a wall of stone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import BgrImage
from posenet_ros.training.data.noise import fractal
from posenet_ros.training.scene.rendering.textures import (
    bgr,
    Color,
    Field,
    leaded_glass,
    PIXELS_PER_M,
    scale_color,
    shade_color,
)

Points = Sequence[tuple[float, float]]
TextureFunction = Callable[[int, int, np.random.Generator, str], BgrImage]

_SHIFT = 4  # fractional bits of OpenCV's drawing coordinates


def pointed_arch(x: float, width: float, sill: float, top: float, rise: float = 0.87) -> Points:
    """
    Return the outline of an opening with a pointed arch.

    :param x: left jamb, metres.
    :param rise: height of the arch over the opening's width; 0.87 is equilateral.
    """
    spring = top - rise * width
    # both arcs have their centre on the springing line: radius r, r^2 = (r - w/2)^2 + rise^2
    radius = width * (rise ** 2 + 0.25)
    end = np.arccos(np.clip(1 - width / 2 / radius, -1, 1))
    angles = np.linspace(0, end, 12)
    left = [(x + radius - radius * np.cos(a), spring + radius * np.sin(a)) for a in angles]
    right = [(2 * x + width - px, pz) for px, pz in reversed(left)]
    return [(x, sill), *left, *right, (x + width, sill)]


def round_arch(x: float, width: float, sill: float, top: float) -> Points:
    """Return the outline of an opening with a half-round arch."""
    angles = np.linspace(np.pi, 0, 20)
    radius = width / 2
    arc = [(x + radius + radius * np.cos(a), top - radius + radius * np.sin(a)) for a in angles]
    return [(x, sill), *arc, (x + width, sill)]


def box(x: float, width: float, sill: float, top: float) -> Points:
    """Return the outline of a rectangular opening."""
    return [(x, sill), (x, top), (x + width, top), (x + width, sill)]


def grow_outline(outline: Points, margin: float) -> Points:
    """Return the outline of an opening grown by a margin, metres."""
    points = np.asarray(outline)
    low, high = points.min(0), points.max(0)
    scale = (high - low + 2 * margin) / (high - low)
    return [tuple(p) for p in (points - (low + high) / 2) * scale + (low + high) / 2]


class Facade:
    """
    An albedo image that is drawn on in metres: x to the right, z up, origin at the lower left.

    :param width_m: width of the wall.
    :param height_m: height of the wall.
    :param material: function (height, width, rng, colour code) -> (height, width, 3) image.
    """

    def __init__(
            self, width_m: float, height_m: float, rng: np.random.Generator,
            material: TextureFunction, code: str) -> None:
        self.width_m, self.height_m, self.rng = width_m, height_m, rng
        width, height = round(width_m * PIXELS_PER_M), round(height_m * PIXELS_PER_M)
        self.image: BgrImage = material(height, width, rng, code)
        self.alpha: NDArray[np.uint8] = np.full((height, width), 255, np.uint8)
        self.glass = leaded_glass(height, width, rng)
        self.trim = bgr(code)
        self.bays = 1

    def repeat(self, count: int) -> Facade:
        """Set a number of copies of what is drawn beside each other."""
        self.image = np.tile(self.image, (1, count, 1))
        self.alpha = np.tile(self.alpha, (1, count))
        self.glass = np.tile(self.glass, (1, count, 1))
        self.width_m *= count
        self.bays *= count
        return self

    def _pixels(self, outline: Points) -> NDArray[np.int32]:
        x, z = np.asarray(outline, np.float64).T
        pixels = np.stack([x, self.height_m - z], 1) * PIXELS_PER_M - 0.5
        return np.asarray(np.round(pixels * 2 ** _SHIFT), np.int32)

    def fill(self, outline: Points, color: Color) -> None:
        """Fill a polygon with a colour."""
        cv2.fillPoly(self.image, [self._pixels(outline)], color, cv2.LINE_AA, _SHIFT)

    def rect(self, x: float, z: float, width: float, height: float, color: Color) -> None:
        """Fill a rectangle given by its lower left corner."""
        self.fill(box(x, width, z, z + height), color)

    def line(self, points: Points, thickness_m: float, color: Color) -> None:
        """Draw a polyline."""
        thickness = max(round(thickness_m * PIXELS_PER_M), 1)
        cv2.polylines(self.image, [self._pixels(points)], False, color, thickness, cv2.LINE_AA,
                      _SHIFT)

    def _window(self, outline: Points, margin_m: float = 0.0) -> tuple[slice, slice]:
        """Return the rows and columns of the image around an outline."""
        pixels = self._pixels(outline) / 2 ** _SHIFT
        low = np.maximum(np.floor(pixels.min(0) - margin_m * PIXELS_PER_M - 2), 0).astype(int)
        high = np.maximum(np.ceil(pixels.max(0) + margin_m * PIXELS_PER_M + 3), 0).astype(int)
        return slice(low[1], high[1]), slice(low[0], high[0])

    def _weight(self, outline: Points, window: tuple[slice, slice]) -> Field:
        """Return 1 inside the outline, (rows, columns, 1) of a window."""
        rows, columns = window
        mask = np.zeros(self.alpha[window].shape, np.uint8)
        offset = np.array([columns.start, rows.start], np.int32) << _SHIFT
        cv2.fillPoly(mask, [self._pixels(outline) - offset], 255, cv2.LINE_AA, _SHIFT)
        return mask[..., None].astype(np.float32) / np.float32(255)

    def cut(self, outline: Points) -> None:
        """Make the outline transparent."""
        cv2.fillPoly(self.alpha, [self._pixels(outline)], 0, cv2.LINE_AA, _SHIFT)

    def shade(self, outline: Points, factor: float, blur_m: float = 0.0) -> None:
        """Multiply the brightness inside the outline, with a soft edge."""
        window = self._window(outline, 3 * blur_m)
        weight = self._weight(outline, window)
        if blur_m and weight.size:
            blurred = cv2.GaussianBlur(weight, (0, 0), blur_m * PIXELS_PER_M)
            weight = np.asarray(blurred, np.float32)[..., None]
        part = self.image[window] * (1 + (factor - 1) * weight)
        self.image[window] = np.clip(part, 0, 255).astype(np.uint8)

    def paste(self, outline: Points, source: BgrImage, window: tuple[slice, slice]) -> None:
        """Replace the inside of the outline by a window of another image."""
        weight = self._weight(outline, window)
        mixed = self.image[window] * (1 - weight) + source * weight
        self.image[window] = mixed.astype(np.uint8)

    def band(self, z: float, height: float, tone: float = 1.12) -> None:
        """Draw a string course or cornice: light on top, its shadow below."""
        color = scale_color(self.trim, tone)
        self.rect(0, z, self.width_m, height, color)
        for part, factor in ((0.28, 0.82), (-0.35, 0.68)):
            low = z + min(part, 0) * height
            top, bottom = self.height_m - low - abs(part) * height, self.height_m - low
            rows = slice(max(round(top * PIXELS_PER_M), 0), max(round(bottom * PIXELS_PER_M), 0))
            self.image[rows] = (self.image[rows] * factor).astype(np.uint8)

    def weather(self) -> None:
        """Darken towards the ground and the top, as rain and dirt do."""
        rows = np.arange(self.image.shape[0], dtype=np.float32)[::-1] / PIXELS_PER_M
        shade = 1 - 0.32 * np.exp(-rows / 0.55) - 0.10 * np.exp(-(self.height_m - rows) / 0.8)
        self.image = (self.image * shade[:, None, None]).astype(np.uint8)

    def opening(self, outline: Points, trim: Color, frame_m: float = 0.16) -> None:
        """Draw a dressed frame, the dark recess behind it and the glass."""
        self.shade(grow_outline(outline, 1.9 * frame_m), 0.8, 0.05)
        self.fill(grow_outline(outline, frame_m), trim)
        self.fill(grow_outline(outline, 0.25 * frame_m), scale_color(trim, 0.55))
        window = self._window(outline)
        self.paste(outline, self.glass[window], window)

    def hollow(self, outline: Points, trim: Color, frame_m: float = 0.2) -> None:
        """Cut a dressed opening that one can look through."""
        self.shade(grow_outline(outline, 1.9 * frame_m), 0.8, 0.05)
        self.fill(grow_outline(outline, frame_m), trim)
        self.fill(grow_outline(outline, 0.3 * frame_m), scale_color(trim, 0.6))
        self.cut(outline)

    def ivy(self, outline: Points, code: str = '4f6b34') -> None:
        """Let a creeper grow over the outline, thinner towards its edge."""
        window = self._window(outline, 0.6)
        weight = cv2.GaussianBlur(self._weight(outline, window), (0, 0), 0.35 * PIXELS_PER_M)
        rows, columns = weight.shape
        patches = fractal(rows, columns, self.rng, 1.1 * PIXELS_PER_M, 5)
        leaves = fractal(rows, columns, self.rng, 0.14 * PIXELS_PER_M, 2)
        grown_over = ((weight * 3 + 0.5 * patches + 0.35 * leaves) > 1.6).astype(np.uint8) * 255
        part = np.ascontiguousarray(self.image[window])
        under = cv2.GaussianBlur(grown_over, (0, 0), 4)[..., None].astype(np.float32) / 255
        part = (part * (1 - 0.45 * under)).astype(np.uint8)
        cv2.copyTo(shade_color(bgr(code), 0.95 + 0.3 * leaves + 0.14 * patches), grown_over, part)
        self.image[window] = part

    def clock(self, x: float, z: float, radius: float) -> None:
        """Draw a blue dial with golden figures."""
        gold, turn = bgr('d9b44a'), np.linspace(0, 2 * np.pi, 48)
        for size, color in ((1.16, gold), (1.06, bgr('1f3560')), (0.72, bgr('27437a'))):
            self.fill([(x + size * radius * np.cos(a), z + size * radius * np.sin(a))
                       for a in turn], color)
        for hour in np.arange(12) * np.pi / 6:
            ends = [(x + r * radius * np.cos(hour), z + r * radius * np.sin(hour))
                    for r in (0.78, 1.0)]
            self.line(ends, 0.07, gold)
        for angle, length in ((0.9, 0.5), (2.3, 0.85)):
            end = x + length * radius * np.cos(angle), z + length * radius * np.sin(angle)
            self.line([(x, z), end], 0.07, gold)

    def lancet(self, x: float, sill: float, width: float, top: float, lights: int,
               trim: Color, rise: float = 0.87) -> None:
        """Draw a traceried Gothic window of several lights with two transoms."""
        outline = pointed_arch(x, width, sill, top, rise)
        self.opening(outline, trim)
        window = self._window(outline, 0.5)
        plain = self.image[window].copy()
        step, spring = width / lights, top - rise * width
        for i in range(1, lights):
            self.line([(x + i * step, sill), (x + i * step, top)], 0.11, trim)
        for z in (sill + 0.36 * (spring - sill), sill + 0.7 * (spring - sill)):
            self.rect(x, z, width, 0.1, trim)
            for i in range(lights):
                self.line(pointed_arch(x + i * step, step, z - 0.6, z)[1:-1], 0.06, trim)
        for i in range(lights):
            self.line(pointed_arch(x + i * step, step, sill, spring + 0.55 * step)[1:-1],
                      0.08, trim)
        for i in range(0, lights - 1, 2):
            self.line(pointed_arch(x + i * step, 2 * step, sill, spring + 1.6 * step)[1:-1],
                      0.09, trim)
        drawn = self.image[window].copy()
        self.image[window] = plain
        self.paste(outline, drawn, window)
        self.line(outline[1:-1], 0.07, scale_color(trim, 1.08))

    def casement(self, x: float, sill: float, width: float, height: float, lights: int,
                 trim: Color) -> None:
        """Draw a Tudor window: stone mullions, a transom, a hood mould and a sill."""
        self.opening(box(x, width, sill, sill + height), trim)
        for i in range(1, lights):
            self.rect(x + i * width / lights - 0.05, sill, 0.1, height, trim)
        if height > 1.5:
            self.rect(x, sill + 0.6 * height, width, 0.09, trim)
        light = scale_color(trim, 1.12)
        self.shade(box(x - 0.25, width + 0.5, sill + height + 0.05, sill + height + 0.17), 0.6)
        self.rect(x - 0.28, sill + height + 0.17, width + 0.56, 0.12, light)
        self.shade(box(x - 0.15, width + 0.3, sill - 0.32, sill - 0.12), 0.7, 0.04)
        self.rect(x - 0.2, sill - 0.16, width + 0.4, 0.12, light)

    def sash(self, x: float, sill: float, width: float, height: float, trim: Color,
             pediment: bool = False) -> None:
        """Draw a Georgian sash window with white glazing bars, a hood and maybe a pediment."""
        self.opening(box(x, width, sill, sill + height), trim, 0.2)
        white = bgr('e4e0d4')
        for i in range(4):
            self.rect(x + i * width / 3 - 0.03, sill, 0.06, height, white)
        for i in range(5):
            self.rect(x, sill + i * height / 4 - 0.03, width, 0.09 if i == 2 else 0.05, white)
        light = scale_color(trim, 1.1)
        z = sill + height + 0.22
        self.shade(box(x - 0.3, width + 0.6, z - 0.12, z), 0.6)
        self.rect(x - 0.35, z, width + 0.7, 0.16, light)
        if pediment:
            top = [(x - 0.35, z + 0.16), (x + width / 2, z + 0.75), (x + width + 0.35, z + 0.16)]
            self.fill(top, light)
            self.fill(grow_outline(top, -0.12), scale_color(trim, 0.78))
        self.rect(x - 0.3, sill - 0.26, width + 0.6, 0.14, light)
        self.shade(box(x - 0.3, width + 0.6, sill - 0.42, sill - 0.26), 0.65, 0.03)

    def door(self, outline: Points, trim: Color, wood: str = '4a3527') -> None:
        """Draw a panelled door in a moulded frame."""
        self.opening(outline, trim, 0.28)
        self.fill(outline, bgr(wood))
        (x, sill), (right, _) = outline[0], outline[-1]
        top = max(z for _, z in outline)
        window = self._window(outline, 0.3)
        plain = self.image[window].copy()
        for i in range(1, 9):
            px = x + i * (right - x) / 9
            self.line([(px, sill), (px, top)], 0.03, scale_color(bgr(wood), 0.6))
        for z in (0.25, 0.75):
            self.line([(x, sill + z * (top - sill)), (right, sill + z * (top - sill))], 0.07,
                      bgr('2a211b'))
        self.line([((x + right) / 2, sill), ((x + right) / 2, top)], 0.05, bgr('1d1712'))
        drawn = self.image[window].copy()
        self.image[window] = plain
        self.paste(grow_outline(outline, -0.05), drawn, window)

    def crenellate(self, merlon_m: float = 0.8, gap_m: float = 0.6, depth_m: float = 0.75) -> None:
        """Cut battlements out of the top and cap the merlons with light stone."""
        light = scale_color(self.trim, 1.15)
        count = max(round((self.width_m + gap_m) / (merlon_m + gap_m)), 1)
        pitch = (self.width_m + gap_m) / count
        top = self.height_m
        self.rect(0, top - 0.14, self.width_m, 0.14, light)
        for i in range(1, count):
            left = i * pitch - gap_m
            self.rect(left - 0.08, top - depth_m - 0.12, gap_m + 0.16, 0.12, light)
            self.cut(box(left, gap_m, top - depth_m, top + 0.1))

    def albedo(self) -> BgrImage:
        """Return the (height, width, 4) BGRA texture."""
        return np.dstack([self.image, self.alpha])
