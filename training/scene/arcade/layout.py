"""The arrangement of the arcade's square and rooms, which the seed varies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.geometry.pose import Pose
from posenet_ros.training.scene.rendering.textures import PIXELS_PER_M

HALF_DEPTH_M = 11.0  # of the square: the arcade stands at y = 11, the front at -11
ROOM_SIZE_M = 7.0, 5.6
ROOM_HEIGHT_M = 3.2
TOWER_M = 6.0  # width of what stands at either end of the arcade and of the front
TURNS = (np.array([0, 0, 0, 1.0]), np.array([0, 0, np.sqrt(0.5), np.sqrt(0.5)]),
         np.array([0, 0, 1.0, 0]))  # by 0, 90 and 180 degrees, quat_xyzw
_STONES = 'cdb78f', 'd8d2c2', 'c9ad8c', 'b9b2a2'
_BRICKS = '9a5b45', 'a86a4c', '8f5a52'


def _whole_pixels(length_m: float) -> float:
    """Return a length whose texture has a whole number of pixels, so that bays are equal."""
    return round(length_m * PIXELS_PER_M) / PIXELS_PER_M


@dataclass(frozen=True)
class Layout:
    """
    An arrangement.

    :param bay_m: width of the arcade's bays.
    :param bays: their number.
    :param pitch_m: width of the bays of the front's wings.
    :param wing_bays: their number in each of the two wings.
    :param centre_m: width of the front's middle.
    :param rooms: map_from_room of the two equal rooms, each about its middle, z up.
    :param marked_bays: bays of the arcade before which something stands that no other has.
    :param stone: colour of the front.
    :param brick: colour of the arcade.
    :param seed: of materials and of what is drawn.
    """

    bay_m: float
    bays: int
    pitch_m: float
    wing_bays: int
    centre_m: float
    rooms: tuple[Pose, Pose]
    marked_bays: tuple[int, ...]
    stone: str
    brick: str
    seed: int

    @staticmethod
    def from_seed(seed: int) -> Layout:
        """Draw an arrangement."""
        rng = np.random.default_rng((seed, 40))
        bays = int(rng.integers(10, 14))
        bay_m = _whole_pixels(rng.uniform(4.2, 5.4))
        wing_bays = int(rng.integers(4, 6))
        length = bays * bay_m
        centre_m = _whole_pixels(rng.uniform(7.0, 9.0))
        pitch_m = _whole_pixels((length - centre_m) / 2 / wing_bays)
        turn = TURNS[int(rng.integers(len(TURNS)))]
        apart = rng.uniform(14, 22)
        rooms = (Pose(np.array([-apart / 2, HALF_DEPTH_M + 12, 0.0])),
                 Pose(np.array([apart / 2, HALF_DEPTH_M + rng.uniform(11, 13), 0.0]), turn))
        thirds = np.array_split(np.arange(1, bays - 1), 3)
        marked = tuple(int(rng.choice(third)) for third in thirds[::2])
        return Layout(bay_m, bays, pitch_m, wing_bays, centre_m, rooms, marked,
                      str(rng.choice(_STONES)), str(rng.choice(_BRICKS)), seed)

    @property
    def half_length_m(self) -> float:
        """Return half of the arcade's length, without its towers."""
        return self.bays * self.bay_m / 2

    @property
    def wing_m(self) -> float:
        """Return the length of a wing of the front."""
        return self.wing_bays * self.pitch_m

    @property
    def front_half_m(self) -> float:
        """Return half of the front's length, without its towers."""
        return self.wing_m + self.centre_m / 2

    def bay_x(self, bay: int) -> float:
        """Return the x of the middle of a bay of the arcade."""
        return (bay + 0.5) * self.bay_m - self.half_length_m

    def rng(self, part: int) -> np.random.Generator:
        """Return the random numbers of a part."""
        return np.random.default_rng((self.seed, 41, part))


def along_x(distances: Floats) -> tuple[Pose, ...]:
    """Return the motions by distances along x, but for those of nothing."""
    return tuple(Pose(np.array([d, 0.0, 0.0])) for d in distances if abs(d) > 1e-6)


def arcade_motions(layout: Layout) -> tuple[Pose, ...]:
    """Return the motions that carry a bay onto another."""
    return along_x(layout.bay_m * np.arange(1 - layout.bays, layout.bays))


def front_motions(layout: Layout) -> tuple[Pose, ...]:
    """Return the motions that carry a bay of a wing onto another of either wing."""
    steps = layout.pitch_m * np.arange(1 - layout.wing_bays, layout.wing_bays)
    across = layout.wing_m + layout.centre_m
    return along_x(np.concatenate([steps, steps + across, steps - across]))


def room_motion(layout: Layout, room: int) -> tuple[Pose, ...]:
    """Return the motion that carries a room onto the other."""
    return (layout.rooms[1 - room] @ layout.rooms[room].inverse(),)
