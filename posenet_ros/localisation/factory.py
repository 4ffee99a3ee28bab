"""Make a relocaliser from a model folder: the one assembly for all commands and the node."""

from __future__ import annotations

from dataclasses import dataclass, field
import os

import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.geometry.pose import Pose
from posenet_ros.inference.artifact import Artifact, LANDMARKS_FILE, LoadedArtifact
from posenet_ros.inference.engine import Engine, load_engine
from posenet_ros.inference.engine_pool import EnginePool, load_pool
from posenet_ros.landmarks.landmark_file import load
from posenet_ros.landmarks.landmark_map import LandmarkMap
from posenet_ros.landmarks.localiser import LandmarkLocaliser
from posenet_ros.localisation.dense import DenseRelocaliser
from posenet_ros.localisation.relocaliser import Relocaliser
from posenet_ros.uncertainty.mc_dropout import make_mc_dropout


@dataclass(frozen=True)
class RelocaliserOptions:
    """
    The options of a relocaliser.

    :raises InputError: when dense evaluation is combined with landmarks or dropout.
    """

    engine: str = 'auto'  # auto, litert or tensorflow
    precision: str = 'float32'  # float32, float16 or int8
    threads: int = 0  # of one LiteRT engine; 0: one a core, at most four
    shared: bool = False  # by several threads, which wait for each other
    pooled: bool = False  # an engine a core, for the throughput of many threads
    mc_samples: int = 0  # of Monte-Carlo dropout, whose covariance is added; 0: off
    refine: bool = False  # refine poses by landmarks
    max_map_memory_mb: int = 0  # of a map with tiles; 0: all of it
    dense: bool = False  # average over many crops of the image
    map_from_dataset: Pose = field(default_factory=Pose)  # moves poses into the map

    def __post_init__(self) -> None:
        if self.dense and self.refine:
            raise InputError('--refine has to be given without --dense, whose crops have no '
                             'landmarks')
        if self.dense and self.mc_samples:
            raise InputError('--mc-samples has to be given without --dense')


@dataclass(frozen=True, eq=False)
class LoadedRelocaliser:
    """
    A relocaliser that is ready for the first image.

    :param engine: its network; None for a map alone.
    :param parallel: number of threads that it can serve at once.
    :param landmark_map: by which it refines; None without.
    """

    relocaliser: Relocaliser
    engine: Engine | None
    parallel: int = 1
    landmark_map: LandmarkMap | None = None

    @property
    def engine_name(self) -> str:
        """Return what runs the network, 'none' without one."""
        return self.engine.name if self.engine else 'none'

    @property
    def device(self) -> str:
        """Return the device of the network; the landmarks are always matched on the CPU."""
        return self.engine.device if self.engine else 'CPU'


def warm_up(relocaliser: Relocaliser, artifact: Artifact) -> None:
    """Run the network once on a black image, as the first run is slow."""
    size = artifact.preprocess.height, artifact.preprocess.width, 3
    relocaliser.estimate(np.zeros(size, np.uint8))


def has_landmarks(artifact: LoadedArtifact) -> bool:
    """Return whether poses can be refined by the landmarks of a model folder."""
    return bool(artifact.calibration.refined_scale) and artifact.file(
        LANDMARKS_FILE).is_file()


def make_landmark_localiser(artifact: LoadedArtifact, wanted: bool,
                            max_map_memory_mb: int = 0) -> LandmarkLocaliser | None:
    """
    Make the landmark localiser of a model folder.

    :param wanted: False gives None.
    :param max_map_memory_mb: as of :func:`.landmark_file.load`.
    :raises InputError: when the model folder has no landmarks.
    """
    if not wanted:
        return None
    file = artifact.file(LANDMARKS_FILE)
    if not (file.is_file() and artifact.calibration.refined_scale):
        raise InputError('refine needs a model folder with landmarks: make one of this by '
                         f'posenet landmarks. Received: {artifact.folder} without')
    landmark_map, train = load(file, artifact.opened, max_map_memory_mb), artifact.train
    views, known = len(landmark_map.views), len(train.place_images)
    if known and views != len(train.names):
        raise InputError(f'{file}: the landmarks have to be those of {len(train.names)} images: '
                         f'make them anew by posenet landmarks. Received: {views}')
    return LandmarkLocaliser(
        landmark_map, train.global_descriptors, artifact.calibration.misfit_power,
        train.place_images if known else None,
        distance_power=artifact.calibration.distance_power,
        inlier_ratio_power=artifact.calibration.inlier_ratio_power)


def make_relocaliser(artifact: LoadedArtifact,
                     options: RelocaliserOptions | None = None) -> LoadedRelocaliser:
    """
    Load the network of a model folder, make its relocaliser and warm it up.

    :param options: None means the defaults.
    :raises InputError: when the folder does not offer what the options ask for.
    """
    options = options or RelocaliserOptions()
    if artifact.network is None:
        return _by_map_alone(artifact, options)
    engine: Engine | EnginePool = (
        load_pool(artifact, options.engine, options.precision) if options.pooled
        else load_engine(artifact, options.engine, options.precision, options.threads))
    if options.shared and not options.pooled:
        engine = EnginePool([engine])
    localiser = make_landmark_localiser(artifact, options.refine, options.max_map_memory_mb)
    relocaliser = DenseRelocaliser(engine.predict, artifact) if options.dense else Relocaliser(
        engine.predict, artifact, options.map_from_dataset,
        make_mc_dropout(artifact, engine, options.mc_samples), localiser)
    warm_up(relocaliser, artifact)
    return LoadedRelocaliser(relocaliser, engine, getattr(engine, 'size', 1),
                             localiser.landmark_map if localiser else None)


def _by_map_alone(artifact: LoadedArtifact, options: RelocaliserOptions) -> LoadedRelocaliser:
    """Make the relocaliser of a folder without a network, for any number of threads."""
    for wanted, name in ((options.mc_samples > 0, 'mc_samples'), (options.dense, 'dense'),
                         (options.precision != 'float32', f'precision {options.precision}'),
                         (not options.refine, 'refine false')):
        if wanted:
            artifact.require_network(name)
    localiser = make_landmark_localiser(artifact, True, options.max_map_memory_mb)
    relocaliser = Relocaliser(None, artifact, options.map_from_dataset,
                              landmark_localiser=localiser)
    return LoadedRelocaliser(relocaliser, None, os.cpu_count() or 1 if options.pooled else 1,
                             localiser.landmark_map if localiser else None)
