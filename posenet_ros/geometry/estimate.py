"""Pose with covariance, and the change of its frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.errors import InputError
from posenet_ros.geometry.matches import LandmarkMatches
from posenet_ros.geometry.pose import finite_array, Pose


class Verification(NamedTuple):
    """
    How landmarks decided about an image.

    :param hypotheses: poses that were verified.
    :param evidence: of the best one: base-10 logarithm of how unlikely its votes are by chance.
    :param inlier_ratio: of its votes, 0..1.
    :param rivals: poses that cannot be told from each other; 0 where it is told.
    """

    hypotheses: int
    evidence: float
    inlier_ratio: float
    rivals: int


@dataclass(frozen=True, eq=False)
class PoseEstimate:
    """
    Estimated pose of the camera at an image, with its covariance.

    :param map_from_camera: pose of the camera (optical convention: x right, y down, z forward).
    :param covariance: (6, 6) in the map frame: x y z in m^2, then the rotation about the fixed
        axes x y z in rad^2 (as in geometry_msgs/PoseWithCovariance).
    :param place_score: distance of the image to the trained place, divided by the model's limit;
        above 1 the image is out of place. None when the model has no limit.
    :param landmarks: number of landmarks that are inliers of the pose; 0 when the pose is the
        network's alone.
    :param matches: of the image with landmarks; None when the pose is the network's alone.
    :param not_localised: why the pose is but that of the most similar view of a map; empty for
        one of the image's own.
    :param ambiguous: the poses, this one first, that the image cannot tell apart; empty for an
        image of one place.
    :param verification: of the image by landmarks; None where there was none.
    :raises InputError: when the covariance is not symmetric positive semi-definite.
    """

    map_from_camera: Pose
    covariance: Floats
    place_score: float | None = None
    landmarks: int = 0
    matches: LandmarkMatches | None = None
    not_localised: str = ''
    ambiguous: tuple[Pose, ...] = ()
    verification: Verification | None = None

    def __post_init__(self) -> None:
        covariance = finite_array(self.covariance, (6, 6), 'covariance')
        eigenvalues = np.linalg.eigvalsh(covariance)
        smallest = eigenvalues.min()
        rounding = 1e-9 * max(1.0, float(eigenvalues.max()))  # 1e9 m^2 stand for "not known"
        if not np.allclose(covariance, covariance.T) or smallest < -rounding:
            raise InputError('covariance has to be symmetric and positive semi-definite. '
                             f'Received a smallest eigenvalue of {smallest:.3g}')
        object.__setattr__(self, 'covariance', covariance)

    def max_sigmas(self) -> tuple[float, float]:
        """Return the standard deviation along the worst direction: position, m; rotation, rad."""
        sigma_m, sigma_rad = (
            float(np.sqrt(np.linalg.eigvalsh(self.covariance[part, part]).max()))
            for part in (slice(0, 3), slice(3, 6)))
        return sigma_m, sigma_rad

    def moved_to(self, camera_from_base: Pose) -> PoseEstimate:
        """
        Return the estimate of another frame of the same rigid body, such as the robot's base.

        :param camera_from_base: pose of that frame in the camera, without error.
        :returns: its `map_from_camera` is map_from_base.
        """
        lever = self.map_from_camera.rotation @ camera_from_base.translation_m
        return PoseEstimate(self.map_from_camera @ camera_from_base,
                            shift_covariance(self.covariance, lever), self.place_score,
                            self.landmarks, self.matches, self.not_localised,
                            tuple(pose @ camera_from_base for pose in self.ambiguous),
                            self.verification)


def shift_covariance(covariance: Floats, lever_m: Floats) -> Floats:
    """
    Return the covariance of another point of the same rigid body.

    A rotation error r about the origin displaces a point at the lever l by -[l]x r: the adjoint
    of the translation, for errors about the fixed axes (Barfoot, "State estimation for robotics",
    2017, section 7.1.4). The rotation error itself is the same.

    :param covariance: (6, 6) ordered as a PoseEstimate's.
    :param lever_m: (3,) from the origin to that point, in the map.
    """
    adjoint = np.eye(6)
    adjoint[:3, 3:] = np.cross(np.eye(3), lever_m).T  # column j is e_j x lever
    return symmetrise(adjoint @ covariance @ adjoint.T)


def symmetrise(matrix: Floats) -> Floats:
    """Remove the asymmetry that rounding leaves in a matrix (N, N)."""
    return np.asarray((matrix + matrix.T) / 2)


def rotate_covariance(covariance: Floats, target_from_source: Floats) -> Floats:
    """
    Rotate a covariance into other axes.

    Both halves rotate; a translation of the frame changes neither, because the covariance is
    about the camera's own origin.

    :param covariance: (6, 6) about the source's axes, ordered as a PoseEstimate's.
    :param target_from_source: (3, 3) rotation.
    :returns: (6, 6) about the target's axes.
    """
    rotation = np.kron(np.eye(2), target_from_source)
    return symmetrise(rotation @ covariance @ rotation.T)


def diagonal_covariance(sigma_m: Sequence[float], sigma_rad: Sequence[float]) -> Floats:
    """
    Build the (6, 6) covariance of independent errors.

    :param sigma_m: standard deviation along x y z, metres.
    :param sigma_rad: standard deviation of the rotation about the fixed x y z, radians.
    """
    return np.diag(np.square(np.concatenate([sigma_m, sigma_rad])).astype(np.float64))
