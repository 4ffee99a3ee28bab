"""Detect the local features of many images as tasks, by several processes or a cluster."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from posenet_ros.geometry.camera import Camera
from posenet_ros.landmarks.options import FeatureOptions
from posenet_ros.training.data.datasets import Dataset
from posenet_ros.training.landmarks.feature_cache import FOLDER, kept_or_detected
from posenet_ros.utils.progress import ProgressBar
from posenet_ros.utils.tasks.run import run_tasks
from posenet_ros.utils.tasks.worker import SharedPaths

IMAGES = 16  # of a task


@dataclass(frozen=True)
class FeatureTask:
    """
    Images whose features are detected and kept.

    :param folder: that keeps them.
    """

    paths: tuple[Path, ...]
    camera: Camera
    options: FeatureOptions
    folder: Path


def keep_features(task: FeatureTask) -> int:
    """
    Detect the features of some images, unless they are kept, and return how many images.

    :raises InputError: on an image that cannot be read.
    """
    task.folder.mkdir(parents=True, exist_ok=True)
    for path in task.paths:
        kept_or_detected(path, task.camera, task.options, task.folder)
    return len(task.paths)


def detect_by_tasks(dataset: Dataset, options: FeatureOptions, work: Path, jobs: int,
                    scheduler: str | None) -> None:
    """
    Detect and keep the features of all images ahead, where there is more than this process.

    :param work: as of :func:`.feature_cache.detect_dataset`; a cluster has to see it.
    :param jobs: processes.
    :param scheduler: of a cluster that detects them instead, and sees the images.
    :raises InputError: on an image that cannot be read, or as :func:`run_tasks`.
    """
    if jobs <= 1 and not scheduler:
        return
    paths, work = [sample.path.resolve() for sample in dataset.samples], work.resolve()
    tasks = [FeatureTask(tuple(paths[i:i + IMAGES]), dataset.camera, options, work / FOLDER)
             for i in range(0, len(paths), IMAGES)]
    with ProgressBar(len(paths), 'image', 'features') as bar:
        for count in run_tasks(keep_features, tasks, jobs, scheduler, SharedPaths(paths, work)):
            bar.advance(count)
