"""People who walk to and fro, and things that stand elsewhere on another day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from posenet_ros.arrays import BgrImage, Floats
from posenet_ros.training.scene.area import Area
from posenet_ros.training.scene.parts.plants import shrub, tree
from posenet_ros.training.scene.parts.sprites import person, STRIDE_PHASES
from posenet_ros.training.scene.parts.structure import Billboard

STRIDE_M = 1.45
_FLOWERS = ('d8d2e8', 'c9566b', 'e3c65a', '9a7fc4', 'e8e2d0', 'd07a3a')
_LEAVES = ('3f5f36', '6f8a3f', '53703a')


@dataclass(frozen=True, eq=False)
class Person:
    """Somebody who walks to and fro along a way, metres and metres per second."""

    start: Floats
    end: Floats
    speed: float
    offset_m: float
    strides: list[BgrImage]

    def at(self, time_s: float) -> tuple[Floats, Floats, int]:
        """Return the position, the direction of motion and the phase of the stride."""
        span = float(np.linalg.norm(self.end - self.start))
        direction = (self.end - self.start) / span
        distance_m = self.offset_m + self.speed * time_s
        along = distance_m % (2 * span)
        phase = int(distance_m / STRIDE_M * STRIDE_PHASES) % STRIDE_PHASES
        if along > span:
            return self.start + direction * (2 * span - along), -direction, phase
        return self.start + direction * along, direction, phase


def make_people(area: Area, rng: np.random.Generator) -> list[Person]:
    """Return the people who walk about an area during a sequence."""
    crowd = []
    for i in range(area.people):
        way = area.ways[i % len(area.ways)]
        shift = rng.uniform(-way.stray, way.stray, 2)
        crowd.append(Person(np.array(way.start) + shift, np.array(way.end) + shift,
                            rng.uniform(0.9, 1.5), rng.uniform(0, 60), person(rng)))
    return crowd


def make_clutter(area: Area, rng: np.random.Generator) -> list[Billboard]:
    """Return plants in pots that stand along a line of the area during a sequence."""
    start, end = np.array(area.clutter_line)
    things = []
    for place in rng.uniform(0, 1, area.clutter):
        x, y = start + place * (end - start) + rng.uniform(-0.15, 0.15, 2)
        if rng.uniform() < 0.5:
            image, width, height = shrub(rng, str(rng.choice(_FLOWERS)), 80), 1.3, 0.72
        else:
            width, height = 1.0, float(rng.uniform(1.6, 2.2))
            image = tree(rng, width, height, str(rng.choice(_LEAVES)), 60, 0.15)
        things.append(Billboard((float(x), float(y), 0.0), width, height, image))
    return things
