"""The fronts of the campus: ranges in many styles, with roofs, chimneys and signs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from posenet_ros.training.scene.arcade.rooms import painting
from posenet_ros.training.scene.court.buildings import roof
from posenet_ros.training.scene.parts.facade import (
    Facade,
    pointed_arch,
    Points,
    round_arch,
    TextureFunction,
)
from posenet_ros.training.scene.parts.structure import Court, rectangle
from posenet_ros.training.scene.rendering.textures import (
    ashlar,
    bgr,
    brick,
    Color,
    PIXELS_PER_M,
    scale_color,
)

STONES = 'cdb78f', 'd8d2c2', 'bfae8c', 'c9ad8c', 'b9b2a2', 'd3c3a0', 'a99e88'
BRICKS = '9a5b45', 'a86a4c', '8f5a52', 'b0765a', '7f4c3f', 'b48a6a'
ROOFS = '6f7276', '75665c', '8a5f4a', '5c6368', '7c5746', '6d7479'
WOODS = '4a3527', '33473a', '5b3a29', '24466e', '6e1f24', '2c3b30'
ACROSS = {'S': (1, 0), 'E': (0, 1), 'N': (-1, 0), 'W': (0, -1)}  # to the right, seen from before


@dataclass(frozen=True)
class Style:
    """
    The style of a range.

    :param material: of its walls, of the colour `code`.
    :param storeys: their number, and `storey_m` the height of each.
    :param pitch_m: width of a bay.
    :param windows: kind of window of each storey, `window_m` wide, of so many `lights`.
    :param trim: colour of frames.
    :param battlements: whether its top is cut into merlons.
    """

    material: TextureFunction
    code: str
    storeys: int
    storey_m: float
    pitch_m: float
    windows: tuple[str, ...]
    window_m: float
    lights: int
    trim: Color
    battlements: bool

    @staticmethod
    def draw(rng: np.random.Generator) -> Style:
        """Draw a style."""
        masonry: TextureFunction = brick if rng.uniform() < 0.4 else ashlar
        code = str(rng.choice(BRICKS if masonry is brick else STONES))
        storeys, pitch = int(rng.integers(2, 4)), float(rng.uniform(2.7, 4.4))
        kinds = tuple(str(kind) for kind in rng.choice(('casement', 'sash', 'lancet'), storeys))
        trim = scale_color(bgr(str(rng.choice(STONES))), float(rng.uniform(0.9, 1.15)))
        return Style(masonry, code, storeys, float(rng.uniform(3.2, 4.3)), pitch, kinds,
                     float(rng.uniform(0.4, 0.62)) * pitch, int(rng.integers(2, 5)), trim,
                     bool(rng.uniform() < 0.4))

    @property
    def height_m(self) -> float:
        """Return the height of the walls."""
        return self.storeys * self.storey_m + 1.0


def range_front(length_m: float, style: Style, rng: np.random.Generator) -> Facade:
    """Return the front of a range: bays of windows, doors, bands, ivy and signs."""
    front = Facade(length_m, style.height_m, rng, style.material, style.code)
    bays = max(round(length_m / style.pitch_m), 1)
    pitch = length_m / bays
    doors = int(rng.integers(2, 5))  # bays from one to the next
    for bay in range(bays):
        x = (bay + 0.5) * pitch - style.window_m / 2
        for storey, kind in enumerate(style.windows):
            if storey == 0 and bay % doors == doors // 2:
                _door(front, (bay + 0.5) * pitch, style, rng)
            else:
                _window(front, kind, x, storey * style.storey_m + 1.1, style)
    _trim(front, style, rng)
    return front


def _window(front: Facade, kind: str, x: float, sill: float, style: Style) -> None:
    width, height = style.window_m, style.storey_m - 1.7
    if kind == 'lancet':
        front.lancet(x, sill, width, sill + height, style.lights, style.trim, 0.5)
    elif kind == 'sash':
        front.sash(x, sill, width, height, style.trim, pediment=style.lights % 2 == 0)
    else:
        front.casement(x, sill, width, height, style.lights, style.trim)


def _door(front: Facade, middle: float, style: Style, rng: np.random.Generator) -> None:
    """Draw a door with a notice beside it."""
    width = float(rng.uniform(1.1, 1.9))
    arch: Callable[..., Points] = round_arch if style.lights % 2 else pointed_arch
    front.door(arch(middle - width / 2, width, 0.0, 2.7), style.trim, str(rng.choice(WOODS)))
    _sign(front, rng, middle + width / 2 + 0.45, float(rng.uniform(1.1, 1.5)))


def _sign(front: Facade, rng: np.random.Generator, x: float, z: float) -> None:
    """Hang a board with a picture on a wall, by its lower left corner, where there is room."""
    image = painting(rng, float(rng.uniform(0.5, 0.9)), float(rng.uniform(0.5, 1.1)))
    rows, columns = image.shape[:2]
    row = round((front.height_m - z) * PIXELS_PER_M) - rows
    column = round(x * PIXELS_PER_M)
    if row >= 0 and 0 <= column < front.image.shape[1] - columns:
        front.image[row:row + rows, column:column + columns] = image


def _trim(front: Facade, style: Style, rng: np.random.Generator) -> None:
    """Draw bands between the storeys, ivy and signs, and the top."""
    for storey in range(1, style.storeys + 1):
        front.band(storey * style.storey_m + 0.25, float(rng.uniform(0.2, 0.35)))
    for x in rng.uniform(0, max(front.width_m - 3, 0.1), int(front.width_m / 14)):
        top = float(rng.uniform(3.0, 0.8 * front.height_m))
        front.ivy([(x, 0), (x + 0.3, top), (x + 1.4, top + 0.7), (x + 2.5, top - 0.6),
                   (x + 2.7, 0)])
    for x in rng.uniform(0, front.width_m, int(front.width_m / 6)):
        _sign(front, rng, float(x), float(rng.uniform(1.2, style.storey_m)))
    front.weather()
    if style.battlements:
        front.crenellate(0.8, 0.6, 0.6)


def stand_range(court: Court, corner: tuple[float, float], direction: str, length_m: float,
                rng: np.random.Generator) -> None:
    """
    Stand a range up, with its roof, chimneys and perhaps a gable or a tower.

    :param corner: its lower left one, seen from before.
    :param direction: where its front faces: NESW.
    """
    style = Style.draw(rng)
    court.wall(corner, 0, direction, range_front(length_m, style, rng))
    across = np.array(ACROSS[direction], np.float64)
    behind = np.array([-across[1], across[0]])
    eaves, pitch = style.height_m - 0.6, float(rng.uniform(1.8, 3.6))

    def point(x: float, y: float, z: float) -> tuple[float, float, float]:
        place = np.array(corner) + x * across + y * behind
        return float(place[0]), float(place[1]), z

    court.slope(point(0, 0.5, eaves), point(length_m, 0.5, eaves), point(0, 4, eaves + pitch),
                roof(length_m, float(np.hypot(3.5, pitch)), rng, str(rng.choice(ROOFS))))
    for x in np.arange(2.5, length_m - 2, float(rng.uniform(5, 9))):
        _chimney(court, point(x, 3.0, 0)[:2], eaves, pitch, rng)
    if length_m > 12 and rng.uniform() < 0.6:
        _tower(court, point(float(rng.uniform(3, length_m - 3)), 5.0, 0)[:2], style, rng)


def _chimney(court: Court, place: tuple[float, float], base: float, roof_m: float,
             rng: np.random.Generator) -> None:
    height = roof_m + float(rng.uniform(1.0, 2.2))
    stack = Facade(1.0, height, rng, brick, str(rng.choice(BRICKS)))
    stack.band(stack.height_m - 0.5, 0.25)
    court.prism(rectangle(place[0] - 0.5, place[1] - 0.4, 1.0, 0.8), base, stack)


def _tower(court: Court, place: tuple[float, float], style: Style,
           rng: np.random.Generator) -> None:
    """Put a tower behind a range, with a clock or windows."""
    side, height = float(rng.uniform(3, 5)), style.height_m + float(rng.uniform(4, 9))
    tower = Facade(side, height, rng, style.material, str(rng.choice(STONES)))
    if rng.uniform() < 0.5:
        tower.clock(side / 2, height - 2.4, 0.9)
    else:
        tower.lancet(side / 2 - 0.7, height - 4.2, 1.4, height - 1.2, 2, style.trim)
    tower.band(height - 0.9, 0.3)
    tower.weather()
    tower.crenellate(0.6, 0.5, 0.5)
    court.prism(rectangle(place[0] - side / 2, place[1] - side / 2, side, side), 0, tower)
