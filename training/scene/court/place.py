"""Build the college court out of its parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from posenet_ros.training.scene.court.area import COURT
from posenet_ros.training.scene.court.buildings import (
    chapel,
    gate_house,
    hall,
    low_range,
    south_range,
)
from posenet_ros.training.scene.court.garden import furniture, ground, skyline
from posenet_ros.training.scene.parts.structure import Court
from posenet_ros.training.scene.place import Place
from posenet_ros.training.scene.walks import walks


def build(seed: int) -> Mapping[str, Court]:
    """Build the court; the seed varies the materials, never the geometry."""
    court = Court()
    parts: list[Callable[[Court, np.random.Generator], None]] = [
        chapel, low_range, gate_house, hall, south_range, skyline, furniture]
    court.surfaces.append(ground(np.random.default_rng((seed, 0))))
    for number, part in enumerate(parts):
        part(court, np.random.default_rng((seed, number + 1)))
    return {COURT.site: court}


def court_place(frames: int, test_frames: int, seed: int) -> Place:
    """Return the court: its geometry is that of every seed."""
    return Place(lambda: build(seed), walks(frames, seed, test_frames), areas=(COURT,))
