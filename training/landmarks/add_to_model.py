"""Add a landmark map to a model folder, or write a copy of one with a map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
import shutil
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from posenet_ros.inference.artifact import LANDMARKS_FILE, LoadedArtifact, save
from posenet_ros.inference.train_index import TrainIndex
from posenet_ros.landmarks import landmark_file
from posenet_ros.training.data.changelog import record_change
from posenet_ros.training.data.datasets import Dataset
from posenet_ros.training.data.images import subsample
from posenet_ros.training.fitting.cross_validation import make_splits, Split, validation_indices
from posenet_ros.training.fitting.model_folder import load_with_dataset
from posenet_ros.training.fitting.presets import preset_of
from posenet_ros.training.landmarks.calibration import calibrate_map
from posenet_ros.training.landmarks.mapping import map_dataset
from posenet_ros.training.landmarks.options import MappingOptions
from posenet_ros.utils.atomic_folder import check_new, new_folder
from posenet_ros.utils.files.kinds import MODEL


def copy_with_landmarks(model: Path, data: Path, out: Path, *, force: bool) -> str:
    """
    Write a copy of a model folder with the landmarks of its dataset.

    :param data: the dataset that the model was trained on.
    :param out: the new model folder.
    :returns: a line about the map.
    """
    check_new(out, MODEL, force=force, inputs=[model, data])
    return summary_line(_write_with_landmarks(model, data, out, force=force))


def replace_landmarks(model: Path, data: Path) -> dict[str, Any]:
    """
    Replace a model folder by one with the landmarks of its dataset.

    :param data: the dataset that the model was trained on.
    :returns: counts and errors, as for the provenance.
    """
    check_new(model, MODEL, force=True, inputs=[data])
    return _write_with_landmarks(model, data, model, force=True)


def _write_with_landmarks(model: Path, data: Path, out: Path, *, force: bool) -> dict[str, Any]:
    loaded, dataset = load_with_dataset(model, data)
    with new_folder(out, force=force) as folder:
        shutil.copytree(model, folder, dirs_exist_ok=True)
        about = record_change(loaded.provenance, 'posenet landmarks', loaded.digest)
        return add_landmarks(replace(loaded, provenance=about), dataset, folder)


def add_landmarks(loaded: LoadedArtifact, dataset: Dataset, folder: Path,
                  work: Path | None = None) -> dict[str, Any]:
    """
    Map the landmarks of a model's training images, and write them into its folder.

    :param dataset: all training samples, held-out ones included.
    :param folder: of the model; its artifact.json is replaced.
    :param work: as of :func:`posenet_ros.training.landmarks.mapping.map_dataset`.
    :returns: counts and errors for the provenance.
    :raises InputError: on too few landmarks.
    """
    start, options = time.perf_counter(), MappingOptions()
    mapped = map_dataset(dataset, options, work=work)
    calibrated = calibrate_map(mapped, options)
    about = {'landmarks': len(mapped.landmark_map.points_m), **calibrated.held_out.summary(),
             'residual_px': round(mapped.check.residual_px, 2),
             'seconds': round(time.perf_counter() - start, 1)}
    landmark_file.save(calibrated.landmark_map, folder / LANDMARKS_FILE)
    calibration = replace(loaded.calibration, **calibrated.calibration)
    train = with_place_images(loaded.train, make_splits(dataset, preset_of(loaded.provenance)))
    save(replace(loaded, train=train, calibration=calibration, held_out=calibrated.held_out.names,
                 provenance={**loaded.provenance, 'landmarks': about}), folder)
    return about


def with_place_images(train: TrainIndex, splits: Sequence[Split]) -> TrainIndex:
    """
    Complete the training index of an older model folder, which lacks `place_images`.

    :param splits: of the training; the descriptors are of the images that no fold held out.
    """
    known: NDArray[np.intp] = np.setdiff1d(
        np.arange(len(train.names)), validation_indices(splits))
    once = known[subsample(len(known))]
    if len(train.place_images) or len(train.global_descriptors) % len(once):
        return train
    rounds = len(train.global_descriptors) // len(once)
    return replace(train, place_images=np.tile(once, rounds).astype(np.int32))


def summary_line(about: dict[str, Any]) -> str:
    """Summarise the map and its validation in one line for the terminal."""
    median = '' if about['held_out_position_m'] is None else (
        f', {1000 * about["held_out_position_m"]:.0f} mm in the median')
    return (f'landmarks: {about["landmarks"]}; {about["held_out_localised"]} of '
            f'{about["held_out"]} images localised without their walk{median}; '
            f'{about["seconds"]:.0f} s')
