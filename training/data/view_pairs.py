"""Which images see the same things, by distance and by where they look."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.geometry.pose import Pose

NEIGHBOUR_MAX_ANGLE_DEG = 25.0
MATCH_MAX_ANGLE_DEG = 35.0
REACH = 20  # how many frames away a neighbour may be
RANKS = (0, 2, 5, 9, 14)  # which of the nearest cameras help, so that some are further off
CLOSEST = 0.7  # of the usual step: nearer cameras see no depth


BASELINES = (1.0, 2.2)  # wanted distances of the neighbours, in usual steps between frames


def usual_step_m(poses: Sequence[Pose], sequences: Sequence[str]) -> float:
    """Return the median distance between successive frames that moved, metres."""
    steps = [float(np.linalg.norm(b.translation_m - a.translation_m))
             for a, b, s, t in zip(poses, poses[1:], sequences, sequences[1:], strict=False)
             if s == t]
    moved = [step for step in steps if step > 0]
    return float(np.median(moved)) if moved else 0.0


def neighbours(index: int, poses: Sequence[Pose], sequences: Sequence[str],
               step_m: float) -> list[int]:
    """Return the frames before and after that are about the wanted baselines away."""
    chosen = []
    here = poses[index]
    for direction in (-1, 1):
        candidates = [
            j for j in range(index + direction, index + direction * (REACH + 1), direction)
            if 0 <= j < len(poses) and sequences[j] == sequences[index]
            and (here.rotation[:, 2] @ poses[j].rotation[:, 2]
                 > np.cos(np.radians(NEIGHBOUR_MAX_ANGLE_DEG)))]
        for wanted in BASELINES:
            far = [j for j in candidates if wanted * step_m <= np.linalg.norm(
                poses[j].translation_m - here.translation_m) <= 2 * wanted * step_m + step_m]
            chosen += far[:1]
    return sorted(set(chosen))


class Walked(NamedTuple):
    """
    The cameras of a data set.

    :param positions_m: (N, 3), and `ahead` (N, 3), where they look, of length 1.
    :param step_m: how far they usually are apart.
    """

    poses: Sequence[Pose]
    positions_m: Floats
    ahead: Floats
    step_m: float


def walked(poses: Sequence[Pose], step_m: float) -> Walked:
    """Return the cameras at these poses."""
    return Walked(poses, np.array([pose.translation_m for pose in poses]),
                  np.array([pose.rotation[:, 2] for pose in poses]), step_m)


def helpers(index: int, cameras: Walked) -> list[int]:
    """Return the images that are matched with one: near it, but not too near, and turned alike."""
    distances = np.linalg.norm(cameras.positions_m - cameras.positions_m[index], axis=1)
    along = cameras.ahead @ cameras.ahead[index]
    usable = np.flatnonzero((along > np.cos(np.radians(MATCH_MAX_ANGLE_DEG)))
                            & (distances > CLOSEST * cameras.step_m))
    nearest = usable[np.argsort(distances[usable], kind='stable')]
    return [int(nearest[rank]) for rank in RANKS if rank < len(nearest)]
