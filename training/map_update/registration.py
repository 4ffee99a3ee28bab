"""Register the images of a new walk in a map, and check the poses that were given of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.geometry.lie import pose_difference
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.landmark_map import LandmarkMap
from posenet_ros.landmarks.localiser import LandmarkLocaliser
from posenet_ros.landmarks.pnp.absolute_pose import AbsolutePose
from posenet_ros.training.landmarks.feature_cache import ViewFeatures, with_image
from posenet_ros.training.landmarks.options import MappingOptions
from posenet_ros.training.map_update.observations import project
from posenet_ros.utils.parallel import ordered_map
from posenet_ros.utils.progress import progress


@dataclass(frozen=True)
class GivenPoses:
    """
    What a map says of poses that were given in its frame.

    :param residual: median reprojection error of the landmarks, normalised image coordinates.
    :param offset_m: and `offset_deg`: median difference to the poses by the map.
    """

    residual: float
    offset_m: float
    offset_deg: float


class NotRegisteredError(InputError):
    """A walk does not see the mapped place."""


def register_images(landmark_map: LandmarkMap, features: Sequence[ViewFeatures],
                    ) -> list[AbsolutePose | None]:
    """Localise images in a map, with a progress bar; None where one is not found."""
    localiser = LandmarkLocaliser(landmark_map)

    def localise(one: ViewFeatures) -> AbsolutePose | None:
        return localiser.localise(with_image(one, landmark_map.features))

    return list(progress(ordered_map(localise, features), len(features), 'image',
                         'poses in the map'))


def check_registered(found: Sequence[AbsolutePose | None], least: int) -> None:
    """
    Check that a walk sees the mapped place.

    :raises NotRegisteredError: when fewer images than `least`, or than there are, have a pose.
    """
    count = sum(one is not None for one in found)
    if count < min(least, len(found)):
        raise NotRegisteredError(
            f'the walk has to see the mapped place: {min(least, len(found))} of its images have '
            f'to be found in the map. Received: {count} of {len(found)}')


def compare_with_given(found: Sequence[AbsolutePose | None],
                       given: Sequence[Pose | None]) -> GivenPoses | None:
    """
    Compare poses by the map with those that were given; None without any in common.

    The residual is that of the map's landmarks under the given pose.
    """
    residuals, offsets = [], []
    for one, pose in zip(found, given, strict=True):
        if one is None or pose is None or one.matches is None:
            continue
        matches = one.matches.select(one.matches.inlier)
        points, front = project(matches.points_m, pose)
        errors = np.linalg.norm(points - matches.points_normalized, axis=1)
        residuals.append(float(np.median(np.where(front, errors, np.inf))))
        offsets.append(pose_difference(one.map_from_camera, pose))
    if not residuals:
        return None
    differences = np.array(offsets)
    return GivenPoses(float(np.median(residuals)),
                      float(np.median(np.linalg.norm(differences[:, :3], axis=1))),
                      float(np.degrees(np.median(np.linalg.norm(differences[:, 3:], axis=1)))))


def given_poses_hold(check: GivenPoses, options: MappingOptions) -> bool:
    """
    Return whether given poses are as exact as the map: False where its own are to be taken.

    :raises InputError: when they are in another frame.
    """
    if check.residual > options.wide_tolerance:
        raise InputError(
            "the poses of the walk have to be in the map's frame. Received: poses that are "
            f'{check.offset_m:.3g} and {check.offset_deg:.3g} deg from those by the map, in the '
            'median')
    return check.residual <= options.max_residual
