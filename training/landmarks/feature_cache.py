"""Local features of a dataset's images with their colours, kept in a folder for a resumed run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
import hashlib
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats, RgbImage
from posenet_ros.geometry.camera import Camera
from posenet_ros.imaging.files import read_image
from posenet_ros.landmarks.features import detect, Features, patch_camera, patch_image
from posenet_ros.landmarks.options import FeatureOptions
from posenet_ros.training.data.datasets import Dataset, Sample
from posenet_ros.utils.files.npz import read_arrays
from posenet_ros.utils.files.whole import whole_file
from posenet_ros.utils.parallel import ordered_map
from posenet_ros.utils.progress import progress, ProgressBar
from posenet_ros.utils.tasks.run import run_tasks
from posenet_ros.utils.tasks.worker import SharedPaths

FOLDER = 'features'
IMAGES_OF_A_TASK = 16


class ViewFeatures(NamedTuple):
    """
    Local features of a view.

    :param features: of N keypoints, without the grey image: a data set's are too many to keep.
    :param colors: (N, 3) RGB there.
    :param path: of the image file; None where there is none.
    """

    features: Features
    colors: NDArray[np.uint8]
    path: Path | None = None


def detect_with_colors(image: RgbImage, camera: Camera, options: FeatureOptions) -> ViewFeatures:
    """Detect the features of an image (H, W, 3) of `camera`, and read the colours there."""
    features = detect(image, camera, options)
    return ViewFeatures(features._replace(grey=None),
                        colors_at(image, camera, features.points_normalized))


def colors_at(image: RgbImage, camera: Camera, points_normalized: Floats) -> NDArray[np.uint8]:
    """
    Read the colours of keypoints: of the nearest pixel of the slightly blurred image.

    :param image: (H, W, 3) RGB, of `camera` or resized.
    :param points_normalized: (N, 2) normalised image coordinates.
    :returns: (N, 3) RGB.
    """
    height, width = image.shape[:2]
    rays = np.column_stack([points_normalized, np.ones(len(points_normalized))])
    positions = np.nan_to_num(camera.scaled(width, height).project(rays))
    columns, rows = np.round(positions).astype(np.intp).T
    blurred = cv2.blur(image, (3, 3))
    inside = np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)
    return np.asarray(blurred[inside], np.uint8)


def detect_dataset(dataset: Dataset, options: FeatureOptions,
                   work: Path | None = None) -> list[ViewFeatures]:
    """
    Detect the features of all images, with a progress bar.

    :param work: folder that keeps them, so that a run that was interrupted goes on; what is
        there of the same image, camera and options is not detected again.
    :raises InputError: on an image that cannot be read.
    """
    folder = work and work / FOLDER
    if folder:
        folder.mkdir(parents=True, exist_ok=True)

    def one(sample: Sample) -> ViewFeatures:
        if not folder:
            found = detect_with_colors(read_image(sample.path), dataset.camera, options)
        else:
            found = _kept_or_detected(sample.path, dataset.camera, options, folder)
        return found._replace(path=sample.path)

    return list(progress(
        ordered_map(one, dataset.samples), len(dataset.samples), 'image', 'features'))


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
        _kept_or_detected(path, task.camera, task.options, task.folder)
    return len(task.paths)


def detect_by_tasks(dataset: Dataset, options: FeatureOptions, work: Path, jobs: int,
                    scheduler: str | None) -> None:
    """
    Detect and keep the features of all images ahead, where there is more than this process.

    :param work: as of :func:`detect_dataset`; a cluster has to see it.
    :param jobs: processes.
    :param scheduler: of a cluster that detects them instead, and sees the images.
    :raises InputError: on an image that cannot be read, or as :func:`run_tasks`.
    """
    if jobs <= 1 and not scheduler:
        return
    paths, work = [sample.path.resolve() for sample in dataset.samples], work.resolve()
    some = [paths[i:i + IMAGES_OF_A_TASK] for i in range(0, len(paths), IMAGES_OF_A_TASK)]
    tasks = [FeatureTask(tuple(one), dataset.camera, options, work / FOLDER) for one in some]
    with ProgressBar(len(paths), 'image', 'features') as bar:
        for count in run_tasks(keep_features, tasks, jobs, scheduler, SharedPaths(paths, work)):
            bar.advance(count)


class KeptViews(Sequence[ViewFeatures]):
    """
    The features of a dataset's images, each read anew from the folder that keeps them.

    :param work: as of :func:`detect_dataset`, which has filled it; what is missing is detected.
    """

    def __init__(self, dataset: Dataset, options: FeatureOptions, work: Path) -> None:
        self._dataset, self._options, self._folder = dataset, options, work / FOLDER

    def __len__(self) -> int:
        return len(self._dataset.samples)

    def __getitem__(self, index: Any) -> Any:  # noqa: ANN401 - of a Sequence
        path = self._dataset.samples[index].path
        return _kept_or_detected(
            path, self._dataset.camera, self._options, self._folder)._replace(path=path)


class KeptFeatures(Sequence[Features]):
    """The local features alone of :class:`KeptViews`."""

    def __init__(self, views: Sequence[ViewFeatures]) -> None:
        self._views = views

    def __len__(self) -> int:
        return len(self._views)

    def __getitem__(self, index: Any) -> Any:  # noqa: ANN401 - of a Sequence
        return self._views[index].features


def with_image(view: ViewFeatures, options: FeatureOptions) -> Features:
    """
    Return the features of a view with the grey image for patches, read again from its file.

    :param options: by which they were detected.
    :raises InputError: when the image cannot be read.
    """
    if view.path is None:
        return view.features
    return view.features._replace(grey=patch_image(read_image(view.path), options))


def _kept_or_detected(path: Path, camera: Camera, options: FeatureOptions,
                      folder: Path) -> ViewFeatures:
    """
    Read the features from the folder, where the file is named by the hash of what went in.

    :raises InputError: on an image that cannot be read.
    """
    settings = repr((camera.to_mapping(), astuple(options), cv2.__version__)).encode()
    file = folder / f'{hashlib.sha256(settings + path.read_bytes()).hexdigest()}.npz'
    kept = _read(file, patch_camera(camera, options))
    if kept is None:
        kept = detect_with_colors(read_image(path), camera, options)
        with whole_file(file) as unfinished, unfinished.open('wb') as stream:
            np.savez(stream, *kept.features[:3], kept.colors)
    return kept


def _read(file: Path, camera: Camera) -> ViewFeatures | None:
    """
    Read kept features; None where there are none, or they are damaged.

    :param camera: of the images that patches are cut from.
    """
    try:
        arrays = read_arrays(file)
        points, descriptors, focal_length_px, colors = (arrays[f'arr_{i}'] for i in range(4))
        return ViewFeatures(Features(
            points, descriptors, float(focal_length_px), camera=camera), colors)
    except (OSError, ValueError, TypeError):
        return None
