"""
Localise an image by the landmarks of a place: retrieve views, match features, solve the pose.

The network's pose and its global descriptor choose training images (views); the image's local
features are matched with the views' landmarks, and the matches give the pose (hierarchical
localisation: Sarlin et al. 2019).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.errors import InputError
from posenet_ros.geometry.lie import pose_difference, rotation_angle_rad
from posenet_ros.geometry.matches import LandmarkMatches
from posenet_ros.geometry.pose import Pose
from posenet_ros.inference.artifact import LANDMARKS_FILE, LoadedArtifact
from posenet_ros.landmarks.absolute_pose import AbsolutePose, estimate_absolute_pose
from posenet_ros.landmarks.features import Features
from posenet_ros.landmarks.landmark_map import Landmarks, load
from posenet_ros.landmarks.matching import match_mutual, unit_rows
from posenet_ros.landmarks.options import DEFAULT_LOCALISER, LandmarkLocaliserOptions
from posenet_ros.uncertainty.covariance import sigma_factor


class LandmarkLocaliser:
    """
    Estimate an image's pose from the landmarks of a place.

    A view is a training image. Every method that takes `exclude_view` can leave one out, for
    leave-one-out validation.

    :param landmarks: of V views.
    :param global_descriptors: (M, D) the network's descriptors of the views; None retrieves none.
    :param pose_residual_power: the expected error grows with this power of the residual ratio.
    :param place_images: (M,) index of each descriptor's view; None where the descriptors go
        through all views in order, once or several times. Others are not used then.
    """

    def __init__(self, landmarks: Landmarks,
                 global_descriptors: NDArray[np.floating] | None = None,
                 pose_residual_power: float = 0.0,
                 place_images: NDArray[np.integer] | None = None,
                 options: LandmarkLocaliserOptions = DEFAULT_LOCALISER) -> None:
        self._landmarks, self._pose_residual_power = landmarks, pose_residual_power
        self._options = options
        if global_descriptors is None:
            global_descriptors = np.empty((0, 0))
        self._global_descriptors = np.asarray(global_descriptors, np.float32)
        if place_images is None:
            views, count = len(landmarks.positions_m), len(global_descriptors)
            place_images = np.arange(0 if count % views else count) % views
        self._place_images = place_images

    def views_by_pose(self, pose: Pose, count: int,
                      exclude_view: int | None = None) -> NDArray[np.intp]:
        """Return the `count` views nearest to a pose, by distance and angle together."""
        distances = np.linalg.norm(self._landmarks.positions_m - pose.translation_m, axis=1)
        few = min(self._options.views, len(distances))
        usual = np.median(np.partition(distances, few - 1)[:few]) or 1.0
        degrees = np.degrees(rotation_angle_rad(self._landmarks.quats_xyzw, pose.quat_xyzw))
        order = np.argsort(distances / usual + degrees / self._options.rotation_scale_deg,
                           kind='stable')
        return _without(order, exclude_view)[:count]

    def views_by_retrieval(self, descriptor: NDArray[np.floating] | None,
                           exclude_view: int | None = None) -> NDArray[np.intp]:
        """Return the views most similar to an image by its global descriptor (D,)."""
        if not len(self._place_images) or descriptor is None:
            return np.empty(0, np.intp)
        similarities = self._global_descriptors @ descriptor.astype(np.float32)
        best = np.full(len(self._landmarks.positions_m), -np.inf, np.float32)
        np.maximum.at(best, self._place_images, similarities)
        order = np.argsort(-best, kind='stable')
        return _without(order[best[order] > -np.inf], exclude_view)[:self._options.views]

    def pose_residual_ratio(self, pose: Pose, exclude_view: int | None = None) -> float:
        """Return the root mean square of the residual ratios of the views around a pose."""
        near = self.views_by_pose(pose, self._options.more_views, exclude_view)
        ratios = self._landmarks.pose_residual_ratios[near]
        known = ratios[np.isfinite(ratios)][:self._options.residual_views]
        return float(np.sqrt(np.mean(np.square(known)))) if len(known) else 1.0

    def localise(self, features: Features, guess: Pose,
                 descriptor: NDArray[np.floating] | None = None,
                 exclude_view: int | None = None) -> AbsolutePose | None:
        """
        Estimate the pose of an image in the dataset's frame.

        :param features: local features of the image.
        :param guess: rough pose, such as the network's.
        :param descriptor: (D,) global descriptor of the image, for where the guess is far off.
        :param exclude_view: index of a view that is not used.
        :returns: None when too few landmarks match.
        """
        candidates = self._candidate_views(guess, descriptor, exclude_view)
        poses = (self._localise_with_check(features, views, exclude_view)
                 for views in candidates if len(views))
        found = next((pose for pose in poses if pose), None)
        if found is None:
            return None
        ratio = self.pose_residual_ratio(found.map_from_camera, exclude_view)
        factor = sigma_factor(ratio, self._pose_residual_power)
        return replace(found, covariance=found.covariance * factor ** 2)

    def spread(self, guess: Pose, descriptor: NDArray[np.floating] | None) -> Floats:
        """
        Return the extra covariance of a pose that no landmarks confirm.

        The camera is as likely at the most similar views as at the pose p. The error then has an
        equal mixture of two normal distributions, a narrow one and a wide one, ::

            1/2 N(0, C) + 1/2 N(0, C + S),   S = mean of d_i d_i^T,

        where d_i is the difference of view i's pose to p. It is replaced by N(0, C + k S), with
        k so that two of its sigmas hold 95.45 % of a mixture whose C is negligible:
        1/2 + 1/2 erf(sqrt(2 k)) = 0.9545, hence k = 0.71, the option `spread_weight`.

        :param guess: the unconfirmed pose.
        :param descriptor: (D,) global descriptor of the image.
        :returns: (6, 6) k S, ordered as a PoseEstimate's covariance; zeros without a descriptor.
        """
        views = self.views_by_retrieval(descriptor)[:self._options.spread_views]
        errors = np.reshape(
            [pose_difference(self._landmarks.pose(view), guess) for view in views], (-1, 6))
        weight = self._options.spread_weight / max(len(errors), 1)
        return np.asarray(errors.T @ errors, np.float64) * weight

    def _candidate_views(self, guess: Pose, descriptor: NDArray[np.floating] | None,
                         exclude_view: int | None) -> Iterator[NDArray[np.intp]]:
        """Yield sets of views to match, most promising first."""
        near = self.views_by_pose(guess, self._options.more_views, exclude_view)
        yield near[:self._options.views]
        yield self.views_by_retrieval(descriptor, exclude_view)
        yield near[self._options.views:]

    def _localise_with_check(self, features: Features, views: NDArray[np.intp],
                             exclude_view: int | None) -> AbsolutePose | None:
        """Localise by some views; check a low inlier ratio by the views around the pose found."""
        first = self._localise_by_views(features, views)
        if first is None or first.inlier_ratio >= self._options.sure_inlier_ratio:
            return first
        around = self.views_by_pose(first.map_from_camera, self._options.views, exclude_view)
        second = self._localise_by_views(features, around)
        if second is None or second.inlier_ratio < self._options.min_inlier_ratio:
            return None
        return max(second, first, key=lambda found: len(found.inliers))

    def _localise_by_views(self, features: Features,
                           views: NDArray[np.intp]) -> AbsolutePose | None:
        """Match the landmarks of some views and estimate the pose; None with few inliers."""
        matches = self._match(features, views)
        found = estimate_absolute_pose(
            matches.points_m, matches.points_normalized, self._options.absolute_pose)
        if found is None or len(found.inliers) < self._options.min_inliers:
            return None
        matches.inlier[found.inliers] = True
        return replace(found, matches=matches)

    def _match(self, features: Features, views: NDArray[np.intp]) -> LandmarkMatches:
        """Match features with the landmarks of views; no match is an inlier yet."""
        descriptors, starts = unit_rows(features.descriptors), self._landmarks.starts
        points, rays, counts = [np.empty((0, 3))], [np.empty((0, 2))], []
        for view in views:
            of_view = slice(starts[view], starts[view + 1])
            ours, theirs = match_mutual(
                descriptors, unit_rows(self._landmarks.descriptors[of_view]),
                self._options.max_ratio)
            points.append(self._landmarks.points_m[of_view][theirs].astype(np.float64))
            rays.append(features.points_normalized[ours])
            counts.append(len(ours))
        view_of_match = np.repeat(np.asarray(views, np.intp), counts)
        return LandmarkMatches(np.concatenate(points), np.concatenate(rays), view_of_match,
                               np.zeros(len(view_of_match), np.bool_))


def _without(views: NDArray[np.intp], exclude_view: int | None) -> NDArray[np.intp]:
    return views if exclude_view is None else np.asarray(views[views != exclude_view])


def make_landmark_localiser(artifact: LoadedArtifact, wanted: bool) -> LandmarkLocaliser | None:
    """
    Make the landmark localiser of a model folder.

    :param wanted: False gives None.
    :raises InputError: when the model folder has no landmarks.
    """
    if not wanted:
        return None
    file = artifact.file(LANDMARKS_FILE)
    if not (file.is_file() and artifact.calibration.refined_scale):
        raise InputError('refine needs a model folder with landmarks: make one of this by '
                         f'posenet landmarks. Received: {artifact.folder} without')
    landmarks, train = load(file), artifact.train
    views, known = len(landmarks.positions_m), len(train.place_images)
    if known and views != len(train.names):
        raise InputError(f'{file}: the landmarks have to be those of {len(train.names)} images: '
                         f'make them anew by posenet landmarks. Received: {views}')
    return LandmarkLocaliser(
        landmarks, train.global_descriptors, artifact.calibration.misfit_power,
        train.place_images if known else None)
