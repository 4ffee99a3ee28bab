"""Localise an image by the landmarks of a place, in maps of both kinds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.geometry.lie import pose_difference
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.features import Features
from posenet_ros.landmarks.joined_localiser import JoinedLocaliser
from posenet_ros.landmarks.landmark_map import Indices, LandmarkMap
from posenet_ros.landmarks.localisation import explain, Localisation, PosePrior, StageTimer
from posenet_ros.landmarks.options import (
    DEFAULT_LOCALISER,
    FeatureOptions,
    LandmarkLocaliserOptions,
)
from posenet_ros.landmarks.pnp.absolute_pose import AbsolutePose
from posenet_ros.landmarks.retrieval.view_index import ViewIndex
from posenet_ros.landmarks.tracking.pose_tracker import PoseTracker
from posenet_ros.landmarks.view_localiser import ViewLocaliser
from posenet_ros.uncertainty.pose_scores import PoseScores, REFERENCE_INLIER_RATIO, sigma_factors

MIN_INLIER_RATIO = 0.01


class LandmarkLocaliser:
    """
    Estimate an image's pose from the landmarks of a place.

    Methods that take `exclude` leave views out, with the landmarks that fewer than two others see.

    :param landmark_map: of V views.
    :param network_descriptors: (M, D) and `descriptor_views`: as of :class:`ViewIndex`.
    :param pose_residual_power: the expected error grows with this power of the residual ratio.
    :param distance_power: and with this power of the distance score, `inlier_ratio_power` of
        that of the inlier ratio, see :class:`PoseScores`.
    :param complete: the map shows all places there are: none that looks alike is unmapped; so
        does a map that is marked as complete.
    """

    def __init__(self, landmark_map: LandmarkMap,
                 network_descriptors: NDArray[np.floating] | None = None,
                 pose_residual_power: float = 0.0,
                 descriptor_views: NDArray[np.integer] | None = None,
                 options: LandmarkLocaliserOptions = DEFAULT_LOCALISER, *,
                 complete: bool = False, distance_power: float = 0.0,
                 inlier_ratio_power: float = 0.0) -> None:
        self._map = landmark_map
        self._powers = PoseScores(pose_residual_power, distance_power, inlier_ratio_power)
        self._options = options
        self.index = ViewIndex(landmark_map, network_descriptors, descriptor_views, options)
        self._joined = JoinedLocaliser(
            landmark_map, self.index, options,
            complete or landmark_map.complete) if landmark_map.joined else None
        self._by_view = ViewLocaliser(landmark_map, self.index, options)

    def why_not(self, found: Localisation) -> str:
        """Say why an image is not localised."""
        if found.refusal is None:
            return (f'the image matches no place of the map: {found.landmarks} landmarks agree, '
                    f'{self._options.min_inliers_by_view} are needed')
        return explain(found, self._options.decision)

    @property
    def landmark_map(self) -> LandmarkMap:
        """Return the map."""
        return self._map

    @property
    def features(self) -> FeatureOptions:
        """Return the settings by which the features of an image have to be detected."""
        return self._map.features

    def make_tracker(self) -> PoseTracker:
        """Make a tracker of one camera."""
        return PoseTracker(self._map, self.index)

    def localise(self, features: Features, guess: Pose | None = None,
                 descriptor: NDArray[np.floating] | None = None,
                 exclude: Indices = (), prior: PosePrior | None = None) -> AbsolutePose | None:
        """Return the pose of :meth:`search`, None when the image is not localised."""
        return self.search(features, guess, descriptor, exclude, prior).pose

    def search(self, features: Features, guess: Pose | None = None,
               descriptor: NDArray[np.floating] | None = None,
               exclude: Indices = (), prior: PosePrior | None = None,
               timer: StageTimer | None = None) -> Localisation:
        """
        Estimate the pose of an image in the map's frame.

        :param features: local features of the image.
        :param guess: rough pose, such as a network's; None where there is none.
        :param descriptor: (D,) the network's descriptor of the image, where there is one.
        :param exclude: views that are not used.
        :param prior: what is known of the pose; maps by views use it as a rough pose.
        :param timer: measures the stages in a map of joined landmarks.
        """
        if self._joined is None:
            guess = guess or (prior and prior.map_from_camera)
            found = self._by_view.search(features, guess, descriptor, exclude)
        else:
            found = self._joined.search(features, guess, descriptor, exclude, prior, timer)
        if found.pose is None:
            return found
        if self._map.memory:
            self._map.expect(self.index.by_pose(
                found.pose.map_from_camera, self._options.expected_views))
        factor = float(sigma_factors(self.scores(found, exclude), self._powers))
        return replace(found, pose=replace(
            found.pose, covariance=found.pose.covariance * factor ** 2))

    def scores(self, found: Localisation, exclude: Indices = ()) -> PoseScores:
        """
        Return what tells how exact a pose is, beside the residuals of its landmarks.

        :param found: with a pose.
        """
        assert found.pose
        pose = found.pose.map_from_camera
        ratio = self.pose_residual_ratio(pose, exclude)
        if self._joined is None:
            return PoseScores(ratio)
        return PoseScores(ratio, 1 + self._joined.geometry.distance(pose, exclude),
                          REFERENCE_INLIER_RATIO / max(found.pose.inlier_ratio, MIN_INLIER_RATIO))

    def views_within(self, pose: Pose, distance: float) -> NDArray[np.intp]:
        """Return the views nearer to a pose than so many `distance_scale` of the verification."""
        return np.asarray(self._joined.geometry.within(pose, distance) if self._joined
                          else np.empty(0, np.intp))

    def pose_residual_ratio(self, pose: Pose, exclude: Indices = ()) -> float:
        """Return the root mean square of the residual ratios of the views around a pose."""
        near = self.index.by_pose(pose, self._options.more_views, exclude)
        ratios = self._map.views.pose_residual_ratios[near]
        known = ratios[np.isfinite(ratios)][:self._options.residual_views]
        return float(np.sqrt(np.mean(np.square(known)))) if len(known) else 1.0

    def spread(self, guess: Pose, descriptor: NDArray[np.floating] | None) -> Floats:
        """
        Return the extra covariance of a network's pose that no landmarks confirm.

        The camera is as likely at the most similar views as at the pose p. The error then has an
        equal mixture of two normal distributions, a narrow one and a wide one, ::

            1/2 N(0, C) + 1/2 N(0, C + S),   S = mean of d_i d_i^T,

        where d_i is the difference of view i's pose to p. It is replaced by N(0, C + k S), with
        k so that two of its sigmas hold 95.45 % of a mixture whose C is negligible:
        1/2 + 1/2 erf(sqrt(2 k)) = 0.9545, hence k = 0.71, the option `spread_weight`.

        :param guess: the unconfirmed pose.
        :param descriptor: (D,) the network's descriptor of the image.
        :returns: (6, 6) k S, ordered as a PoseEstimate's covariance; zeros without a descriptor.
        """
        views = self.index.by_network_descriptor(descriptor)[:self._options.spread_views]
        poses = [self._map.views.pose(view) for view in views]
        return mean_square_difference(poses, guess) * self._options.spread_weight

    def most_similar(self, features: Features) -> tuple[Pose, Floats]:
        """
        Return where an image may be that no landmarks localise: at the most similar view.

        :returns: the pose of that view, and the (6, 6) mean square of the others' differences.
        """
        views = self.index.by_features(features)[:self._options.spread_views]
        if not len(views):  # a map without global descriptors
            views = np.arange(len(self._map.views))
        guess = self._map.views.pose(views[0])
        return guess, mean_square_difference([self._map.views.pose(v) for v in views], guess)


def mean_square_difference(poses: Sequence[Pose], guess: Pose) -> Floats:
    """Return the (6, 6) mean square of the differences of poses to a guess, zeros for none."""
    errors = np.reshape([pose_difference(pose, guess) for pose in poses], (-1, 6))
    return np.asarray(errors.T @ errors, np.float64) / max(len(errors), 1)
