"""
Absolute errors of estimated poses, their statistics, and recall.

Arrays hold one row a frame. A frame without an estimate has an infinite error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike
from posenet_ros.arrays import as_rows, Floats
from posenet_ros.errors import InputError
from posenet_ros.geometry.lie import rotation_angle_rad
from posenet_ros.utils.settings.mapping import key

T = TypeVar('T')

RECALL_LIMITS: Mapping[str, tuple[float, float]] = {  # metres, degrees
    '0.25m_2deg': (0.25, 2.0), '0.5m_5deg': (0.5, 5.0), '5m_10deg': (5.0, 10.0)}


@dataclass(frozen=True)
class ByUnit(Generic[T]):
    """One value for positions, in metres, and one for rotations, in degrees."""

    translation_m: T
    rotation_deg: T

    def __iter__(self) -> Iterator[T]:
        yield self.translation_m
        yield self.rotation_deg


Errors: TypeAlias = ByUnit[Floats]  # (N,) metres and (N,) degrees


def translation_errors_m(estimates_m: ArrayLike, truths_m: ArrayLike) -> Floats:
    """
    Compute the distances between positions.

    :param estimates_m: (N, 3) metres.
    :param truths_m: (N, 3) metres.
    :returns: (N,) metres.
    """
    return np.asarray(
        np.linalg.norm(as_rows(estimates_m, 3) - as_rows(truths_m, 3), axis=1), np.float64)


def rotation_errors_deg(estimates_xyzw: ArrayLike, truths_xyzw: ArrayLike) -> Floats:
    """
    Compute the angles of the rotations between orientations.

    :param estimates_xyzw: (N, 4) quaternions of any length but 0.
    :param truths_xyzw: (N, 4) the same.
    :returns: (N,) degrees, 0 to 180.
    """
    return np.asarray(np.degrees(rotation_angle_rad(
        as_rows(estimates_xyzw, 4), as_rows(truths_xyzw, 4))), np.float64)


@dataclass(frozen=True)
class ErrorStatistics:
    """
    Statistics of finite errors, in their unit; evo's are defined as there.

    :param rmse: root of the mean square. None, like what follows, in reports of older versions.
    :param std: standard deviation about the mean, over all errors (not a sample's).
    :param sse: sum of the squares, in the squared unit.
    """

    median: float
    mean: float
    p75: float
    p90: float
    p95: float
    largest: float = field(metadata=key('max'))
    rmse: float | None = None
    std: float | None = None
    smallest: float | None = field(default=None, metadata=key('min'))
    sse: float | None = None

    @classmethod
    def from_errors(cls, errors: ArrayLike) -> ErrorStatistics:
        """
        Compute the statistics.

        :param errors: (N,) finite.
        :raises InputError: when there are none, or one is not finite.
        """
        array = np.asarray(errors, dtype=np.float64)
        if not array.size or not np.isfinite(array).all():
            raise InputError('error statistics need at least one error, all finite. Received: '
                             f'{array.size} errors')
        squares = np.square(array)
        return cls(*map(float, (
            np.median(array), array.mean(), *np.percentile(array, (75, 90, 95)), array.max(),
            np.sqrt(squares.mean()), array.std(), array.min(), squares.sum())))


def recall(translations_m: ArrayLike, rotations_deg: ArrayLike) -> dict[str, float]:
    """
    Compute the fraction of all frames within each pair of limits.

    :param translations_m: (N,) errors, infinite where there is no estimate, or it was rejected.
    :param rotations_deg: (N,) the same.
    """
    t, r = np.asarray(translations_m), np.asarray(rotations_deg)
    return {name: float(np.mean((t <= metres) & (r <= degrees))) if t.size else 0.0
            for name, (metres, degrees) in RECALL_LIMITS.items()}
