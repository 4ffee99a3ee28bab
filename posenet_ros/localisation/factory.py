"""Make a relocaliser from a model folder: the one assembly for all commands and the node."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.geometry.pose import Pose
from posenet_ros.inference.artifact import Artifact, LoadedArtifact
from posenet_ros.inference.engine import Engine, load_engine
from posenet_ros.inference.engine_pool import EnginePool, load_pool
from posenet_ros.landmarks.localiser import make_landmark_localiser
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

    :param engine: its network.
    :param parallel: number of threads that it can serve at once.
    """

    relocaliser: Relocaliser
    engine: Engine
    parallel: int = 1


def warm_up(relocaliser: Relocaliser, artifact: Artifact) -> None:
    """Run the network once on a black image, as the first run is slow."""
    size = artifact.preprocess.height, artifact.preprocess.width, 3
    relocaliser.estimate(np.zeros(size, np.uint8))


def make_relocaliser(artifact: LoadedArtifact,
                     options: RelocaliserOptions | None = None) -> LoadedRelocaliser:
    """
    Load the network of a model folder, make its relocaliser and warm it up.

    :param options: None means the defaults.
    :raises InputError: when the folder does not offer what the options ask for.
    """
    options = options or RelocaliserOptions()
    engine: Engine | EnginePool = (
        load_pool(artifact, options.engine, options.precision) if options.pooled
        else load_engine(artifact, options.engine, options.precision, options.threads))
    if options.shared and not options.pooled:
        engine = EnginePool([engine])
    relocaliser = DenseRelocaliser(engine.predict, artifact) if options.dense else Relocaliser(
        engine.predict, artifact, options.map_from_dataset,
        make_mc_dropout(artifact, engine, options.mc_samples),
        make_landmark_localiser(artifact, options.refine))
    warm_up(relocaliser, artifact)
    return LoadedRelocaliser(relocaliser, engine, getattr(engine, 'size', 1))
