"""Map the landmarks of a place, and calibrate the poses found by them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats32
from posenet_ros.errors import InputError
from posenet_ros.imaging.files import read_image
from posenet_ros.inference.artifact import LANDMARKS_FILE, LoadedArtifact, save
from posenet_ros.inference.calibration import Calibration
from posenet_ros.inference.engine import load_engine
from posenet_ros.inference.prediction import Prediction
from posenet_ros.inference.train_index import TrainIndex
from posenet_ros.landmarks import landmark_file
from posenet_ros.landmarks.features import detect, Features
from posenet_ros.landmarks.landmark_map import LandmarkMap, per_view_map
from posenet_ros.landmarks.localiser import LandmarkLocaliser
from posenet_ros.training.data.datasets import Dataset, Sample
from posenet_ros.training.data.images import subsample
from posenet_ros.training.data.view_pairs import make_view_set, median_step_m, ViewSet
from posenet_ros.training.fitting.cross_validation import make_splits, Split, validation_indices
from posenet_ros.training.fitting.presets import preset_of
from posenet_ros.training.landmarks.triangulation import triangulate_view
from posenet_ros.training.landmarks.validation import (
    augmented_features,
    calibrate_localiser,
    fit_residual_ratios,
    is_localised,
    leave_one_out,
    leave_one_sequence_out,
    localisation_errors,
)
from posenet_ros.utils.parallel import ordered_map
from posenet_ros.utils.progress import progress

MIN_LANDMARKS = 100  # landmarks of a scene


def detect_all(dataset: Dataset) -> list[Features]:
    """Detect the features of all images, with a progress bar."""
    def one(sample: Sample) -> Features:
        return detect(read_image(sample.path), dataset.camera)

    return list(progress(
        ordered_map(one, dataset.samples), len(dataset.samples), 'image', 'features'))


def view_set(dataset: Dataset) -> ViewSet:
    """Return the camera poses of a dataset as a view set."""
    poses = [s.map_from_camera for s in dataset.samples]
    return make_view_set(poses, median_step_m(poses, [s.sequence for s in dataset.samples]))


def triangulate_all(dataset: Dataset, features: Sequence[Features], cameras: ViewSet) -> LandmarkMap:
    """
    Triangulate the landmarks of a dataset, with a progress bar.

    :param features: of its images; `cameras` their view set.
    :raises InputError: on fewer than MIN_LANDMARKS.
    """
    parts = list(progress(
        ordered_map(lambda i: triangulate_view(i, features, cameras), range(len(features))),
        len(features), 'image', 'landmarks'))
    counts = [len(points) for points, _ in parts]
    if sum(counts) < MIN_LANDMARKS:
        raise InputError(f'{dataset.name}: the images have to see {MIN_LANDMARKS} landmarks in '
                         f'common. Received: {sum(counts)}')
    return per_view_map(dataset.positions_m, dataset.quats_xyzw,
                     np.concatenate([points for points, _ in parts]),
                     np.concatenate([descriptors for _, descriptors in parts]),
                     np.cumsum([0, *counts]).astype(np.int32),
                     np.full(len(features), np.nan, np.float32))


def predict_dataset(loaded: LoadedArtifact, dataset: Dataset) -> Prediction:
    """Predict the poses and descriptors of all images of a dataset with a model's network."""
    engine = load_engine(loaded)
    inputs = (loaded.preprocess(read_image(s.path), dataset.camera) for s in dataset.samples)
    outputs = [engine.predict(image[np.newaxis]) for image in inputs]
    joined: list[Any] = [None if parts[0] is None else np.concatenate(parts)
                         for parts in zip(*outputs, strict=True)]
    return Prediction(*joined)


def with_place_images(train: TrainIndex, splits: Sequence[Split]) -> TrainIndex:
    """
    Complete the training index of an older model folder, which lacks `place_images`.

    :param splits: of the training; the descriptors are of the images that no fold held out.
    """
    known = np.setdiff1d(np.arange(len(train.names)), validation_indices(splits))
    once = known[subsample(len(known))]
    if len(train.place_images) or len(train.global_descriptors) % len(once):
        return train
    rounds = len(train.global_descriptors) // len(once)
    return replace(train, place_images=np.tile(once, rounds).astype(np.int32))


def localiser_without_held_out(landmarks: LandmarkMap, power: float, train: TrainIndex,
                               kept: NDArray[np.intp]) -> LandmarkLocaliser:
    """Return a localiser by the landmarks of the kept images alone."""
    which = np.full(len(train.names), -1)
    which[kept] = np.arange(len(kept))
    images = which[train.place_images]
    known = images >= 0
    return LandmarkLocaliser(landmarks, train.global_descriptors[known], power, images[known])


def validate(loaded: LoadedArtifact, dataset: Dataset, features: Sequence[Features],
             kept: NDArray[np.intp],
             held: NDArray[np.intp]) -> tuple[Calibration, Floats32, dict[str, Any]]:
    """
    Calibrate landmark poses on held-out images, with the landmarks of the kept ones.

    :param features: of all images of the dataset.
    :param kept: indices of the mapped images; `held` of the held-out ones.
    :returns: the calibration, the pose residual ratios of the kept images, and the number of
        localised images and their median error for the provenance.
    """
    part, others = dataset.subset(kept), dataset.subset(held)
    seen, cameras = [features[i] for i in kept], view_set(part)
    landmarks = triangulate_all(part, seen, cameras)
    landmarks, power, own = fit_residual_ratios(landmarks, leave_one_out(landmarks, seen, cameras))
    localiser = localiser_without_held_out(landmarks, power, loaded.train, kept)
    priors = predict_dataset(loaded, others)
    plain, augmented = (localisation_errors(localiser, priors, others, one) for one in (
        [features[i] for i in held], augmented_features(others, preset_of(loaded.provenance))))
    calibration, counts = calibrate_localiser(
        loaded.calibration, power, {
            'left_out': own, 'held_out': plain, 'held_out_spoilt': augmented,
            'across_walks': leave_one_sequence_out(landmarks, power, part, seen)})
    sizes_m = np.linalg.norm(plain[is_localised(plain), 0, :3], axis=1)
    return calibration, landmarks.views.pose_residual_ratios, {
        'held_out': len(held), **counts,
        'held_out_position_m': float(np.median(sizes_m)) if len(sizes_m) else None}


def add_landmarks(loaded: LoadedArtifact, dataset: Dataset, folder: Path) -> dict[str, Any]:
    """
    Map the landmarks of a model's training images, and write them into its folder.

    Calibration uses the landmarks of the images of the first fold and the validation images that
    it held out; the map written is of all images.

    :param dataset: all training samples, held-out ones included.
    :param folder: of the model; its artifact.json is replaced.
    :returns: counts and errors for the provenance.
    :raises InputError: on fewer than MIN_LANDMARKS.
    """
    start = time.perf_counter()
    splits = make_splits(dataset, preset_of(loaded.provenance))
    loaded = replace(loaded, train=with_place_images(loaded.train, splits))
    kept, held = splits[0]  # one fold: with fewer landmarks sigmas would be too large
    features = detect_all(dataset)
    calibration, ratios, counts = validate(loaded, dataset, features, kept, held)
    landmarks = triangulate_all(dataset, features, view_set(dataset))
    landmarks.views.pose_residual_ratios[kept] = ratios
    about = {'landmarks': len(landmarks.points_m), **counts,
             'seconds': round(time.perf_counter() - start, 1)}
    landmark_file.save(landmarks, folder / LANDMARKS_FILE)
    save(replace(loaded, calibration=calibration,
                 provenance={**loaded.provenance, 'landmarks': about}), folder)
    return about


def summary_line(about: dict[str, Any]) -> str:
    """Summarise the map and its validation in one line for the terminal."""
    median = '' if about['held_out_position_m'] is None else (
        f', {1000 * about["held_out_position_m"]:.0f} mm in the median')
    return (f'landmarks: {about["landmarks"]}; {about["held_out_refined"]} of '
            f'{about["held_out"]} held-out images refined{median}; {about["seconds"]:.0f} s')
