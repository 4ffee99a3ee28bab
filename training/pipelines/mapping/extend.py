"""`posenet map --extend`: a new walk joins the map of a model folder, in its frame."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
import time
from typing import Any

from posenet_ros.errors import InputError, PoseNetError
from posenet_ros.geometry.pose import Pose
from posenet_ros.inference.artifact import LANDMARKS_FILE, load, LoadedArtifact
from posenet_ros.landmarks import landmark_file
from posenet_ros.landmarks.landmark_map import LandmarkMap
from posenet_ros.training.data.datasets import Dataset, read_dataset, Sample
from posenet_ros.training.data.walk import Walk
from posenet_ros.training.landmarks.feature_cache import detect_dataset
from posenet_ros.training.landmarks.options import MappingOptions
from posenet_ros.training.map_update.options import UpdateOptions
from posenet_ros.training.map_update.update import NewImages, update_map, UpdatedMap
from posenet_ros.training.pipelines.mapping.model_folder import write_updated
from posenet_ros.training.pipelines.mapping.posed import source_of, walks_of_dataset
from posenet_ros.training.pipelines.mapping.work import (
    has_results,
    kept_for_resume,
    prepare_work,
    work_folder,
)
from posenet_ros.training.sources.pose_association import form_and_unit, with_poses
from posenet_ros.training.sources.read import read_walks
from posenet_ros.utils.arguments import input_paths
from posenet_ros.utils.atomic_folder import check_new
from posenet_ros.utils.files.kinds import MODEL
from posenet_ros.utils.files.lock import lock
from posenet_ros.utils.progress import describe_duration


def extend_place(options: argparse.Namespace, source: dict[str, Any]) -> None:
    """
    Extend the map of a model folder by a walk; the folder is replaced when it is not worse.

    :param options: of `posenet map --extend`; without `out` the folder itself is replaced.
    :param source: what the walk is read from, as JSON, for --resume.
    :raises InputError: when the walk cannot be used or does not see the place.
    :raises PoseNetError: when the extended map is worse; the folder is as it was.
    """
    started = time.perf_counter()
    out, place = (options.out or options.extend).resolve(), options.extend.resolve()
    with lock(out):
        artifact, landmark_map = load_map(place)
        if not options.resume or has_results(work_folder(out)):
            inputs = [path for path in input_paths(options, 'extend') if path.resolve() != place]
            check_new(out, MODEL, force=options.force or out == place,
                      inputs=inputs if out == place else [*inputs, place])
        work = prepare_work(out, source, resume=options.resume, force=options.force,
                            resume_command=options.resume_command)
        with kept_for_resume(work, options.resume_command):
            updated = _update(artifact, landmark_map, options, work)
            _say_comparison(updated, artifact)
            about = describe_update(updated, round(time.perf_counter() - started, 1))
            parent = landmark_file.content_hash(landmark_map)
            write_updated(artifact, replace(updated.landmark_map, parent=parent), about, out,
                          options.command)
    _say(f'extended by {updated.found} of {updated.images} images: {about["landmarks"]} landmarks '
         f'of {about["views"]} images; {describe_duration(about["seconds"])}; model in {out}')


def load_map(place: Path) -> tuple[LoadedArtifact, LandmarkMap]:
    """
    Load a model folder with its map.

    :raises InputError: when it has none, or one of an older version.
    """
    artifact = load(place)
    file = artifact.file(LANDMARKS_FILE)
    if not file.is_file():
        raise InputError(f'{place} has to have a map (posenet map, or posenet landmarks). '
                         'Received: a network alone')
    landmark_map = landmark_file.load(file)
    if not landmark_map.joined or landmark_map.vocabulary is None:
        raise InputError(f'{place}: expected a map that joins its landmarks. Received: one of an '
                         'older version; make it anew by posenet landmarks')
    return artifact, landmark_map


def _say(text: str) -> None:
    print(text, flush=True)


def _update(artifact: LoadedArtifact, landmark_map: LandmarkMap, options: argparse.Namespace,
            work: Path) -> UpdatedMap:
    settings = UpdateOptions(MappingOptions(features=landmark_map.features))
    dataset, given = new_images(read_new_walks(options, work), artifact, landmark_map)
    features = detect_dataset(dataset, landmark_map.features, work)
    updated = update_map(landmark_map, NewImages(dataset, given, features), settings,
                         options.views)
    for note in updated.notes:
        _say(note)
    _say(f'{updated.found} of {updated.images} images are found; {updated.joined} landmarks are '
         f'seen again, {updated.added} are new, {updated.vanished} have vanished; '
         f'{updated.dropped} redundant images are left out')
    return updated


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


def read_new_walks(options: argparse.Namespace, work: Path) -> list[Walk]:
    """Read the walks that are to be joined, with the poses that are given."""
    if options.data:
        dataset = read_dataset(options.data, 'train', options.camera)
        return walks_of_dataset(dataset.subset(range(0, len(dataset.samples),
                                                     options.every or 1)))
    walks = read_walks(source_of(options), work)
    if options.poses:
        walks = with_poses(walks, options.poses, options.max_gap, *form_and_unit(options))
    for note in (note for walk in walks for note in walk.notes):
        _say(note)
    return list(walks)


def new_images(walks: Sequence[Walk], artifact: LoadedArtifact, landmark_map: LandmarkMap,
               ) -> tuple[Dataset, list[Pose | None]]:
    """
    Return the images of walks that the map does not have by name, and the poses that are given.

    :returns: a dataset, whose poses mean nothing, and the poses, None for none.
    :raises InputError: when there is no new image, or its camera is not known.
    """
    known = set(landmark_map.views.names)
    images = [(walk, image) for walk in walks for image in walk.images]
    new = [(walk, image) for walk, image in images if image.name not in known]
    if len(new) < len(images):
        _say(f'{len(images) - len(new)} images are in the map already, by their names')
    if not new:
        raise InputError('a map is extended by new images. Received: none that it does not have '
                         'by name already')
    camera = walks[0].camera or artifact.camera
    samples = tuple(Sample(image.path, image.name, image.map_from_camera or Pose(), walk.name)
                    for walk, image in new)
    model_from_dataset = artifact.scene.dataset_from_model.inverse()
    given = [image.map_from_camera for _, image in new]
    return (Dataset(', '.join(walk.name for walk in walks), samples, camera),
            [model_from_dataset @ pose if pose else None for pose in given])


def describe_update(updated: UpdatedMap, seconds: float) -> dict[str, Any]:
    """Describe an update, for the provenance of the map."""
    return {'landmarks': len(updated.landmark_map.points_m),
            'views': len(updated.landmark_map.views),
            'walks': len(set(updated.landmark_map.views.sequences)),
            'images': updated.images, 'found': updated.found, 'joined': updated.joined,
            'added': updated.added, 'vanished': updated.vanished, 'dropped': updated.dropped,
            'seconds': seconds}
