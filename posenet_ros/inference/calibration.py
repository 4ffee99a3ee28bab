"""Calibration of the covariance on held-out images, and bounds of the training positions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from posenet_ros.errors import InputError

# of a Calibration, those that belong to the landmarks and not to a network
REFINED_FIELDS = (
    'refined_scale', 'misfit_power', 'distance_power', 'inlier_ratio_power', 'tracked_scale')


@dataclass(frozen=True)
class Scene:
    """
    Bounds of the training positions, in the dataset's frame.

    :param bounds_min_m: smallest x y z of the camera positions, metres.
    :param bounds_max_m: largest x y z, metres.
    :raises InputError: on other than three numbers each, or a smallest above a largest.
    """

    bounds_min_m: tuple[float, ...]
    bounds_max_m: tuple[float, ...]

    def __post_init__(self) -> None:
        if not len(self.bounds_min_m) == len(self.bounds_max_m) == 3 or any(
                low > high for low, high in zip(self.bounds_min_m, self.bounds_max_m,
                                                strict=True)):
            raise InputError('the bounds of a scene have to be x y z, the smallest and the '
                             f'largest. Received: {self.bounds_min_m}, {self.bounds_max_m}')


@dataclass(frozen=True)
class Calibration:
    """
    Calibration of the covariance, from the errors of held-out training images.

    :param sigma_m: standard deviation along x y z of the dataset's frame, metres.
    :param sigma_rad: of the rotation about the fixed x y z, radians.
    :param scale: factor on each axis from the error that the network predicts to the standard
        deviation; empty for a network without predicted errors.
    :param place_power: the predicted error is multiplied by this power of the place score: the
        errors of unusual images are larger.
    :param mc_scale: a further factor on each axis for the sum with the covariance of Monte-Carlo
        dropout, whose rate is `mc_rate`.
    :param refined_scale: factor on each axis from the standard deviation by the reprojection
        residuals to that of a refined pose; empty without landmarks.
    :param misfit_power: that standard deviation is multiplied by this power of the pose residual
        ratio of the training images nearby.
    :param distance_power: and by this power of the distance score: poses are less exact away
        from the training images.
    :param inlier_ratio_power: and by this power of the inlier ratio score: poses with which few
        landmarks agree are less exact.
    :param tracked_scale: the factor for tracked poses; empty: they have `refined_scale`.
    :param place_limit: place distance to the training images above which an image is out of
        place; 0 for a network without global descriptor.
    """

    sigma_m: tuple[float, ...]
    sigma_rad: tuple[float, ...]
    scale: tuple[float, ...] = ()
    mc_scale: tuple[float, ...] = ()
    mc_rate: float = 0.0
    place_limit: float = 0.0
    place_power: float = 0.0
    refined_scale: tuple[float, ...] = ()
    misfit_power: float = 0.0
    distance_power: float = 0.0
    inlier_ratio_power: float = 0.0
    tracked_scale: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        values = (*self.sigma_m, *self.sigma_rad)
        if len(values) != 6 or not np.isfinite(values).all() or min(values) <= 0:
            raise InputError('a calibration has to hold 3 + 3 positive sigmas. '
                             f'Received: {self.sigma_m}, {self.sigma_rad}')
        for name in ('scale', 'mc_scale', 'refined_scale', 'tracked_scale'):
            factors = getattr(self, name)
            if len(factors) not in (0, 6) or not all(0 < f < np.inf for f in factors):
                raise InputError(f'{name} has to hold 6 positive factors or none. '
                                 f'Received: {factors}')
        if not 0 <= self.mc_rate < 1:
            raise InputError(f'mc_rate has to be within 0 and 1. Received: {self.mc_rate}')
        for name in ('place_limit', 'place_power', 'misfit_power', 'distance_power',
                     'inlier_ratio_power'):
            value = getattr(self, name)
            if not 0 <= value < np.inf:
                raise InputError(f'{name} has to be 0 or more. Received: {value}')


def refined_fields(calibration: Calibration) -> dict[str, Any]:
    """Return what a calibration holds of poses by landmarks, by field."""
    return {name: getattr(calibration, name) for name in REFINED_FIELDS}
