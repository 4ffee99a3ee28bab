"""Two rooms with equal walls and furniture; one picture alone differs."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from posenet_ros.arrays import BgrImage
from posenet_ros.training.data.noise import fractal
from posenet_ros.training.scene.arcade.layout import Layout, ROOM_HEIGHT_M, ROOM_SIZE_M
from posenet_ros.training.scene.parts.facade import box, Facade
from posenet_ros.training.scene.parts.structure import (
    Court,
    moved,
    rectangle,
    with_opaque_alpha,
)
from posenet_ros.training.scene.rendering.renderer import Surface
from posenet_ros.training.scene.rendering.textures import bgr, PIXELS_PER_M, shade_color

EAST, NORTH = np.array([1.0, 0, 0]), np.array([0, 1.0, 0])


def rooms(layout: Layout) -> Court:
    """Build both rooms: the same surfaces twice, and a picture of its own in each."""
    room = _room(layout)
    court = Court()
    rng = layout.rng(7)
    for pose in layout.rooms:
        own = Court(surfaces=[*room.surfaces, _picture(rng)])
        court.surfaces.extend(moved(own.surfaces, pose))
    return court


def _picture(rng: np.random.Generator) -> Surface:
    """Return the picture on the east wall that the other room has not."""
    x, y = ROOM_SIZE_M[0] / 2 - 0.02, 1.1
    return Surface(np.array([x, y, 2.5]), -NORTH, np.array([0, 0, -1.0]), 2.2, 1.3,
                   with_opaque_alpha(painting(rng, 2.2, 1.3)))


def painting(rng: np.random.Generator, width_m: float, height_m: float) -> BgrImage:
    """Return shapes in many colours in a dark frame."""
    rows, columns = round(height_m * PIXELS_PER_M), round(width_m * PIXELS_PER_M)
    image = np.full((rows, columns, 3), rng.integers(120, 220, 3), np.uint8)
    for _ in range(26):
        corner = rng.integers(0, (columns, rows))
        shape = corner + rng.integers(-34, 34, (4, 2))
        cv2.fillConvexPoly(image, cv2.convexHull(shape.astype(np.int32)),
                           tuple(rng.integers(20, 250, 3).tolist()), cv2.LINE_AA)
    cv2.rectangle(image, (0, 0), (columns - 1, rows - 1), (34, 46, 62), 7)
    return image


def plaster(height: int, width: int, rng: np.random.Generator, code: str) -> BgrImage:
    """Return a wall with faint stains and a printed pattern."""
    stains = fractal(height, width, rng, 90, 6)
    row, column = np.mgrid[:height, :width]
    print_ = 0.04 * np.sign(np.sin(row * 2 * np.pi / 20) * np.sin(column * 2 * np.pi / 20))
    return shade_color(bgr(code), (1 + 0.06 * stains + print_).astype(np.float32))


def _wall(length: float, rng: np.random.Generator, code: str) -> Facade:
    wall = Facade(length, ROOM_HEIGHT_M, rng, plaster, code)
    wall.rect(0, 0, length, 0.14, bgr('e6e0d2'))
    wall.rect(0, 0.95, length, 0.06, bgr('c8bda8'))
    wall.rect(0, ROOM_HEIGHT_M - 0.12, length, 0.12, bgr('ece7da'))
    return wall


def _shelves(wall: Facade, rng: np.random.Generator, x: float, width: float) -> None:
    """Draw shelves of books on a wall."""
    wall.rect(x, 0, width, 2.3, bgr('5a4230'))
    for shelf in np.arange(0.12, 2.1, 0.36):
        wall.rect(x + 0.05, shelf, width - 0.1, 0.32, bgr('2c2018'))
        place = x + 0.06
        while place < x + width - 0.12:
            thick, tall = rng.uniform(0.025, 0.06), rng.uniform(0.2, 0.3)
            red, green, blue = rng.integers(30, 215, 3).tolist()
            wall.rect(place, shelf, thick, tall, (blue, green, red))
            wall.rect(place, shelf + 0.7 * tall, thick, 0.02, bgr('d8c890'))
            place += thick + 0.004


def _room(layout: Layout) -> Court:
    """Build a room about its middle, without the picture that differs."""
    rng = layout.rng(6)
    room = Court()
    width, depth = ROOM_SIZE_M
    code = str(rng.choice(('d8cfb8', 'c3cdc4', 'd6c2b4', 'c2c8d2')))
    north, east, south, west = (_wall(length, rng, code) for length in (
        width, depth, width, depth))
    for x in (0.9, 4.3):
        north.sash(x, 1.1, 1.7, 1.7, bgr('ece7da'))
    _shelves(west, rng, 0.5, 2.6)
    south.door(box(0.7, 1.0, 0.0, 2.1), bgr('ece7da'), '6a4a30')
    _shelves(south, rng, 3.4, 2.8)
    for wall, x in ((west, 3.7), (east, 0.3), (south, 2.0)):
        _hang(wall, rng, x, 1.5, 1.1, 0.9)
    for wall, corner, direction in ((north, (-width / 2, depth / 2), 'S'),
                                    (east, (width / 2, depth / 2), 'W'),
                                    (south, (width / 2, -depth / 2), 'N'),
                                    (west, (-width / 2, -depth / 2), 'E')):
        room.wall(corner, 0, direction, wall)
    room.surfaces.extend(_floor_and_ceiling(rng))
    _furnish(room, rng)
    return room


def _hang(wall: Facade, rng: np.random.Generator, x: float, z: float, width: float,
          height: float) -> None:
    """Hang a painting on a wall, by its lower left corner."""
    image = painting(rng, width, height)
    row = round((wall.height_m - z - height) * PIXELS_PER_M)
    column = round(x * PIXELS_PER_M)
    wall.image[row:row + image.shape[0], column:column + image.shape[1]] = image


def _floor_and_ceiling(rng: np.random.Generator) -> Iterator[Surface]:
    """Yield boards below and plaster above."""
    width, depth = ROOM_SIZE_M
    rows, columns = round(depth * PIXELS_PER_M), round(width * PIXELS_PER_M)
    board = (np.arange(rows) // 9) % 97
    tones = 1 + 0.12 * rng.standard_normal(97)
    shade = tones[board][:, None] + 0.08 * fractal(rows, columns, rng, 60, 5, 0.2)
    shade[np.arange(rows) % 9 == 0] *= 0.7
    boards = with_opaque_alpha(shade_color(bgr('9a7350'), shade.astype(np.float32)))
    yield Surface(np.array([-width / 2, depth / 2, 0]), EAST, -NORTH, width, depth, boards,
                  floor=True)
    above = with_opaque_alpha(plaster(rows, columns, rng, 'e2ddd2'))
    yield Surface(np.array([-width / 2, -depth / 2, ROOM_HEIGHT_M]), EAST, NORTH, width, depth,
                  above)


def _furnish(room: Court, rng: np.random.Generator) -> None:
    """Put boxes of furniture along the walls."""
    for x, y, width, depth, height, code in ((-3.3, 1.9, 1.5, 0.7, 0.78, '7a5638'),
                                             (1.9, 2.1, 1.3, 0.5, 1.15, '8c8f94'),
                                             (2.9, -1.9, 0.5, 1.2, 1.9, '6d4e36')):
        side = Facade(max(width, depth), height, rng, plaster, code)
        for z in np.arange(0.1, height - 0.2, 0.36):
            for part in (0.06, 0.53):
                _hang(side, rng, part * side.width_m, z, 0.4 * side.width_m, 0.26)
        room.prism(rectangle(x, y, width, depth), 0, side)
        top = with_opaque_alpha(plaster(round(depth * 64), round(width * 64), rng, code))
        room.surfaces.append(Surface(np.array([x, y + depth, height]), EAST, -NORTH, width, depth,
                                     top))
