"""Localise images by maps that do not know their walk, and calibrate the poses by it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.errors import InputError
from posenet_ros.geometry.lie import pose_difference
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.landmark_map import LandmarkMap
from posenet_ros.landmarks.localiser import LandmarkLocaliser
from posenet_ros.landmarks.pnp.absolute_pose import AbsolutePose
from posenet_ros.training.data.datasets import Dataset
from posenet_ros.training.fitting.calibration import fit_score_power, fit_sigma_scales
from posenet_ros.training.landmarks.feature_cache import with_image
from posenet_ros.training.landmarks.mapping import make_map, MappedDataset, triangulate_matches
from posenet_ros.training.landmarks.options import MappingOptions, ValidationOptions
from posenet_ros.training.landmarks.reconstruction.pairs import cameras_of
from posenet_ros.training.landmarks.reconstruction.verified_matches import PairMatches
from posenet_ros.uncertainty.covariance import sigma_factor
from posenet_ros.utils.parallel import ordered_map
from posenet_ros.utils.progress import progress

Indices = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class HeldOutPoses:
    """
    Poses of images by maps without their walk.

    :param views: (N,) index of each image; `folds` (N,) of the map that did not know it.
    :param rows: (N, 2, 6) as of :func:`residual_and_sigma`, NaN without a pose.
    """

    views: Indices
    folds: Indices
    rows: Floats

    @property
    def localised(self) -> NDArray[np.bool_]:
        """(N,) mask of the images that have a pose."""
        return np.asarray(np.isfinite(self.rows[:, 0, 0]))

    def summary(self) -> dict[str, Any]:
        """Summarise them for the provenance."""
        sizes_m = np.linalg.norm(self.rows[self.localised, 0, :3], axis=1)
        return {'held_out': len(self.views), 'held_out_localised': int(self.localised.sum()),
                'held_out_position_m': float(np.median(sizes_m)) if len(sizes_m) else None}


@dataclass(frozen=True, eq=False)
class CalibratedMap:
    """
    A map whose poses have calibrated covariances.

    :param landmark_map: with the pose residual ratios of the images that were held out.
    :param sigma_scales: (6,) `refined_scale` of a Calibration; `residual_power` its misfit_power.
    """

    landmark_map: LandmarkMap
    sigma_scales: tuple[float, ...]
    residual_power: float
    held_out: HeldOutPoses


def calibrate_map(mapped: MappedDataset, options: MappingOptions | None = None) -> CalibratedMap:
    """
    Calibrate the poses found in a map on images whose walk is left out of it.

    Left out are whole walks, one after another; where there is one walk alone, or too few images
    of a walk are localised by the others, blocks of images.
    """
    options = options or MappingOptions()
    settings = options.validation
    held_out = localise_held_out(mapped, walks(mapped.dataset, settings), options)
    if held_out.localised.sum() < settings.min_localised:
        held_out = localise_held_out(mapped, [blocks(len(mapped.features), settings)], options)
    ratios = pose_residual_ratios(held_out, len(mapped.features))
    landmark_map = replace(mapped.landmark_map, views=replace(
        mapped.landmark_map.views, pose_residual_ratios=ratios))
    power, factors = fit_residual_power(held_out, landmark_map, settings)
    residuals = normalised_residuals(held_out) / factors[:, np.newaxis]
    scales: tuple[float, ...] = (settings.fallback_scale,) * 6
    if len(residuals) >= settings.min_localised:
        scales = fit_sigma_scales(residuals, heavy_tails=True)
    return CalibratedMap(landmark_map, scales, power, held_out)


def walks(dataset: Dataset, options: ValidationOptions) -> list[Indices]:
    """Choose walks to hold out, evenly by name: the indices of the images of each."""
    sequences = np.array([s.sequence for s in dataset.samples])
    names = np.unique(sequences)
    if len(names) < 2:
        return []
    chosen = np.unique(np.linspace(0, len(names) - 1, options.max_walks).round().astype(int))
    return [np.flatnonzero(sequences == name) for name in names[chosen]]


def blocks(count: int, options: ValidationOptions) -> Indices:
    """Choose evenly spaced blocks of `count` images to hold out: their indices."""
    place = np.arange(count) * options.blocks / max(count, 1) % 1  # within its part, 0 to 1
    return np.flatnonzero(np.abs(place - 0.5) < options.held_out_proportion / 2)


def localise_held_out(mapped: MappedDataset, folds: Sequence[Indices],
                      options: MappingOptions) -> HeldOutPoses:
    """
    Localise images by a map of all images but those of their fold, with a progress bar.

    Nothing of that map knows them: neither landmarks, nor mean descriptors, nor the vocabulary.
    (Poses that were refined are those of all images together.)

    :param folds: indices of the images that are held out together.
    """
    parts, views, numbers = [np.empty((0, 2, 6))], [np.empty(0, np.intp)], []
    most = -(-options.validation.max_images // max(len(folds), 1))
    for number, held in enumerate(folds):
        try:
            landmark_map = map_without(mapped, held, options)
        except InputError:  # the other images have too few landmarks
            continue
        chosen = held[::-(-len(held) // most)]
        parts.append(_localise(mapped, chosen, landmark_map))
        views.append(chosen)
        numbers += [number] * len(chosen)
    return HeldOutPoses(np.concatenate(views), np.array(numbers, np.intp), np.concatenate(parts))


def map_without(mapped: MappedDataset, held: Indices, options: MappingOptions) -> LandmarkMap:
    """
    Make the map of all images but the held-out ones, of matches among these alone.

    :raises InputError: on too few landmarks.
    """
    kept = np.setdiff1d(np.arange(len(mapped.features)), held)
    new = np.full(len(mapped.features), -1)
    new[kept] = np.arange(len(kept))
    matches = [PairMatches(int(new[one.first]), int(new[one.second]), one.keypoints)
               for one in mapped.matches if new[one.first] >= 0 and new[one.second] >= 0]
    dataset, features = mapped.dataset.subset(kept), [mapped.features[i] for i in kept]
    found = triangulate_matches([one.features for one in features], matches, cameras_of(dataset),
                                options, wide=mapped.check.wide)
    return make_map(dataset, features, found, options)


def _localise(mapped: MappedDataset, views: Indices, landmark_map: LandmarkMap) -> Floats:
    localiser = LandmarkLocaliser(landmark_map, complete=mapped.landmark_map.complete)

    def one(view: int) -> Floats:
        query = with_image(mapped.features[view], landmark_map.features)
        found = localiser.localise(query)
        return residual_and_sigma(found, mapped.dataset.samples[view].map_from_camera)

    return np.reshape(list(progress(
        ordered_map(one, views.tolist()), len(views), 'image', 'images of walks held out')),
        (-1, 2, 6))


def residual_and_sigma(estimate: AbsolutePose | None, truth: Pose) -> Floats:
    """Return the (2, 6) pose error and its sigmas, metres and radians; NaN without a pose."""
    if estimate is None:
        return np.full((2, 6), np.nan)
    return np.stack([pose_difference(estimate.map_from_camera, truth),
                     np.sqrt(np.diag(estimate.covariance))])


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


def fit_residual_power(held_out: HeldOutPoses, landmark_map: LandmarkMap,
                       options: ValidationOptions) -> tuple[float, Floats]:
    """
    Fit the power of the pose residual ratio in the sigmas.

    The ratio of an image is predicted from those of the views near it that are not of its fold.

    :param landmark_map: with the ratios.
    :returns: the power, 0 unless another is significantly better; the factors (K,) of the sigmas
        of the localised images.
    """
    known = np.flatnonzero(held_out.localised)
    if len(known) < options.min_localised:
        return 0.0, np.ones(len(known))
    localiser = LandmarkLocaliser(landmark_map)
    scores = np.array([localiser.pose_residual_ratio(
        landmark_map.views.pose(held_out.views[i]),
        exclude=held_out.views[held_out.folds == held_out.folds[i]].tolist()) for i in known])
    power = fit_score_power(held_out.rows[known, 0], held_out.rows[known, 1], scores,
                            options.powers, options.min_standard_errors)
    return power, np.asarray(sigma_factor(scores, power), np.float64)
