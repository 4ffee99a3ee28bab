"""Calibrate the covariance of poses by landmarks on walks that are left out of the map."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.landmarks.landmark_map import LandmarkMap
from posenet_ros.landmarks.localiser import LandmarkLocaliser
from posenet_ros.training.data.datasets import Dataset
from posenet_ros.training.fitting.calibration import fit_coverage_scales, fit_score_power
from posenet_ros.training.landmarks.held_out.poses import HeldOutPoses
from posenet_ros.training.landmarks.mapping import MappedDataset
from posenet_ros.training.landmarks.options import MappingOptions, ValidationOptions
from posenet_ros.training.landmarks.validation import (
    Indices,
    localise_held_out,
    validation_folds,
)
from posenet_ros.uncertainty.pose_scores import PoseScores, sigma_factors


@dataclass(frozen=True, eq=False)
class CalibratedMap:
    """
    A map whose poses have calibrated covariances.

    :param landmark_map: with the pose residual ratios of the images that were held out.
    :param sigma_scales: (6,) `refined_scale` of a Calibration.
    :param tracked_scales: (6,) its `tracked_scale`, or none where the images are too far apart.
    :param powers: of the scores of a pose.
    """

    landmark_map: LandmarkMap
    sigma_scales: tuple[float, ...]
    held_out: HeldOutPoses
    powers: PoseScores = field(default_factory=lambda: PoseScores(0.0, 0.0, 0.0))
    tracked_scales: tuple[float, ...] = ()

    @property
    def calibration(self) -> Mapping[str, Any]:
        """Return what a Calibration holds of it, by field."""
        residual_ratio, distance, inlier_ratio = self.powers
        return {'refined_scale': self.sigma_scales, 'tracked_scale': self.tracked_scales,
                'misfit_power': residual_ratio,
                'distance_power': distance, 'inlier_ratio_power': inlier_ratio}


def calibrate_map(mapped: MappedDataset, options: MappingOptions | None = None) -> CalibratedMap:
    """
    Calibrate the poses found in a map on images whose walk is left out of it.

    Left out are whole walks, one after another; where there is one walk alone, or too few images
    of a walk are localised by the others, blocks of images.
    """
    options = options or MappingOptions()
    held_out = hold_walks_out(mapped.dataset, options.validation, lambda folds: localise_held_out(
        mapped, folds, options))
    return fit_calibration(held_out, mapped.landmark_map, options.validation)


def hold_walks_out(dataset: Dataset, options: ValidationOptions,
                   localise: Callable[[Sequence[Indices]], HeldOutPoses]) -> HeldOutPoses:
    """
    Localise images by maps without their walk, or without blocks where that is too little.

    :param localise: localises images by maps without those that are held out together.
    """
    *of_walks, of_blocks = validation_folds(dataset, options)
    if of_walks:
        held_out = localise(of_walks)
        if held_out.localised.sum() >= options.min_localised:
            return held_out
    return localise([of_blocks])


def fit_calibration(held_out: HeldOutPoses, landmark_map: LandmarkMap,
                    options: ValidationOptions) -> CalibratedMap:
    """
    Fit the calibration of a map's poses to those of images that were held out.

    :param landmark_map: of all images.
    """
    ratios = pose_residual_ratios(held_out, len(landmark_map.views))
    landmark_map = replace(landmark_map, views=replace(
        landmark_map.views, pose_residual_ratios=ratios))
    powers, factors = fit_powers(held_out, landmark_map, options)
    residuals = normalised_residuals(held_out) / factors[:, np.newaxis]
    scales: tuple[float, ...] = (options.fallback_scale,) * 6
    if len(residuals) >= options.min_localised:
        scales = fit_coverage_scales(residuals)
    return CalibratedMap(landmark_map, scales, held_out, powers,
                         fit_tracked_scales(held_out.tracked.rows, options))


def fit_tracked_scales(rows: Floats, options: ValidationOptions) -> tuple[float, ...]:
    """Fit the scales of the sigmas of tracked poses to rows (T, 2, 6); none to too few."""
    if len(rows) < options.min_localised:
        return ()
    return fit_coverage_scales(rows[:, 0] / rows[:, 1])


def normalised_residuals(held_out: HeldOutPoses) -> Floats:
    """Divide the errors of the localised images by their sigmas, (K, 6)."""
    known = held_out.rows[held_out.localised]
    return np.asarray(known[:, 0] / known[:, 1], np.float64)


def pose_residual_ratios(held_out: HeldOutPoses, count: int) -> NDArray[np.float32]:
    """
    Compute the pose residual ratios of the images that were held out.

    :param count: number V of views.
    :returns: (V,) with a median of 1; NaN where unknown.
    """
    ratios = np.full(count, np.nan, np.float32)
    sizes = np.sqrt(np.mean(np.square(normalised_residuals(held_out)), axis=1))
    if len(sizes):
        ratios[held_out.views[held_out.localised]] = sizes / np.median(sizes)
    return ratios


def fit_powers(held_out: HeldOutPoses, landmark_map: LandmarkMap,
               options: ValidationOptions) -> tuple[PoseScores, Floats]:
    """
    Fit the powers of the scores in the sigmas, one after another.

    That of the distance is fitted to poses with and without the views nearby, the others to poses
    as they are.

    :param landmark_map: with the pose residual ratios.
    :returns: the powers; the factors (K,) of the sigmas of the localised images.
    """
    known = held_out.select(held_out.localised)
    if len(known.views) < options.min_localised:
        return PoseScores(0.0, 0.0, 0.0), np.ones(len(known.views))
    scores = with_residual_ratios(known, landmark_map)
    far = known.far[np.isfinite(known.far[:, 0, 0])]
    both = np.concatenate([known.rows, far[:, :2]])
    distances = np.concatenate([scores[:, 1], far[:, 2, 1]])
    powers = PoseScores(0.0, fit_score_power(both[:, 0], both[:, 1], distances, options.powers),
                        0.0)
    powers = powers._replace(inlier_ratio=_fit_power(
        known, scores, powers, scores[:, 2], options.powers, 0))
    powers = powers._replace(residual_ratio=_fit_power(
        known, scores, powers, scores[:, 0], options.ratio_powers, options.min_standard_errors))
    return powers, sigma_factors(scores, powers)


def _fit_power(known: HeldOutPoses, scores: Floats, powers: PoseScores, own: Floats,
               candidates: Sequence[float], standard_errors: float) -> float:
    """Fit the power of one score `own` (N,), after those that are fitted already."""
    sigmas = known.rows[:, 1] * sigma_factors(scores, powers)[:, np.newaxis]
    return fit_score_power(known.rows[:, 0], sigmas, own, candidates, standard_errors)


def with_residual_ratios(known: HeldOutPoses, landmark_map: LandmarkMap) -> Floats:
    """
    Complete the scores (N, 3) of poses by their residual ratios.

    That of an image is predicted from those of the views near it that are not of its fold.

    :param landmark_map: with the pose residual ratios.
    """
    localiser, scores = LandmarkLocaliser(landmark_map), known.scores.copy()
    scores[:, 0] = [localiser.pose_residual_ratio(
        landmark_map.views.pose(view), exclude=known.views[known.folds == fold].tolist())
        for view, fold in zip(known.views, known.folds, strict=True)]
    return scores
