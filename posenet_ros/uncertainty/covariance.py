"""How sure an answer is: its covariance, and whether the image is of the trained place."""

from __future__ import annotations

from collections.abc import Sequence
import math

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.geometry.estimate import diagonal_covariance
from posenet_ros.inference.calibration import Calibration, Scene
from posenet_ros.inference.prediction import Prediction
from posenet_ros.uncertainty.mc_dropout import Dropout

SCORES = (0.3, 10.0)  # beyond they say no more: below, an image looks as the trained do
LARGEST_LOG = 12.0  # images of nowhere must not overflow
ANY_ROTATION_RAD = math.pi / math.sqrt(3)  # standard deviation of an angle that may be any


def enlargement(scores: NDArray[np.floating] | float, power: float) -> Floats:
    """
    Return what the expected errors are multiplied by where a score is not the usual 1.

    :param scores: (N,) or one: place scores of images, or misfits where poses were refined.
    :param power: of the calibration.
    """
    return np.asarray(np.clip(scores, *SCORES) ** power, np.float64)


def covariance(prediction: Prediction, calibration: Calibration,
               dropout: Dropout | None = None, place_score: float | None = None) -> Floats:
    """
    Return the (6, 6) covariance of an answer in the dataset's frame, ordered as a PoseEstimate's.

    :param prediction: of one image; where it has no `log_sigma`, the calibration's sigmas hold.
    :param dropout: adds the spread of its samples.
    :param place_score: how unusual the image looks, where that is known.
    """
    if prediction.log_sigma is None or not calibration.scale:
        return diagonal_covariance(calibration.sigma_m, calibration.sigma_rad)
    log_sigma = np.clip(prediction.log_sigma[0], -LARGEST_LOG, LARGEST_LOG)
    sigmas = np.exp(log_sigma) * calibration.scale
    if place_score is not None:
        sigmas = sigmas * enlargement(place_score, calibration.place_power)
    own = np.diag(np.square(sigmas))
    if dropout is None:
        return own
    return stretched(own + dropout.covariance(prediction), calibration.mc_scale)


def stretched(covariance: Floats, factors: Sequence[float] | Floats) -> Floats:
    """Return a (6, 6) covariance whose standard deviations are so many times larger."""
    return np.asarray(covariance * np.outer(factors, factors))


def ignorance(scene: Scene, calibration: Calibration) -> Floats:
    """
    Return the (6,) standard deviations of knowing nothing, metres and radians.

    The diagonal of the area trained on, and that of an angle which may be any: what a network
    expects beyond is extrapolated. No less than held-out images were off.
    """
    diagonal = math.dist(scene.bounds_min_m, scene.bounds_max_m)
    return np.maximum((diagonal,) * 3 + (ANY_ROTATION_RAD,) * 3,
                      (*calibration.sigma_m, *calibration.sigma_rad))


def bounded(covariance: Floats, largest: Floats) -> Floats:
    """Return a (6, 6) covariance whose standard deviations are at most those of (6,) `largest`."""
    return stretched(covariance, np.minimum(1, largest / np.sqrt(np.diag(covariance))))
