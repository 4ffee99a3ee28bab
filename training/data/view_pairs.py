"""Select pairs of views that see the same things, by distance and viewing direction."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from posenet_ros.geometry.pose import Pose

NEIGHBOUR_MAX_ANGLE_DEG = 25.0
MAX_FRAME_GAP = 20  # between a frame and its neighbour
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
