"""`posenet map --extend`: new walks join the map of a model folder, in its frame."""

from __future__ import annotations

import argparse
from pathlib import Path
import time
from typing import Any

from posenet_ros.datasets.tolerance import MAX_REJECTED, tell_rejected, too_many_left_out
from posenet_ros.errors import InputError
from posenet_ros.inference.artifact import LANDMARKS_FILE, load, LoadedArtifact
from posenet_ros.landmarks import landmark_file
from posenet_ros.landmarks.landmark_map import LandmarkMap
from posenet_ros.training.data.datasets import Dataset
from posenet_ros.training.landmarks.feature_cache import (
    detect_by_tasks,
    detect_dataset,
    ViewFeatures,
)
from posenet_ros.training.pipelines.mapping.model_folder import write_updated
from posenet_ros.training.pipelines.mapping.walks.join import Extended, join_walks
from posenet_ros.training.pipelines.mapping.walks.read import read_new_walks
from posenet_ros.training.pipelines.mapping.work import (
    has_results,
    kept_for_resume,
    prepare_work,
    work_folder,
)
from posenet_ros.utils.arguments import input_paths
from posenet_ros.utils.atomic_folder import check_new
from posenet_ros.utils.files.kinds import MODEL
from posenet_ros.utils.files.lock import lock
from posenet_ros.utils.progress import describe_duration


def extend_place(options: argparse.Namespace, source: dict[str, Any]) -> None:
    """
    Extend the map of a model folder by walks; the folder is replaced when it is not worse.

    :param options: of `posenet map --extend`; without `out` the folder itself is replaced.
    :param source: what the walks are read from, as JSON, for --resume.
    :raises InputError: when a walk cannot be used or does not see the place; of several, when
        over a tenth of them, and more than one, has to be left out.
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
            extended = _extend(artifact, landmark_map, options, work)
            write_updated(artifact, extended.landmark_map, extended.updates, out, options.command)
    _say_result(extended, time.perf_counter() - started, out)


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


def _extend(artifact: LoadedArtifact, landmark_map: LandmarkMap, options: argparse.Namespace,
            work: Path) -> Extended:
    """Read the walks and join those that can be joined; the others are named."""
    new = read_new_walks(options, work, set(landmark_map.views.names))
    total = len(new.walks) + len(new.rejected)
    _check_left_out(list(new.rejected.values()), total)

    def detect(dataset: Dataset) -> list[ViewFeatures]:
        detect_by_tasks(dataset, landmark_map.features, work, options.jobs, options.scheduler)
        return detect_dataset(dataset, landmark_map.features, work)

    extended = join_walks(artifact, landmark_map, new.walks, detect, work, options.views,
                          alone=total == 1)
    rejected = [*new.rejected.values(), *extended.rejected.values()]
    _check_left_out(rejected, total)
    tell_rejected(rejected)
    return extended


def _check_left_out(rejected: list[str], total: int) -> None:
    if too_many_left_out(len(rejected), total):
        raise InputError(f'{rejected[0]} ({len(rejected)} of {total} walks cannot be joined, at '
                         f'most {MAX_REJECTED:.0%}, or one, may be: mend or leave them out)')


def _say_result(extended: Extended, seconds: float, out: Path) -> None:
    found, images = (sum(one[name] for one in extended.updates) for name in ('found', 'images'))
    last = extended.updates[-1]
    print(f'extended by {found} of {images} images: {last["landmarks"]} landmarks of '
          f'{last["views"]} images; {describe_duration(seconds)}; model in {out}', flush=True)
