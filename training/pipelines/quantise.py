"""Add 8-bit weights to a model folder."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
import shutil

import numpy as np
from posenet_ros.imaging.files import read_image
from posenet_ros.inference.artifact import Artifact, load, save
from posenet_ros.training.data.changelog import record_change
from posenet_ros.training.data.datasets import read_dataset
from posenet_ros.training.export.quantisation import offer_int8, summary_line, validation_set
from posenet_ros.utils.atomic_folder import check_new, new_folder
from posenet_ros.utils.files.kinds import MODEL
from posenet_ros.utils.files.lock import lock


def quantise(model: Path, data: Path) -> str:
    """
    Replace a model folder by one with 8-bit weights, where those are as accurate and faster.

    :param data: the dataset that it was trained on.
    :returns: a line about the result.
    """
    check_new(model, MODEL, force=True)
    with lock(model):
        return _quantise(model, data)


def _quantise(model: Path, data: Path) -> str:
    loaded = load(model)
    dataset = read_dataset(data, 'train', loaded.camera).relative_to(loaded.scene.origin_m)
    held = validation_set(loaded, dataset)
    inputs = np.stack([loaded.preprocess(read_image(sample.path), held.camera)
                       for sample in held.samples])
    about = record_change(loaded.provenance, 'posenet int8', loaded.digest)
    artifact = Artifact(**{f.name: getattr(loaded, f.name) for f in fields(Artifact)
                           if f.name != 'provenance'}, provenance=about)

    def write(folder: Path) -> None:
        for file in model.iterdir():
            shutil.copy(file, folder)
        about['int8'] = offer_int8(loaded.require_network('int8'), folder, inputs, held)

    with new_folder(model, force=True) as folder:
        save(artifact, folder, write)
    return summary_line(about['int8'])
