"""Two cameras among images that are said to be of one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.training.checks.epipolar import EpipolarFit, Poses

ROUNDS = 5  # of changes of the images' cameras


class MixedCameras(NamedTuple):
    """
    Images of two cameras.

    :param factor: of the focal length of the second camera.
    :param second: (N,) which images are of it.
    :param fit: (P,) of the pairs by both cameras; `error_px` the median error of the matches.
    """

    factor: float
    second: NDArray[np.bool_]
    fit: Floats
    error_px: float


def find_mixed_cameras(fit: EpipolarFit, poses: Poses, factors: tuple[float, ...],
                       base: float = 1.0) -> MixedCameras:
    """
    Find the second focal length, and the images that it fits better.

    :param factors: true by given focal length of the second camera, to be tried.
    :param base: the same of the first one.
    """
    def second_camera(factor: float) -> MixedCameras:
        second, fits = _assign(_fits_of_combinations(fit, poses, base, factor), fit,
                               len(poses.rotations))
        first, other = (np.where(second[images], factor, base)[fit.pair_of_match, np.newaxis]
                        for images in fit.pairs.T)
        errors = np.abs(fit.errors_px(poses, fit.first / first, fit.second / other))
        return MixedCameras(factor, second, fits, float(np.nanmedian(errors)))

    return max(map(second_camera, factors), key=lambda one: float(np.nanmean(one.fit)))


def _fits_of_combinations(fit: EpipolarFit, poses: Poses, base: float, factor: float) -> Floats:
    """Return the fits (2, 2, P) of pairs whose first and second image are of either camera."""
    both = base, factor
    return np.array([[fit.of_errors(fit.errors_px(poses, fit.first / one, fit.second / other))
                      for other in both] for one in both])


def _assign(fits: Floats, fit: EpipolarFit, count: int) -> tuple[NDArray[np.bool_], Floats]:
    """Give each image the camera by which its pairs fit best, in turns; its fits (P,)."""
    fits = np.nan_to_num(fits)
    first, second = fit.pairs.T
    pairs = np.arange(len(first))
    # the start: what each image has where the other image is free
    votes = np.zeros((2, count))
    for camera in (0, 1):
        np.add.at(votes[camera], first, fits[camera].max(axis=0))
        np.add.at(votes[camera], second, fits[:, camera].max(axis=0))
    cameras = (votes[1] > votes[0]).astype(np.intp)
    for _ in range(ROUNDS):
        votes = np.zeros((2, count))
        for camera in (0, 1):
            np.add.at(votes[camera], first, fits[camera, cameras[second], pairs])
            np.add.at(votes[camera], second, fits[cameras[first], camera, pairs])
        cameras = (votes[1] > votes[0]).astype(np.intp)
    return cameras > 0, fits[cameras[first], cameras[second], pairs]
