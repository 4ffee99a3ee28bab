"""
Landmarks: spots of the trained place with known positions, which make a rough pose exact.

The network says about where the camera is; the landmarks that training images saw from there are
looked for in the image, and those that are found give the pose (perspective-n-point).
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.errors import InputError
from posenet_ros.geometry.lie import pose_error
from posenet_ros.geometry.pose import Pose
from posenet_ros.inference.artifact import LANDMARKS_FILE, LoadedArtifact
from posenet_ros.landmarks.absolute_pose import resect, Resection
from posenet_ros.landmarks.features import Features
from posenet_ros.landmarks.landmark_map import Landmarks, load
from posenet_ros.landmarks.matching import match, unit_rows
from posenet_ros.uncertainty.covariance import enlargement
from posenet_ros.uncertainty.place_recognition import NEIGHBOURS

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

    def spread(self, guess: Pose, descriptor: NDArray[np.floating] | None) -> Floats:
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
