"""
Render textured planes seen by a pinhole camera, with NumPy and OpenCV alone.

Each plane is warped by its exact homography from a mip level that fits its size in the image,
and tested against a buffer of inverse depths, which is affine in the image for a plane.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
import math

import cv2
import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import BgrImage, Floats
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.pose import Pose
from posenet_ros.training.scene.rendering.light import Light

NEAR_M = 0.3
PANEL_M = 4.0  # planes choose their mip level in panels of about this size
LEVELS_PER_OCTAVE = 2  # more of them hide where panels of different levels meet
MAX_LEVEL = 12


@dataclass(frozen=True, eq=False)
class Surface:
    """
    A textured parallelogram.

    :param origin_m: (3,) upper left corner in the world, metres.
    :param across: (3,) direction to the right as seen from the front, times metres per metre.
    :param down: (3,) direction down, likewise.
    :param width_m: extent along `across`.
    :param height_m: extent along `down`.
    :param albedo: (H, W, 4) BGRA texture that covers it exactly.
    :param two_sided: seen from behind as well.
    :param haze: how much of the sky's haze lies before it, 0..1.
    :param floor: drawn before all others, so that shadows can lie on it.
    :param bays: equal parts across, each of which is drawn as the others are.
    """

    origin_m: Floats
    across: Floats
    down: Floats
    width_m: float
    height_m: float
    albedo: BgrImage
    two_sided: bool = False
    haze: float = 0.0
    floor: bool = False
    bays: int = 1

    @cached_property
    def front(self) -> Floats:
        """(3,) unit normal that points to the viewer."""
        normal = np.cross(self.down, self.across)
        return np.asarray(normal / np.linalg.norm(normal))

    def point(self, u_m: float, v_m: float) -> Floats:
        """Return the world point at u to the right and v down from the corner, metres."""
        return self.origin_m + u_m * self.across + v_m * self.down

    @cached_property
    def corners(self) -> Floats:
        """(4, 3) corners in the world, metres."""
        w, h = self.width_m, self.height_m
        return np.array([self.point(0, 0), self.point(w, 0), self.point(w, h), self.point(0, h)])

    @cached_property
    def _mips(self) -> list[BgrImage]:
        return [self.albedo[:, :self.albedo.shape[1] // self.bays]]

    def reduced(self, columns: int, rows: int) -> BgrImage:
        """
        Return the albedo with its sides reduced by the given numbers of mip levels.

        One bay is reduced and set beside itself, so that all are equal at each level.
        """
        octave = min(columns, rows) // LEVELS_PER_OCTAVE
        while len(self._mips) <= octave:
            self._mips.append(_resize(self._mips[-1], *self._size(len(self._mips))))
        halvings = columns / LEVELS_PER_OCTAVE, rows / LEVELS_PER_OCTAVE
        bay = _resize(self._mips[octave], self._size(halvings[0])[0], self._size(halvings[1])[1])
        return bay if self.bays == 1 else np.tile(bay, (1, self.bays, 1))

    def _size(self, halvings: float) -> tuple[int, int]:
        """Return the width and height of a bay's texture after a number of halvings."""
        height, width = self._mips[0].shape[:2]
        return max(round(width / 2 ** halvings), 1), max(round(height / 2 ** halvings), 1)

    @cached_property
    def panels(self) -> Floats:
        """(N, 4, 3) corners of the panels in the world, metres."""
        columns = self.bays * max(round(self.width_m / self.bays / PANEL_M), 1)
        tall = 3 if self.down[2] else 1  # up a wall the distance hardly changes
        rows = max(round(self.height_m / PANEL_M / tall), 1)
        u, v = np.meshgrid(np.arange(columns), np.arange(rows))
        loop = np.array([(0, 0), (1, 0), (1, 1), (0, 1)])
        u = (u.reshape(-1, 1) + loop[:, 0]) * self.width_m / columns
        v = (v.reshape(-1, 1) + loop[:, 1]) * self.height_m / rows
        return np.asarray(
            self.origin_m + u[..., None] * self.across + v[..., None] * self.down)


def _resize(image: BgrImage, width: int, height: int) -> BgrImage:
    if image.shape[:2] == (height, width):
        return image
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


class Texture:
    """
    A surface's lit texture as a mip map: reduced as far as its distance asks for.

    A replicated and a transparent texel surround each level, so that edges fade over a pixel.

    :param surface: gives the albedo.
    :param paint: puts a (H, W, 4) albedo into its light.
    """

    def __init__(self, surface: Surface, paint: Callable[[BgrImage], BgrImage]) -> None:
        self._surface, self._paint = surface, paint
        self._levels: dict[tuple[int, int], BgrImage] = {}

    def level(self, columns: int, rows: int) -> BgrImage:
        """Return the padded texture at a mip level."""
        key = columns, rows
        if key not in self._levels:
            image = self._paint(self._surface.reduced(*key))
            image = np.asarray(
                cv2.copyMakeBorder(image, 2, 2, 2, 2, cv2.BORDER_REPLICATE), np.uint8)
            for edge in (image[0], image[-1], image[:, 0], image[:, -1]):
                edge[..., 3] = 0
            self._levels[key] = image
        return self._levels[key]


@dataclass(frozen=True, eq=False)
class View:
    """A camera at a pose."""

    camera: Camera
    map_from_camera: Pose

    @cached_property
    def projection(self) -> Floats:
        """(3, 4) projection matrix, world metres to pixels."""
        return self.camera.matrix @ self.map_from_camera.inverse().matrix[:3]

    @cached_property
    def back_projection(self) -> Floats:
        """(3, 3) matrix from homogeneous pixels to directions in the world, of depth 1."""
        return self.map_from_camera.rotation @ np.linalg.inv(self.camera.matrix)

    @property
    def position(self) -> Floats:
        """(3,) camera centre in the world, metres."""
        return self.map_from_camera.translation_m

    def homogeneous(self, points: Floats) -> Floats:
        """Return (..., 3) homogeneous pixels of (..., 3) world points; the last is the depth."""
        return points @ self.projection[:, :3].T + self.projection[:, 3]


@dataclass(frozen=True, eq=False)
class Panel:
    """A part of a surface that is in view: its surface, outline in pixels and distance."""

    surface: int
    low: tuple[int, int]
    high: tuple[int, int]
    centre: Floats
    depth: float


def clip_polygon(polygon: Floats, heights: Floats) -> Floats:
    """Clip a convex polygon (N, D) to where its heights (N,) are positive (Sutherland-Hodgman)."""
    points = []
    for i in range(len(polygon)):
        a, b = heights[i - 1], heights[i]
        if (a > 0) != (b > 0):
            points.append(polygon[i - 1] + (polygon[i] - polygon[i - 1]) * (a / (a - b)))
        if b > 0:
            points.append(polygon[i])
    return np.array(points).reshape(-1, polygon.shape[1])


def visible_panels(view: View, surfaces: Sequence[Surface]) -> Iterable[Panel]:
    """Find the panels in front of the camera, inside the image and facing it."""
    world = np.concatenate([surface.panels for surface in surfaces])
    owner = np.repeat(np.arange(len(surfaces)), [len(surface.panels) for surface in surfaces])
    fronts = np.array([surface.front for surface in surfaces])
    origins = np.array([surface.origin_m for surface in surfaces])
    facing = ((view.position - origins) * fronts).sum(1) > 0
    facing |= [surface.two_sided for surface in surfaces]
    projected = view.homogeneous(world)
    depths = projected[..., 2]
    ahead = facing[owner] & (depths.max(1) > NEAR_M)
    whole = ahead & (depths.min(1) > NEAR_M)
    pixels = projected[..., :2] / np.where(whole[:, None], depths, 1)[..., None]
    low, high = pixels.min(1), pixels.max(1)
    outside = (high < 0).any(1) | (low > view.camera.size).any(1)
    for i in np.flatnonzero(ahead & ~(whole & outside)):
        panel = _panel(view, int(owner[i]), world[i], projected[i])
        if panel is not None:
            yield panel


def _panel(view: View, surface: int, world: Floats, corners: Floats) -> Panel | None:
    """Clip a panel of (4, 3) world and homogeneous pixel corners to the view."""
    heights = corners[:, 2] - NEAR_M
    if heights.min() <= 0:
        corners, world = clip_polygon(corners, heights), clip_polygon(world, heights)
    pixels = corners[:, :2] / corners[:, 2:]
    low = np.maximum(np.floor(pixels.min(0)) - 1, 0)
    high = np.minimum(np.ceil(pixels.max(0)) + 2, view.camera.size)
    if (low >= high).any():
        return None
    (x0, y0), (x1, y1) = low.astype(int).tolist(), high.astype(int).tolist()
    return Panel(surface, (x0, y0), (x1, y1), world.mean(0), float(corners[:, 2].mean()))


def _level(step: list[float], point: list[float], texels_per_m: float) -> int:
    """
    Return the mip level, along one side, that has about a texel for a pixel at a point.

    :param step: homogeneous pixels of a metre along that side.
    :param point: homogeneous pixels of the point.
    """
    x, y, depth = point
    shift = math.hypot(step[0] - step[2] * x / depth, step[1] - step[2] * y / depth)
    octaves = math.log2(texels_per_m * depth / (shift + 1e-9)) - 0.1
    return min(max(round(LEVELS_PER_OCTAVE * octaves), 0), MAX_LEVEL)


class Canvas:
    """
    An image with a buffer of inverse depths.

    :param image: (H, W, 3) BGR background; drawn on.
    """

    def __init__(self, view: View, image: BgrImage) -> None:
        self.view, self.image = view, image
        self.inverse_depth = np.zeros(image.shape[:2], np.float32)

    def draw(self, surface: Surface, texture: Texture, panel: Panel) -> None:
        """Draw the surface inside the panel's window where it is nearest (depth test)."""
        (x0, y0), (x1, y1) = panel.low, panel.high
        homography, level = self._homography(surface, texture, panel.centre)
        homography = np.array([[1, 0, -x0], [0, 1, -y0], [0, 0, 1]]) @ homography
        patch = np.asarray(cv2.warpPerspective(
            level, homography, (x1 - x0, y1 - y0), flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE), np.uint8)
        depth = self._inverse_depth(surface, x0, y0, x1, y1)
        buffer = self.inverse_depth[y0:y1, x0:x1]
        alpha = np.asarray(cv2.extractChannel(patch, 3), np.uint8)
        alpha *= depth > buffer
        self._blend(self.image[y0:y1, x0:x1], patch, alpha)
        np.copyto(buffer, depth, where=alpha > 200)  # a faint edge must not hide its neighbour

    @staticmethod
    def _blend(target: BgrImage, patch: BgrImage, alpha: NDArray[np.uint8]) -> None:
        weight = alpha.astype(np.float32) * np.float32(1 / 255)
        color = cv2.cvtColor(patch, cv2.COLOR_BGRA2BGR)
        target[:] = cv2.blendLinear(color, target, weight, 1 - weight)

    def _homography(
            self, surface: Surface, texture: Texture, centre: Floats) -> tuple[Floats, BgrImage]:
        """Return the image-from-texel homography and the mip level for a point's distance."""
        projection = self.view.projection
        axes = np.array([surface.across, surface.down, surface.origin_m]).T
        axes = projection[:, :3] @ axes  # homogeneous pixels per metre along the surface
        axes[:, 2] += projection[:, 3]
        point = self.view.homogeneous(centre).tolist()
        height, width = surface.albedo.shape[:2]
        columns = _level(axes[:, 0].tolist(), point, width / surface.width_m)
        rows = _level(axes[:, 1].tolist(), point, height / surface.height_m)
        if surface.floor:  # seen along neither side for long, and too large for many levels
            columns = rows = (columns + rows) // 2
        level = texture.level(columns, rows)
        rows, columns = level.shape[0] - 4, level.shape[1] - 4
        axes[:, 0] *= surface.width_m / columns
        axes[:, 1] *= surface.height_m / rows
        axes[:, 2] -= 1.5 * (axes[:, 0] + axes[:, 1])  # two texels of padding, half to the centre
        return axes, level

    def _inverse_depth(
            self, surface: Surface, x0: int, y0: int, x1: int, y1: int) -> NDArray[np.float32]:
        """Return 1 / z of the plane in a window, (rows, columns)."""
        distance = float(surface.front @ (surface.origin_m - self.view.position))
        a, b, c = surface.front @ self.view.back_projection / (distance or 1e-9)
        across = (a * np.arange(x0, x1) + c).astype(np.float32)
        down = (b * np.arange(y0, y1)).astype(np.float32)
        return np.asarray(np.add.outer(down, across))


def draw_surfaces(
        canvas: Canvas, surfaces: Sequence[Surface], textures: Sequence[Texture]) -> None:
    """Draw all surfaces, far ones first, so that soft edges blend with the background."""
    panels = sorted(visible_panels(canvas.view, surfaces),
                    key=lambda panel: (not surfaces[panel.surface].floor, -panel.depth))
    for panel in panels:
        canvas.draw(surfaces[panel.surface], textures[panel.surface], panel)


def lit_texture(surface: Surface, light: Light, shadow: NDArray[np.float32] | None) -> Texture:
    """Return the surface's texture under a light."""
    return Texture(
        surface, lambda albedo: light.lit(albedo, surface.front, shadow, surface.haze))
