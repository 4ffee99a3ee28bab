"""Ground, furniture and plants of the court, and the skyline beyond it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import BgrImage
from posenet_ros.training.data.noise import fractal
from posenet_ros.training.scene.parts.facade import Facade
from posenet_ros.training.scene.parts.plants import shrub, tree
from posenet_ros.training.scene.parts.sprites import bicycle, flag, jet, lamp, statue
from posenet_ros.training.scene.parts.structure import (
    Billboard,
    Court,
    disc,
    EAST,
    NORTH,
    polygon,
    polygon_side,
    rectangle,
    with_opaque_alpha,
)
from posenet_ros.training.scene.rendering.renderer import Surface
from posenet_ros.training.scene.rendering.textures import (
    ashlar,
    bgr,
    shade_color,
)

GROUND_PIXELS_PER_M = 64
FOUNTAIN = -3.0, 7.5


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
    court.cone(rectangle(-38.2, 29.8, 6.4, 6.4), 20, 17, ashlar(600, 400, rng, 'a99e88'), 0.3)
    for x, y, size, code in ((-12, 30, 18, '5f7a3e'), (-20, 33, 20, '54703a'),
                             (-33, 16, 17, '60773f'), (-35, -12, 16, '4f6c38'),
                             (34, 15, 19, '58733b'), (36, -14, 20, '65803f'),
                             (30, 27, 21, '56703a'), (-27, 24, 16, '4d6936')):
        image = tree(rng, size * 0.8, size, code, 24)
        court.billboards.append(Billboard((x, y, 0), size * 0.8, size, image, 0.16))


def ground(rng: np.random.Generator) -> Surface:
    """Return lawns with gravel walks, a paved border and beds along the walls."""
    width_m, height_m = 2 * EAST + 2, 2 * NORTH + 6
    scale = GROUND_PIXELS_PER_M
    rows, columns = round(height_m * scale), round(width_m * scale)
    x = np.linspace(-width_m / 2, width_m / 2, columns, dtype=np.float32)[None]
    y = np.linspace(height_m / 2, -height_m / 2, rows, dtype=np.float32)[:, None]
    fine = rng.standard_normal((rows, columns), np.float32)
    blades = cv2.GaussianBlur(fine, (0, 0), 0.8, sigmaY=1.4)
    broad = fractal(rows, columns, rng, 5 * scale, 5)
    stripes = np.sign(np.sin((x + y) * np.float32(np.pi / 1.6))) * np.float32(0.05)
    image = shade_color(bgr('75874e'), 1 + 0.4 * blades + 0.08 * broad + stripes)
    border = np.minimum(EAST - abs(x), NORTH - abs(y))
    walk = np.minimum(abs(x), abs(y - 1.5)) + 0.04 * broad
    circle = np.hypot(x - FOUNTAIN[0], y - FOUNTAIN[1]) + 0.03 * broad
    gravel = (walk < 1.15) | (circle < 4)
    cv2.copyTo(shade_color(bgr('c2b08d'), 1 + 0.13 * fine + 0.06 * broad), as_mask(gravel), image)
    cv2.copyTo(flagstones(rows, columns, rng), as_mask(border < 3.2), image)
    cv2.copyTo(shade_color(bgr('54432f'), 1 + 0.2 * fine + 0.1 * broad),
               as_mask((border < 0.7 + 0.05 * broad) & (border > 0) & beds(x, y)), image)
    edge = (abs(walk - 1.15) < 0.05) & (border > 3.2) & (circle > 4)
    edge |= (abs(circle - 4.0) < 0.05) & (walk > 1.15)
    shade = np.where(edge, np.float32(0.62), np.float32(1))
    shade *= 1 - 0.45 * np.exp(-np.maximum(border, 0) / np.float32(0.9))
    image = np.asarray(cv2.multiply(image, cv2.merge([shade] * 3), dtype=cv2.CV_8U), np.uint8)
    return Surface(np.array([-width_m / 2, height_m / 2, 0]), np.array([1.0, 0, 0]),
                   np.array([0, -1.0, 0]), width_m, height_m, with_opaque_alpha(image), floor=True)


def beds(x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return where plants may grow along the walls: not before doors or the cloister."""
    gate = (abs(y) < 5) & (x < 0)
    portico = (abs(y) < 5.5) & (x > 0)
    cloister = (y > NORTH - 2) & (x < -6)
    return ~(gate | portico | cloister)


def as_mask(where: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return an OpenCV mask: 255 where true."""
    return where.astype(np.uint8) * np.uint8(255)


def flagstones(rows: int, columns: int, rng: np.random.Generator) -> BgrImage:
    """Return York stone paving."""
    size = round(0.75 * GROUND_PIXELS_PER_M)
    tones = 1 + 0.07 * rng.standard_normal((rows // size + 2, columns // size + 2))
    shade = np.kron(tones, np.ones((size, size)))[:rows, :columns].astype(np.float32)
    shade[::size] *= 0.72
    shade[:, ::size] *= 0.72
    shade += 0.05 * fractal(rows, columns, rng, 60, 5)
    return shade_color(bgr('aaa391'), shade)


def furniture(court: Court, rng: np.random.Generator) -> None:
    """Put the fountain, the statue, lamps and small trees into the court."""
    basin = Facade(polygon_side(2.4, 8), 0.75, rng, ashlar, 'cfc3a8')
    basin.band(0.58, 0.17)
    outline = polygon(-3, 7.5, 2.4, 8)
    court.prism(outline, 0, basin)
    inner = [(x, y) for x, y in reversed(polygon(-3, 7.5, 2.1, 8))]
    court.prism(inner, 0, Facade(polygon_side(2.1, 8), 0.72, rng, ashlar, '9c927c'))
    court.surfaces.append(disc(-3, 7.5, 0.735, 2.6, 2.4, 2.1, shade_color(
        bgr('d8ccb2'), 1 + 0.06 * fractal(333, 333, rng, 60))))
    court.surfaces.append(disc(-3, 7.5, 0.45, 2.6, 2.3, 0, shade_color(
        bgr('4f6a70'), 1 + 0.15 * fractal(333, 333, rng, 40))))
    bowl = Facade(polygon_side(0.35, 8), 1.5, rng, ashlar, 'c3b79c')
    court.prism(polygon(-3, 7.5, 0.35, 8), 0, bowl)
    court.prism(polygon(-3, 7.5, 0.95, 8), 1.35,
                Facade(polygon_side(0.95, 8), 0.3, rng, ashlar, 'd2c6aa'))
    court.surfaces.append(disc(-3, 7.5, 1.65, 1.0, 0.94, 0, shade_color(
        bgr('7d9498'), 1 + 0.15 * fractal(128, 128, rng, 20))))
    court.billboards.append(Billboard((-3, 7.5, 1.3), 2.4, 3.0, jet(rng)))
    court.billboards.append(Billboard((11, 6.5, 0), 1.6, 7.0, statue(rng)))
    for x, y in ((-1.6, 3.1), (1.6, 3.1), (-15.5, 3.1), (15.2, 3.1), (1.6, 11.2), (-1.6, -12.6)):
        court.billboards.append(Billboard((x, y, 0), 0.6, 3.6, lamp()))
    for x, y, width, height, code in (
            (-12.5, 8.8, 4.6, 5.6, '7b9a4a'), (6.2, 10.3, 1.7, 5.2, '3f5f36'),
            (15.0, 9.4, 4.2, 5.0, '8aa352'), (-14.5, -3.5, 1.6, 4.6, '43643a'),
            (14.6, -2.6, 1.6, 4.8, '3d5b35')):
        image = tree(rng, width, height, code, 60, 0.05 if width < 2 else 0.24)
        court.billboards.append(Billboard((x, y, 0), width, height, image))
    plants = [shrub(rng, code) for code in ('d8d2e8', 'c9566b', 'e3c65a', '9a7fc4', '5f7f45')]
    for x, y in _bed_places(rng):
        width = rng.uniform(1.1, 1.7)
        image = plants[int(rng.integers(len(plants)))]
        court.billboards.append(Billboard((x, y, -0.03), width, 0.55 * width, image))
    flag_pole = Billboard((-EAST - 1.5, 0, 14.5), 3.4, 6.0, flag())
    court.billboards.append(flag_pole)
    for y, code in ((5.3, '8a2b2b'), (5.7, '24466e'), (9.4, '2f3a35'), (-6.2, '6d6f73')):
        corner = np.array([-EAST + 0.35, y, 1.05])
        court.surfaces.append(Surface(corner, np.array([0, 1.0, 0]), np.array([-0.12, 0, -1.0]),
                                      1.7, 1.05, bicycle(code), two_sided=True))


def _bed_places(rng: np.random.Generator) -> list[tuple[float, float]]:
    """Return where shrubs stand along the walls."""
    places = [(-6 + 4.2 * (i + 0.5) + rng.uniform(-0.8, 0.8), NORTH - 0.45)
              for i in range(6) for _ in range(2)]
    places += [(x, polygon_side * rng.uniform(6.2, 13.5)) for x in (-EAST + 0.45, EAST - 0.45)
               for polygon_side in (-1, 1) for _ in range(4)]
    return places
