"""The square: an arcade of equal bays, and opposite a front of two equal wings."""

from __future__ import annotations

from collections.abc import Iterator
import math

import cv2
import numpy as np
from posenet_ros.arrays import BgrImage
from posenet_ros.training.data.noise import fractal
from posenet_ros.training.scene.arcade.layout import HALF_DEPTH_M, Layout, TOWER_M
from posenet_ros.training.scene.court.buildings import brick_range, roof
from posenet_ros.training.scene.parts.facade import Facade, pointed_arch, round_arch
from posenet_ros.training.scene.parts.plants import tree
from posenet_ros.training.scene.parts.sprites import lamp, statue
from posenet_ros.training.scene.parts.structure import (
    Billboard,
    Court,
    rectangle,
    with_opaque_alpha,
)
from posenet_ros.training.scene.rendering.renderer import Surface
from posenet_ros.training.scene.rendering.textures import (
    ashlar,
    bgr,
    brick,
    PIXELS_PER_M,
    scale_color,
    shade_color,
)

ARCADE_HEIGHT_M = 8.8
FRONT_HEIGHT_M = 9.6
PASSAGE_M = 3.0  # depth of the arcade
GROUND_M = HALF_DEPTH_M + PASSAGE_M


def square(layout: Layout) -> Court:
    """Build all that is seen from the square."""
    court = Court()
    court.surfaces.extend(paving(layout))
    arcade(court, layout)
    front(court, layout)
    ends(court, layout)
    marks(court, layout)
    return court


def paving(layout: Layout) -> Iterator[Surface]:
    """Yield flagstones that repeat with the arcade in the north, with the front in the south."""
    rng = layout.rng(0)
    reach = max(layout.half_length_m, layout.front_half_m) + TOWER_M + 1
    beside = math.ceil((reach - layout.half_length_m) / layout.bay_m)
    setts = _tile(layout.bay_m, rng, 'b3a48c')
    yield _strip(setts, layout.bay_x(-beside) - layout.bay_m / 2, True, layout.bays + 2 * beside)
    half, bays = layout.centre_m / 2, math.ceil((reach - layout.centre_m / 2) / layout.pitch_m)
    flags = _tile(layout.pitch_m, rng, 'a9a69c')
    yield _strip(flags, -half - bays * layout.pitch_m, False, bays)
    yield _strip(_tile(layout.centre_m, rng, 'a89f92'), -half, False, 1)
    yield _strip(flags, half, False, bays)


def _strip(tile: BgrImage, left: float, north: bool, count: int) -> Surface:
    """Return a half of the ground, from an x on: equal tiles beside each other."""
    bay_m = tile.shape[1] / PIXELS_PER_M
    return Surface(np.array([left, GROUND_M if north else 0.0, 0]), np.array([1.0, 0, 0]),
                   np.array([0, -1.0, 0]), count * bay_m, GROUND_M,
                   with_opaque_alpha(np.tile(tile, (1, count, 1))), floor=True, bays=count)


def _tile(width_m: float, rng: np.random.Generator, code: str) -> BgrImage:
    """Return one period of paving: setts, with a band of light stone along its edge."""
    rows, columns = round(GROUND_M * PIXELS_PER_M), round(width_m * PIXELS_PER_M)
    stones = 8
    size = columns / stones
    row, column = (np.arange(n) / size for n in (rows, columns))
    tones = 1 + 0.10 * rng.standard_normal((int(rows / size) + 2, stones))
    shade = tones[row.astype(int)][:, np.minimum(column.astype(int), stones - 1)]
    shade *= np.where(row % 1 < 0.04, 0.7, 1)[:, None] * np.where(column % 1 < 0.04, 0.7, 1)
    noise = fractal(rows, columns, rng, 60, 5)
    seam = np.minimum(np.arange(columns), np.arange(columns)[::-1]) / (0.35 * PIXELS_PER_M)
    shade = (shade + 0.06 * noise).astype(np.float32)
    shade[:, seam < 1] = 1.22 + 0.05 * noise[:, seam < 1]
    return shade_color(bgr(code), shade)


def arcade(court: Court, layout: Layout) -> None:
    """North side: an open arcade, each bay a copy of the others."""
    rng = layout.rng(1)
    trim = scale_color(bgr(layout.stone), 1.08)
    bay = _arcade_bay(layout, rng)
    left, width = -layout.half_length_m, layout.bays * layout.bay_m
    court.wall((left, HALF_DEPTH_M), 0, 'S', bay.repeat(layout.bays))
    back = Facade(layout.bay_m, 6.0, rng, ashlar, 'a2937c')
    back.door(pointed_arch(layout.bay_m / 2 - 1.5, 1.2, 0.0, 2.4, 0.5), trim, '46352a')
    back.casement(layout.bay_m / 2 + 0.2, 1.1, 1.3, 1.5, 2, trim)
    back.band(3.4, 0.2)
    court.wall((left, HALF_DEPTH_M + PASSAGE_M), 0, 'S', back.repeat(layout.bays))
    court.slope((left, HALF_DEPTH_M - 0.3, ARCADE_HEIGHT_M),
                (left + width, HALF_DEPTH_M - 0.3, ARCADE_HEIGHT_M),
                (left, HALF_DEPTH_M + 4, ARCADE_HEIGHT_M + 2.6),
                np.tile(roof(layout.bay_m, 5.0, rng), (1, layout.bays, 1)), bays=layout.bays)
    pier = Facade(0.8, 4.3, rng, ashlar, layout.stone)
    pier.band(0.5, 0.18)
    pier.band(3.2, 0.22)
    pier.weather()
    for i in range(layout.bays + 1):
        court.prism(rectangle(left + i * layout.bay_m - 0.4, HALF_DEPTH_M - 0.45, 0.8, 0.55), 0,
                    pier)
    post = lamp()
    for i in range(layout.bays + 1):
        court.billboards.append(Billboard(
            (left + i * layout.bay_m, HALF_DEPTH_M - 2.2, 0.0), 0.6, 3.6, post))


def _arcade_bay(layout: Layout, rng: np.random.Generator) -> Facade:
    """Return one bay: an arch below, a window above."""
    width = layout.bay_m
    trim = scale_color(bgr(layout.stone), 1.08)
    bay = Facade(width, ARCADE_HEIGHT_M, rng, brick, layout.brick)
    arch = round_arch if rng.uniform() < 0.5 else pointed_arch
    bay.hollow(arch(0.55, width - 1.1, 0.0, 3.9), trim, 0.24)
    style = int(rng.integers(3))
    if style == 0:
        bay.sash(width / 2 - 0.75, 5.3, 1.5, 2.2, trim, pediment=True)
    elif style == 1:
        bay.casement(width / 2 - 1.1, 5.3, 2.2, 1.9, 3, trim)
    else:
        bay.lancet(width / 2 - 0.9, 5.0, 1.8, 8.0, 2, trim)
    bay.band(4.35, 0.3)
    bay.band(8.1, 0.35)
    for x in (0.0, width - 0.22):
        bay.rect(x, 4.65, 0.22, 3.4, scale_color(trim, 0.94))
    bay.weather()
    return bay


def front(court: Court, layout: Layout) -> None:
    """South side: a middle between two wings, each bay of which is a copy of the others."""
    rng = layout.rng(2)
    wing = _wing_bay(layout, rng).repeat(layout.wing_bays)
    covering = np.tile(roof(layout.pitch_m, 5.0, rng, '75665c'), (1, layout.wing_bays, 1))
    y = -HALF_DEPTH_M
    for right in (layout.front_half_m, -layout.centre_m / 2):  # as the map has it, from the east
        court.wall((right, y), 0, 'N', wing)
        court.slope((right, y + 0.3, FRONT_HEIGHT_M), (right - layout.wing_m, y + 0.3,
                                                       FRONT_HEIGHT_M),
                    (right, y - 4, FRONT_HEIGHT_M + 2.4), covering, bays=layout.wing_bays)
    column = Facade(0.5, 4.6, rng, ashlar, 'e3ddd0')
    column.band(4.2, 0.3)
    for side in (-1, 1):
        for i in range(layout.wing_bays + 1):
            x = side * (layout.centre_m / 2 + i * layout.pitch_m)
            court.prism(rectangle(x - 0.25, y - 0.05, 0.5, 0.5), 0, column)
    _middle(court, layout, rng)


def _wing_bay(layout: Layout, rng: np.random.Generator) -> Facade:
    """Return one bay of a wing: two storeys of windows, each alike from left and right."""
    trim, width = bgr('e2dccd'), layout.pitch_m
    bay = Facade(width, FRONT_HEIGHT_M, rng, ashlar, layout.stone)
    bay.sash(width / 2 - 0.75, 1.2, 1.5, 2.5, trim)
    bay.sash(width / 2 - 0.75, 5.3, 1.5, 2.6, trim, pediment=bool(rng.uniform() < 0.5))
    bay.band(4.5, 0.3)
    bay.band(8.7, 0.5)
    for i in range(round(width / 0.5)):
        bay.rect(0.1 + i * 0.5, 9.25, 0.2, 0.3, bgr('8f8b80'))
    bay.weather()
    return bay


def _middle(court: Court, layout: Layout, rng: np.random.Generator) -> None:
    """Put a middle with a door and a clock before the wings' ends, and a gable on it."""
    trim, width, height = bgr('d9c7a2'), layout.centre_m, 11.5
    facade = Facade(width, height, rng, ashlar, 'c4a77d')
    facade.door(round_arch(width / 2 - 1.1, 2.2, 0.0, 3.9), trim, '5b3a29')
    facade.clock(width / 2, 9.2, 0.9)
    for x in (0.7, width - 2.1):
        facade.casement(x, 1.3, 1.4, 1.9, 2, trim)
        facade.lancet(x, 5.0, 1.4, 8.4, 2, trim)
    facade.sash(width / 2 - 0.8, 5.2, 1.6, 2.4, trim, pediment=True)
    facade.band(4.4, 0.3)
    facade.weather()
    facade.crenellate(0.8, 0.6, 0.8)
    y = -HALF_DEPTH_M + 0.6
    court.wall((width / 2, y), 0, 'N', facade)


def ends(court: Court, layout: Layout) -> None:
    """Close the square: a range at each end, unlike the other, and towers at the four corners."""
    rng = layout.rng(3)
    reach = max(layout.half_length_m, layout.front_half_m) + TOWER_M
    court.wall((-reach, -HALF_DEPTH_M), 0, 'E', brick_range(2 * HALF_DEPTH_M, rng))
    east = Facade(2 * HALF_DEPTH_M, 10.0, rng, ashlar, 'bfae8c')
    for i in range(5):
        east.lancet(1.2 + 4.2 * i, 3.0, 2.6, 8.6, 3, bgr('d9c7a2'))
    east.door(pointed_arch(9.4, 2.8, 0.0, 2.8, 0.4), bgr('d9c7a2'), '27406a')
    east.band(9.2, 0.4)
    east.weather()
    court.wall((reach, HALF_DEPTH_M), 0, 'W', east)
    for side, code in ((-1, 'b98d6a'), (1, 'cfc8b8')):
        left = side * layout.half_length_m - (TOWER_M if side < 0 else 0)
        tower = Facade(TOWER_M, 12.0, rng, ashlar, code)
        tower.lancet(1.6, 6.0, 2.8, 10.6, 3 if side < 0 else 2, bgr('d3c4a3'))
        tower.door(pointed_arch(2.0, 2.0, 0.0, 3.2), bgr('d3c4a3'),
                   '6a2f27' if side < 0 else '2f4a3a')
        tower.band(5.0, 0.35)
        tower.crenellate(0.8, 0.6, 0.8)
        court.wall((left, HALF_DEPTH_M - 0.5), 0, 'S', tower)
    pavilion = Facade(TOWER_M, 11.0, rng, ashlar, layout.stone)
    pavilion.sash(2.2, 1.2, 1.6, 2.6, bgr('e2dccd'))
    pavilion.sash(2.2, 5.4, 1.6, 2.9, bgr('e2dccd'), pediment=True)
    pavilion.band(4.5, 0.3)
    pavilion.weather()
    for right in (layout.front_half_m + TOWER_M, -layout.front_half_m):
        court.wall((right, -HALF_DEPTH_M + 0.4), 0, 'N', pavilion)


def marks(court: Court, layout: Layout) -> None:
    """Put before some bays what no other bay has: a banner, and a statue or a tree."""
    rng = layout.rng(4)
    for number, bay in enumerate(layout.marked_bays):
        x = layout.bay_x(bay)
        image = with_opaque_alpha(banner(rng))
        court.surfaces.append(Surface(
            np.array([x - layout.bay_m / 2 + 0.5, HALF_DEPTH_M - 0.5, 7.6]),
            np.array([1.0, 0, 0]), np.array([0, 0, -1.0]), 1.1, 2.6, image, two_sided=True))
        if number % 2:
            court.billboards.append(Billboard((x + 0.6, HALF_DEPTH_M - 1.6, 0.0), 1.6, 7.0,
                                              statue(rng)))
        else:
            court.billboards.append(Billboard((x - 0.4, HALF_DEPTH_M - 1.8, 0.0), 2.2, 4.2,
                                              tree(rng, 2.2, 4.2, '53703a', 60, 0.2)))


def banner(rng: np.random.Generator) -> BgrImage:
    """Return a banner of 1.1 m x 2.6 m: fields of colour with charges on them."""
    image = np.zeros((round(2.6 * PIXELS_PER_M), round(1.1 * PIXELS_PER_M), 3), np.uint8)
    rows, columns = image.shape[:2]
    for row in range(4):
        for column in range(2):
            color = tuple(rng.integers(30, 240, 3).tolist())
            corner = column * columns // 2, row * rows // 4
            cv2.rectangle(image, corner, (corner[0] + columns // 2, corner[1] + rows // 4),
                          color, -1)
    for _ in range(9):
        centre = int(rng.integers(columns)), int(rng.integers(rows))
        color = tuple(rng.integers(20, 250, 3).tolist())
        cv2.circle(image, centre, int(rng.integers(4, 14)), color, -1, cv2.LINE_AA)
    return image
