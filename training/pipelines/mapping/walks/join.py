"""Join walks to a map, one after another; what is joined is kept for a resumed run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
import time
from typing import Any

from posenet_ros.errors import PoseNetError
from posenet_ros.geometry.pose import Pose
from posenet_ros.inference.artifact import LoadedArtifact
from posenet_ros.landmarks import landmark_file
from posenet_ros.landmarks.landmark_map import LandmarkMap
from posenet_ros.training.data.datasets import Dataset, Sample
from posenet_ros.training.data.walk import Walk
from posenet_ros.training.landmarks.feature_cache import ViewFeatures
from posenet_ros.training.landmarks.options import MappingOptions
from posenet_ros.training.map_update.options import UpdateOptions
from posenet_ros.training.map_update.registration import NotRegisteredError
from posenet_ros.training.map_update.update import NewImages, update_map, UpdatedMap
from posenet_ros.training.pipelines.mapping.walks.state import (
    ExtensionState,
    load_state,
    save_state,
)

Detect = Callable[[Dataset], Sequence[ViewFeatures]]


@dataclass(frozen=True, eq=False)
class Extended:
    """
    A map and the walks that joined it.

    :param updates: what each walk brought, for the provenance, in the order of joining.
    :param rejected: why a walk did not join, by its name.
    """

    landmark_map: LandmarkMap
    updates: tuple[Mapping[str, Any], ...]
    rejected: Mapping[str, str]


def join_walks(artifact: LoadedArtifact, landmark_map: LandmarkMap, walks: Sequence[Walk],
               detect: Detect, work: Path, views: int | None, *, alone: bool) -> Extended:
    """
    Join walks to a map, one after another.

    A walk that does not see the place is tried again after the others: one of them may lead there.

    :param detect: returns the features of a dataset's images.
    :param work: folder of what is joined already.
    :param views: number of views to keep; None keeps all.
    :param alone: the only walk there is raises its error.
    :raises PoseNetError: that of a walk that is alone.
    """
    parent = landmark_file.content_hash(landmark_map)
    start = ExtensionState(parent, views, tuple(walk.name for walk in walks))
    state, kept = load_state(work, start)
    landmark_map, by_name = kept or landmark_map, {walk.name: walk for walk in walks}
    while state.pending:
        name = state.pending[0]
        state = replace(state, pending=state.pending[1:])
        started = time.perf_counter()
        try:
            updated = update(artifact, landmark_map, by_name[name], detect, views)
        except PoseNetError as error:
            if alone:
                raise
            state = state.after_rejection(name, f'{name}: {error}', again=isinstance(
                error, NotRegisteredError))
        else:
            landmark_map = replace(updated.landmark_map, parent=parent)
            state = state.joined_by(describe_update(
                name, updated, round(time.perf_counter() - started, 1)))
            save_state(state, landmark_map, work)
    return Extended(landmark_map, state.joined,
                    dict(sorted({**state.postponed, **state.rejected}.items())))


def update(artifact: LoadedArtifact, landmark_map: LandmarkMap, walk: Walk, detect: Detect,
           views: int | None) -> UpdatedMap:
    """
    Update a map by one walk, and tell what it brought.

    :raises NotRegisteredError: when the walk does not see the place.
    :raises PoseNetError: when the updated map is worse.
    """
    settings = UpdateOptions(MappingOptions(features=landmark_map.features))
    dataset, given = new_images(walk, artifact)
    updated = update_map(
        landmark_map, NewImages(dataset, given, detect(dataset)), settings, views)
    for note in updated.notes:
        _say(note)
    _say(f'{walk.name}: {updated.found} of {updated.images} images are found; {updated.joined} '
         f'landmarks are seen again, {updated.added} are new, {updated.vanished} have vanished; '
         f'{updated.dropped} redundant images are left out')
    _say_comparison(updated, artifact)
    return updated


def _say(text: str) -> None:
    print(text, flush=True)


def _say_comparison(updated: UpdatedMap, artifact: LoadedArtifact) -> None:
    """
    Tell how the maps compare.

    :raises PoseNetError: when the updated map is worse.
    """
    settings, unit = UpdateOptions().comparison, 'm' if artifact.scale.metric else 'units'
    for comparison, what in ((updated.of_walk, 'images of the walk that were left out'),
                             (updated.of_old, 'images of the old map')):
        text = comparison.describe(unit, what)
        _say(text)
        if comparison.is_worse(settings):
            raise PoseNetError(f'the extended map is worse, and {artifact.folder} is left as it '
                               f'is: {text}')


def new_images(walk: Walk, artifact: LoadedArtifact) -> tuple[Dataset, list[Pose | None]]:
    """
    Return the images of a walk, and the poses that are given of them.

    :returns: a dataset, whose poses mean nothing, and the poses in the map's frame, None for none.
    """
    samples = tuple(Sample(image.path, image.name, image.map_from_camera or Pose(), walk.name)
                    for image in walk.images)
    model_from_dataset = artifact.scene.dataset_from_model.inverse()
    given = [image.map_from_camera for image in walk.images]
    return (Dataset(walk.name, samples, walk.camera or artifact.camera),
            [model_from_dataset @ pose if pose else None for pose in given])


def describe_update(walk: str, updated: UpdatedMap, seconds: float) -> dict[str, Any]:
    """Describe an update, for the provenance of the map."""
    return {'walk': walk, 'landmarks': len(updated.landmark_map.points_m),
            'views': len(updated.landmark_map.views),
            'walks': len(set(updated.landmark_map.views.sequences)),
            'images': updated.images, 'found': updated.found, 'joined': updated.joined,
            'added': updated.added, 'vanished': updated.vanished, 'dropped': updated.dropped,
            'seconds': seconds}
