"""Scores that tell how exact a pose by landmarks is, beside the residuals of its landmarks."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.uncertainty.covariance import sigma_factor

REFERENCE_INLIER_RATIO = 0.6  # at which the inlier ratio score is 1: what is usual


class PoseScores(NamedTuple):
    """
    Scores of a pose: its expected error grows with a power of each; or those powers.

    :param residual_ratio: of the views near it, see LandmarkMap's `pose_residual_ratios`.
    :param distance: 1 at a view of the map, 2 at 0.35 median depths from it, or 30 degrees.
    :param inlier_ratio: REFERENCE_INLIER_RATIO by that of the pose.
    """

    residual_ratio: float = 1.0
    distance: float = 1.0
    inlier_ratio: float = 1.0


def sigma_factors(scores: PoseScores | Floats, powers: PoseScores) -> Floats:
    """
    Return the factors on the sigmas of poses: the product of their scores, each to its power.

    :param scores: of one pose, or (N, 3) of some, in the order of PoseScores.
    :returns: one number, or (N,).
    """
    columns = np.asarray(scores, np.float64).T
    return np.asarray(np.prod([sigma_factor(column, power) for column, power in zip(
        columns, powers, strict=True)], axis=0), np.float64)
