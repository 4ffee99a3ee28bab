"""What is known of an image beside its features, right or wrong, and what is not mapped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.errors import InputError
from posenet_ros.geometry.lie import retract
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.localisation import Localisation, PosePrior
from posenet_ros.training.bench.localisation.queries import Query
from posenet_ros.training.bench.mapping.queries import FALSE_M

FAR_SIGMAS = 3.0  # a wrong prior excludes the truth


class PriorNoise(NamedTuple):
    """The standard deviations of a prior pose."""

    sigma_m: float
    sigma_deg: float

    @property
    def sigmas(self) -> Floats:
        """(6,) metres and radians."""
        return np.repeat([self.sigma_m, math.radians(self.sigma_deg)], 3)

    def around(self, pose: Pose) -> PosePrior:
        """Return the prior at a pose."""
        return PosePrior(pose, self.sigma_m, math.radians(self.sigma_deg))


@dataclass(frozen=True)
class Variant:
    """
    A way to localise an image.

    :param name: of its row.
    :param unmapped_m: radius round the image within which no view is used, metres.
    :param noise: of a prior pose; None for no prior.
    :param wrong: the prior is elsewhere: on the likeliest false hypothesis that the image has
        without a prior, else on any view.
    """

    name: str = ''
    unmapped_m: float | None = None
    noise: PriorNoise | None = None
    wrong: bool = False

    def exclude(self, query: Query, positions_m: Floats) -> NDArray[np.intp]:
        """Return the views that are not used, of those at (V, 3) positions."""
        if self.unmapped_m is None or query.truth is None:
            return np.empty(0, np.intp)
        distances = np.linalg.norm(positions_m - query.truth.translation_m, axis=1)
        return np.flatnonzero(distances < self.unmapped_m)

    def prior(self, query: Query, positions_m: Floats, seed: int,
              without: Localisation | None) -> PosePrior | None:
        """
        Return the prior pose of an image.

        :param without: the result without a prior.
        """
        if self.noise is None or query.truth is None:
            return None
        if self.wrong:
            return self.noise.around(wrong_pose(
                query, positions_m, seed, without, FAR_SIGMAS * self.noise.sigma_m))
        increment = query.rng(seed).normal(0, 1, 6) * self.noise.sigmas
        return self.noise.around(retract(query.truth, increment))


def wrong_pose(query: Query, positions_m: Floats, seed: int, without: Localisation | None,
               reach_m: float) -> Pose:
    """
    Return a pose that is not the image's: the likeliest false hypothesis, else at any view.

    :param reach_m: no nearer to the truth, nor than a pose that would be right; where there is
        none it is the view that is farthest.
    """
    truth = query.truth or Pose()
    nearest = max(FALSE_M, reach_m)
    for hypothesis in without.hypotheses if without else ():
        pose = hypothesis.map_from_camera
        if np.linalg.norm(pose.translation_m - truth.translation_m) > nearest:
            return pose
    distances = np.linalg.norm(positions_m - truth.translation_m, axis=1)
    far = np.flatnonzero(distances > nearest)
    view = query.rng(seed).choice(far) if len(far) else distances.argmax()
    return Pose(positions_m[view], truth.quat_xyzw)


def parse_prior(text: str) -> PriorNoise:
    """
    Parse the standard deviations of a prior, metres and degrees, such as 0.3,1.

    :raises InputError: on anything else.
    """
    try:
        sigma_m, sigma_deg = (float(part) for part in text.split(','))
        noise = PriorNoise(sigma_m, sigma_deg)
    except ValueError:
        noise = PriorNoise(-1.0, -1.0)
    if not (0 < noise.sigma_m < math.inf and 0 < noise.sigma_deg < math.inf):
        raise InputError('--prior has to be METRES,DEGREES, such as 0.3,1. Received: ' + text)
    return noise


def make_variants(unmapped_m: float | None, priors: Sequence[PriorNoise]) -> list[Variant]:
    """Return all ways to localise an image, those without a prior before those with one."""
    variants = []
    for radius_m in (None, unmapped_m) if unmapped_m else (None,):
        where = f'without the views within {radius_m:g} m' if radius_m else ''
        variants.append(Variant(where, radius_m))
        for noise in priors:
            known = f'prior of {noise.sigma_m:g} m, {noise.sigma_deg:g} deg'
            variants.append(Variant(', '.join(filter(None, (where, known))), radius_m, noise))
            if not radius_m:  # else the wrong prior may name the only copy that is mapped
                variants.append(Variant(f'wrong {known}', None, noise, wrong=True))
    return variants
