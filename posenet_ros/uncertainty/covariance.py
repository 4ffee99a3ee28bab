"""Covariance of the network's pose: predicted sigmas, calibrated and bounded."""

from __future__ import annotations

from collections.abc import Sequence
import math

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.geometry.estimate import diagonal_covariance
from posenet_ros.inference.calibration import Calibration, Scene
from posenet_ros.inference.prediction import Prediction
from posenet_ros.uncertainty.mc_dropout import McDropout
from posenet_ros.uncertainty.options import CovarianceOptions, DEFAULT_COVARIANCE

UNIFORM_ROTATION_SIGMA_RAD = math.pi / math.sqrt(3)  # of an angle uniform within -pi and pi


def sigma_factor(scores: NDArray[np.floating] | float, power: float,
                 options: CovarianceOptions = DEFAULT_COVARIANCE) -> Floats:
    """
    Return the factor on the expected errors: the score, clipped, to a power.

    :param scores: (N,) or one; 1 is usual. Place scores, or residual ratios of refined poses.
    :param power: from the calibration; 0 ignores the scores.
    :returns: as `scores`.
    """
    return np.asarray(np.clip(scores, *options.score_range) ** power, np.float64)


def covariance(prediction: Prediction, calibration: Calibration,
               dropout: McDropout | None = None, place_score: float | None = None,
               options: CovarianceOptions = DEFAULT_COVARIANCE) -> Floats:
    """
    Compute the covariance of the network's pose in the dataset's frame.

    :param prediction: of one image; without `log_sigma` the calibration's sigmas are used.
    :param dropout: its sample covariance is added.
    :param place_score: place distance by its limit, where known.
    :returns: (6, 6) ordered as a PoseEstimate's.
    """
    if prediction.log_sigma is None or not calibration.scale:
        return diagonal_covariance(calibration.sigma_m, calibration.sigma_rad)
    limit = options.max_log_sigma
    log_sigma = np.clip(prediction.log_sigma[0], -limit, limit)
    sigmas = np.exp(log_sigma) * calibration.scale
    if place_score is not None:
        sigmas = sigmas * sigma_factor(place_score, calibration.place_power, options)
    own = np.diag(np.square(sigmas))
    if dropout is None:
        return own
    return scale_covariance(own + dropout.covariance(prediction), calibration.mc_scale)


def scale_covariance(covariance: Floats, factors: Sequence[float] | Floats) -> Floats:
    """Scale the standard deviations of a (6, 6) covariance by factors (6,)."""
    return np.asarray(covariance * np.outer(factors, factors))


def prior_sigmas(scene: Scene, calibration: Calibration) -> Floats:
    """
    Return the prior standard deviations (6,) of a pose in the scene, metres and radians.

    They are the diagonal of the trained area and the deviation of a uniform angle; sigmas that
    the network predicts beyond are extrapolated. No less than those of held-out images.
    """
    diagonal = math.dist(scene.bounds_min_m, scene.bounds_max_m)
    return np.maximum((diagonal,) * 3 + (UNIFORM_ROTATION_SIGMA_RAD,) * 3,
                      (*calibration.sigma_m, *calibration.sigma_rad))


def with_max_sigmas(covariance: Floats, max_sigmas: Floats) -> Floats:
    """Limit the standard deviations of a (6, 6) covariance; correlations stay."""
    return scale_covariance(covariance, np.minimum(1, max_sigmas / np.sqrt(np.diag(covariance))))
