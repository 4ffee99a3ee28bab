"""
The college court: its facades, towers, roofs, lawns and fountain as textured surfaces.

World frame: metres, x east, y north, z up, origin on the lawn in the middle of the court.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from training.renderer import Surface
from training.sprites import jet, lamp, statue, tree
from training.textures import (
    ashlar,
    bgr,
    brick,
    Facade,
    fractal,
    Image,
    PIXELS_PER_M,
    pointed_arch,
    round_arch,
    slate,
    tinted,
)

Array = NDArray[np.float64]

EAST, NORTH = 20.0, 15.0  # half sizes of the court
GROUND_PIXELS_PER_M = 48
FOUNTAIN = -3.0, 7.5
LIMESTONE, PORTLAND, CLUNCH, BRICK, SLATE = 'cdb78f', 'd8d2c2', 'bfae8c', '9a5b45', '6f7276'
DOWN = np.array([0.0, 0.0, -1.0])


@dataclass(frozen=True, eq=False)
class Billboard:
    """A flat thing that turns to the camera, standing at (x, y) on z."""

    position_m: tuple[float, float, float]
    width_m: float
    height_m: float
    image: Image
    haze: float = 0.0

    def facing(self, target: Array, *, mirrored: bool = False) -> Surface:
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

    def _upright(self, start: ArrayLike, across: Array, facade: Facade, haze: float) -> None:
        origin = np.asarray(start, np.float64) - facade.height_m * DOWN
        self.surfaces.append(Surface(origin, across, DOWN, facade.width_m, facade.height_m,
                                     facade.albedo(), haze=haze))

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
              albedo: Image, haze: float = 0.0) -> None:
        """Lay a parallelogram of roof from its eaves to its ridge."""
        left, right, ridge = (np.asarray(p, np.float64)
                              for p in (eaves_left, eaves_right, ridge_left))
        width, height = float(np.linalg.norm(right - left)), float(np.linalg.norm(left - ridge))
        self.surfaces.append(Surface(ridge, (right - left) / width, (left - ridge) / height,
                                     width, height, albedo, haze=haze))

    def cone(self, corners: Sequence[tuple[float, float]], base: float, height: float,
             material: Image, haze: float = 0.0) -> None:
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


def polygon(x: float, y: float, radius: float, sides: int) -> list[tuple[float, float]]:
    """Return a regular polygon, counter-clockwise, with sides that face the axes."""
    angles = (np.arange(sides) - 0.5) * 2 * np.pi / sides
    return [(x + radius * np.cos(a), y + radius * np.sin(a)) for a in angles]


def rectangle(x: float, y: float, width: float, depth: float) -> list[tuple[float, float]]:
    """Return the corners of a rectangle from its south-west one, counter-clockwise."""
    return [(x, y), (x + width, y), (x + width, y + depth), (x, y + depth)]


def opaque(image: Image) -> Image:
    """Return a BGR image with an opaque alpha."""
    return np.dstack([image, np.full(image.shape[:2], 255, np.uint8)])


def roof(width_m: float, height_m: float, rng: np.random.Generator, code: str = SLATE) -> Image:
    """Return a roof's texture."""
    size = round(height_m * PIXELS_PER_M), round(width_m * PIXELS_PER_M)
    return opaque(slate(*size, rng, code))


def side(length: float, sides: int) -> float:
    """Return the side of a regular polygon of that radius."""
    return 2 * length * float(np.sin(np.pi / sides))


def shaft(radius: float, height: float, rng: np.random.Generator, code: str,
          sides: int = 8, slit: bool = True, merlons: bool = True) -> Facade:
    """Return one side of a turret."""
    facade = Facade(side(radius, sides), height, rng, ashlar, code)
    for z in (0.33, 0.66, 0.88):
        facade.band(z * height, 0.22)
    if slit:
        trim = bgr('b7a684')
        for z in (0.2, 0.5, 0.76):
            facade.opening(pointed_arch(facade.width_m / 2 - 0.11, 0.22, z * height,
                                        z * height + 1.1), trim, 0.07)
    if merlons:
        facade.crenellate(0.5, 0.42, 0.5)
    return facade


def chapel(court: Court, rng: np.random.Generator) -> None:
    """North side, east part: a tall perpendicular chapel with buttresses and pinnacles."""
    start, bays, bay, height = -6.0, 6, 4.2, 15.5
    width = bays * bay
    facade = Facade(width, height, rng, ashlar, LIMESTONE)
    trim = bgr('d9c7a2')
    for i in range(bays):
        facade.lancet(i * bay + 0.85, 4.2, bay - 1.7, 13.2, 4, trim, 0.7)
        facade.casement(i * bay + 1.4, 1.3, bay - 2.8, 1.5, 3, trim)
    facade.band(3.4, 0.3)
    facade.band(13.9, 0.35)
    facade.weather()
    facade.crenellate(0.7, 0.55, 0.8)
    court.wall((start, NORTH), 0, 'S', facade)
    court.slope((start, NORTH + 0.6, height - 1.2), (start + width, NORTH + 0.6, height - 1.2),
                (start, NORTH + 6, height + 1.3), roof(width, 6, rng, '5c6368'))
    buttress = Facade(1.2, 13.6, rng, ashlar, 'c9b28a')
    for z in (3.4, 8.2, 12.6):
        buttress.band(z, 0.3)
    buttress.weather()
    pinnacle = Facade(0.62, 3.4, rng, ashlar, 'd2bd95')
    spike = pinnacle.image[:, :]
    for i in range(bays + 1):
        x = start + i * bay
        court.prism(rectangle(x - 0.45, NORTH - 1.2, 0.9, 1.3), 0, buttress)
        court.prism(rectangle(x - 0.31, NORTH - 1.05, 0.62, 0.62), 13.5, pinnacle)
        court.cone(rectangle(x - 0.38, NORTH - 1.12, 0.76, 0.76), 16.8, 1.9, spike)
    gable = Facade(12, height + 2.5, rng, ashlar, LIMESTONE)
    gable.band(9.5, 0.3)
    gable.lancet(3.0, 10.2, 6, 16.4, 5, trim)
    gable.cut([(-1, height - 1), (-1, 20), (13, 20), (13, height - 1), (6, height + 2.5)])
    court.wall((start, NORTH + 12), 0, 'W', gable)
    for x in (start, start + width):
        turret = shaft(1.5, 19.5, rng, 'd0bb93')
        court.prism(polygon(x, NORTH + 0.3, 1.5, 8), 0, turret)
        court.cone(polygon(x, NORTH + 0.3, 1.25, 8), 19.0, 3.6, turret.image)


def low_range(court: Court, rng: np.random.Generator) -> None:
    """North side, west part: a low range with a cloister, dormers and chimneys."""
    width, height = EAST - 6.0, 7.4
    facade = Facade(width, height, rng, ashlar, CLUNCH)
    trim = bgr('d6c9ab')
    for i in range(5):
        facade.opening(pointed_arch(0.7 + i * 2.7, 1.9, 0.0, 2.9, 0.55), trim, 0.2)
        facade.casement(0.95 + i * 2.7, 4.1, 1.4, 1.7, 2, trim)
    facade.band(3.35, 0.22)
    facade.band(6.4, 0.22)
    facade.weather()
    court.wall((-EAST, NORTH), 0, 'S', facade)
    court.slope((-EAST, NORTH - 0.25, height), (-6, NORTH - 0.25, height),
                (-EAST, NORTH + 5, height + 4), roof(width, 6.6, rng, '8a5f4a'))
    dormer = Facade(1.5, 2.0, rng, ashlar, 'c8bda4')
    dormer.casement(0.3, 0.45, 0.9, 1.0, 2, trim)
    chimney = Facade(1.1, 3.2, rng, brick, '8f5644')
    chimney.band(2.7, 0.25)
    for x in (-17.6, -12.9, -8.7):
        court.wall((x - 0.75, NORTH + 0.6), height + 0.4, 'S', dormer)
        court.slope((x - 0.95, NORTH + 0.4, height + 2.3), (x + 0.95, NORTH + 0.4, height + 2.3),
                    (x - 0.95, NORTH + 2.4, height + 2.9), roof(1.9, 2.1, rng, '7c5746'))
        court.prism(rectangle(x + 1.9, NORTH + 4.4, 1.1, 0.8), height + 2.6, chimney)


def gate_house(court: Court, rng: np.random.Generator) -> None:
    """West side: a gate tower with four turrets between ranges of red brick."""
    trim, height, depth = bgr('d3c4a3'), 15.0, 1.6
    facade = Facade(8, height, rng, brick, BRICK)
    facade.door(pointed_arch(2.3, 3.4, 0.0, 4.6, 0.55), trim)
    facade.casement(2.4, 6.4, 3.2, 2.3, 4, trim)
    facade.casement(2.8, 10.4, 2.4, 1.9, 3, trim)
    facade.rect(3.55, 5.0, 0.9, 1.05, bgr('2f4a8a'))
    facade.rect(3.7, 5.2, 0.25, 0.65, bgr('d8b23a'))
    facade.rect(4.05, 5.2, 0.25, 0.65, bgr('b03030'))
    for z in (5.0 + 1.2, 9.6, 13.4):
        facade.band(z, 0.28, 1.5)
    facade.weather()
    facade.crenellate(0.8, 0.6, 0.8)
    x = -EAST + depth
    court.wall((x, -4), 0, 'E', facade)
    back = Facade(8, height, rng, brick, BRICK)
    back.crenellate(0.8, 0.6, 0.8)
    court.wall((-EAST - 5, -4), 0, 'E', back)
    for y in (-4.0, 4.0):
        for corner, top in ((x, 18.5), (-EAST - 5.0, 18.5)):
            turret = Facade(side(1.25, 8), top, rng, brick, '96583f')
            for z in (5, 9.6, 13.4, 16.2):
                turret.band(z, 0.25, 1.5)
            turret.weather()
            turret.crenellate(0.5, 0.45, 0.5)
            court.prism(polygon(corner, y, 1.25, 8), 0, turret)
    for start, width in ((-NORTH, NORTH - 4.0), (4.0, NORTH - 4.0)):
        court.wall((-EAST, start), 0, 'E', brick_range(width, rng))
        court.slope((-EAST, start, 8.2), (-EAST, start + width, 8.2), (-EAST - 4, start, 11.6),
                    roof(width, 5.2, rng, '75665c'))
        stack = Facade(1.4, 4.0, rng, brick, '8a4f3d')
        stack.band(3.4, 0.3)
        for y in (start + 2.5, start + width - 3.5):
            court.prism(rectangle(-EAST - 3.4, y, 0.9, 1.4), 9.5, stack)


def brick_range(width: float, rng: np.random.Generator, height: float = 9.0) -> Facade:
    """Return a Tudor range: two storeys of casements, doors and battlements."""
    trim = bgr('d0c2a4')
    facade = Facade(width, height, rng, brick, BRICK)
    count = round(width / 3.6)
    pitch = width / count
    for i in range(count):
        x = (i + 0.5) * pitch
        if i % 3 == 1:
            facade.door(pointed_arch(x - 0.65, 1.3, 0.0, 2.6, 0.5), trim, '33473a')
        else:
            facade.casement(x - 0.9, 1.2, 1.8, 1.9, 3, trim)
        facade.casement(x - 0.7, 5.0, 1.4, 1.8, 2, trim)
        facade.line([(x + pitch / 2 - 0.12, 0), (x + pitch / 2 - 0.12, 7.6)], 0.1, bgr('2f3330'))
    facade.band(4.1, 0.22, 1.5)
    facade.band(7.7, 0.25, 1.5)
    facade.weather()
    facade.crenellate(0.9, 0.6, 0.7)
    return facade


def hall(court: Court, rng: np.random.Generator) -> None:
    """East side: a classical building with a portico and a cupola."""
    height, trim = 11.5, bgr('e2dccd')
    facade = Facade(2 * NORTH, height, rng, ashlar, PORTLAND)
    for i in range(9):
        x = (i + 0.5) * 30 / 9
        facade.sash(x - 0.75, 5.6, 1.5, 2.9, trim, pediment=i % 2 == 0)
        facade.sash(x - 0.75, 1.3, 1.5, 2.4, trim)
    facade.band(4.4, 0.3)
    facade.band(9.6, 0.55)
    for i in range(60):
        facade.rect(0.12 + i * 0.5, 10.55, 0.2, 0.62, bgr('8f8b80'))
    facade.band(11.25, 0.2)
    facade.weather()
    court.wall((EAST, NORTH), 0, 'W', facade)
    court.slope((EAST + 0.8, NORTH, height - 0.4), (EAST + 0.8, -NORTH, height - 0.4),
                (EAST + 5, NORTH, height + 2), roof(30, 5, rng, '6d7479'))
    front = Facade(9, 10.4, rng, ashlar, 'dcd6c7')
    front.door(round_arch(3.6, 1.8, 0.3, 4.0), trim, '5b3a29')
    front.sash(1.0, 5.6, 1.4, 2.9, trim)
    front.sash(3.75, 5.6, 1.5, 2.9, trim, pediment=True)
    front.sash(6.6, 5.6, 1.4, 2.9, trim)
    front.band(9.6, 0.5)
    front.weather()
    x = EAST - 1.0
    court.wall((x, 4.5), 0, 'W', front)
    court.prism([(x, -4.5), (EAST + 0.1, -4.5), (EAST + 0.1, 4.5), (x, 4.5)], 0,
                Facade(9, 10.3, rng, ashlar, 'c9c3b5'))
    column = Facade(side(0.38, 8), 9.4, rng, ashlar, 'e3ddd0')
    for y in (-4.0, -1.4, 1.4, 4.0):
        court.prism(polygon(x - 0.5, y, 0.38, 8), 0, column)
    gable = Facade(10, 2.6, rng, ashlar, 'dfd9ca')
    triangle = [(1.0, 0.45), (5, 2.1), (9.0, 0.45)]
    gable.fill(triangle, bgr('a9a396'))
    gable.line([(0, 0.15), (5, 2.5), (10, 0.15)], 0.28, bgr('ece6d8'))
    gable.fill([(5 + 0.5 * np.cos(a), 1.05 + 0.5 * np.sin(a)) for a in np.linspace(0, 6.3, 24)],
               bgr('f0ead9'))
    gable.rect(0, 0, 10, 0.35, bgr('e8e2d4'))
    gable.cut([(-0.1, 0.2), (5, 2.6), (-0.1, 2.7)])
    gable.cut([(10.1, 0.2), (5, 2.6), (10.1, 2.7)])
    court.wall((x - 0.7, 5), 10.3, 'W', gable)
    cupola(court, rng)


def cupola(court: Court, rng: np.random.Generator) -> None:
    """Put a lantern with a lead dome on the hall."""
    drum = Facade(side(1.9, 8), 4.2, rng, ashlar, 'e6e1d5')
    drum.opening(round_arch(0.35, 0.75, 0.8, 3.2), bgr('f0ece0'), 0.1)
    drum.band(3.8, 0.3)
    x = EAST + 5
    court.prism(polygon(x, 0, 1.9, 8), 12.8, drum)
    lead = slate(128, 128, rng, '7d8f8c')
    court.cone(polygon(x, 0, 2.2, 8), 17.0, 2.6, lead)
    court.cone(polygon(x, 0, 0.35, 4), 18.6, 3.2, lead)


def south_range(court: Court, rng: np.random.Generator) -> None:
    """South side, mostly behind the camera."""
    court.wall((EAST, -NORTH), 0, 'N', brick_range(2 * EAST, rng))
    court.slope((EAST, -NORTH, 8.2), (-EAST, -NORTH, 8.2), (EAST, -NORTH - 4, 11.8),
                roof(2 * EAST, 5.4, rng, '6f625a'))


def skyline(court: Court, rng: np.random.Generator) -> None:
    """Towers and trees beyond the court, at several distances."""
    trim = bgr('c4b9a0')
    tower = Facade(8, 30, rng, ashlar, 'b7ab92')
    for z in (12.0, 20.5):
        tower.lancet(1.4, z, 2.2, z + 5.5, 2, trim)
        tower.lancet(4.4, z, 2.2, z + 5.5, 2, trim)
    for z in (11.0, 19.5, 27.5):
        tower.band(z, 0.4)
    tower.crenellate(0.9, 0.7, 1.0)
    court.prism(rectangle(6, 42, 8, 8), 0, tower, 0.25)
    spire = Facade(6, 20, rng, ashlar, 'a99e88')
    spire.lancet(2.0, 13, 2.0, 18.5, 2, trim)
    court.prism(rectangle(-38, 30, 6, 6), 0, spire, 0.3)
    court.cone(rectangle(-38.2, 29.8, 6.4, 6.4), 20, 17, spire.image[:1000], 0.3)
    for x, y, size, code in ((-13, 27, 13, '5f7a3e'), (-21, 29, 15, '54703a'),
                             (-33, 14, 14, '60773f'), (-34, -9, 13, '4f6c38'),
                             (33, 13, 14, '58733b'), (34, -10, 15, '65803f'),
                             (24, 33, 16, '56703a'), (-4, 34, 15, '4d6936')):
        image = tree(rng, size * 0.8, size, code, 24)
        court.billboards.append(Billboard((x, y, 0), size * 0.8, size, image, 0.16))


def ground(rng: np.random.Generator) -> Surface:
    """Return lawns with gravel walks, a paved border and beds along the walls."""
    width_m, height_m = 2 * EAST + 2, 2 * NORTH + 2
    scale = GROUND_PIXELS_PER_M
    rows, columns = round(height_m * scale), round(width_m * scale)
    x = np.linspace(-width_m / 2, width_m / 2, columns, dtype=np.float32)[None]
    y = np.linspace(height_m / 2, -height_m / 2, rows, dtype=np.float32)[:, None]
    fine = rng.standard_normal((rows, columns), np.float32)
    blades = cv2.GaussianBlur(fine, (0, 0), 0.8, sigmaY=1.4)
    broad = fractal(rows, columns, rng, 5 * scale, 5)
    stripes = np.sign(np.sin((x + y) * np.float32(np.pi / 1.6))) * np.float32(0.05)
    image = tinted(bgr('75874e'), 1 + 0.4 * blades + 0.08 * broad + stripes)
    border = np.minimum(EAST - abs(x), NORTH - abs(y))
    walk = np.minimum(abs(x), abs(y - 1.5)) + 0.04 * broad
    circle = np.hypot(x - FOUNTAIN[0], y - FOUNTAIN[1]) + 0.03 * broad
    gravel = (walk < 1.15) | (circle < 4)
    cv2.copyTo(tinted(bgr('c2b08d'), 1 + 0.13 * fine + 0.06 * broad), as_mask(gravel), image)
    cv2.copyTo(flagstones(rows, columns, rng), as_mask(border < 3.2), image)
    cv2.copyTo(tinted(bgr('54432f'), 1 + 0.2 * fine + 0.1 * broad),
               as_mask(border < 0.7 + 0.05 * broad), image)
    edge = (abs(walk - 1.15) < 0.05) & (border > 3.2) & (circle > 4)
    edge |= (abs(circle - 4.0) < 0.05) & (walk > 1.15)
    shade = np.where(edge, np.float32(0.62), np.float32(1))
    shade *= 1 - 0.45 * np.exp(-np.maximum(border, 0) / np.float32(0.9))
    image = cv2.multiply(image, cv2.merge([shade] * 3), dtype=cv2.CV_8U)
    return Surface(np.array([-width_m / 2, height_m / 2, 0]), np.array([1.0, 0, 0]),
                   np.array([0, -1.0, 0]), width_m, height_m, opaque(image))


def as_mask(where: NDArray[np.bool_]) -> Image:
    """Return 255 where true."""
    return where.astype(np.uint8) * np.uint8(255)


def flagstones(rows: int, columns: int, rng: np.random.Generator) -> Image:
    """Return York stone paving."""
    size = round(0.75 * GROUND_PIXELS_PER_M)
    tones = 1 + 0.07 * rng.standard_normal((rows // size + 2, columns // size + 2))
    shade = np.kron(tones, np.ones((size, size)))[:rows, :columns].astype(np.float32)
    shade[::size] *= 0.72
    shade[:, ::size] *= 0.72
    shade += 0.05 * fractal(rows, columns, rng, 60, 5)
    return tinted(bgr('aaa391'), shade)


def furniture(court: Court, rng: np.random.Generator) -> None:
    """Put the fountain, the statue, lamps and small trees into the court."""
    basin = Facade(side(2.4, 8), 0.75, rng, ashlar, 'cfc3a8')
    basin.band(0.58, 0.17)
    outline = polygon(-3, 7.5, 2.4, 8)
    court.prism(outline, 0, basin)
    inner = [(x, y) for x, y in reversed(polygon(-3, 7.5, 2.1, 8))]
    court.prism(inner, 0, Facade(side(2.1, 8), 0.72, rng, ashlar, '9c927c'))
    court.surfaces.append(_disc(-3, 7.5, 0.735, 2.6, 2.4, 2.1, tinted(
        bgr('d8ccb2'), 1 + 0.06 * fractal(333, 333, rng, 60))))
    court.surfaces.append(_disc(-3, 7.5, 0.45, 2.6, 2.3, 0, tinted(
        bgr('4f6a70'), 1 + 0.15 * fractal(333, 333, rng, 40))))
    bowl = Facade(side(0.35, 8), 1.5, rng, ashlar, 'c3b79c')
    court.prism(polygon(-3, 7.5, 0.35, 8), 0, bowl)
    court.prism(polygon(-3, 7.5, 0.95, 8), 1.35, Facade(side(0.95, 8), 0.3, rng, ashlar, 'd2c6aa'))
    court.surfaces.append(_disc(-3, 7.5, 1.65, 1.0, 0.94, 0, tinted(
        bgr('7d9498'), 1 + 0.15 * fractal(128, 128, rng, 20))))
    court.billboards.append(Billboard((-3, 7.5, 1.3), 2.4, 3.0, jet(rng)))
    court.billboards.append(Billboard((11, 6.5, 0), 1.6, 7.0, statue(rng)))
    for x, y in ((-1.6, 3.1), (1.6, 3.1), (-15.5, 3.1), (15.2, 3.1), (1.6, 11.2), (-1.6, -9)):
        court.billboards.append(Billboard((x, y, 0), 0.6, 3.6, lamp()))
    for x, y, width, height, code in (
            (-12.5, 8.8, 4.6, 5.6, '7b9a4a'), (6.2, 10.3, 1.7, 5.2, '3f5f36'),
            (15.0, 9.4, 4.2, 5.0, '8aa352'), (-14.5, -3.5, 1.6, 4.6, '43643a'),
            (14.6, -2.6, 1.6, 4.8, '3d5b35')):
        image = tree(rng, width, height, code, 60, 0.05 if width < 2 else 0.24)
        court.billboards.append(Billboard((x, y, 0), width, height, image))


def _disc(x: float, y: float, z: float, half: float, outer: float, inner: float,
          material: Image) -> Surface:
    """Return a level octagonal ring."""
    scale = material.shape[0] / (2 * half)
    alpha = np.zeros(material.shape[:2], np.uint8)
    for radius, value in ((outer, 255), (inner, 0)):
        if radius:
            points = (np.array(polygon(half, half, radius, 8)) * scale * 16).astype(np.int32)
            cv2.fillPoly(alpha, [points], value, cv2.LINE_AA, 4)
    return Surface(np.array([x - half, y + half, z]), np.array([1.0, 0, 0]),
                   np.array([0, -1.0, 0]), 2 * half, 2 * half, np.dstack([material, alpha]))


def build(seed: int) -> Court:
    """Build the court; the seed varies the materials, never the geometry."""
    court = Court()
    parts: list[Callable[[Court, np.random.Generator], None]] = [
        chapel, low_range, gate_house, hall, south_range, skyline, furniture]
    court.surfaces.append(ground(np.random.default_rng((seed, 0))))
    for number, part in enumerate(parts):
        part(court, np.random.default_rng((seed, number + 1)))
    return court
