"""
Errors of whole trajectories: APE (ATE) after an alignment, and RPE over a distance.

Defined as by evo and by Sturm et al., "A Benchmark for the Evaluation of RGB-D SLAM Systems",
2012: pose i of the truth is Q_i, of the estimate P_i; APE is of Q_i^-1 P_i, and RPE of
(Q_i^-1 Q_j)^-1 (P_i^-1 P_j) for pairs i, j that are a distance apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, unique

import numpy as np
from numpy.typing import ArrayLike, NDArray
from posenet_ros.arrays import as_rows, Floats
from posenet_ros.errors import InputError
from posenet_ros.evaluation.metrics.pose_errors import (
    ByUnit,
    Errors,
    rotation_errors_deg,
    translation_errors_m,
)
from posenet_ros.geometry.lie import quat_product, rotation_angle_rad, rotation_matrices
from posenet_ros.geometry.similarity import Similarity, umeyama

MIN_WIDTH_RATIO = 1e-7  # second singular value to the first: below it all points are on a line
DISTANCE_TOLERANCE = 0.1  # of the distance, for all pairs, as evo's --delta_tol
Pairs = NDArray[np.intp]  # (M, 2) indices of two poses


@unique
class Alignment(Enum):
    """How estimates are aligned with the truth; evo's `-a` and `-as`."""

    NONE = 'none'
    SE3 = 'se3'
    SIM3 = 'sim3'


@unique
class DistanceUnit(Enum):
    """Units of the distance between the poses of a pair; evo's letters."""

    FRAMES = 'f'
    DEGREES = 'd'
    RADIANS = 'r'
    METRES = 'm'

    @property
    def word(self) -> str:
        """Return the unit as a word."""
        return self.name.lower()


@dataclass(frozen=True)
class RelativeOptions:
    """
    Which pairs of poses the RPE is over.

    :param delta: the distance of a pair: frames, or travelled on the estimated path.
    :param unit: of `delta`.
    :param all_pairs: each pose with the one that is `delta` away, instead of pairs one after
        another.
    :raises InputError: when `delta` is not above 0, no whole number of frames, or over 180 deg.
    """

    delta: float = 1.0
    unit: DistanceUnit = DistanceUnit.FRAMES
    all_pairs: bool = False

    def __post_init__(self) -> None:
        whole = self.unit is not DistanceUnit.FRAMES or float(self.delta).is_integer()
        if not (np.isfinite(self.delta) and self.delta > 0 and whole and self._is_angle()):
            raise InputError('--delta has to be above 0: a whole number of frames, metres, or an '
                             f'angle up to 180 deg. Received: {self.delta:g} {self.unit.word}')

    def _is_angle(self) -> bool:
        """Return whether an angle is within half a turn."""
        most = {DistanceUnit.DEGREES: 180.0, DistanceUnit.RADIANS: np.pi}
        return self.delta <= most.get(self.unit, np.inf)


@dataclass(frozen=True, eq=False)
class Path:
    """
    Poses in their order.

    :param positions_m: (N, 3) metres.
    :param quats_xyzw: (N, 4) unit quaternions, map_from_camera.
    """

    positions_m: Floats
    quats_xyzw: Floats

    def __len__(self) -> int:
        return len(self.positions_m)

    def transformed(self, similarity: Similarity) -> Path:
        """Return `similarity @ pose` for each pose."""
        return Path(similarity.apply(self.positions_m),
                    quat_product(similarity.rigid.quat_xyzw, self.quats_xyzw))

    def relative(self, pairs: Pairs) -> Path:
        """Return the pose of each pair's second in its first, (M,)."""
        first, second = pairs.T
        inverse = self.quats_xyzw[first] * (-1, -1, -1, 1)
        steps = (self.positions_m[second] - self.positions_m[first])[:, np.newaxis]
        return Path((steps @ rotation_matrices(self.quats_xyzw[first]))[:, 0],
                    quat_product(inverse, self.quats_xyzw[second]))

    def errors(self, truth: Path) -> Errors:
        """Return the distances and angles to the poses of another path, pose by pose."""
        return ByUnit(translation_errors_m(self.positions_m, truth.positions_m),
                      rotation_errors_deg(self.quats_xyzw, truth.quats_xyzw))


def _on_a_line(points: ArrayLike) -> bool:
    """Return whether points (N, 3) lie on a line, or are one."""
    rows = as_rows(points, 3)
    centred = rows - rows.mean(axis=0)
    largest, second, _ = np.linalg.svd(centred.T @ centred, compute_uv=False)
    return bool(second <= MIN_WIDTH_RATIO ** 2 * largest)


def align(estimate: Path, truth: Path, alignment: Alignment) -> Similarity:
    """
    Estimate the transform that brings estimates to the truth, by least squares of the positions.

    :param estimate: and `truth`: paths of equal length.
    :returns: truth_from_estimate; the identity for no alignment.
    :raises InputError: when the positions do not fix the rotation: fewer than three, or on a line.
    """
    if alignment is Alignment.NONE:
        return Similarity()
    if len(truth) < 3 or _on_a_line(estimate.positions_m) or _on_a_line(truth.positions_m):
        raise InputError(f'--align {alignment.value} has to have three or more positions that are '
                         f'not on a line. Received: {len(truth)}, on a line or too few; give '
                         '--align none')
    return umeyama(estimate.positions_m, truth.positions_m,
                   with_scale=alignment is Alignment.SIM3)


def _steps(path: Path, unit: DistanceUnit) -> Floats:
    """Return the distances between neighbours, (N - 1,), in a unit."""
    if unit is DistanceUnit.FRAMES:
        return np.ones(len(path) - 1)
    if unit is DistanceUnit.METRES:
        return translation_errors_m(path.positions_m[1:], path.positions_m[:-1])
    radians = rotation_angle_rad(path.quats_xyzw[1:], path.quats_xyzw[:-1])
    return np.degrees(radians) if unit is DistanceUnit.DEGREES else radians


def _consecutive_pairs(steps: Floats, delta: float) -> list[tuple[int, int]]:
    """Cut a path into pieces that are `delta` or longer; the rest at its end is left out."""
    pairs, start, travelled = [], 0, 0.0
    for end, step in enumerate(steps.tolist(), 1):
        travelled += step
        if travelled >= delta:
            pairs.append((start, end))
            start, travelled = end, 0.0
    return pairs


def _all_pairs(path: Path, options: RelativeOptions) -> list[tuple[int, int]]:
    """Pair each pose with that which is `delta` away; for angles, with all that are."""
    delta, tolerance = options.delta, DISTANCE_TOLERANCE * options.delta
    if options.unit is DistanceUnit.FRAMES:
        return [(i, i + int(delta)) for i in range(len(path) - int(delta))]
    pairs = []
    travelled = np.concatenate([[0.0], np.cumsum(_steps(path, options.unit))])
    for i in range(len(path) - 1):
        if options.unit is DistanceUnit.METRES:
            off = np.abs(travelled[i + 1:] - travelled[i] - delta)
            found = [int(np.argmin(off))] if off.min() <= tolerance else []
        else:
            angles = rotation_angle_rad(path.quats_xyzw[i], path.quats_xyzw[i + 1:])
            if options.unit is DistanceUnit.DEGREES:
                angles = np.degrees(angles)
            found = np.flatnonzero(np.abs(angles - delta) <= tolerance).tolist()
        pairs += [(i, i + 1 + j) for j in found]
    return pairs


def pose_pairs(path: Path, options: RelativeOptions) -> Pairs:
    """
    Find the pairs of poses that the RPE is over, as evo does on the estimated path.

    :returns: (M, 2) indices; M is 0 where the path is too short.
    """
    found = _all_pairs(path, options) if options.all_pairs else _consecutive_pairs(
        _steps(path, options.unit), options.delta)
    return np.array(found, dtype=np.intp).reshape(-1, 2)


def relative_errors(estimate: Path, truth: Path, pairs: Pairs) -> Errors:
    """
    Compute the RPE of pairs of poses.

    :param pairs: (M, 2) indices.
    :returns: (M,) metres and degrees.
    """
    return estimate.relative(pairs).errors(truth.relative(pairs))
