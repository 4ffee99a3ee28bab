"""Validate landmark poses by leave-one-out, and calibrate their covariance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.geometry.lie import pose_difference
from posenet_ros.geometry.pose import Pose
from posenet_ros.imaging.files import read_image
from posenet_ros.inference.calibration import Calibration
from posenet_ros.inference.prediction import Prediction
from posenet_ros.landmarks.absolute_pose import AbsolutePose
from posenet_ros.landmarks.features import detect, detection_size, Features
from posenet_ros.landmarks.landmark_map import LandmarkMap
from posenet_ros.landmarks.localiser import LandmarkLocaliser
from posenet_ros.training.data.augment import Augmenter
from posenet_ros.training.data.datasets import Dataset
from posenet_ros.training.data.view_pairs import matching_views, ViewSet
from posenet_ros.training.fitting.calibration import fit_score_power, fit_sigma_scales
from posenet_ros.training.fitting.presets import Preset
from posenet_ros.training.landmarks.triangulation import triangulate_view
from posenet_ros.uncertainty.covariance import sigma_factor
from posenet_ros.utils.parallel import ordered_map
from posenet_ros.utils.progress import progress

MIN_LOCALISED = 10  # poses to fit the sigma scales to
MAX_LEFT_OUT = 300  # images of leave-one-out
MAX_ACROSS = 200  # images of leave-one-sequence-out, over all sequences
POWERS = tuple(np.arange(0, 2.25, 0.25).tolist())
MIN_STANDARD_ERRORS = 1.0  # by which a power has to be better than none; 2 % are by chance
FALLBACK_SCALE = 2.0  # sigma scale with fewer poses: of the scenes that were tried, 1 to 2


def residual_and_sigma(estimate: AbsolutePose | None, truth: Pose) -> Floats:
    """Return the (2, 6) pose error and its sigmas, metres and radians; NaN without a pose."""
    if estimate is None:
        return np.full((2, 6), np.nan)
    return np.stack([pose_difference(estimate.map_from_camera, truth),
                     np.sqrt(np.diag(estimate.covariance))])


def is_localised(rows: Floats) -> NDArray[np.bool_]:
    """Return a mask (N,) of the (N, 2, 6) rows that have a pose."""
    return np.isfinite(rows[:, 0, 0])


def normalised_residuals(rows: Floats) -> Floats:
    """Divide the errors of the localised rows by their sigmas, (K, 6)."""
    known = rows[is_localised(rows)]
    return known[:, 0] / known[:, 1]


def localisation_errors(localiser: LandmarkLocaliser, priors: Prediction, dataset: Dataset,
                        features: Sequence[Features]) -> Floats:
    """
    Localise the images of a dataset by landmarks.

    :param priors: the network's predictions, from which the views are retrieved.
    :param features: of the images.
    :returns: (N, 2, 6) as of :func:`residual_and_sigma`.
    """
    def one(index: int) -> Floats:
        estimate = localiser.localise(
            features[index], Pose(priors.position_m[index], priors.quat_xyzw[index]),
            None if priors.descriptor is None else priors.descriptor[index])
        return residual_and_sigma(estimate, dataset.samples[index].map_from_camera)

    return np.reshape(list(ordered_map(one, range(len(features)))), (-1, 2, 6))


def with_views(landmarks: LandmarkMap,
               seen: Mapping[int, tuple[NDArray[np.float32], NDArray[np.uint8]]]) -> LandmarkMap:
    """Replace the landmarks (K, 3), metres, and descriptors of some views."""
    points, descriptors = zip(*(
        seen.get(i, (landmarks.points_m[start:end], landmarks.descriptors[start:end]))
        for i, (start, end) in enumerate(pairwise(landmarks.starts))), strict=True)
    starts, count = np.cumsum([0, *map(len, points)]).astype(np.int32), sum(map(len, points))
    return replace(landmarks, points_m=np.concatenate(points), starts=starts,
                   descriptors=np.concatenate(descriptors), seen=np.arange(count, dtype=np.int32))


def leave_one_out(landmarks: LandmarkMap, features: Sequence[Features], cameras: ViewSet) -> Floats:
    """
    Localise each training image by the landmarks of all others, with a progress bar.

    Landmarks that the image helped to triangulate are triangulated without it: else they would
    fit its own rays and pose, and its error would be underestimated.

    :param features: of the images; `cameras` their view set.
    :returns: (V, 2, 6) from :func:`residual_and_sigma`; NaN beyond MAX_LEFT_OUT images.
    """
    count = len(features)
    helped = [matching_views(view, cameras) for view in range(count)]
    rows = np.full((count, 2, 6), np.nan)
    chosen = range(0, count, -(-count // MAX_LEFT_OUT))

    def one(view: int) -> Floats:
        others = with_views(landmarks, {i: triangulate_view(i, features, cameras, hidden=view)
                                        for i in range(count) if view in helped[i]})
        truth = landmarks.views.pose(view)
        found = LandmarkLocaliser(others).localise(features[view], truth, exclude=[view])
        return residual_and_sigma(found, truth)

    rows[chosen] = list(progress(
        ordered_map(one, chosen), len(chosen), 'image', 'landmarks, each image left out'))
    return rows


def fit_residual_ratios(landmarks: LandmarkMap, rows: Floats) -> tuple[LandmarkMap, float, Floats]:
    """
    Fit the pose residual ratio of each view, and its power in the sigmas.

    :param rows: (V, 2, 6) from :func:`leave_one_out`.
    :returns: the landmarks with their ratios; the power of the ratio, predicted from neighbouring
        views, that explains the errors best; the rows with the sigmas that follow.
    """
    known: list[int] = np.flatnonzero(is_localised(rows)).tolist()
    if len(known) < MIN_LOCALISED:
        return landmarks, 0.0, rows
    sizes = np.full(len(rows), np.nan)
    sizes[known] = np.sqrt(np.mean(np.square(normalised_residuals(rows)), axis=1))
    ratios = (sizes / np.median(sizes[known])).astype(np.float32)
    landmarks = replace(landmarks, views=replace(
        landmarks.views, pose_residual_ratios=ratios))
    localiser = LandmarkLocaliser(landmarks)
    scores = np.array([localiser.pose_residual_ratio(landmarks.views.pose(view), exclude=[view])
                       for view in known])
    power = fit_score_power(rows[known, 0], rows[known, 1], scores, POWERS, MIN_STANDARD_ERRORS)
    rows = rows.copy()
    rows[known, 1] *= sigma_factor(scores, power)[:, np.newaxis]
    return landmarks, power, rows


def leave_one_sequence_out(landmarks: LandmarkMap, power: float, kept: Dataset,
                           features: Sequence[Features]) -> Floats:
    """
    Localise the images of each training sequence by the landmarks of the other sequences.

    :param landmarks: the landmarks of `kept`; `features` of its images.
    :param power: of the pose residual ratio.
    :returns: (N, 2, 6) from :func:`residual_and_sigma`; empty with a single sequence.
    """
    sequences = np.array([s.sequence for s in kept.samples])
    parts = [np.empty((0, 2, 6))]
    for sequence in np.unique(sequences):
        others = np.flatnonzero(sequences != sequence)
        own = np.flatnonzero(sequences == sequence)
        if len(others):
            chosen = own[::-(-len(sequences) // MAX_ACROSS)]
            part = kept.subset(chosen)
            parts.append(localisation_errors(
                LandmarkLocaliser(landmarks.select_views(others), pose_residual_power=power),
                Prediction(part.positions_m, part.quats_xyzw), part,
                [features[i] for i in chosen]))
    return np.concatenate(parts)


def augmented_features(dataset: Dataset, preset: Preset) -> list[Features]:
    """Detect the features of all images with the appearance augmentation of the training."""
    camera = dataset.camera.scaled(*detection_size(*dataset.camera.size))
    augmenter = Augmenter(preset.augmentation, camera, camera, preset.seed)

    def one(index: int) -> Features:
        image = cv2.resize(read_image(dataset.samples[index].path), camera.size,
                           interpolation=cv2.INTER_AREA)
        rng = np.random.default_rng([preset.seed, index])
        return detect(augmenter.appearance(np.asarray(image, np.uint8), rng), camera)

    return list(ordered_map(one, range(len(dataset.samples))))


def calibrate_localiser(calibration: Calibration, power: float, rows: Mapping[str, Floats],
                        ) -> tuple[Calibration, dict[str, Any]]:
    """
    Complete the calibration with the sigma scales of landmark poses; count the localised images.

    :param power: of the pose residual ratio.
    :param rows: (N, 2, 6) from :func:`residual_and_sigma`, by the name of the validation.
    """
    residuals = np.concatenate([normalised_residuals(part) for part in rows.values()])
    scales = (fit_sigma_scales(residuals, heavy_tails=True) if len(residuals) >= MIN_LOCALISED
              else (FALLBACK_SCALE,) * 6)
    return replace(calibration, refined_scale=scales, misfit_power=power), {
        f'{name}_refined': int(is_localised(part).sum()) for name, part in rows.items()}
