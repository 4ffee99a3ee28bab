"""
Landmarks: spots of the trained place with known positions, which make a rough pose exact.

The network says about where the camera is; the landmarks that training images saw from there are
looked for in the image, and those that are found give the pose (perspective-n-point).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
import zipfile

import numpy as np
from numpy.typing import NDArray
from posenet_ros.artifact import LANDMARKS_FILE, LoadedArtifact
from posenet_ros.baselines import unit_rows
from posenet_ros.certainty import enlargement, NEIGHBOURS
from posenet_ros.errors import InputError
from posenet_ros.local_features import Features, match, SIZE
from posenet_ros.pose import Pose
from posenet_ros.resection import resect, Resection
from posenet_ros.smoothing import pose_error

Array = NDArray[np.float64]

VIEWS = 20  # training images whose landmarks are looked for
MORE_VIEWS = 60  # when they are not found
DEGREES = 10.0  # a turn that makes two views as unlike as the usual distance does
RATIO = 0.85
TOLERANCE = 0.01  # of a ray: 4 pixels of a camera of 400 pixels focal length
FEWEST_INLIERS = 30
SURE_SHARE = 0.3  # of the matches, which agree with a pose that needs no second look
SMALLEST_SHARE = 0.2  # that agree in the second look: at a wrong pose fewer do
MISFIT_VIEWS = 4  # training images that tell how well poses fit where they are
WIDE = 0.71  # share of the wide one's variance that has 95 % of two in equal parts in two sigma


@dataclass(frozen=True, eq=False)
class Landmarks:
    """
    What training images see of a place, in the dataset's frame.

    :param positions_m: (V, 3) of the cameras, metres; `quats_xyzw` (V, 4).
    :param points_m: (L, 3) landmarks, metres; each belongs to one image.
    :param descriptors: (L, SIZE) what they look like there, uint8.
    :param starts: (V + 1,) where the landmarks of each image begin.
    :param misfits: (V,) how far off each image's pose is when found by what the others see, in
        what was expected, 1 being usual: where poses of the data set contradict each other, many
        are larger. NaN where that is not known.
    :raises InputError: on shapes that do not fit.
    """

    positions_m: Array
    quats_xyzw: Array
    points_m: NDArray[np.float32]
    descriptors: NDArray[np.uint8]
    starts: NDArray[np.int32]
    misfits: NDArray[np.float32]

    def __post_init__(self) -> None:
        views, count = len(self.positions_m), len(self.points_m)
        shapes = {'positions_m': (views, 3), 'quats_xyzw': (views, 4), 'points_m': (count, 3),
                  'descriptors': (count, SIZE), 'starts': (views + 1,), 'misfits': (views,)}
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise InputError(f'{name} of the landmarks has to have the shape {shape}. '
                                 f'Received: {getattr(self, name).shape}')
        if not views or self.starts[0] != 0 or self.starts[-1] != count or (
                np.diff(self.starts) < 0).any():
            raise InputError('starts of the landmarks have to rise from 0 to their number. '
                             f'Received: {self.starts[:1]} to {self.starts[-1:]} of {count}')

    def pose(self, view: int) -> Pose:
        """Return where an image was taken, map_from_camera in the dataset's frame."""
        return Pose(self.positions_m[view], self.quats_xyzw[view])

    def only(self, views: NDArray[np.intp]) -> Landmarks:
        """Return what those images see, given by their indices."""
        counts = np.diff(self.starts)[views]
        each = [np.arange(self.starts[i], self.starts[i + 1]) for i in views]
        chosen = np.concatenate([np.empty(0, np.intp), *each])
        return Landmarks(self.positions_m[views], self.quats_xyzw[views], self.points_m[chosen],
                         self.descriptors[chosen], np.cumsum([0, *counts]).astype(np.int32),
                         self.misfits[views])

    def instead(self, seen: Mapping[int, tuple[NDArray[np.float32], NDArray[np.uint8]]],
                ) -> Landmarks:
        """
        Return the same, but for what some images see.

        :param seen: by the images' indices, the landmarks and their descriptors.
        """
        points, descriptors = zip(*(
            seen.get(i, (self.points_m[start:end], self.descriptors[start:end]))
            for i, (start, end) in enumerate(pairwise(self.starts))), strict=True)
        starts = np.cumsum([0, *map(len, points)]).astype(np.int32)
        return replace(self, points_m=np.concatenate(points),
                       descriptors=np.concatenate(descriptors), starts=starts)


def load(file: Path) -> Landmarks:
    """
    Read landmarks.npz; pickled content is refused. The first ones had no misfits.

    :raises InputError: when it is damaged.
    """
    try:
        with np.load(file, allow_pickle=False) as arrays:
            known = {'misfits': np.full(len(arrays['positions_m']), np.nan, np.float32), **arrays}
            return Landmarks(**{name: known[name] for name in Landmarks.__dataclass_fields__})
    except (KeyError, ValueError, zipfile.BadZipFile, InputError) as error:
        raise InputError(f'{file} is damaged: {error}') from error


def save(landmarks: Landmarks, file: Path) -> None:
    """Write landmarks.npz."""
    np.savez(file, **{name: getattr(landmarks, name)
                      for name in Landmarks.__dataclass_fields__})


class Refiner:
    """
    Finds landmarks in an image, and the exact pose from them.

    :param places: (M, D) the network's descriptors of the same images.
    :param misfit_power: of the calibration.
    :param place_images: (M,) which image each of them is of. Without it they are taken for whole
        rounds over all images; others are of no use then.
    """

    def __init__(self, landmarks: Landmarks, places: NDArray[np.floating],
                 misfit_power: float = 0.0,
                 place_images: NDArray[np.integer] | None = None) -> None:
        self._landmarks, self._misfit_power, self._hidden = landmarks, misfit_power, -1
        count = len(landmarks.positions_m)
        if place_images is None:
            place_images = np.arange(0 if len(places) % count else len(places)) % count
        self._place_images = place_images
        self._places = np.asarray(places, np.float32)

    def without(self, view: int) -> Refiner:
        """Return the same, but for one training image that it does not know."""
        other = copy(self)
        other._hidden = view
        return other

    def views_near(self, pose: Pose, count: int) -> NDArray[np.intp]:
        """Return the training images that were taken nearest to a pose, in both units."""
        distances = np.linalg.norm(self._landmarks.positions_m - pose.translation_m, axis=1)
        few = min(VIEWS, len(distances))
        usual = np.median(np.partition(distances, few - 1)[:few]) or 1.0
        alike = np.abs(self._landmarks.quats_xyzw @ pose.quat_xyzw)
        degrees = np.degrees(2 * np.arccos(np.minimum(alike, 1.0)))
        order = np.argsort(distances / usual + degrees / DEGREES, kind='stable')
        return np.asarray(order[order != self._hidden][:count])

    def views_like(self, descriptor: NDArray[np.floating] | None) -> NDArray[np.intp]:
        """Return the training images that look most like an image, by its descriptor (D,)."""
        if not len(self._place_images) or descriptor is None:
            return np.empty(0, np.intp)
        alike = self._places @ descriptor.astype(np.float32)
        best = np.full(len(self._landmarks.positions_m), -np.inf, np.float32)
        np.maximum.at(best, self._place_images, alike)
        order = np.argsort(-best, kind='stable')
        return np.asarray(order[(order != self._hidden) & (best[order] > -np.inf)][:VIEWS])

    def misfit(self, pose: Pose) -> float:
        """Return how far off poses are there, in what is expected, as the training images say."""
        found = self._landmarks.misfits[self.views_near(pose, MORE_VIEWS)]
        known = found[np.isfinite(found)][:MISFIT_VIEWS]
        return float(np.sqrt(np.mean(np.square(known)))) if len(known) else 1.0

    def refine(self, features: Features, guess: Pose,
               descriptor: NDArray[np.floating] | None = None) -> Resection | None:
        """
        Return the pose in the dataset's frame that the landmarks give.

        :param features: of the image.
        :param guess: about where the camera is.
        :param descriptor: (D,) of the image, by the network: where the guess leads nowhere.
        :returns: None when too few landmarks are found.
        """
        tries = self._tries(guess, descriptor)
        answers = (self._verified(features, views) for views in tries if len(views))
        found = next((one for one in answers if one), None)
        if found is None:
            return None
        larger = enlargement(self.misfit(found.map_from_camera), self._misfit_power)
        return replace(found, covariance=found.covariance * larger ** 2)

    def _tries(self, guess: Pose,
               descriptor: NDArray[np.floating] | None) -> Iterator[NDArray[np.intp]]:
        """Yield the training images whose landmarks are looked for, one lot after the other."""
        near = self.views_near(guess, MORE_VIEWS)
        yield near[:VIEWS]
        yield self.views_like(descriptor)
        yield near[VIEWS:]

    def spread(self, guess: Pose, descriptor: NDArray[np.floating] | None) -> Array:
        """
        Return what is to be added to the covariance of a pose that no landmarks confirm.

        The camera may as well be where the training images were taken that look most like the
        image: a share of the mean square of the pose's differences to these.

        :param guess: the pose.
        :param descriptor: of the image.
        :returns: (6, 6) ordered as a PoseEstimate's covariance; zeros without a descriptor.
        """
        views = self.views_like(descriptor)[:NEIGHBOURS]
        errors = np.reshape(
            [pose_error(self._landmarks.pose(view), guess) for view in views], (-1, 6))
        return np.asarray(errors.T @ errors, np.float64) * WIDE / max(len(errors), 1)

    def _verified(self, features: Features, views: NDArray[np.intp]) -> Resection | None:
        """Return the pose by the landmarks of some training images, or None if it may be wrong."""
        first = self._resect(features, views)
        if first is None or first.share >= SURE_SHARE:
            return first
        second = self._resect(features, self.views_near(first.map_from_camera, VIEWS))
        if second is None or second.share < SMALLEST_SHARE:
            return None
        return max(second, first, key=lambda found: len(found.inliers))

    def _resect(self, features: Features, views: NDArray[np.intp]) -> Resection | None:
        """Return the pose by the landmarks of some training images."""
        ours, starts = unit_rows(features.descriptors), self._landmarks.starts
        points, rays = [np.empty((0, 3))], [np.empty((0, 2))]
        for view in views:
            part = slice(starts[view], starts[view + 1])
            mine, its = match(ours, unit_rows(self._landmarks.descriptors[part]), RATIO)
            points.append(self._landmarks.points_m[part][its].astype(np.float64))
            rays.append(features.rays[mine])
        found = resect(np.concatenate(points), np.concatenate(rays), TOLERANCE)
        return found if found and len(found.inliers) >= FEWEST_INLIERS else None


def refiner_of(artifact: LoadedArtifact, wanted: bool) -> Refiner | None:
    """
    Return what refines a model's poses.

    :param wanted: False gives None.
    :raises InputError: when the model folder has no landmarks.
    """
    if not wanted:
        return None
    file = artifact.folder / LANDMARKS_FILE
    if not (file.is_file() and artifact.calibration.refined_scale):
        raise InputError('refine needs a model folder with landmarks: make one of this by '
                         f'python -m training.landmarks. Received: {artifact.folder} without')
    landmarks, train = load(file), artifact.train
    seen, known = len(landmarks.positions_m), len(train.place_images)
    if known and seen != len(train.names):
        raise InputError(f'{file}: the landmarks have to be those of {len(train.names)} images: '
                         f'make them anew by python -m training.landmarks. Received: {seen}')
    return Refiner(landmarks, train.places, artifact.calibration.misfit_power,
                   train.place_images if known else None)
