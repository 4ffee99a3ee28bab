"""The two methods that are compared: the landmark localiser, and its peer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
import time
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.errors import InputError
from posenet_ros.inference.artifact import LANDMARKS_FILE, load
from posenet_ros.inference.calibration import Calibration
from posenet_ros.landmarks import landmark_file
from posenet_ros.landmarks.features import Features
from posenet_ros.landmarks.landmark_map import LandmarkMap
from posenet_ros.landmarks.localisation import Localisation, PosePrior, StageTimer
from posenet_ros.landmarks.localiser import LandmarkLocaliser
from posenet_ros.landmarks.options import DEFAULT_LOCALISER, FeatureOptions
from posenet_ros.training.bench.mapping.build import figures, measure_build, size_mb
from posenet_ros.training.bench.mapping.peer import (
    load_peer_map,
    measure_peer,
    peer_features,
    PeerLocaliser,
)
from posenet_ros.training.data.datasets import Dataset
from posenet_ros.training.landmarks.options import MappingOptions

OURS, PEER = 'posenet', 'peer'
KILOBYTE, MEGABYTE = 1e3, 1e6


class Request(NamedTuple):
    """
    An image to localise, by its features.

    :param exclude: views of the map that are not used.
    :param prior: what is known of the pose before.
    :param seed: of RANSAC.
    """

    features: Features
    exclude: NDArray[np.intp]
    prior: PosePrior | None = None
    seed: int = 0


Localise = Callable[[Request, dict[str, float]], Localisation]


@dataclass(frozen=True, eq=False)
class Method:
    """
    A map, with what localises images in it.

    :param features: settings of the features that it takes.
    :param positions_m: (V, 3) of the map's views.
    :param localise: localises an image, and adds the CPU time of each stage, seconds.
    :param sigma_scale: (6,) factors of the standard deviations by calibration.
    """

    name: str
    features: FeatureOptions
    positions_m: Floats
    localise: Localise
    sigma_scale: tuple[float, ...]


@dataclass(frozen=True)
class StoredMethod:
    """
    A method whose map is in a folder, for all processes.

    :param figures: of its map.
    """

    name: str
    folder: Path
    features: FeatureOptions
    figures: dict[str, Any]


def build_ours(train: Dataset, folder: Path) -> StoredMethod:
    """
    Make the map of a dataset by the default settings.

    :param folder: the model folder to make.
    """
    measured = measure_build(train, MappingOptions(), folder)
    return open_ours(folder, train, figures(measured))


def open_ours(folder: Path, train: Dataset, about: dict[str, Any] | None = None) -> StoredMethod:
    """
    Open a model folder with the map of a dataset.

    :param about: figures of its making.
    :raises InputError: when it is a map of other images.
    """
    landmark_map = landmark_file.load(load(folder).file(LANDMARKS_FILE))
    strangers = set(landmark_map.views.names) - {sample.name for sample in train.samples}
    if strangers:
        raise InputError(f'--model has to be a map of the training images. Received: a map with '
                         f'{min(strangers)}, which is none of them')
    return StoredMethod(OURS, folder, landmark_map.features, _with_size(
        about or {'landmarks': len(landmark_map.points_m)}, size_mb(folder),
        len(landmark_map.views)))


def build_peer(train: Dataset, folder: Path) -> StoredMethod:
    """
    Make the peer's map of a dataset.

    :raises PoseNetError: without pycolmap.
    """
    measured = measure_peer(train, folder)
    return StoredMethod(PEER, folder, peer_features(train), _with_size(
        figures(measured), measured.megabytes, len(train.samples)))


def load_method(stored: StoredMethod) -> Method:
    """Read the map of a method."""
    if stored.name == PEER:
        landmark_map = load_peer_map(stored.folder)
        return Method(PEER, stored.features, landmark_map.views.positions_m,
                      PeerSearch(landmark_map), (1.0,) * 6)
    artifact = load(stored.folder)
    landmark_map, calibration = (
        landmark_file.load(artifact.file(LANDMARKS_FILE)), artifact.calibration)
    return Method(OURS, stored.features, landmark_map.views.positions_m,
                  LandmarkSearch(landmark_map, calibration), calibration.refined_scale)


class LandmarkSearch:
    """Localises images in our map, by a localiser for each seed."""

    def __init__(self, landmark_map: LandmarkMap, calibration: Calibration) -> None:
        self._map, self._calibration = landmark_map, calibration
        self._localisers: dict[int, LandmarkLocaliser] = {}

    def __call__(self, request: Request, cpu_s: dict[str, float]) -> Localisation:
        """Localise an image."""
        if request.seed not in self._localisers:
            self._localisers[request.seed] = self._localiser(request.seed)
        timer = StageTimer(time.process_time)
        found = self._localisers[request.seed].search(
            request.features, exclude=request.exclude, prior=request.prior, timer=timer)
        timer.lap('rest')
        cpu_s |= timer.stages_s
        return found

    def _localiser(self, seed: int) -> LandmarkLocaliser:
        known = self._calibration
        options = replace(DEFAULT_LOCALISER, ransac=replace(DEFAULT_LOCALISER.ransac, seed=seed))
        return LandmarkLocaliser(
            self._map, None, known.misfit_power, options=options,
            distance_power=known.distance_power, inlier_ratio_power=known.inlier_ratio_power)


class PeerSearch:
    """Localises images in the peer's map, which takes no priors and has one seed."""

    def __init__(self, landmark_map: LandmarkMap) -> None:
        self._map = landmark_map

    @cached_property
    def _localiser(self) -> PeerLocaliser:
        return PeerLocaliser(self._map)

    def __call__(self, request: Request, cpu_s: dict[str, float]) -> Localisation:
        """Localise an image."""
        return self._localiser.search(request.features, request.exclude, cpu_s)


def _with_size(about: dict[str, Any], megabytes: float, images: int) -> dict[str, Any]:
    return {**about, 'images': images, 'megabytes': megabytes,
            'kilobytes_an_image': megabytes * MEGABYTE / KILOBYTE / images}
