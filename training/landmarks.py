"""
Find the landmarks of a place, by which poses are refined.

Training does this at its end where the preset says so; this command does it to a finished
model folder. Features of an image are matched with those of its neighbours; where several cameras
see the same spot, their rays meet in a landmark. The cameras' poses are those of the data set.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
import shutil
import sys
import time
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from posenet_ros import landmarks
from posenet_ros.artifact import LANDMARKS_FILE, load, LoadedArtifact, save
from posenet_ros.engine import load_engine
from posenet_ros.errors import InputError, run_cli
from posenet_ros.image_files import read_image
from posenet_ros.landmarks import Landmarks, Refiner
from posenet_ros.local_features import detect, Features, size_of
from posenet_ros.output import check_new, new_folder
from posenet_ros.pose import Pose
from posenet_ros.prediction import Prediction
from posenet_ros.runner import ordered_map
from posenet_ros.smoothing import pose_error
from tqdm import tqdm
from training.augment import Augmenter
from training.datasets import Dataset, read_dataset, Sample
from training.depth import usual_step_m
from training.int8 import check_dataset
from training.loop import hold_out
from training.presets import Preset, preset_of
from training.sigmas import scales
from training.triangulation import landmarks_of, walked

Array = NDArray[np.float64]

FEWEST = 100  # landmarks of a scene
FEWEST_REFINED = 10  # poses that tell the covariance's factors
MOST_ACROSS = 200  # images that are refined by other walks
CAUTIOUS = 2.0  # factor where they cannot: of the scenes that were tried, 1 to 2


def features_of(dataset: Dataset, words: str) -> list[Features]:
    """Find the features of all images, with a progress bar."""
    def one(sample: Sample) -> Features:
        return detect(read_image(sample.path), dataset.camera)

    return list(tqdm(ordered_map(one, dataset.samples), total=len(dataset.samples), unit='img',
                     desc=words, disable=None, dynamic_ncols=True))


def find(dataset: Dataset, features: Sequence[Features]) -> Landmarks:
    """
    Return the landmarks of a data set.

    :param features: of its images.
    :raises InputError: when the images hardly have any in common.
    """
    poses = [s.map_from_camera for s in dataset.samples]
    cameras = walked(poses, usual_step_m(poses, [s.sequence for s in dataset.samples]))
    parts = list(tqdm(
        ordered_map(lambda i: landmarks_of(i, features, cameras), range(len(poses))),
        total=len(poses), unit='img', desc='landmarks', disable=None, dynamic_ncols=True))
    counts = [len(points) for points, _ in parts]
    if sum(counts) < FEWEST:
        raise InputError(f'{dataset.name}: the images have to see {FEWEST} landmarks in common. '
                         f'Received: {sum(counts)}')
    return Landmarks(dataset.positions_m, dataset.quats_xyzw,
                     np.concatenate([points for points, _ in parts]),
                     np.concatenate([descriptors for _, descriptors in parts]),
                     np.cumsum([0, *counts]).astype(np.int32))


def guesses(loaded: LoadedArtifact, dataset: Dataset) -> Prediction:
    """Return what a model's network says of all images of a data set."""
    engine = load_engine(loaded)
    inputs = (loaded.preprocess(read_image(s.path), dataset.camera) for s in dataset.samples)
    said = [engine.predict(image[np.newaxis]) for image in inputs]
    return Prediction(*(None if parts[0] is None else np.concatenate(parts)
                        for parts in zip(*said, strict=True)))


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


def refined_errors(refiner: Refiner, said: Prediction, dataset: Dataset,
                   features: Sequence[Features]) -> tuple[Array, Array]:
    """
    Refine what a network said of images.

    :returns: (K, 6) errors of those that were refined, metres and radians; (K, 6) what the
        residuals say of them.
    """
    errors: list[Array] = []
    sigmas: list[Array] = []
    for i, sample in enumerate(dataset.samples):
        found = refiner.refine(features[i], Pose(said.position_m[i], said.quat_xyzw[i]),
                               None if said.descriptor is None else said.descriptor[i])
        if found is None:
            continue
        errors.append(pose_error(found.map_from_camera, sample.map_from_camera))
        sigmas.append(np.sqrt(np.diag(found.covariance)))
    return np.reshape(errors, (-1, 6)), np.reshape(sigmas, (-1, 6))


def across_walks(found: Landmarks, kept: Dataset,
                 features: Sequence[Features]) -> tuple[Array, Array]:
    """
    Refine poses of each training walk by what the other walks have seen.

    :param found: the landmarks of `kept`, and `features` those of its images.
    :returns: as :func:`refined_errors`; nothing where there is but one walk.
    """
    walks = np.array([s.sequence for s in kept.samples])
    parts = [(np.empty((0, 6)), np.empty((0, 6)))]
    for walk in np.unique(walks):
        others, own = np.flatnonzero(walks != walk), np.flatnonzero(walks == walk)
        if len(others):
            chosen = own[::-(-len(walks) // MOST_ACROSS)]
            part = kept.subset(chosen)
            parts.append(refined_errors(
                Refiner(found.only(others), np.empty((0, 0))),
                Prediction(part.positions_m, part.quats_xyzw), part,
                [features[i] for i in chosen]))
    return tuple(np.concatenate(arrays) for arrays in zip(*parts, strict=True))


def calibrated(refiner: Refiner, said: Prediction, held: Dataset, preset: Preset,
               across: tuple[Array, Array]) -> tuple[tuple[float, ...], dict[str, Any]]:
    """
    Return the factors of the refined poses' standard deviations, and what was measured.

    On held-out images, as they are and as another day may show them, and across walks.

    :param said: what the network says of the held-out images.
    :param across: what :func:`across_walks` returned.
    """
    plain, spoilt = (refined_errors(refiner, said, held, features) for features in (
        features_of(held, 'held-out'), spoilt_features(held, preset)))
    ratios = np.concatenate([errors / sigmas for errors, sigmas in (plain, spoilt, across)])
    enough = len(ratios) >= FEWEST_REFINED
    median_m = float(np.median(np.linalg.norm(plain[0][:, :3], axis=1))) if len(
        plain[0]) else None
    return scales(ratios, heavy_tails=True) if enough else (CAUTIOUS,) * 6, {
        'held_out': len(held.samples), 'held_out_refined': len(plain[0]),
        'held_out_spoilt_refined': len(spoilt[0]), 'across_walks_refined': len(across[0]),
        'held_out_position_m': median_m}


def add(loaded: LoadedArtifact, dataset: Dataset, folder: Path) -> dict[str, Any]:
    """
    Find the landmarks of what a model was trained on, and write them into its folder.

    :param dataset: all training samples, those that the training held out among them: with these
        the refined poses' covariance is calibrated.
    :param folder: of the model; its artifact.json is replaced.
    :returns: what was measured.
    :raises InputError: when the images hardly have any landmarks in common.
    """
    start = time.perf_counter()
    preset = preset_of(loaded.provenance)
    kept, held = (dataset.subset(part) for part in hold_out(dataset, preset.validation))
    features = features_of(kept, 'features')
    found = find(kept, features)
    factors, measured = calibrated(
        Refiner(found, loaded.train.places), guesses(loaded, held), held, preset,
        across_walks(found, kept, features))
    about = {'landmarks': len(found.points_m), **measured,
             'seconds': round(time.perf_counter() - start, 1)}
    landmarks.save(found, folder / LANDMARKS_FILE)
    save(replace(loaded, calibration=replace(loaded.calibration, refined_scale=factors),
                 provenance={**loaded.provenance, 'landmarks': about}), folder)
    return about


def sentence(about: dict[str, Any]) -> str:
    """Return what was measured, for the terminal."""
    median = '' if about['held_out_position_m'] is None else (
        f', {about["held_out_position_m"]:.2f} m in the median')
    return (f'landmarks: {about["landmarks"]}; {about["held_out_refined"]} of '
            f'{about["held_out"]} held-out images refined{median}; {about["seconds"]:.0f} s')


def parser() -> argparse.ArgumentParser:
    """Return the command line's description."""
    result = argparse.ArgumentParser(prog='python -m training.landmarks', description=__doc__)
    result.add_argument('--model', type=Path, required=True, help='model folder')
    result.add_argument('--data', type=Path, required=True, help='dataset that it was trained on')
    result.add_argument('--out', type=Path, required=True, help='model folder to write')
    result.add_argument('--force', action='store_true', help='replace an existing model folder')
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    options = parser().parse_args(argv)
    check_new(options.out, force=options.force)
    loaded = load(options.model)
    camera = loaded.camera
    dataset = replace(read_dataset(
        options.data, 'train', f'{camera.fx},{camera.fy},{camera.cx},{camera.cy}'), camera=camera)
    check_dataset(loaded, dataset)
    with new_folder(options.out, force=options.force) as folder:
        shutil.copytree(options.model, folder, dirs_exist_ok=True)
        about = add(loaded, dataset, folder)
    print(f'{sentence(about)}; model in {options.out}')
    return 0


if __name__ == '__main__':
    sys.exit(run_cli(main))
