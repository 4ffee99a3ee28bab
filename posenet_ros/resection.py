"""The pose of a camera from points that it sees (perspective-n-point), and how sure it is."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from posenet_ros.pose import Pose, symmetric

Array = NDArray[np.float64]

FEWEST_POINTS = 6
ROUNDS = 300  # of random sampling, at most
CONFIDENCE = 0.999
NOISE = 0.3  # of a ray, as a share of the tolerance, where ENOUGH rays agree
ENOUGH = 90
LEAST_KNOWN = 1e-10  # of a motion of the camera, as a share of what is known of any other


@dataclass(frozen=True, eq=False)
class Resection:
    """
    A camera's pose, and what it is from.

    :param map_from_camera: the pose that the inliers agree on.
    :param inliers: (K,) indices of the points that agree with it, a `share` of all.
    :param covariance: (6, 6) in the map, as a PoseEstimate's, but for factors that calibration
        finds: it knows nothing of how exact the points are.
    """

    map_from_camera: Pose
    inliers: NDArray[np.intp]
    share: float
    covariance: Array


def resect(points_m: Array, rays: Array, tolerance: float) -> Resection | None:
    """
    Return the camera's pose, by EPnP on random samples (RANSAC), then least squares.

    :param points_m: (N, 3) in the map.
    :param rays: (N, 2) where the camera sees them: x / z and y / z in the camera.
    :param tolerance: how far a ray may be off, in units of `rays`.
    :returns: None when no pose was found.
    """
    if len(points_m) < FEWEST_POINTS:
        return None
    try:
        solved = _solve(points_m, rays, tolerance)
    except cv2.error:  # points that it cannot work with, as all but one of them being the same
        solved = None
    if solved is None:
        return None
    turn, shift, chosen = solved
    rotation = cv2.Rodrigues(turn)[0].T
    if not (np.isfinite(rotation).all() and np.isfinite(shift).all()):
        return None
    pose = Pose.from_rotation(rotation, -rotation @ shift[:, 0])
    share = len(chosen) / len(points_m)
    own = _covariance(points_m[chosen], rays[chosen], pose, share)
    return None if own is None else Resection(
        pose, chosen, share, own * (NOISE * tolerance) ** 2)


def _solve(points_m: Array, rays: Array,
           tolerance: float) -> tuple[Array, Array, NDArray[np.intp]] | None:
    """Return the turn and the shift of camera_from_map, as OpenCV has them, and the inliers."""
    found, turn, shift, inliers = cv2.solvePnPRansac(
        points_m, rays, np.eye(3), None, iterationsCount=ROUNDS, reprojectionError=tolerance,
        confidence=CONFIDENCE, flags=cv2.SOLVEPNP_EPNP)
    if not found or inliers is None or len(inliers) < FEWEST_POINTS:
        return None
    chosen = np.asarray(inliers[:, 0], np.intp)
    turn, shift = cv2.solvePnPRefineLM(
        points_m[chosen], rays[chosen], np.eye(3), None, turn, shift)
    return np.asarray(turn), np.asarray(shift), chosen


def _covariance(points_m: Array, rays: Array, pose: Pose, share: float) -> Array | None:
    """
    Return the covariance for rays with a noise of 1, None where they hold too little.

    A ray that several points belong to counts once. That fewer rays agree, and a smaller share of
    them, makes more than chance of each: the noise grows with the root (training/README.md).
    """
    rotation = pose.rotation
    seen = (points_m - pose.translation_m) @ rotation
    depth = seen[:, 2]
    if depth.min() <= 0:
        return None
    # a ray moves by P d, d the point's motion in the camera (Hartley and Zisserman, section 6.2)
    project = np.zeros((len(seen), 2, 3))
    project[:, 0, 0] = project[:, 1, 1] = 1 / depth
    project[:, :, 2] = -seen[:, :2] / (depth ** 2)[:, np.newaxis]
    project = project @ rotation.T  # of a motion in the map
    lever = points_m - pose.translation_m
    jacobian = np.concatenate([-project, np.cross(project, lever[:, np.newaxis])], axis=2)
    _, which, times = np.unique(rays, axis=0, return_inverse=True, return_counts=True)
    information = np.einsum('nij,n,nik->jk', jacobian, 1 / times[which.ravel()], jacobian)
    known = np.linalg.eigvalsh(information)
    if not known[0] > LEAST_KNOWN * known[-1]:
        return None
    return symmetric(np.linalg.inv(information)) * ENOUGH / (share * len(times))
