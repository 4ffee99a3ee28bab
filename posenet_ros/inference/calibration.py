"""What held-out images told of the errors, and where the training images were taken."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from posenet_ros.errors import InputError


@dataclass(frozen=True)
class Scene:
    """
    Where the training images were taken, in the dataset's frame.

    :param bounds_min_m: smallest x y z of the camera positions, metres.
    :param bounds_max_m: largest x y z, metres.
    """

    bounds_min_m: tuple[float, ...]
    bounds_max_m: tuple[float, ...]


@dataclass(frozen=True)
class Calibration:
    """
    What held-out training frames told of the errors.

    :param sigma_m: standard deviation along x y z of the dataset's frame, metres.
    :param sigma_rad: of the rotation about the fixed x y z, radians.
    :param scale: on each axis the factor from the error that the network expects of an image to
        its standard deviation; empty when it expects none.
    :param place_power: the error that is expected is multiplied by this power of the place score:
        images that look unusual are answered worse.
    :param mc_scale: a further factor on each axis for the sum with the spread of Monte-Carlo
        dropout, whose rate is `mc_rate`.
    :param refined_scale: the factor on each axis from what the residuals of landmarks say to the
        standard deviation of a pose that was refined by them; empty without landmarks.
    :param misfit_power: that standard deviation is multiplied by this power of the misfit of the
        training images nearby.
    :param place_limit: unlikeness to the training images from which an image is of another
        place; 0 when it cannot be told.
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

    def __post_init__(self) -> None:
        values = (*self.sigma_m, *self.sigma_rad)
        if len(values) != 6 or not np.isfinite(values).all() or min(values) <= 0:
            raise InputError('a calibration has to hold 3 + 3 positive sigmas. '
                             f'Received: {self.sigma_m}, {self.sigma_rad}')
        for name in ('scale', 'mc_scale', 'refined_scale'):
            factors = getattr(self, name)
            if len(factors) not in (0, 6) or not all(0 < f < np.inf for f in factors):
                raise InputError(f'{name} has to hold 6 positive factors or none. '
                                 f'Received: {factors}')
        if not 0 <= self.mc_rate < 1:
            raise InputError(f'mc_rate has to be within 0 and 1. Received: {self.mc_rate}')
        for name in ('place_limit', 'place_power', 'misfit_power'):
            value = getattr(self, name)
            if not 0 <= value < np.inf:
                raise InputError(f'{name} has to be 0 or more. Received: {value}')
