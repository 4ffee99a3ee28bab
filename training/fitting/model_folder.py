"""Assemble the artifact of a trained network: scene, calibration, provenance, training index."""

from __future__ import annotations

from collections.abc import Mapping
import os
from pathlib import Path
import platform
import subprocess
from typing import Any, Protocol

import cv2
import keras
import numpy as np
from numpy.typing import NDArray
from posenet_ros import __version__
from posenet_ros.errors import InputError
from posenet_ros.evaluation.metrics.pose_errors import rotation_errors_deg, translation_errors_m
from posenet_ros.inference.artifact import Artifact, load, LoadedArtifact
from posenet_ros.inference.calibration import Calibration, Scene
from posenet_ros.inference.train_index import TrainIndex
from posenet_ros.networks.config import NetworkConfig
from posenet_ros.networks.initial_weights import feature_extractor
from posenet_ros.training.data.changelog import record_change
from posenet_ros.training.data.datasets import Dataset, read_dataset
from posenet_ros.training.data.images import Images, network_inputs
from posenet_ros.training.fitting.callbacks import ShowPrediction
from posenet_ros.training.fitting.presets import Preset
from posenet_ros.utils.progress import ProgressBar

BATCH = 64  # images of which descriptors are computed together


def load_with_dataset(model: Path, data: Path) -> tuple[LoadedArtifact, Dataset]:
    """
    Load a model folder and the training split that it was trained on.

    :raises InputError: when it was trained on another dataset.
    """
    artifact = load(model)
    dataset = read_dataset(data, 'train', artifact.camera).relative_to(artifact.scene.origin_m)
    check_dataset(artifact, dataset)
    return artifact, dataset


def check_dataset(artifact: Artifact, dataset: Dataset) -> None:
    """
    Check that a model was trained on this dataset.

    :raises InputError: when it was trained on another.
    """
    about = artifact.provenance
    if about.get('dataset_sha256') != dataset.digest():
        raise InputError('--data has to be the dataset that the model was trained on, whose '
                         f'digest is {about.get("dataset_sha256")}. Received: {dataset.digest()}')


class TruePoses(Protocol):
    """Ground-truth poses of validation images: a Dataset, or Images."""

    @property
    def positions_m(self) -> NDArray[Any]:
        """(N, 3), metres."""
        ...

    @property
    def quats_xyzw(self) -> NDArray[Any]:
        """(N, 4)."""
        ...


def median_errors(predicted: Mapping[str, Any], truth: TruePoses) -> dict[str, float]:
    """Return the median position error, metres, and rotation error, degrees."""
    position = translation_errors_m(predicted['position'], truth.positions_m)
    rotation = rotation_errors_deg(predicted['quat_xyzw'], truth.quats_xyzw)
    return {'position_m': float(np.median(position)), 'rotation_deg': float(np.median(rotation))}


def _commit() -> str:
    """Return the git commit of this code, empty outside a repository."""
    result = subprocess.run(['git', 'rev-parse', 'HEAD'], cwd=Path(__file__).parent,
                            capture_output=True, text=True, check=False)
    return result.stdout.strip()


def make_provenance(preset: Preset, dataset: Dataset, validation: dict[str, Any],
                    seconds: float, command: str) -> dict[str, Any]:
    """
    Record the preset, data, code and machine that a model was trained with.

    :param command: for the changelog.
    """
    return record_change({
        'preset': preset.to_mapping(), 'dataset_sha256': dataset.digest(), 'commit': _commit(),
        'seed': preset.seed, 'validation': validation, 'training_seconds': round(seconds, 1),
        'machine': f'{platform.machine()}, {os.cpu_count()} cores',
        'versions': {'posenet_ros': __version__, 'python': platform.python_version(),
                     'keras': keras.__version__, 'backend': keras.backend.backend(),
                     'numpy': np.__version__, 'opencv': cv2.__version__}},
        command, walks=(sample.sequence for sample in dataset.samples))


def make_train_index(dataset: Dataset, preset: Preset, images: Images,
                     index_fields: Mapping[str, NDArray[Any]]) -> TrainIndex:
    """Index all training poses by the pretrained features of their images."""
    inputs = network_inputs(images, preset.preprocess())
    extractor = feature_extractor(preset.network.input_width, preset.network.input_height)
    with ProgressBar(len(inputs), 'image', 'descriptors') as shown:
        descriptors = extractor.predict(inputs, batch_size=BATCH, verbose=0, callbacks=[
            ShowPrediction(shown, len(inputs), BATCH)])
    return TrainIndex(
        tuple(s.name for s in dataset.samples), dataset.positions_m + dataset.origin_m,
        dataset.quats_xyzw,
        descriptors.astype(np.float16), **index_fields)


def make_artifact(preset: Preset, config: NetworkConfig, dataset: Dataset, images: Images,
                  calibration: Calibration, index_fields: Mapping[str, NDArray[Any]],
                  about: dict[str, Any]) -> Artifact:
    """
    Assemble the artifact: everything in a model folder but the weights.

    :param dataset: all training samples, held-out ones included; `images` theirs.
    :param index_fields: `global_descriptors` and `place_images` of the index, or nothing.
    :param about: the provenance.
    """
    scene = Scene.of_positions(dataset.positions_m, dataset.origin_m)
    return Artifact(config, preset.preprocess(), dataset.camera, scene, calibration,
                    make_train_index(dataset, preset, images, index_fields), about)
