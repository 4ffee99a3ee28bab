"""
Localise an image by the landmarks of a place: retrieve views, match features, solve the pose.

The network's pose and its global descriptor choose training images (views); the image's local
features are matched with the views' landmarks, and the matches give the pose (hierarchical
localisation: Sarlin et al. 2019).
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.errors import InputError
from posenet_ros.geometry.lie import pose_difference, rotation_angle_rad
from posenet_ros.geometry.pose import Pose
from posenet_ros.inference.artifact import LANDMARKS_FILE, LoadedArtifact
from posenet_ros.landmarks.absolute_pose import AbsolutePose, estimate_absolute_pose
from posenet_ros.landmarks.features import Features
from posenet_ros.landmarks.landmark_map import Landmarks, load
from posenet_ros.landmarks.matching import match_mutual, unit_rows
from posenet_ros.uncertainty.covariance import sigma_factor
from posenet_ros.uncertainty.place_recognition import NEIGHBOURS

VIEWS = 20  # training images that are matched at a time
MORE_VIEWS = 60  # by pose, where the first ones and those by retrieval do not match
ROTATION_SCALE_DEG = 10.0  # counts as much as the usual distance of the nearest views
MAX_RATIO = 0.85  # of the distances to the nearest and the second nearest descriptor
MAX_ERROR = 0.01  # normalised image coordinates: 4 pixels at a focal length of 400 pixels
MIN_INLIERS = 30
SURE_INLIER_RATIO = 0.3  # a pose with no less needs no check
MIN_INLIER_RATIO = 0.2  # of the check: at a wrong pose it is lower
RESIDUAL_VIEWS = 4  # nearest views whose residual ratios are averaged
WIDE_WEIGHT = 0.71  # of the wide component's variance; see spread()


class LandmarkLocaliser:
    """
    Estimate an image's pose from the landmarks of a place.

    :param landmarks: of V views.
    :param global_descriptors: (M, D) the network's descriptors of the views; M may be 0.
    :param pose_residual_power: the expected error grows with this power of the residual ratio.
    :param place_images: (M,) index of each descriptor's view; None where the descriptors go
        through all views in order, once or several times. Others are not used then.
    """

    def __init__(self, landmarks: Landmarks, global_descriptors: NDArray[np.floating],
                 pose_residual_power: float = 0.0,
                 place_images: NDArray[np.integer] | None = None) -> None:
        self._landmarks, self._pose_residual_power = landmarks, pose_residual_power
        self._hidden = -1
        views, count = len(landmarks.positions_m), len(global_descriptors)
        if place_images is None:
            place_images = np.arange(0 if count % views else count) % views
        self._place_images = place_images
        self._global_descriptors = np.asarray(global_descriptors, np.float32)

    def without(self, view: int) -> LandmarkLocaliser:
        """Return a localiser that leaves one view out (leave-one-out validation)."""
        other = copy(self)
        other._hidden = view
        return other

    def views_by_pose(self, pose: Pose, count: int) -> NDArray[np.intp]:
        """Return the `count` views nearest to a pose, by distance and angle together."""
        distances = np.linalg.norm(self._landmarks.positions_m - pose.translation_m, axis=1)
        few = min(VIEWS, len(distances))
        usual = np.median(np.partition(distances, few - 1)[:few]) or 1.0
        degrees = np.degrees(rotation_angle_rad(self._landmarks.quats_xyzw, pose.quat_xyzw))
        order = np.argsort(distances / usual + degrees / ROTATION_SCALE_DEG, kind='stable')
        return np.asarray(order[order != self._hidden][:count])

    def views_by_retrieval(self, descriptor: NDArray[np.floating] | None) -> NDArray[np.intp]:
        """Return the views most similar to an image by its global descriptor (D,)."""
        if not len(self._place_images) or descriptor is None:
            return np.empty(0, np.intp)
        similarities = self._global_descriptors @ descriptor.astype(np.float32)
        best = np.full(len(self._landmarks.positions_m), -np.inf, np.float32)
        np.maximum.at(best, self._place_images, similarities)
        order = np.argsort(-best, kind='stable')
        return np.asarray(order[(order != self._hidden) & (best[order] > -np.inf)][:VIEWS])

    def pose_residual_ratio(self, pose: Pose) -> float:
        """Return the root mean square of the residual ratios of the views around a pose."""
        ratios = self._landmarks.pose_residual_ratios[self.views_by_pose(pose, MORE_VIEWS)]
        known = ratios[np.isfinite(ratios)][:RESIDUAL_VIEWS]
        return float(np.sqrt(np.mean(np.square(known)))) if len(known) else 1.0

    def localise(self, features: Features, guess: Pose,
                 descriptor: NDArray[np.floating] | None = None) -> AbsolutePose | None:
        """
        Estimate the pose of an image in the dataset's frame.

        :param features: local features of the image.
        :param guess: rough pose, such as the network's.
        :param descriptor: (D,) global descriptor of the image, for where the guess is far off.
        :returns: None when too few landmarks match.
        """
        candidates = self._candidate_views(guess, descriptor)
        poses = (self._localise_with_check(features, views) for views in candidates if len(views))
        found = next((pose for pose in poses if pose), None)
        if found is None:
            return None
        ratio = self.pose_residual_ratio(found.map_from_camera)
        factor = sigma_factor(ratio, self._pose_residual_power)
        return replace(found, covariance=found.covariance * factor ** 2)

    def _candidate_views(self, guess: Pose, descriptor: NDArray[np.floating] | None,
                         ) -> Iterator[NDArray[np.intp]]:
        """Yield sets of views to match, most promising first."""
        near = self.views_by_pose(guess, MORE_VIEWS)
        yield near[:VIEWS]
        yield self.views_by_retrieval(descriptor)
        yield near[VIEWS:]

    def spread(self, guess: Pose, descriptor: NDArray[np.floating] | None) -> Floats:
        """
        Return the extra covariance of a pose that no landmarks confirm.

        The camera is as likely at the most similar training images as at the pose: an equal
        mixture of a narrow normal distribution and of a wide one, whose covariance is the mean
        square of these images' differences to the pose. A normal distribution of WIDE_WEIGHT
        times the wide covariance holds 95 % of the mixture within two of its sigmas.

        :param guess: the unconfirmed pose.
        :param descriptor: (D,) global descriptor of the image.
        :returns: (6, 6) ordered as a PoseEstimate's covariance; zeros without a descriptor.
        """
        views = self.views_by_retrieval(descriptor)[:NEIGHBOURS]
        errors = np.reshape(
            [pose_difference(self._landmarks.pose(view), guess) for view in views], (-1, 6))
        return np.asarray(errors.T @ errors, np.float64) * WIDE_WEIGHT / max(len(errors), 1)

    def _localise_with_check(self, features: Features,
                             views: NDArray[np.intp]) -> AbsolutePose | None:
        """Localise by some views; check a low inlier ratio by the views around the pose found."""
        first = self._localise_by_views(features, views)
        if first is None or first.inlier_ratio >= SURE_INLIER_RATIO:
            return first
        second = self._localise_by_views(
            features, self.views_by_pose(first.map_from_camera, VIEWS))
        if second is None or second.inlier_ratio < MIN_INLIER_RATIO:
            return None
        return max(second, first, key=lambda found: len(found.inliers))

    def _localise_by_views(self, features: Features,
                           views: NDArray[np.intp]) -> AbsolutePose | None:
        """Match the landmarks of some views and estimate the pose; None below MIN_INLIERS."""
        descriptors, starts = unit_rows(features.descriptors), self._landmarks.starts
        points, rays = [np.empty((0, 3))], [np.empty((0, 2))]
        for view in views:
            of_view = slice(starts[view], starts[view + 1])
            ours, theirs = match_mutual(
                descriptors, unit_rows(self._landmarks.descriptors[of_view]), MAX_RATIO)
            points.append(self._landmarks.points_m[of_view][theirs].astype(np.float64))
            rays.append(features.points_normalized[ours])
        found = estimate_absolute_pose(np.concatenate(points), np.concatenate(rays), MAX_ERROR)
        return found if found and len(found.inliers) >= MIN_INLIERS else None


def make_landmark_localiser(artifact: LoadedArtifact, wanted: bool) -> LandmarkLocaliser | None:
    """
    Make the landmark localiser of a model folder.

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
    views, known = len(landmarks.positions_m), len(train.place_images)
    if known and views != len(train.names):
        raise InputError(f'{file}: the landmarks have to be those of {len(train.names)} images: '
                         f'make them anew by python -m training.landmarks. Received: {views}')
    return LandmarkLocaliser(
        landmarks, train.global_descriptors, artifact.calibration.misfit_power,
        train.place_images if known else None)
