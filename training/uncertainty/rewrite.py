"""Rewrite a model folder with a network whose uncertainty heads are fitted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
import shutil

from posenet_ros.inference.artifact import LoadedArtifact, save
from posenet_ros.inference.train_index import TrainIndex
from posenet_ros.training.data.changelog import record_change
from posenet_ros.training.data.datasets import Dataset
from posenet_ros.training.data.images import load_images, network_inputs
from posenet_ros.training.export.litert import write_network
from posenet_ros.training.export.quantisation import may_be_faster, offer_int8
from posenet_ros.training.fitting.cross_validation import (
    concatenate_images,
    make_folds,
    make_splits,
)
from posenet_ros.training.fitting.presets import preset_of
from posenet_ros.training.uncertainty.fit import FittedUncertainty
from posenet_ros.training.uncertainty.residuals import CalibrationData


def load_calibration_data(loaded: LoadedArtifact, dataset: Dataset, work: Path) -> CalibrationData:
    """Load the images that a model was trained and validated on, split as in its training."""
    preset = preset_of(loaded.provenance)
    folds = make_folds(load_images(dataset, loaded.preprocess), dataset,
                       make_splits(dataset, preset), preset, work)
    return CalibrationData(preset, folds.in_every_fold(), folds.validation, dataset.camera)


def rewrite_model_folder(loaded: LoadedArtifact, fitted: FittedUncertainty,
                         data: CalibrationData, folder: Path) -> None:
    """Write a copy of a model folder with the fitted network, calibration and descriptors."""
    about = record_change({**loaded.provenance, 'uncertainty': fitted.about},
                          'posenet uncertainty', loaded.digest)

    def write(to: Path) -> None:
        write_network(fitted.network, fitted.config, to)
        if may_be_faster(fitted.network):
            held = concatenate_images(data.held_out)
            about['int8'] = offer_int8(
                fitted.config, to, network_inputs(held, loaded.preprocess), held)
        for file in loaded.folder.iterdir():  # the log and its curves
            if not (to / file.name).exists() and file.suffix in ('.csv', '.png'):
                shutil.copy(file, to)

    train: TrainIndex = replace(loaded.train, **fitted.index_fields)  # type: ignore[arg-type]
    save(replace(loaded, network=fitted.config, calibration=fitted.calibration,
                 train=train, provenance=about),
         folder, write)
