"""The arcade as a place: its areas, its walks, and the motions that carry it onto itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from posenet_ros.geometry.pose import Pose
from posenet_ros.training.scene.arcade.layout import (
    arcade_motions,
    front_motions,
    HALF_DEPTH_M,
    Layout,
    room_motion,
)
from posenet_ros.training.scene.arcade.rooms import rooms
from posenet_ros.training.scene.arcade.square import square
from posenet_ros.training.scene.area import Area, Way
from posenet_ros.training.scene.place import Place
from posenet_ros.training.scene.rendering.light import Light
from posenet_ros.training.scene.settings import TEST_RATE_HZ, TRAIN_RATE_HZ
from posenet_ros.training.scene.walks import SPEED_M_S, Walk

#                azimuth, elevation, sun, ambient, warmth, clouds, exposure, noise, shutter
_SUN = (Light(250, 48, 0.95, 0.50, 0.05, 0.30, 1.00, 2.0, 1 / 300),
        Light(285, 55, 0.30, 0.90, -0.20, 0.80, 0.98, 2.0, 1 / 300),
        Light(225, 40, 1.00, 0.45, 0.30, 0.35, 1.00, 2.0, 1 / 300),
        Light(300, 44, 0.90, 0.52, 0.00, 0.45, 1.02, 2.0, 1 / 300))
_SHADE = (Light(260, 60, 0.15, 1.00, -0.10, 0.80, 1.02, 2.0, 1 / 300),
          Light(200, 50, 0.25, 0.95, 0.10, 0.60, 1.00, 2.0, 1 / 300),
          Light(280, 62, 0.10, 1.05, -0.25, 0.95, 0.95, 2.0, 1 / 300),
          Light(240, 55, 0.20, 0.92, 0.20, 0.70, 1.06, 2.0, 1 / 300))
_LAMPS = (Light(90, 80, 0.0, 0.95, 0.35, 0.5, 1.00, 2.0, 1 / 500),
          Light(90, 80, 0.0, 1.00, 0.10, 0.5, 0.92, 2.0, 1 / 500),
          Light(90, 80, 0.0, 0.90, 0.55, 0.5, 1.06, 2.0, 1 / 500),
          Light(90, 80, 0.0, 1.00, -0.10, 0.5, 1.00, 2.0, 1 / 500))
_TRAIN_FRACTIONS = (0.20, 0.20, 0.16, 0.16, 0.11, 0.11, 0.06)  # of the images to train on
_TEST_FRACTIONS = 0.36, 0.30, 0.17, 0.17
_ORDER = 0, 0, 1, 1, 2, 3, 0  # the areas of the walks to train on; the last is a short one
_TEST_ORDER = 0, 1, 2, 3


def arcade_place(frames: int, test_frames: int, seed: int) -> Place:
    """Return the arcade; the seed varies its sizes, materials and where things stand."""
    layout = Layout.from_seed(seed)
    areas = make_areas(layout)
    return Place(lambda: {'square': square(layout), 'rooms': rooms(layout)},
                 make_walks(areas, frames, test_frames, seed), partial(motions, layout), areas)


def motions(layout: Layout, area: Area) -> Sequence[Pose]:
    """Return the motions that may carry an area's views onto others that look the same."""
    if area.name == 'arcade':
        return arcade_motions(layout)
    if area.name == 'front':
        return front_motions(layout)
    return room_motion(layout, int(area.name == 'second room'))


def make_areas(layout: Layout) -> tuple[Area, ...]:
    """Return the ground before the arcade and before the front, and that of both rooms."""
    half = layout.half_length_m - 1.5
    far = half + 3
    ways = (Way((-far, 7.5), (far, 7.5), 1.0), Way((-far, -7.5), (far, -7.5), 1.0),
            Way((-far, 1.0), (far, -1.0), 2.0), Way((-0.7 * far, 6), (0.7 * far, -6), 1.0))
    y = HALF_DEPTH_M - 1.2
    arcade = Area('arcade', 'square', (0.0, 2.6), (half, 3.0), 90.0, 34.0, _SUN, ways, 12, 7,
                  ((-half, y), (half, y)))
    front = Area('front', 'square', (0.0, -2.6), (half, 3.0), -90.0, 34.0, _SHADE, ways, 12, 7,
                 ((-half, -y), (half, -y)))
    return arcade, front, *(_room_area(name, pose) for name, pose in zip(
        ('first room', 'second room'), layout.rooms, strict=True))


def _room_area(name: str, map_from_room: Pose) -> Area:
    x, y = map_from_room.translation_m[:2]
    heading = map_from_room.rotation @ (0.0, 1.0, 0.0)
    degrees = float(np.degrees(np.arctan2(heading[1], heading[0])))
    across = map_from_room.rotation @ (2.1, 1.3, 0.0)
    start, end = (map_from_room.apply(np.array([side, -0.4, 0.0]))[:2] for side in (-3.0, 3.0))
    way = Way((float(start[0]), float(start[1])), (float(end[0]), float(end[1])), 0.2)
    return Area(name, 'rooms', (float(x), float(y)), (abs(float(across[0])),
                                                      abs(float(across[1]))),
                degrees, 150.0, _LAMPS, (way,), 1)


def make_walks(areas: Sequence[Area], frames: int, test_frames: int,
               seed: int) -> tuple[Walk, ...]:
    """
    Return the sequences: seven that map the place, and a test walk of each area.

    Each goes there and back once, with as many images a second as that takes.
    """
    rng = np.random.default_rng((seed, 5))
    counts = [*_split(frames - test_frames, _TRAIN_FRACTIONS),
              *_split(test_frames, _TEST_FRACTIONS)]
    result = []
    for i, (area, count) in enumerate(zip((*_ORDER, *_TEST_ORDER), counts, strict=True)):
        train = i < len(_ORDER)
        ratio = 1.0, float(rng.uniform(1.4, 3.2))
        gaze = float(rng.uniform(10.5, 13.5)), float(rng.uniform(3.9, 5.7))
        walk = Walk(f'seq{i + 1}', 'train' if train else 'test', count, 1.0,
                    float(rng.uniform(0.85, 1.0)) if train else 0.9, ratio,
                    (float(rng.uniform()), float(rng.uniform())), gaze, 1000 * seed + i + 1,
                    areas[area])
        fastest = TRAIN_RATE_HZ if train else TEST_RATE_HZ
        result.append(replace(walk, rate_hz=min(fastest, count * SPEED_M_S / walk.lap_m)))
    return tuple(walk for walk in result if walk.frames)


def _split(total: int, fractions: Sequence[float]) -> list[int]:
    """Split a number of images by fractions, whose sum is 1."""
    ends = np.round(total * np.cumsum(fractions)).astype(int)
    return np.diff(ends, prepend=0).tolist()
