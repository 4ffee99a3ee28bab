"""Similarities: a rotation, a translation and one scale, and their estimation from points."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike
from posenet_ros.arrays import as_rows, Floats
from posenet_ros.errors import InputError
from posenet_ros.geometry.pose import Pose

MIN_SPREAD_RATIO = 1e-9  # of the source's singular values: below it all points are one


@dataclass(frozen=True, eq=False)
class Similarity:
    """
    A similarity `target_from_source`: x becomes scale * R x + t.

    :param scale: target units per source unit.
    :param rigid: R and t, as a pose.
    """

    scale: float = 1.0
    rigid: Pose = field(default_factory=Pose)

    def apply(self, points: ArrayLike) -> Floats:
        """Transform points (..., 3) of the source into the target."""
        return self.rigid.apply(self.scale * np.asarray(points, np.float64))

    def apply_to_pose(self, source_from_child: Pose) -> Pose:
        """Return `target_from_child`: the position is scaled, the child keeps its own axes."""
        scaled = Pose(self.scale * source_from_child.translation_m, source_from_child.quat_xyzw)
        return self.rigid @ scaled

    def inverse(self) -> Similarity:
        """Return `source_from_target`."""
        back = self.rigid.inverse()
        return Similarity(1 / self.scale, Pose(back.translation_m / self.scale, back.quat_xyzw))

    def __matmul__(self, other: Similarity) -> Similarity:
        """Compose: `a_from_b @ b_from_c` is `a_from_c`."""
        return Similarity(self.scale * other.scale, self.apply_to_pose(other.rigid))


def umeyama(source: ArrayLike, target: ArrayLike, weights: ArrayLike | None = None, *,
            with_scale: bool = True) -> Similarity:
    """
    Estimate the similarity between corresponding points by least squares.

    Umeyama, "Least-squares estimation of transformation parameters between two point patterns",
    1991, equations 40 to 42, with weights. The points should not all lie on a line: the rotation
    about it is then arbitrary.

    :param source: (N, 3) points, N at least 2; their errors bias the scale, so take the exacter.
    :param target: (N, 3) the same points.
    :param weights: (N,) not negative, such as 1 / sigma^2; None weighs all alike.
    :param with_scale: False leaves the scale at 1: a rigid transform.
    :returns: target_from_source.
    :raises InputError: when there are fewer than two distinct points.
    """
    x, y = as_rows(source, 3), as_rows(target, 3)
    w = np.ones(len(x)) if weights is None else np.asarray(weights, np.float64)
    if len(x) < 2 or x.shape != y.shape or not w.sum() > 0:
        raise InputError('an alignment has to have two or more points, as many of either side. '
                         f'Received: {len(x)} and {len(y)}')
    w = w[:, np.newaxis] / w.sum()
    x_mean, y_mean = (w * x).sum(0), (w * y).sum(0)
    x, y = x - x_mean, y - y_mean
    variance = float((w * x * x).sum())
    if variance <= MIN_SPREAD_RATIO ** 2 * float(x_mean @ x_mean):
        raise InputError('the points of an alignment have to lie apart. Received: one position, '
                         f'{len(x)} times')
    u, singular, v = np.linalg.svd((w * y).T @ x)
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(u) * np.linalg.det(v))])
    rotation = u @ np.diag(signs) @ v
    scale = float(singular @ signs) / variance if with_scale else 1.0
    return Similarity(scale, Pose.from_rotation(rotation, y_mean - scale * rotation @ x_mean))
