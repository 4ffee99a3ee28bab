"""Build the college court out of its parts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from posenet_ros.training.scene.buildings import chapel, gate_house, hall, low_range, south_range
from posenet_ros.training.scene.garden import furniture, ground, skyline
from posenet_ros.training.scene.structure import Court


def build(seed: int) -> Court:
    """Build the court; the seed varies the materials, never the geometry."""
    court = Court()
    parts: list[Callable[[Court, np.random.Generator], None]] = [
        chapel, low_range, gate_house, hall, south_range, skyline, furniture]
    court.surfaces.append(ground(np.random.default_rng((seed, 0))))
    for number, part in enumerate(parts):
        part(court, np.random.default_rng((seed, number + 1)))
    return court
