"""Select pairs of views that see the same things, by distance and viewing direction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.geometry.pose import Pose

NEIGHBOUR_MAX_ANGLE_DEG = 25.0
MATCH_MAX_ANGLE_DEG = 35.0
MAX_FRAME_GAP = 20  # between a frame and its neighbour
NEIGHBOUR_RANKS = (0, 2, 5, 9, 14)  # of the nearest views: some nearer, some further
MIN_BASELINE = 0.7  # in median steps: nearer views show no parallax
BASELINES = (1.0, 2.2)  # of the plane sweep, in median steps between frames


def median_step_m(poses: Sequence[Pose], sequences: Sequence[str]) -> float:
    """Return the median distance between successive frames that moved, metres."""
    steps = [float(np.linalg.norm(b.translation_m - a.translation_m))
             for a, b, s, t in zip(poses, poses[1:], sequences, sequences[1:], strict=False)
             if s == t]
    moved = [step for step in steps if step > 0]
    return float(np.median(moved)) if moved else 0.0


def neighbours(index: int, poses: Sequence[Pose], sequences: Sequence[str],
               step_m: float) -> list[int]:
    """Return the indices of frames before and after at about the BASELINES."""
    chosen = []
    here = poses[index]
    for direction in (-1, 1):
        candidates = [
            j for j in range(index + direction, index + direction * (MAX_FRAME_GAP + 1), direction)
            if 0 <= j < len(poses) and sequences[j] == sequences[index]
            and (here.rotation[:, 2] @ poses[j].rotation[:, 2]
                 > np.cos(np.radians(NEIGHBOUR_MAX_ANGLE_DEG)))]
        for wanted in BASELINES:
            far = [j for j in candidates if wanted * step_m <= np.linalg.norm(
                poses[j].translation_m - here.translation_m) <= 2 * wanted * step_m + step_m]
            chosen += far[:1]
    return sorted(set(chosen))


class ViewSet(NamedTuple):
    """
    The camera poses of a dataset.

    :param poses: N poses map_from_camera.
    :param positions_m: (N, 3) camera centres; `ahead` (N, 3) unit vectors of the optical axes.
    :param step_m: median distance between successive frames.
    """

    poses: Sequence[Pose]
    positions_m: Floats
    ahead: Floats
    step_m: float


def make_view_set(poses: Sequence[Pose], step_m: float) -> ViewSet:
    """Make the view set of poses map_from_camera."""
    return ViewSet(poses, np.array([pose.translation_m for pose in poses]),
                   np.array([pose.rotation[:, 2] for pose in poses]), step_m)


def matching_views(index: int, cameras: ViewSet) -> list[int]:
    """Return the indices of views to match with one: near, with parallax, looking alike."""
    distances = np.linalg.norm(cameras.positions_m - cameras.positions_m[index], axis=1)
    along = cameras.ahead @ cameras.ahead[index]
    usable = np.flatnonzero((along > np.cos(np.radians(MATCH_MAX_ANGLE_DEG)))
                            & (distances > MIN_BASELINE * cameras.step_m))
    nearest = usable[np.argsort(distances[usable], kind='stable')]
    return [int(nearest[rank]) for rank in NEIGHBOUR_RANKS if rank < len(nearest)]
