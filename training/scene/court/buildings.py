"""The four sides of the court and the towers behind them."""

from __future__ import annotations

import numpy as np
from posenet_ros.arrays import BgrImage
from posenet_ros.training.scene.parts.facade import Facade, pointed_arch, round_arch
from posenet_ros.training.scene.parts.structure import (
    Court,
    EAST,
    NORTH,
    polygon,
    polygon_side,
    rectangle,
    with_opaque_alpha,
)
from posenet_ros.training.scene.rendering.textures import (
    ashlar,
    bgr,
    brick,
    PIXELS_PER_M,
    slate,
)

LIMESTONE, PORTLAND, CLUNCH, BRICK, SLATE = 'cdb78f', 'd8d2c2', 'bfae8c', '9a5b45', '6f7276'


def roof(width_m: float, height_m: float, rng: np.random.Generator, code: str = SLATE) -> BgrImage:
    """Return a roof's texture."""
    size = round(height_m * PIXELS_PER_M), round(width_m * PIXELS_PER_M)
    return with_opaque_alpha(slate(*size, rng, code))


def shaft(radius: float, height: float, rng: np.random.Generator, code: str,
          sides: int = 8, slit: bool = True, merlons: bool = True) -> Facade:
    """Return one side of a turret."""
    facade = Facade(polygon_side(radius, sides), height, rng, ashlar, code)
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
    spire = ashlar(300, 80, rng, 'c4b08a')
    for x in (start, start + width):
        turret = shaft(1.5, 19.5, rng, 'd0bb93')
        court.prism(polygon(x, NORTH + 0.3, 1.5, 8), 0, turret)
        court.cone(polygon(x, NORTH + 0.3, 1.25, 8), 19.0, 3.6, spire)


def low_range(court: Court, rng: np.random.Generator) -> None:
    """North side, west part: a low range with a cloister, dormers and chimneys."""
    width, height = EAST - 6.0, 7.4
    facade = Facade(width, height, rng, ashlar, CLUNCH)
    trim = bgr('d6c9ab')
    for i in range(5):
        facade.hollow(pointed_arch(0.7 + i * 2.7, 1.9, 0.0, 2.9, 0.55), trim)
        facade.casement(0.95 + i * 2.7, 4.1, 1.4, 1.7, 2, trim)
    facade.band(3.35, 0.22)
    facade.band(6.4, 0.22)
    facade.weather()
    court.wall((-EAST, NORTH), 0, 'S', facade)
    inside = Facade(width, 3.8, rng, ashlar, '7d7260')
    for i in range(5):
        inside.door(pointed_arch(1.1 + i * 2.7, 1.1, 0.0, 2.3, 0.5), trim, '3f3025')
    court.wall((-EAST, NORTH + 2.4), 0, 'S', inside)
    court.wall((-EAST, NORTH), 0, 'E', Facade(2.6, 3.8, rng, ashlar, '7d7260'))
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
    facade.clock(4.0, 11.5, 0.95)
    for left in (1.35, 5.55):
        facade.casement(left, 10.6, 1.1, 1.7, 2, trim)
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
            turret = Facade(polygon_side(1.25, 8), top, rng, brick, '96583f')
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
    for i in range(0, count, 2):
        facade.ivy([((i + 0.75) * pitch, 0), ((i + 0.65) * pitch, 5.5), ((i + 1.0) * pitch, 7.0),
                    ((i + 1.35) * pitch, 6.2), ((i + 1.25) * pitch, 0)])
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
    portico(court, rng)
    cupola(court, rng)


def portico(court: Court, rng: np.random.Generator) -> None:
    """Put four columns with a gable before the hall."""
    trim = bgr('e2dccd')
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
    column = Facade(polygon_side(0.38, 8), 9.4, rng, ashlar, 'e3ddd0')
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


def cupola(court: Court, rng: np.random.Generator) -> None:
    """Put a lantern with a lead dome on the hall."""
    drum = Facade(polygon_side(1.9, 8), 4.2, rng, ashlar, 'e6e1d5')
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
