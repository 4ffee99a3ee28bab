"""Settings of the covariance and of place recognition, with the reasons for their defaults."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CovarianceOptions:
    """Settings of :mod:`posenet_ros.uncertainty.covariance`."""

    # range in which scores tell errors: below it all images look as the trained ones do, above
    # it all are out of place
    score_range: tuple[float, float] = (0.3, 10.0)
    # largest |log sigma|, for out of place the network may extrapolate until exp overflows
    max_log_sigma: float = 12.0


@dataclass(frozen=True)
class PlaceOptions:
    """Settings of :mod:`posenet_ros.uncertainty.place_recognition`."""

    # nearest training images whose similarities are averaged
    neighbours: int = 5


DEFAULT_COVARIANCE = CovarianceOptions()
DEFAULT_PLACE = PlaceOptions()
