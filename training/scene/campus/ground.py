"""The ground of the campus and what stands on it."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from posenet_ros.arrays import BgrImage
from posenet_ros.geometry.pose import Pose
from posenet_ros.training.data.noise import fractal
from posenet_ros.training.scene.campus.layout import (
    COURT_FAR_M,
    COURT_HALF_M,
    COURT_NEAR_M,
    HALF_LENGTH_M,
    PASSAGE_HALF_M,
    STREET_HALF_M,
)
from posenet_ros.training.scene.court.garden import as_mask, flagstones, GROUND_PIXELS_PER_M
from posenet_ros.training.scene.parts.plants import shrub, tree
from posenet_ros.training.scene.parts.sprites import bicycle, lamp, statue
from posenet_ros.training.scene.parts.structure import Billboard, Court, with_opaque_alpha
from posenet_ros.training.scene.rendering.renderer import Surface
from posenet_ros.training.scene.rendering.textures import bgr, shade_color

GRASS = '75874e', '6b8049', '7f8a55'
GRAVEL = 'c2b08d', 'b3a48c', 'a89f92'
LEAVES = '7b9a4a', '3f5f36', '8aa352', '54703a', '65803f'
FLOWERS = 'd8d2e8', 'c9566b', 'e3c65a', '9a7fc4'


def _pixels(length_m: float) -> int:
    return round(length_m * GROUND_PIXELS_PER_M)


def _floor(left: float, top: float, width: float, height: float, image: BgrImage) -> Surface:
    return Surface(np.array([left, top, 0.0]), np.array([1.0, 0, 0]), np.array([0, -1.0, 0]),
                   width, height, with_opaque_alpha(image), floor=True)


def street(rng: np.random.Generator) -> Surface:
    """Return the paving of the street."""
    length, width = 2 * HALF_LENGTH_M, 2 * STREET_HALF_M
    image = flagstones(_pixels(width), _pixels(length), rng)
    return _floor(-HALF_LENGTH_M, STREET_HALF_M, length, width, image)


def court_floor(rng: np.random.Generator) -> tuple[Surface, Surface]:
    """Return the ground of a court, a lawn with gravel round it, and that of its passage."""
    width, depth = 2 * COURT_HALF_M, COURT_FAR_M - COURT_NEAR_M
    rows, columns = _pixels(depth), _pixels(width)
    fine = rng.standard_normal((rows, columns), np.float32)
    broad = fractal(rows, columns, rng, 5 * GROUND_PIXELS_PER_M, 5)
    image = shade_color(bgr(str(rng.choice(GRASS))), 1 + 0.4 * fine + 0.08 * broad)
    x = np.linspace(-width / 2, width / 2, columns, dtype=np.float32)[np.newaxis]
    y = np.linspace(-depth / 2, depth / 2, rows, dtype=np.float32)[:, np.newaxis]
    border = np.minimum(width / 2 - abs(x), depth / 2 - abs(y)) + 0.05 * broad
    path = np.minimum(abs(x - rng.uniform(-4, 4)), abs(y - rng.uniform(-4, 4)))
    gravel = shade_color(bgr(str(rng.choice(GRAVEL))), 1 + 0.13 * fine + 0.06 * broad)
    cv2.copyTo(gravel, as_mask((border < 4) | (path < 1.1)), image)
    cv2.copyTo(flagstones(rows, columns, rng), as_mask(border < rng.uniform(1, 3)), image)
    passage = flagstones(_pixels(COURT_NEAR_M - STREET_HALF_M), _pixels(2 * PASSAGE_HALF_M), rng)
    return (_floor(-width / 2, COURT_FAR_M, width, depth, image),
            _floor(-PASSAGE_HALF_M, COURT_NEAR_M, 2 * PASSAGE_HALF_M,
                   COURT_NEAR_M - STREET_HALF_M, passage))


def furnish(court: Court, rng: np.random.Generator) -> None:
    """Put trees, shrubs, lamps, a statue and bicycles into a court, clear of the route."""
    for _ in range(int(rng.integers(1, 4))):
        x, y = float(rng.uniform(-5.5, 5.5)), float(rng.uniform(22, 28))
        width = float(rng.uniform(1.6, 4.4))
        height = float(rng.uniform(3.5, 5.5))
        court.billboards.append(Billboard((x, y, 0), width, height, tree(
            rng, width, height, str(rng.choice(LEAVES)), 50)))
    court.billboards.append(Billboard(
        (float(rng.uniform(-4, 4)), float(rng.uniform(21, 29)), 0), 1.6, 6.0, statue(rng)))
    for x, y in ((-4.4, 14.0), (4.4, 14.0), (-12.5, 35.0), (12.5, 35.0)):
        court.billboards.append(Billboard((x, y, 0), 0.6, 3.6, lamp()))
    plants = [shrub(rng, str(code), 80) for code in rng.choice(FLOWERS, 2)]
    for y in rng.uniform(COURT_NEAR_M + 1, COURT_FAR_M - 1, 10):
        side = float(rng.choice((-1, 1)) * (COURT_HALF_M - 0.5))
        court.billboards.append(Billboard((side, float(y), -0.03), 1.3, 0.72,
                                          plants[int(rng.integers(2))]))
    for x in rng.uniform(-13, 11, 3):
        code = str(rng.choice(('8a2b2b', '24466e', '2f3a35', '6d6f73')))
        court.surfaces.append(Surface(
            np.array([x, COURT_FAR_M - 0.4, 1.05]), np.array([1.0, 0, 0]),
            np.array([0, 0.12, -1.0]), 1.7, 1.05, bicycle(code), two_sided=True))


def moved_billboard(board: Billboard, pose: Pose) -> Billboard:
    """Return a billboard carried by a motion."""
    x, y, z = pose.apply(np.array(board.position_m)).tolist()
    return replace(board, position_m=(x, y, z))
