"""Mean of two estimates of one pose, each weighted by its covariance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from posenet_ros.geometry.estimate import symmetrise
from posenet_ros.geometry.lie import pose_difference, retract
from posenet_ros.landmarks.pnp.absolute_pose import AbsolutePose


def fuse_poses(first: AbsolutePose, second: AbsolutePose) -> AbsolutePose:
    """
    Average two estimates of a pose by their information, as if they erred independently.

    Where the labels of a map are the work of SIFT keypoints, these agree with them better than
    any patch; elsewhere patches are located better. The covariances, which come of the residuals,
    tell which.

    :returns: the mean, with the inliers and the matches of the first.
    """
    ours, theirs = (np.linalg.inv(one.covariance) for one in (first, second))
    covariance = np.linalg.inv(ours + theirs)
    step = covariance @ theirs @ pose_difference(second.map_from_camera, first.map_from_camera)
    return replace(first, map_from_camera=retract(first.map_from_camera, step),
                   covariance=symmetrise(covariance))
