"""What is known of a map's frame: its scale and its vertical axis, from where, and how well."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from posenet_ros.errors import InputError


@dataclass(frozen=True)
class Scale:
    """
    The unit of a map's lengths.

    :param metric: whether it is the metre; False: it is not known, lengths are of any unit.
    :param source: what it is from: 'poses' (given with the images), 'odometry', 'distance', ...;
        empty where it is not known.
    :param relative_error: standard error of a length divided by it; None where nobody knows.
    :raises InputError: on a negative error.
    """

    metric: bool = True
    source: str = 'poses'
    relative_error: float | None = None

    def __post_init__(self) -> None:
        _check_error('relative_error', self.relative_error)

    def __str__(self) -> str:
        """Return what is known, for a line of text."""
        if not self.metric:
            return 'not known: lengths are units, not metres'
        error = self.relative_error
        return f'metres, by {self.source}' + ('' if error is None else f', to {100 * error:.2g} %')


@dataclass(frozen=True)
class Up:
    """
    The vertical axis of a map, which is z.

    :param source: what it is from: 'poses' (given with the images), 'imu', 'path', 'images', ...;
        empty where it is not known, and z may point anywhere.
    :param error_deg: its standard error, degrees; None where nobody knows.
    :raises InputError: on a negative error.
    """

    source: str = 'poses'
    error_deg: float | None = None

    def __post_init__(self) -> None:
        _check_error('error_deg', self.error_deg)

    def __str__(self) -> str:
        """Return what is known, for a line of text."""
        if not self.source:
            return 'not known'
        return f'z, by {self.source}' + (
            '' if self.error_deg is None else f', to {self.error_deg:.2g} deg')


def _check_error(name: str, value: float | None) -> None:
    if value is not None and not 0 <= value < np.inf:
        raise InputError(f'{name} has to be 0 or more, or None. Received: {value}')
