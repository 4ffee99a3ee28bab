"""The model of a node: read once, and shared by the nodes of a process that want the same."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from weakref import WeakValueDictionary

from posenet_ros.errors import InputError
from posenet_ros.inference.artifact import ARTIFACT_FILE, load, LoadedArtifact
from posenet_ros.inference.private_copy import PrivateCopy, sha256
from posenet_ros.landmarks.place_map import load_place_map, PlaceMap
from posenet_ros.landmarks.tiles.tile_memory import TileMemory
from posenet_ros.localisation.factory import (
    has_landmarks,
    LoadedRelocaliser,
    make_relocaliser,
    RelocaliserOptions,
)
from posenet_ros.ros_node.parameters import Parameters


@dataclass(frozen=True, eq=False)
class Model:
    """
    A model that is ready to be used by any number of threads.

    :param place: landmarks and training images, in the map.
    :param refined: whether poses are refined by the landmarks.
    """

    artifact: LoadedArtifact
    loaded: LoadedRelocaliser
    place: PlaceMap
    refined: bool

    @property
    def map_memory(self) -> TileMemory | None:
        """Return which part of the map is in memory; None where it always is as a whole."""
        return self.loaded.landmark_map.memory if self.loaded.landmark_map else None


_models: WeakValueDictionary[tuple[object, ...], Model] = WeakValueDictionary()


def load_shared(values: Parameters) -> Model:
    """
    Return the model that the parameters name, loaded anew only where no node uses it yet.

    :raises InputError: when no folder is named, or it is not usable.
    """
    if not values.model:
        raise InputError('parameter model has to be a model folder. Received: nothing; give one '
                         'with -p model:=FOLDER')
    with PrivateCopy(Path(values.model).expanduser()) as copy:
        content = copy.file(ARTIFACT_FILE)
        key = (sha256(content) if content.is_file() else '', values.model, values.engine,
               values.precision, values.mc_samples, values.refine, values.max_map_memory_mb,
               tuple(values.map_from_dataset_xyz), tuple(values.map_from_dataset_quat_xyzw))
        model = _models.get(key)
        if model is None:
            try:
                model = _models[key] = _load(values, copy)
            except InputError as error:  # it names the copies
                raise InputError(copy.with_names(str(error))) from error
        return model


def _load(values: Parameters, copy: PrivateCopy) -> Model:
    artifact = load(Path(values.model).expanduser(), copy)
    refined = values.refines(has_landmarks(artifact))
    loaded = make_relocaliser(artifact, RelocaliserOptions(
        values.engine, values.precision, shared=True, mc_samples=values.mc_samples,
        refine=refined, max_map_memory_mb=values.max_map_memory_mb,
        map_from_dataset=values.map_from_dataset()))
    place = load_place_map(artifact, values.map_from_dataset(), landmarks=loaded.landmark_map,
                           observations=False)
    model = Model(artifact, loaded, place, refined)
    if model.map_memory:
        model.map_memory.release()  # all of it was read
    return model
