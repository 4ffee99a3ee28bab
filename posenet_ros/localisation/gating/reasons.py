"""Why the gate withholds a pose, in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from posenet_ros.geometry.estimate import PoseEstimate
from posenet_ros.geometry.pose import Pose

SHOWN = 4  # places in a message


def why_not_confirmed(estimate: PoseEstimate, min_keypoints: int) -> str:
    """Say why a pose of another camera's image is of no use, unless landmarks confirm it."""
    if not min_keypoints:
        return ''
    keypoints = estimate.matches.inlier_keypoints() if estimate.matches else estimate.landmarks
    if keypoints >= min_keypoints:
        return ''
    return ("the image's camera is not the model's, for which the network was not trained, and "
            f'{keypoints} keypoints show landmarks that confirm the pose: at least '
            f'{min_keypoints} are expected')


def why_ambiguous(poses: Sequence[Pose]) -> str:
    """Say which places an image may show, of those that are named; empty for none."""
    if not poses:
        return ''
    first = poses[0].translation_m
    places = '; '.join(' '.join(f'{value:.1f}' for value in pose.translation_m)
                       for pose in poses[:SHOWN])
    if len(poses) == 1:
        return f'the image fits {places}, or a place like it that is not in the map'
    if len(poses) > SHOWN:
        places += f' and {len(poses) - SHOWN} more'
    apart = [float(np.linalg.norm(pose.translation_m - first)) for pose in poses[1:]]
    low, high = (f'{value:.1f}' for value in (min(apart), max(apart)))
    distances = low if low == high else f'{low} to {high}'
    return f'the image fits {len(poses)} places: {places}, {distances} m apart'


def describe_excess(
        what: str, metres: float, max_m: float, degrees: float, max_deg: float,
        slack: tuple[float, float] = (0.0, 0.0)) -> str:
    """Describe which values exceed their limits and the slack; a limit of 0 is none."""
    parts = [f'{value:.2f} {unit}, the limit is {limit + more:g} {unit}'
             for value, limit, more, unit in ((metres, max_m, slack[0], 'm'),
                                              (degrees, max_deg, slack[1], 'deg'))
             if limit and value > limit + more]
    return f'{what} of {"; ".join(parts)}' if parts else ''
