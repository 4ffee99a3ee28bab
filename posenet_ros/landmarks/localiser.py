"""
Localise an image by the landmarks of a place: retrieve views, match features, solve the pose.

Hierarchical localisation (Sarlin et al. 2019): global descriptors, or a network's pose, choose
views of the map; the image's local features are matched with the landmarks of those views, and the
matches give a pose, the hypothesis. It is verified, and then refined by the landmarks that have to
be visible from there, each looked for in a window round its projection. What is found in the
windows makes the pose exact but is no evidence: some landmarks agree with any pose. So a pose is
accepted by the first matches alone, which did not know it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.geometry.lie import pose_difference
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.features import Features
from posenet_ros.landmarks.landmark_map import Indices, LandmarkMap
from posenet_ros.landmarks.localisation import Localisation, Outcome
from posenet_ros.landmarks.matching import match_by_view, match_in_windows, match_joined
from posenet_ros.landmarks.options import (
    DEFAULT_LOCALISER,
    FeatureOptions,
    LandmarkLocaliserOptions,
)
from posenet_ros.landmarks.pnp.absolute_pose import (
    AbsolutePose,
    estimate_absolute_pose,
    find_inliers,
    refine_absolute_pose,
)
from posenet_ros.landmarks.retrieval import ViewIndex
from posenet_ros.uncertainty.covariance import sigma_factor


class Candidate(NamedTuple):
    """
    A pose that an image may have, before it is verified.

    :param found: the pose, with the matches that gave it.
    :param source: what chose the views: 'pose' (a rough one), 'features' or 'network'.
    """

    found: AbsolutePose
    source: str


class LandmarkLocaliser:
    """
    Estimate an image's pose from the landmarks of a place.

    Methods that take `exclude` leave views out, with the landmarks that fewer than two others see.

    :param landmark_map: of V views.
    :param network_descriptors: (M, D) and `descriptor_views`: as of :class:`ViewIndex`.
    :param pose_residual_power: the expected error grows with this power of the residual ratio.
    """

    def __init__(self, landmark_map: LandmarkMap,
                 network_descriptors: NDArray[np.floating] | None = None,
                 pose_residual_power: float = 0.0,
                 descriptor_views: NDArray[np.integer] | None = None,
                 options: LandmarkLocaliserOptions = DEFAULT_LOCALISER) -> None:
        self._map, self._pose_residual_power = landmark_map, pose_residual_power
        self._options = options
        self.index = ViewIndex(landmark_map, network_descriptors, descriptor_views, options)
        self.min_inliers = (
            options.min_inliers if landmark_map.joined else options.min_inliers_by_view)

    def why_not(self, found: Localisation) -> str:
        """Say why an image is not localised."""
        if found.landmarks < self.min_inliers:
            return (f'the image matches no place of the map: {found.landmarks} landmarks agree, '
                    f'{self.min_inliers} are needed')
        return (f'the image matches no place of the map: only {found.landmarks} of '
                f'{found.matched} matched landmarks agree')

    @property
    def features(self) -> FeatureOptions:
        """Return the settings by which the features of an image have to be detected."""
        return self._map.features

    def localise(self, features: Features, guess: Pose | None = None,
                 descriptor: NDArray[np.floating] | None = None,
                 exclude: Indices = ()) -> AbsolutePose | None:
        """Return the pose of :meth:`search`, None when too few landmarks agree."""
        return self.search(features, guess, descriptor, exclude).pose

    def search(self, features: Features, guess: Pose | None = None,
               descriptor: NDArray[np.floating] | None = None,
               exclude: Indices = ()) -> Localisation:
        """
        Estimate the pose of an image in the map's frame.

        :param features: local features of the image.
        :param guess: rough pose, such as a network's; None where there is none.
        :param descriptor: (D,) the network's descriptor of the image, where there is one.
        :param exclude: views that are not used.
        """
        most = Localisation(Outcome.NOT_LOCALISED)
        for source, views in self._candidate_views(features, guess, descriptor, exclude):
            hypothesis = self._hypothesis(features, views, source, exclude)
            if hypothesis is None:
                continue
            found = self._verify(features, hypothesis, exclude)
            if found:
                return _localisation(self._with_residual_ratio(found, exclude), found)
            most = max(most, _localisation(None, hypothesis.found), key=lambda one: one.landmarks)
        return most

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
        return self._mean_square(views, guess) * self._options.spread_weight

    def most_similar(self, features: Features) -> tuple[Pose, Floats]:
        """
        Return where an image may be that no landmarks localise: at the most similar view.

        :returns: the pose of that view, and the (6, 6) mean square of the others' differences.
        """
        views = self.index.by_features(features)[:self._options.spread_views]
        if not len(views):  # a map without global descriptors
            views = np.arange(len(self._map.views))
        guess = self._map.views.pose(views[0])
        return guess, self._mean_square(views, guess)

    def _mean_square(self, views: NDArray[np.intp], guess: Pose) -> Floats:
        """Return the (6, 6) mean square of the differences of views' poses to a guess."""
        errors = np.reshape(
            [pose_difference(self._map.views.pose(view), guess) for view in views], (-1, 6))
        return np.asarray(errors.T @ errors, np.float64) / max(len(errors), 1)

    def _with_residual_ratio(self, found: AbsolutePose, exclude: Indices) -> AbsolutePose:
        ratio = self.pose_residual_ratio(found.map_from_camera, exclude)
        factor = sigma_factor(ratio, self._pose_residual_power)
        return replace(found, covariance=found.covariance * factor ** 2)

    def _candidate_views(
            self, features: Features, guess: Pose | None,
            descriptor: NDArray[np.floating] | None,
            exclude: Indices) -> Iterator[tuple[str, NDArray[np.intp]]]:
        """Yield sets of views to match with what chose them, most promising first."""
        near = np.empty(0, np.intp) if guess is None else self.index.by_pose(
            guess, self._options.more_views, exclude)
        yield 'pose', near[:self._options.views]
        yield 'features', self.index.by_features(features, exclude)
        yield 'network', self.index.by_network_descriptor(descriptor, exclude)
        yield 'pose', near[self._options.views:]

    def _hypothesis(self, features: Features, views: NDArray[np.intp], source: str,
                    exclude: Indices) -> Candidate | None:
        """Match the landmarks of some views and estimate the pose; None without one."""
        if not len(views):
            return None
        match = match_joined if self._map.joined else match_by_view
        matches = match(features, self._map, views, exclude, self._options)
        found = estimate_absolute_pose(
            matches.points_m, matches.points_normalized, self._options.absolute_pose)
        if found is None:
            return None
        matches.inlier[found.inliers] = True
        return Candidate(replace(found, matches=matches), source)

    def _verify(self, features: Features, hypothesis: Candidate,
                exclude: Indices) -> AbsolutePose | None:
        """Return the refined pose of a hypothesis; None when it is not believed."""
        if len(hypothesis.found.inliers) < self.min_inliers:
            return None
        if self._map.joined:
            if hypothesis.found.inlier_ratio < self._options.min_inlier_ratio:
                return None
            return self._refined_in_windows(features, hypothesis.found, exclude)
        return self._checked_by_views_around(features, hypothesis.found, exclude)

    def _refined_in_windows(self, features: Features, first: AbsolutePose,
                            exclude: Indices) -> AbsolutePose:
        """Refine a pose by the landmarks that views near it see; the first matches stay."""
        near = self.index.by_pose(first.map_from_camera, self._options.views, exclude)
        points, rays = match_in_windows(
            features, self._map, first.map_from_camera, self._map.landmarks_of(near, exclude),
            self._options)
        fine = refine_absolute_pose(points, rays, first.map_from_camera, first.inlier_ratio,
                                    self._options.absolute_pose)
        if fine is None or first.matches is None:
            return first
        inliers = find_inliers(
            first.matches.points_m, first.matches.points_normalized, fine.map_from_camera,
            self._options.absolute_pose.max_error)
        first.matches.inlier[:] = False
        first.matches.inlier[inliers] = True
        return replace(fine, inliers=inliers, matches=first.matches)

    def _checked_by_views_around(self, features: Features, first: AbsolutePose,
                                 exclude: Indices) -> AbsolutePose | None:
        """Check a low inlier ratio of landmarks by view by the views around the pose."""
        if first.inlier_ratio >= self._options.sure_inlier_ratio:
            return first
        around = self.index.by_pose(first.map_from_camera, self._options.views, exclude)
        second = self._hypothesis(features, around, 'pose', exclude)
        if (second is None or len(second.found.inliers) < self.min_inliers
                or second.found.inlier_ratio < self._options.min_inlier_ratio_by_view):
            return None
        return max(second.found, first, key=lambda found: len(found.inliers))


def _localisation(pose: AbsolutePose | None, found: AbsolutePose) -> Localisation:
    outcome = Outcome.LOCALISED if pose else Outcome.NOT_LOCALISED
    return Localisation(outcome, pose, len(found.inliers), len(found.matches or ()))
