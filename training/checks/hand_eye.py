"""The frame whose poses are given in place of the camera's: hand-eye calibration by matches."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.geometry.lie import so3_exp, so3_log
from posenet_ros.training.checks.epipolar import EpipolarFit, Poses
from posenet_ros.training.checks.matched_pairs import MatchSample

ITERATIONS = 12  # of Gauss-Newton
STEPS = (1e-6,) * 3 + (1e-5,) * 3  # of the numerical derivatives, radians and median steps
DAMPING = 1e-3  # a direction that nothing tells stays where it is
COARSE_PX = 10.0  # width of the loss at the start: initial errors are some degrees
REWEIGHTED = 5  # times that the rotation between the frames is fitted
TURN_WEIGHT = 3.0  # of a radian of rotation, where a direction has 1


def relative_motions(sample: MatchSample) -> tuple[Floats, Floats]:
    """
    Estimate the motion of each pair from its matches (Nister 2004).

    :returns: (P, 3) rotation vectors and (P, 3) unit directions of second_from_first.
    """
    turns, directions = np.full((2, len(sample.pairs), 3), np.nan)
    for i, pair in enumerate(sample.pairs):
        first, second = (sample.features[image].points_normalized[pair.keypoints[:, side]]
                         for side, image in enumerate((pair.first, pair.second)))
        essential, inlier = cv2.findEssentialMat(
            first, second, np.eye(3), cv2.RANSAC, 0.99, 1 / sample.focal_length_px, 200)
        if essential is None or essential.shape != (3, 3):
            continue
        _, rotation, direction, _ = cv2.recoverPose(essential, first, second, np.eye(3),
                                                    mask=inlier)
        turns[i], directions[i] = so3_log(rotation), direction[:, 0]
    return turns, directions


def align_motions(ours: tuple[Floats, Floats], given: tuple[Floats, Floats]) -> Floats:
    """
    Fit the rotation X between two frames of one body: vector_given = X vector_camera.

    Wahba's problem, for the axes of the rotations and the directions of the translations, solved
    by singular values (Markley 1988), again and again without what does not agree.

    :param ours: (P, 3) rotation vectors and directions of the camera, `given` of the other frame.
    :returns: (3, 3) given_from_camera.
    """
    camera = np.concatenate([ours[0] * TURN_WEIGHT, ours[1]])
    other = np.concatenate([given[0] * TURN_WEIGHT, given[1]])
    known = np.isfinite(camera).all(axis=1) & np.isfinite(other).all(axis=1)
    camera, other = camera[known], other[known]
    weights = np.ones(len(camera))
    rotation = np.eye(3)
    for _ in range(REWEIGHTED):
        left, _, right = np.linalg.svd(np.einsum('n,ni,nj->ij', weights, other, camera))
        sign = np.sign(np.linalg.det(left @ right))
        rotation = left @ np.diag([1, 1, sign]) @ right
        errors = np.linalg.norm(other - camera @ rotation.T, axis=1)
        weights = 1 / (1 + (errors / max(float(np.median(errors)), 1e-9)) ** 2) ** 2
    return np.asarray(rotation, np.float64)


def refine_frame(fit: EpipolarFit, poses: Poses, start: Floats,
                 scale_px: float) -> tuple[Floats, Floats]:
    """
    Refine rotation and offset of the camera in the frame that is given, by all matches.

    :param start: (3, 3) given_from_camera.
    :returns: (3, 3) given_from_camera and (3,) the camera's centre in the given frame.
    """
    unit = float(np.nanmedian(np.linalg.norm(poses.relative(fit.pairs)[1], axis=1))) or 1.0
    rotation, offset = start, np.zeros(3)

    def moved(step: Floats) -> tuple[Floats, Floats]:
        return rotation @ so3_exp(step[:3]), offset + step[3:] * unit

    for scale in np.geomspace(COARSE_PX, scale_px, ITERATIONS):
        errors = fit.errors_px(poses.compose(rotation, offset))
        columns = []
        for i, step in enumerate(STEPS):
            there = fit.errors_px(poses.compose(*moved(np.eye(6)[i] * step)))
            columns.append((there - errors) / step)
        jacobian = np.stack(columns, axis=1)
        known = np.isfinite(errors) & np.isfinite(jacobian).all(axis=1)
        weights = 1 / (1 + (errors[known] / scale) ** 2) ** 2
        weighted = jacobian[known] * weights[:, np.newaxis]
        information = weighted.T @ jacobian[known]
        information += DAMPING * np.diag(np.diag(information)) + 1e-9 * np.eye(6)
        rotation, offset = moved(-np.linalg.solve(information, weighted.T @ errors[known]))
    return rotation, offset


def find_frame(fit: EpipolarFit, sample: MatchSample, poses: Poses, starts: Sequence[Floats],
               scale_px: float) -> tuple[Floats, Floats]:
    """
    Find the camera in the frame whose poses are given.

    :param starts: (3, 3) given_from_camera to begin at, beside one from the motions of the pairs.
    :returns: as of :func:`refine_frame`, of the best fit.
    """
    rotations, translations = poses.relative(fit.pairs)
    lengths = np.linalg.norm(translations, axis=1, keepdims=True)
    given = so3_log(rotations), translations / np.where(lengths > 0, lengths, np.nan)
    every = [*starts, align_motions(relative_motions(sample), given)]
    found = [refine_frame(fit, poses, start, scale_px) for start in every]
    return max(found, key=lambda one: float(np.nanmean(
        fit.of_errors(fit.errors_px(poses.compose(*one))))))
