"""Find the landmarks of a place, and learn how far off poses by them are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from posenet_ros.errors import InputError
from posenet_ros.imaging.files import read_image
from posenet_ros.inference.artifact import LANDMARKS_FILE, LoadedArtifact, save
from posenet_ros.inference.calibration import Calibration
from posenet_ros.inference.engine import load_engine
from posenet_ros.inference.prediction import Prediction
from posenet_ros.inference.train_index import TrainIndex
from posenet_ros.landmarks import landmark_map
from posenet_ros.landmarks.features import detect, Features
from posenet_ros.landmarks.landmark_map import Landmarks
from posenet_ros.landmarks.localiser import Refiner
from posenet_ros.training.data.datasets import Dataset, Sample
from posenet_ros.training.data.images import thinned
from posenet_ros.training.data.view_pairs import usual_step_m, Walked, walked
from posenet_ros.training.fitting.cross_validation import held_out, Split, splits_of
from posenet_ros.training.fitting.presets import preset_of
from posenet_ros.training.landmarks.triangulation import landmarks_of
from posenet_ros.training.landmarks.validation import (
    across_walks,
    answered,
    Array,
    calibrated,
    fitted,
    left_out,
    refined_errors,
    spoilt_features,
)
from posenet_ros.utils.parallel import ordered_map
from tqdm import tqdm

FEWEST = 100  # landmarks of a scene


def features_of(dataset: Dataset) -> list[Features]:
    """Find the features of all images, with a progress bar."""
    def one(sample: Sample) -> Features:
        return detect(read_image(sample.path), dataset.camera)

    return list(tqdm(ordered_map(one, dataset.samples), total=len(dataset.samples), unit='img',
                     desc='features', disable=None, dynamic_ncols=True))


def cameras_of(dataset: Dataset) -> Walked:
    """Return where the images of a data set were taken."""
    poses = [s.map_from_camera for s in dataset.samples]
    return walked(poses, usual_step_m(poses, [s.sequence for s in dataset.samples]))


def find(dataset: Dataset, features: Sequence[Features], cameras: Walked) -> Landmarks:
    """
    Return the landmarks of a data set.

    :param features: of its images, and `cameras` where these were.
    :raises InputError: when the images hardly have any in common.
    """
    parts = list(tqdm(
        ordered_map(lambda i: landmarks_of(i, features, cameras), range(len(features))),
        total=len(features), unit='img', desc='landmarks', disable=None, dynamic_ncols=True))
    counts = [len(points) for points, _ in parts]
    if sum(counts) < FEWEST:
        raise InputError(f'{dataset.name}: the images have to see {FEWEST} landmarks in common. '
                         f'Received: {sum(counts)}')
    return Landmarks(dataset.positions_m, dataset.quats_xyzw,
                     np.concatenate([points for points, _ in parts]),
                     np.concatenate([descriptors for _, descriptors in parts]),
                     np.cumsum([0, *counts]).astype(np.int32),
                     np.full(len(features), np.nan, np.float32))


def guesses(loaded: LoadedArtifact, dataset: Dataset) -> Prediction:
    """Return what a model's network says of all images of a data set."""
    engine = load_engine(loaded)
    inputs = (loaded.preprocess(read_image(s.path), dataset.camera) for s in dataset.samples)
    said = [engine.predict(image[np.newaxis]) for image in inputs]
    return Prediction(*(None if parts[0] is None else np.concatenate(parts)
                        for parts in zip(*said, strict=True)))


def with_place_images(train: TrainIndex, splits: Sequence[Split]) -> TrainIndex:
    """
    Return the index of an older model folder, which did not say whose its descriptors are.

    :param splits: of the training; the descriptors are of the images that no network held out.
    """
    known = np.setdiff1d(np.arange(len(train.names)), held_out(splits))
    once = known[thinned(len(known))]
    if len(train.place_images) or len(train.places) % len(once):
        return train
    rounds = len(train.places) // len(once)
    return replace(train, place_images=np.tile(once, rounds).astype(np.int32))


def kept_refiner(found: Landmarks, power: float, train: TrainIndex,
                 kept: NDArray[np.intp]) -> Refiner:
    """Return what refines by the landmarks of those images alone."""
    which = np.full(len(train.names), -1)
    which[kept] = np.arange(len(kept))
    images = which[train.place_images]
    known = images >= 0
    return Refiner(found, train.places[known], power, images[known])


def measured(loaded: LoadedArtifact, dataset: Dataset, features: Sequence[Features],
             kept: NDArray[np.intp],
             held: NDArray[np.intp]) -> tuple[Calibration, Array, dict[str, Any]]:
    """
    Learn how far off refined poses are, with the landmarks of the images that are kept.

    :param features: of all images of the dataset.
    :param kept: indices of those whose landmarks are known, and `held` of the others.
    :returns: the calibration, the misfits of those that are kept, and what was measured.
    """
    part, others = dataset.subset(kept), dataset.subset(held)
    seen, cameras = [features[i] for i in kept], cameras_of(part)
    found = find(part, seen, cameras)
    found, power, own = fitted(found, left_out(found, seen, cameras))
    refiner, said = kept_refiner(found, power, loaded.train, kept), guesses(loaded, others)
    plain, spoilt = (refined_errors(refiner, said, others, one) for one in (
        [features[i] for i in held], spoilt_features(others, preset_of(loaded.provenance))))
    calibration, counts = calibrated(
        loaded.calibration, power, left_out=own, held_out=plain, held_out_spoilt=spoilt,
        across_walks=across_walks(found, power, part, seen))
    sizes_m = np.linalg.norm(plain[answered(plain), 0, :3], axis=1)
    return calibration, found.misfits, {
        'held_out': len(held), **counts,
        'held_out_position_m': float(np.median(sizes_m)) if len(sizes_m) else None}


def add(loaded: LoadedArtifact, dataset: Dataset, folder: Path) -> dict[str, Any]:
    """
    Find the landmarks of what a model was trained on, and write them into its folder.

    What is calibrated with the images that the training (or the first of several networks) held
    out is done with the landmarks of the others; those of all images are written.

    :param dataset: all training samples, those that the training held out among them.
    :param folder: of the model; its artifact.json is replaced.
    :returns: what was measured.
    :raises InputError: when the images hardly have any landmarks in common.
    """
    start = time.perf_counter()
    splits = splits_of(dataset, preset_of(loaded.provenance))
    loaded = replace(loaded, train=with_place_images(loaded.train, splits))
    kept, held = splits[0]  # with fewer landmarks poses would seem less sure than with all
    features = features_of(dataset)
    calibration, misfits, counts = measured(loaded, dataset, features, kept, held)
    found = find(dataset, features, cameras_of(dataset))
    found.misfits[kept] = misfits
    about = {'landmarks': len(found.points_m), **counts,
             'seconds': round(time.perf_counter() - start, 1)}
    landmark_map.save(found, folder / LANDMARKS_FILE)
    save(replace(loaded, calibration=calibration,
                 provenance={**loaded.provenance, 'landmarks': about}), folder)
    return about


def sentence(about: dict[str, Any]) -> str:
    """Return what was measured, for the terminal."""
    median = '' if about['held_out_position_m'] is None else (
        f', {about["held_out_position_m"]:.2f} m in the median')
    return (f'landmarks: {about["landmarks"]}; {about["held_out_refined"]} of '
            f'{about["held_out"]} held-out images refined{median}; {about["seconds"]:.0f} s')
