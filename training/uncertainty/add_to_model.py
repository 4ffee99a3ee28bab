"""Write a copy of a model folder with covariance and place score."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
import tempfile

from posenet_ros.inference.artifact import LANDMARKS_FILE, load, WEIGHTS_FILE
from posenet_ros.training.export.litert import load_network
from posenet_ros.training.fitting.model_folder import load_with_dataset
from posenet_ros.training.landmarks.add_to_model import add_landmarks
from posenet_ros.training.uncertainty.fit import fit_uncertainty, summary_line
from posenet_ros.training.uncertainty.rewrite import load_calibration_data, rewrite_model_folder
from posenet_ros.utils.atomic_folder import check_new, new_folder
from posenet_ros.utils.files.kinds import MODEL


def add_uncertainty(model: Path, data: Path, out: Path, *, force: bool) -> str:
    """
    Fit a model's covariance and place score.

    :param data: the dataset that the model was trained on.
    :param out: the new model folder.
    :returns: a line about the fit.
    """
    check_new(out, MODEL, force=force, inputs=[model, data])
    loaded, dataset = load_with_dataset(model, data)
    with tempfile.TemporaryDirectory() as work:
        images = load_calibration_data(loaded, dataset, Path(work))
        config = loaded.require_network('posenet uncertainty')
        plain = replace(config, sigma_width=0, descriptor_size=0)
        network = load_network(config, loaded.folder / WEIGHTS_FILE)
        fitted = fit_uncertainty(network, plain, images, loaded.calibration)
    with new_folder(out, force=force) as folder:
        rewrite_model_folder(loaded, fitted, images, folder)
        if (loaded.folder / LANDMARKS_FILE).is_file():  # retrieval uses the new descriptors
            add_landmarks(load(folder), dataset, folder)
    return summary_line(fitted.about)
