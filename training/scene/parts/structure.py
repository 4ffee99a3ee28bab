"""
Building blocks of the court: walls, prisms, roofs, spires and billboards.

World frame: metres, x east, y north, z up, origin on the lawn in the middle of the court.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import ArrayLike
from posenet_ros.arrays import BgrImage, Floats
from posenet_ros.geometry.pose import Pose
from posenet_ros.training.scene.parts.facade import Facade
from posenet_ros.training.scene.rendering.renderer import Surface

EAST, NORTH = 20.0, 15.0  # half sizes of the court
DOWN = np.array([0.0, 0.0, -1.0])


@dataclass(frozen=True, eq=False)
class Billboard:
    """A flat image that turns to the camera, standing at (x, y) on z."""

    position_m: tuple[float, float, float]
    width_m: float
    height_m: float
    image: BgrImage
    haze: float = 0.0

    def facing(self, target: Floats, *, mirrored: bool = False) -> Surface:
        """Return it as an upright surface that faces a point."""
        away = np.array([*self.position_m[:2], 0]) - (target[0], target[1], 0)
        away /= np.linalg.norm(away)
        across = np.array([away[1], -away[0], 0])
        foot = np.array(self.position_m) - self.width_m / 2 * across
        image = self.image[:, ::-1] if mirrored else self.image
        return Surface(foot - self.height_m * DOWN, across, DOWN, self.width_m, self.height_m,
                       image, haze=self.haze)


@dataclass
class Court:
    """Surfaces that stand still, and billboards."""

    surfaces: list[Surface] = field(default_factory=list)
    billboards: list[Billboard] = field(default_factory=list)

    def wall(self, start: ArrayLike, base: float, direction: str, facade: Facade,
             haze: float = 0.0) -> None:
        """Stand a facade up at its lower left corner; `direction` is where it faces: NESW."""
        across = {'S': (1, 0, 0), 'E': (0, 1, 0), 'N': (-1, 0, 0), 'W': (0, -1, 0)}[direction]
        x, y = np.asarray(start, np.float64)
        self._upright((x, y, base), np.array(across, np.float64), facade, haze)

    def _upright(self, start: ArrayLike, across: Floats, facade: Facade, haze: float) -> None:
        origin = np.asarray(start, np.float64) - facade.height_m * DOWN
        self.surfaces.append(Surface(origin, across, DOWN, facade.width_m, facade.height_m,
                                     facade.albedo(), haze=haze, bays=facade.bays))

    def prism(self, corners: Sequence[tuple[float, float]], base: float, facade: Facade,
              haze: float = 0.0) -> None:
        """Stand the same facade on each side of a polygon, counter-clockwise from above."""
        albedo = facade.albedo()
        points = np.array(corners)
        for a, b in zip(points, np.roll(points, -1, axis=0), strict=True):
            width = float(np.linalg.norm(b - a))
            origin = np.array([*a, base + facade.height_m])
            part = albedo[:, :max(round(albedo.shape[1] * width / facade.width_m), 1)]
            self.surfaces.append(Surface(origin, np.array([*(b - a) / width, 0]), DOWN, width,
                                         facade.height_m, part, haze=haze))

    def slope(self, eaves_left: ArrayLike, eaves_right: ArrayLike, ridge_left: ArrayLike,
              albedo: BgrImage, haze: float = 0.0, bays: int = 1) -> None:
        """Lay a parallelogram of roof from its eaves to its ridge."""
        left, right, ridge = (np.asarray(p, np.float64)
                              for p in (eaves_left, eaves_right, ridge_left))
        width, height = float(np.linalg.norm(right - left)), float(np.linalg.norm(left - ridge))
        self.surfaces.append(Surface(ridge, (right - left) / width, (left - ridge) / height,
                                     width, height, albedo, haze=haze, bays=bays))

    def cone(self, corners: Sequence[tuple[float, float]], base: float, height: float,
             material: BgrImage, haze: float = 0.0) -> None:
        """Put a spire of triangles on a polygon, counter-clockwise from above."""
        points = np.array(corners)
        top = np.array([*points.mean(0), base + height])
        rows, columns = material.shape[:2]
        albedo = np.dstack([material, np.zeros((rows, columns), np.uint8)])
        outline = np.array([(0, rows), (columns, rows), (columns / 2, 0)])
        alpha = np.zeros((rows, columns), np.uint8)
        cv2.fillPoly(alpha, [np.round(outline * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        albedo[..., 3] = alpha
        for a, b in zip(points, np.roll(points, -1, axis=0), strict=True):
            left, right = np.array([*a, base]), np.array([*b, base])
            self.slope(left, right, top - (right - left) / 2, albedo, haze)


def moved(surfaces: Iterable[Surface], pose: Pose) -> Iterator[Surface]:
    """Yield surfaces carried by a motion."""
    for surface in surfaces:
        yield replace(surface, origin_m=pose.apply(surface.origin_m),
                      across=pose.rotation @ surface.across, down=pose.rotation @ surface.down)


def polygon(x: float, y: float, radius: float, sides: int) -> list[tuple[float, float]]:
    """Return a regular polygon, counter-clockwise, with sides that face the axes."""
    angles = (np.arange(sides) - 0.5) * 2 * np.pi / sides
    return [(x + radius * np.cos(a), y + radius * np.sin(a)) for a in angles]


def rectangle(x: float, y: float, width: float, depth: float) -> list[tuple[float, float]]:
    """Return the corners of a rectangle from its south-west one, counter-clockwise."""
    return [(x, y), (x + width, y), (x + width, y + depth), (x, y + depth)]


def with_opaque_alpha(image: BgrImage) -> BgrImage:
    """Return a BGR image as BGRA, opaque."""
    return np.dstack([image, np.full(image.shape[:2], 255, np.uint8)])


def polygon_side(length: float, sides: int) -> float:
    """Return the length of the sides of a regular polygon with a circumradius."""
    return 2 * length * float(np.sin(np.pi / sides))


def disc(
        x: float, y: float, z: float, half: float, outer: float, inner: float,
        material: BgrImage) -> Surface:
    """Return a level octagonal ring."""
    scale = material.shape[0] / (2 * half)
    alpha = np.zeros(material.shape[:2], np.uint8)
    for radius, value in ((outer, 255), (inner, 0)):
        if radius:
            points = (np.array(polygon(half, half, radius, 8)) * scale * 16).astype(np.int32)
            cv2.fillPoly(alpha, [points], value, cv2.LINE_AA, 4)
    return Surface(np.array([x - half, y + half, z]), np.array([1.0, 0, 0]),
                   np.array([0, -1.0, 0]), 2 * half, 2 * half, np.dstack([material, alpha]))
