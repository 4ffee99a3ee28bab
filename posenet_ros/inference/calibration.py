"""Calibration of the covariance on held-out images, and bounds of the training positions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.errors import InputError
from posenet_ros.geometry.pose import check_position, Pose

# of a Calibration, those that belong to the landmarks and not to a network
REFINED_FIELDS = (
    'refined_scale', 'misfit_power', 'distance_power', 'inlier_ratio_power', 'tracked_scale')


@dataclass(frozen=True)
class Scene:
    """
    Bounds of the training positions, in the dataset's frame, and the origin of the model's.

    Network and landmarks hold 32 bits, which are too coarse far from the origin, as in UTM: an
    origin is subtracted from what they learn, and added to what they say.

    :param bounds_min_m: smallest x y z of the camera positions, metres.
    :param bounds_max_m: largest x y z, metres.
    :param origin_m: x y z of the origin of network and landmarks in the dataset's frame.
    :raises InputError: on other than three numbers each, or a smallest above a largest.
    """

    bounds_min_m: tuple[float, ...]
    bounds_max_m: tuple[float, ...]
    origin_m: tuple[float, ...] = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        if not len(self.bounds_min_m) == len(self.bounds_max_m) == 3 or any(
                low > high for low, high in zip(self.bounds_min_m, self.bounds_max_m,
                                                strict=True)):
            raise InputError('the bounds of a scene have to be x y z, the smallest and the '
                             f'largest. Received: {self.bounds_min_m}, {self.bounds_max_m}')
        if len(self.origin_m) != 3:
            raise InputError(f'origin_m has to be x y z. Received: {self.origin_m}')
        check_position(self.origin_m)

    @classmethod
    def of_positions(cls, positions_m: Floats, origin_m: tuple[float, ...]) -> Scene:
        """
        Return the bounds of positions.

        :param positions_m: (N, 3) relative to the origin, metres.
        :param origin_m: x y z of it, in the dataset's frame.
        """
        low, high = (edge + origin_m for edge in (positions_m.min(axis=0),
                                                  positions_m.max(axis=0)))
        return cls(tuple(low.tolist()), tuple(high.tolist()), tuple(origin_m))

    @property
    def dataset_from_model(self) -> Pose:
        """Return the transform from the frame of network and landmarks into the dataset's."""
        return Pose(np.array(self.origin_m))


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


@dataclass(frozen=True)
class HeldOut:
    """
    Images that calibrated the poses by landmarks, each localised by a map without its walk.

    :param images: names of the N images.
    :param walks: (N,) the walk that each is of.
    :param folds: (N,) number of the map that localised each.
    :param excluded: names of the walks, or of the images, that a map was made without.
    :param excluded_folds: the number of that map, for each name.
    :raises InputError: on an image that the map which localised it was made from.
    """

    images: tuple[str, ...] = ()
    walks: tuple[str, ...] = ()
    folds: tuple[int, ...] = ()
    excluded: tuple[str, ...] = ()
    excluded_folds: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        lengths = len(self.images), len(self.walks), len(self.folds)
        if len(set(lengths)) > 1 or len(self.excluded) != len(self.excluded_folds):
            raise InputError('the images that calibrated the covariance have to have a walk and a '
                             'fold each, as have names that are left out a fold. Received: '
                             f'{lengths}, {len(self.excluded)}, {len(self.excluded_folds)}')
        missing = set(zip(self.excluded, self.excluded_folds, strict=True))
        known = [image for image, walk, fold in zip(
            self.images, self.walks, self.folds, strict=True)
            if not {(image, fold), (walk, fold)} & missing]
        if known:
            raise InputError(
                'the covariance has to be calibrated on images that the map was made without: '
                f'make the map anew by posenet map. Received: {len(known)} of '
                f'{len(self.images)} that it was made from, such as {known[0]!r}')


def refined_fields(calibration: Calibration) -> dict[str, Any]:
    """Return what a calibration holds of poses by landmarks, by field."""
    return {name: getattr(calibration, name) for name in REFINED_FIELDS}
