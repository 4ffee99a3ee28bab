"""Covariance of a refined pose: sandwich estimators whose clusters are rays and image cells."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.geometry.estimate import symmetrise
from posenet_ros.landmarks.options import AbsolutePoseOptions
from posenet_ros.landmarks.pnp.pose_refinement import information_matrix, Linearisation


def pose_covariance(fit: Linearisation, points_normalized: Floats,
                    ray_of_point: NDArray[np.intp], inlier_ratio: float,
                    options: AbsolutePoseOptions) -> Floats:
    """
    Compute the covariance of a refined pose.

    With the Jacobian J_i, the residual r_i and the weight w_i of each of N inliers, the
    information A = sum w_i J_i^T J_i and the scores s_i = w_i J_i^T r_i, it is ::

        sqrt(reference_rays / (inlier_ratio * R)) * (C_hom + C_ray + C_cell) / 3

    where R is the number of distinct rays, C_hom the homoscedastic covariance, and ::

        C_g = A^-1 (sum over clusters of (sum s_i)(sum s_i)^T) A^-1 * G / (G - 1)

    the cluster-robust ("sandwich") covariance with G clusters: the points of one ray (White
    1980), or those of one cell of the image (Liang and Zeger 1986). Keypoints err together where
    they share a ray, and where a part of the image is mapped badly; no single estimator knows
    which. Mean negative log likelihood of an axis, summed over five sets (doc/experiments.md):

        ================================  ===============  ========
        covariance                        training images  held out
        ================================  ===============  ========
        A^-1 alone                                  -31.2     -27.6
        each of the three alone                     -31.4     -27.7
        mean of the three                           -31.5     -27.8
        mean of the three, Cauchy's loss            -34.7     -30.2
        ================================  ===============  ========

    The factor is empirical: the fewer rays agree, and the smaller their ratio, the more of them
    agree by chance. With it 63 to 71 % and 95 to 97 % of the errors on `kings_render`, by axis,
    are within one and two sigma (68 and 95 % would be right); with its square 75 and 97 %;
    without it 55 and 85 %. Its level does not matter: calibration scales each axis.

    :param fit: linearisation at the minimum.
    :param points_normalized: (N, 2) observed, normalised image coordinates.
    :param ray_of_point: (N,) index of each point's ray.
    :param inlier_ratio: of the matches.
    :returns: (6, 6) in the map, ordered as a PoseEstimate's.
    """
    cells = _image_cells(points_normalized, options.columns, options.rows)
    estimates = [_homoscedastic(fit, options.min_sigma), _cluster_robust(fit, ray_of_point),
                 _cluster_robust(fit, cells)]
    factor = np.sqrt(options.reference_rays / (inlier_ratio * (1 + ray_of_point.max())))
    return np.asarray(symmetrise(np.mean(estimates, axis=0)) * factor)


def _image_cells(points_normalized: Floats, columns: int, rows: int) -> NDArray[np.intp]:
    """Assign points (N, 2) to the cells of a grid whose rows and columns hold equal numbers."""
    column, row = (np.searchsorted(_borders(values, count), values) for values, count in zip(
        points_normalized.T, (columns, rows), strict=True))
    return np.asarray(column * rows + row)


def _borders(values: Floats, count: int) -> Floats:
    """Return the quantiles that divide values into parts of equal number: as np.quantile."""
    positions = np.arange(1, count) / count * (len(values) - 1)
    ordered, below = np.sort(values), positions.astype(np.intp)
    above = np.minimum(below + 1, len(values) - 1)
    return np.asarray(ordered[below] + (positions - below) * (ordered[above] - ordered[below]))


def _homoscedastic(fit: Linearisation, min_sigma: float) -> Floats:
    """Compute the covariance where all rays err independently, with one variance."""
    weights = fit.weights * fit.multiplicity_weights  # points on one ray are one observation
    variance = np.sum(weights * np.sum(np.square(fit.residuals), axis=1)) / (2 * np.sum(weights))
    return np.asarray(np.linalg.inv(information_matrix(fit.jacobian, weights))
                      * max(variance, min_sigma ** 2), np.float64)


def _cluster_robust(fit: Linearisation, clusters: NDArray[np.intp]) -> Floats:
    """Compute the sandwich covariance where errors correlate within clusters, not between."""
    names, which = np.unique(clusters, return_inverse=True)
    scores = np.column_stack([np.bincount(which, column) for column in fit.scores.T])
    small_sample = len(names) / max(len(names) - 1, 1)
    return np.asarray(fit.inverse @ (scores.T @ scores) @ fit.inverse * small_sample, np.float64)
