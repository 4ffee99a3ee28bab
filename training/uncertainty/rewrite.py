"""Write a model folder again, with a network that knows how sure it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
import shutil

from posenet_ros.inference.artifact import LoadedArtifact, save
from posenet_ros.training.data.datasets import Dataset
from posenet_ros.training.data.images import load_images, network_inputs
from posenet_ros.training.export.litert import write_network
from posenet_ros.training.export.quantisation import may_be_faster, offer_int8
from posenet_ros.training.fitting.cross_validation import folds_of, joined, splits_of
from posenet_ros.training.fitting.presets import preset_of
from posenet_ros.training.uncertainty.residuals import Material
from posenet_ros.training.uncertainty.teach import Taught


def material_of(loaded: LoadedArtifact, dataset: Dataset, work: Path) -> Material:
    """Return what a model folder's network was trained with, as its training had it."""
    preset = preset_of(loaded.provenance)
    folds = folds_of(load_images(dataset, loaded.preprocess), dataset,
                     splits_of(dataset, preset), preset, work)
    return Material(preset, folds.in_all(), folds.held, dataset.camera)


def rewrite(loaded: LoadedArtifact, taught: Taught, material: Material, folder: Path) -> None:
    """Write a model folder again, with a network that knows how sure it is."""
    about = {**loaded.provenance, 'uncertainty': taught.about}

    def write(to: Path) -> None:
        write_network(taught.network, taught.config, to)
        if may_be_faster(taught.network):
            held = joined(material.held)
            about['int8'] = offer_int8(
                taught.config, to, network_inputs(held, loaded.preprocess), held)
        for file in loaded.folder.iterdir():  # the log and its curves
            if not (to / file.name).exists() and file.suffix in ('.csv', '.png'):
                shutil.copy(file, to)

    save(replace(loaded, network=taught.config, calibration=taught.calibration,
                 train=replace(loaded.train, **taught.known), provenance=about),
         folder, write)
