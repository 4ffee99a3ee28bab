"""
Lens distortion by the angle of a ray to the optical axis.

Two models, as OpenCV has them: the rational one of its main module (Brown 1966; ROS:
plumb_bob and rational_polynomial; COLMAP: OPENCV, FULL_OPENCV) and the equidistant one of
cv2.fisheye (Kannala and Brandt 2006; COLMAP: OPENCV_FISHEYE), for lenses that see 120 degrees
and more.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import chain, islice, repeat

import numpy as np
from posenet_ros.arrays import Floats

RATIONAL, EQUIDISTANT = 'rational_polynomial', 'equidistant'
COEFFICIENTS = {RATIONAL: (0, 4, 5, 8, 12, 14), EQUIDISTANT: (4,)}
# other names of the two: of ROS drivers, Kalibr, COLMAP
NAMES = {RATIONAL: RATIONAL, 'plumb_bob': RATIONAL, 'radtan': RATIONAL, 'OPENCV': RATIONAL,
         'FULL_OPENCV': RATIONAL, EQUIDISTANT: EQUIDISTANT, 'fisheye': EQUIDISTANT,
         'kannala_brandt4': EQUIDISTANT, 'equi': EQUIDISTANT, 'OPENCV_FISHEYE': EQUIDISTANT}
SAMPLES = 3601
NEWTON_STEPS = 2


def radius_of_angle(angles_rad: Floats, model: str, coefficients: Sequence[float]) -> Floats:
    """
    Return how far from the principal point a ray arrives, in focal lengths.

    Of the rational model only the radial part is taken.

    :param angles_rad: (...) to the optical axis, at least 0.
    :param coefficients: in OpenCV's order.
    """
    if model == EQUIDISTANT:
        k = (1.0, *coefficients)
        return angles_rad * np.polyval(k[::-1], angles_rad ** 2)
    k1, k2, _, _, k3, k4, k5, k6 = islice(chain(coefficients, repeat(0.0)), 8)
    radius = np.tan(angles_rad)
    return radius * (np.polyval((k3, k2, k1, 1.0), radius ** 2)
                     / np.polyval((k6, k5, k4, 1.0), radius ** 2))


@lru_cache(maxsize=16)
def _samples(model: str, coefficients: tuple[float, ...]) -> tuple[Floats, Floats]:
    """Return angles from 0, as far as the radius grows with them, and their radii."""
    end = np.pi if model == EQUIDISTANT else np.pi / 2
    angles = np.linspace(0.0, end, SAMPLES)[:-1]
    with np.errstate(all='ignore'):  # of coefficients that no lens has
        radii = radius_of_angle(angles, model, coefficients)
        grows = np.isfinite(radii[1:]) & (np.diff(radii) > 0)
    count = len(angles) if grows.all() else int(grows.argmin()) + 1
    return angles[:count], radii[:count]


def max_angle_rad(model: str, coefficients: tuple[float, ...]) -> float:
    """
    Return the angle to the optical axis up to which each ray has a pixel of its own.

    Beyond it the polynomial folds back, and what it says there is no lens.
    """
    return float(_samples(model, coefficients)[0][-1])


def angle_of_radius(radii: Floats, model: str, coefficients: tuple[float, ...]) -> Floats:
    """
    Invert :func:`radius_of_angle`, by Newton's method from a table.

    :param radii: (...) focal lengths.
    :returns: (...) radians; NaN where no ray arrives.
    """
    angles, known = _samples(model, coefficients)
    result = np.interp(radii, known, angles, right=np.nan)
    for _ in range(NEWTON_STEPS):
        step = 1e-6
        slope = (radius_of_angle(result + step, model, coefficients)
                 - radius_of_angle(result - step, model, coefficients)) / (2 * step)
        error = radius_of_angle(result, model, coefficients) - radii
        result = np.clip(result - error / np.where(slope > 1e-6, slope, np.inf), 0, angles[-1])
    return np.asarray(result, np.float64)
