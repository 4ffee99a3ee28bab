"""Make a relocaliser and its gate out of a model folder, ready for the first image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.pose import Pose
from posenet_ros.inference import artifact
from posenet_ros.inference.artifact import Artifact
from posenet_ros.inference.engine import load_engine
from posenet_ros.landmarks.localiser import make_landmark_localiser
from posenet_ros.localisation.gate import Gate, GateConfig
from posenet_ros.localisation.relocaliser import Relocaliser
from posenet_ros.uncertainty.mc_dropout import make_mc_dropout


def warm_up(relocaliser: Relocaliser, artifact: Artifact) -> None:
    """Run the network once on a black image, as the first run is slow."""
    size = artifact.preprocess.height, artifact.preprocess.width, 3
    relocaliser.estimate(np.zeros(size, np.uint8))


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """
    A relocaliser that is ready, with its gate.

    :param camera: of the training images.
    :param facts: constant values for the diagnostics.
    """

    relocaliser: Relocaliser
    gate: Gate
    camera: Camera
    facts: dict[str, str]


def make_relocaliser(model: str, engine: str, precision: str, map_from_dataset: Pose,
         limits: GateConfig, mc_samples: int = 0, refine: bool = False) -> LoadedModel:
    """
    Load a model folder and warm its network up.

    :param engine: `auto`, `litert` or `tensorflow`; with `precision` as load_engine has them.
    :param mc_samples: number of Monte-Carlo dropout samples; 0: off.
    :param refine: refine poses by landmarks.
    :raises InputError: when the folder is not usable, naming the file and the key.
    """
    if not model:
        raise InputError('parameter model has to be a model folder. Received: nothing; give one '
                         'with -p model:=FOLDER')
    loaded = artifact.load(model)
    network = load_engine(loaded, engine, precision)
    relocaliser = Relocaliser(
        network.predict, loaded, map_from_dataset, make_mc_dropout(loaded, network, mc_samples),
        make_landmark_localiser(loaded, refine))
    warm_up(relocaliser, loaded)
    return LoadedModel(
        relocaliser, Gate(limits, loaded.scene, map_from_dataset), loaded.camera,
        {'model': model, 'model hash': loaded.digest, 'engine': network.name,
         'precision': precision, 'device': network.device})
