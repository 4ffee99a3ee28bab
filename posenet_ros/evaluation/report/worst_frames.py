"""Show the worst frames: each image beside its nearest training image, matches joined by lines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from posenet_ros.arrays import Floats, RgbImage
from posenet_ros.datasets.dataset_rows import image_path
from posenet_ros.errors import InputError
from posenet_ros.evaluation.metrics.largest_errors import KeptFrame
from posenet_ros.evaluation.results import WorstFrame
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.lie import rotation_angle_rad
from posenet_ros.geometry.matches import LandmarkMatches
from posenet_ros.geometry.pose import Pose
from posenet_ros.imaging.files import read_image
from posenet_ros.inference.train_index import TrainIndex
from posenet_ros.landmarks.options import DEFAULT_LOCALISER
from posenet_ros.visualization.match_pair import draw_match_pair, fit_height

HEIGHT_PX = 320
MAX_LINES = 50  # more hide the images

Lines = tuple[Floats, Floats]  # (N, 2) pixels of the image, and of the training image
NO_LINES: Lines = np.empty((0, 2)), np.empty((0, 2))


@dataclass(frozen=True, eq=False)
class TrainingImages:
    """
    The training images of a model.

    :param train: their names and poses, in the frame of the truth.
    :param folder: the dataset that the names are relative to; None when it is not known.
    :param camera: of the training images; None where no landmarks are to be shown.
    """

    train: TrainIndex
    folder: Path | None = None
    camera: Camera | None = None

    def pose(self, view: int) -> Pose:
        """Return a training image's map_from_camera."""
        return Pose(self.train.positions_m[view], self.train.quats_xyzw[view])

    def read(self, view: int) -> RgbImage | None:
        """Read a training image; None where its file is not at hand, or damaged."""
        if self.folder is None:
            return None
        try:
            return read_image(image_path(self.folder, self.train.names[view]))
        except InputError:
            return None


def nearest_view(train: TrainIndex, truth: Pose) -> tuple[int, float, float]:
    """
    Find the nearest training image, by distance and angle together, as landmarks are retrieved.

    :returns: its index, distance (metres) and angle (degrees).
    """
    metres = np.linalg.norm(train.positions_m - truth.translation_m, axis=1)
    degrees = np.degrees(rotation_angle_rad(train.quats_xyzw, truth.quat_xyzw))
    usual_m = np.median(np.sort(metres)[:DEFAULT_LOCALISER.views]) or 1.0
    view = int(np.argmin(metres / usual_m + degrees / DEFAULT_LOCALISER.rotation_scale_deg))
    return view, float(metres[view]), float(degrees[view])


def match_lines(matches: LandmarkMatches, camera: Camera, view: int, training: TrainingImages,
                view_size: tuple[int, int]) -> Lines:
    """
    Find where an image and a training image show the landmarks that agree with the pose.

    :param matches: of the image.
    :param camera: of the image, at its size.
    :param view: index of the training image; only landmarks whose descriptor is of it count.
    :param view_size: width and height of the training image, pixels.
    """
    if training.camera is None:
        return NO_LINES
    chosen = matches.select(matches.inlier & (matches.views == view))
    points = training.pose(view).inverse().apply(chosen.points_m)
    if not (points[:, 2] > 0).any():
        return NO_LINES
    chosen, points = chosen.select(points[:, 2] > 0), points[points[:, 2] > 0]
    return chosen.pixels(camera), training.camera.scaled(*view_size).project(points)


def _few(lines: Lines) -> Lines:
    """Keep some of many lines, spread over the image from left to right."""
    order = np.argsort(lines[0][:, 0], kind='stable')
    shown = order[np.linspace(0, len(order) - 1, min(len(order), MAX_LINES)).round().astype(int)]
    return lines[0][shown], lines[1][shown]


def _size(image: RgbImage) -> tuple[int, int]:
    return image.shape[1], image.shape[0]


def _read_query(kept: KeptFrame) -> RgbImage | None:
    try:
        return kept.load() if kept.load else None
    except InputError:  # the reason stands beside the frame
        return None


def _show(kept: KeptFrame, training: TrainingImages | None, camera: Camera | None) -> WorstFrame:
    query = _read_query(kept)
    if query is None:
        return WorstFrame(kept.frame)
    if training is None or not training.train.names:
        return WorstFrame(kept.frame, fit_height(query, HEIGHT_PX))
    view, metres, degrees = nearest_view(training.train, kept.frame.truth)
    beside = f'{training.train.names[view]}, {metres:.2f} m and {degrees:.0f} deg away'
    image = training.read(view)
    if image is None:
        where = 'its dataset is given by --train-images'
        return WorstFrame(kept.frame, fit_height(query, HEIGHT_PX),
                          f'The nearest training image ({beside}) is shown here when {where}.')
    lines = NO_LINES
    if kept.matches is not None and camera is not None:
        lines = match_lines(kept.matches, camera.scaled(*_size(query)), view, training,
                            _size(image))
    picture = draw_match_pair(query, _few(lines)[0], image, _few(lines)[1], HEIGHT_PX)
    return WorstFrame(kept.frame, picture, f'Right: the nearest training image, {beside}.'
                      + _lines_text(kept.matches, len(lines[0])))


def _shown(kept: KeptFrame, training: TrainingImages | None,
           camera: Camera | None) -> WorstFrame:
    """Show a frame; where that fails, the frame alone: no picture is worth a report."""
    try:
        return _show(kept, training, camera)
    except Exception as error:
        return WorstFrame(kept.frame, caption='The image could not be drawn '
                          f'({type(error).__name__}: {error}).')


def _lines_text(matches: LandmarkMatches | None, count: int) -> str:
    if matches is None:
        return ''
    shown = f'; {MAX_LINES} are drawn' if count > MAX_LINES else ''
    return f' It is the source of {count} of the {int(matches.inlier.sum())} inliers{shown}.'


def show_frames(kept: Iterable[KeptFrame], training: TrainingImages | None = None,
                camera: Camera | None = None) -> list[WorstFrame]:
    """
    Show frames beside their nearest training images, matched landmarks joined by lines.

    :param training: None shows the images alone.
    :param camera: of the frames' images, at any size; None draws no lines.
    """
    return [_shown(one, training, camera) for one in kept]
