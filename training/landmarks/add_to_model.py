"""Write a copy of a model folder with a landmark map."""

from __future__ import annotations

from pathlib import Path
import shutil

from posenet_ros.training.fitting.model_folder import load_with_dataset
from posenet_ros.training.landmarks import mapping
from posenet_ros.utils.atomic_folder import check_new, new_folder
from posenet_ros.utils.files.kinds import MODEL


def add_landmarks(model: Path, data: Path, out: Path, *, force: bool) -> str:
    """
    Map the landmarks of a model's dataset.

    :param data: the dataset that the model was trained on.
    :param out: the new model folder.
    :returns: a line about the map.
    """
    check_new(out, MODEL, force=force, inputs=[model, data])
    loaded, dataset = load_with_dataset(model, data)
    with new_folder(out, force=force) as folder:
        shutil.copytree(model, folder, dirs_exist_ok=True)
        about = mapping.add_landmarks(loaded, dataset, folder)
    return mapping.summary_line(about)
