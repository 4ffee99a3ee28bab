"""How far off refined poses are, on training images that the landmarks are not from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.geometry.lie import pose_error
from posenet_ros.geometry.pose import Pose
from posenet_ros.imaging.files import read_image
from posenet_ros.inference.calibration import Calibration
from posenet_ros.inference.prediction import Prediction
from posenet_ros.landmarks.absolute_pose import Resection
from posenet_ros.landmarks.features import detect, Features, size_of
from posenet_ros.landmarks.landmark_map import Landmarks
from posenet_ros.landmarks.localiser import Refiner
from posenet_ros.training.data.augment import Augmenter
from posenet_ros.training.data.datasets import Dataset
from posenet_ros.training.data.view_pairs import helpers, Walked
from posenet_ros.training.fitting.calibration import power_of, scales
from posenet_ros.training.fitting.presets import Preset
from posenet_ros.training.landmarks.triangulation import landmarks_of
from posenet_ros.uncertainty.covariance import enlargement
from posenet_ros.utils.parallel import ordered_map
from tqdm import tqdm

FEWEST_REFINED = 10  # poses that tell the covariance's factors
MOST_LEFT_OUT = 300  # images that are refined by all others
MOST_ACROSS = 200  # images that are refined by other walks
POWERS = tuple(np.arange(0, 2.25, 0.25).tolist())
SURE = 1.0  # standard errors that misfits have to explain the errors better by; 2 % do by chance
CAUTIOUS = 2.0  # factor where they cannot: of the scenes that were tried, 1 to 2


def compared(found: Resection | None, truth: Pose) -> Floats:
    """Return (2, 6): the errors, metres and radians, and what was expected of them; else NaN."""
    if found is None:
        return np.full((2, 6), np.nan)
    return np.stack([pose_error(found.map_from_camera, truth),
                     np.sqrt(np.diag(found.covariance))])


def answered(rows: Floats) -> NDArray[np.bool_]:
    """Return which of (N, 2, 6) rows are of refined poses, (N,)."""
    return np.isfinite(rows[:, 0, 0])


def ratios(rows: Floats) -> Floats:
    """Return (K, 6) the errors of those that were refined, in what was expected."""
    known = rows[answered(rows)]
    return known[:, 0] / known[:, 1]


def refined_errors(refiner: Refiner, said: Prediction, dataset: Dataset,
                   features: Sequence[Features]) -> Floats:
    """
    Refine what a network said of images.

    :param features: of the images.
    :returns: (N, 2, 6) as of :func:`compared`.
    """
    def one(index: int) -> Floats:
        found = refiner.refine(
            features[index], Pose(said.position_m[index], said.quat_xyzw[index]),
            None if said.descriptor is None else said.descriptor[index])
        return compared(found, dataset.samples[index].map_from_camera)

    return np.reshape(list(ordered_map(one, range(len(features)))), (-1, 2, 6))


def left_out(found: Landmarks, features: Sequence[Features], cameras: Walked) -> Floats:
    """
    Refine the pose of training images by what all others have seen, with a progress bar.

    The landmarks that an image helped to place are placed anew without it: they would lie where
    its own rays and its own pose put them, and it would seem to be refined better than it is.

    :param features: of the images, and `cameras` where these were.
    :returns: (V, 2, 6) as of :func:`compared`; of very many images some are not refined.
    """
    count = len(features)
    helped = [helpers(view, cameras) for view in range(count)]
    rows = np.full((count, 2, 6), np.nan)
    chosen = range(0, count, -(-count // MOST_LEFT_OUT))

    def one(view: int) -> Floats:
        others = found.instead({i: landmarks_of(i, features, cameras, hidden=view)
                                for i in range(count) if view in helped[i]})
        truth = found.pose(view)
        return compared(Refiner(others, np.empty((0, 0))).without(view).refine(
            features[view], truth), truth)

    rows[chosen] = list(tqdm(ordered_map(one, chosen), total=len(chosen), unit='img',
                             desc='left out', disable=None, dynamic_ncols=True))
    return rows


def fitted(found: Landmarks, rows: Floats) -> tuple[Landmarks, float, Floats]:
    """
    Learn where in the place refined poses fit less well.

    :param rows: what :func:`left_out` returned.
    :returns: the landmarks with their misfits; the power of these that explains the errors best,
        as the neighbours of each image say; the rows with what is expected then.
    """
    known = np.flatnonzero(answered(rows))
    if len(known) < FEWEST_REFINED:
        return found, 0.0, rows
    sizes = np.full(len(rows), np.nan)
    sizes[known] = np.sqrt(np.mean(np.square(ratios(rows)), axis=1))
    found = replace(found, misfits=(sizes / np.median(sizes[known])).astype(np.float32))
    refiner = Refiner(found, np.empty((0, 0)))
    scores = np.array([refiner.without(view).misfit(found.pose(view)) for view in known])
    power = power_of(rows[known, 0], rows[known, 1], scores, POWERS, SURE)
    rows = rows.copy()
    rows[known, 1] *= enlargement(scores, power)[:, np.newaxis]
    return found, power, rows


def across_walks(found: Landmarks, power: float, kept: Dataset,
                 features: Sequence[Features]) -> Floats:
    """
    Refine poses of each training walk by what the other walks have seen.

    :param found: the landmarks of `kept`, and `features` those of its images.
    :param power: of the misfits.
    :returns: (N, 2, 6) as of :func:`compared`; none where there is but one walk.
    """
    walks = np.array([s.sequence for s in kept.samples])
    parts = [np.empty((0, 2, 6))]
    for walk in np.unique(walks):
        others, own = np.flatnonzero(walks != walk), np.flatnonzero(walks == walk)
        if len(others):
            chosen = own[::-(-len(walks) // MOST_ACROSS)]
            part = kept.subset(chosen)
            parts.append(refined_errors(
                Refiner(found.only(others), np.empty((0, 0)), power),
                Prediction(part.positions_m, part.quats_xyzw), part,
                [features[i] for i in chosen]))
    return np.concatenate(parts)


def spoilt_features(dataset: Dataset, preset: Preset) -> list[Features]:
    """Find the features of all images in another light, blurred and noisy as in training."""
    camera = dataset.camera.scaled(*size_of(*dataset.camera.size))
    augmenter = Augmenter(preset.augmentation(), camera, camera, preset.seed)

    def one(index: int) -> Features:
        image = cv2.resize(read_image(dataset.samples[index].path), camera.size,
                           interpolation=cv2.INTER_AREA)
        rng = np.random.default_rng([preset.seed, index])
        return detect(augmenter.appearance(np.asarray(image, np.uint8), rng), camera)

    return list(ordered_map(one, range(len(dataset.samples))))


def calibrated(calibration: Calibration, power: float, **rows: Floats,
               ) -> tuple[Calibration, dict[str, Any]]:
    """
    Return the calibration with the factors of refined poses, and what was measured.

    :param power: of the misfits.
    :param rows: (N, 2, 6) as of :func:`compared`, by the name of what was refined.
    """
    found = np.concatenate([ratios(part) for part in rows.values()])
    enough = len(found) >= FEWEST_REFINED
    factors = scales(found, heavy_tails=True) if enough else (CAUTIOUS,) * 6
    return replace(calibration, refined_scale=factors, misfit_power=power), {
        f'{name}_refined': int(answered(part).sum()) for name, part in rows.items()}
