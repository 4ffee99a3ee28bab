"""
Where a camera is expected before its image is looked at.

By its last accepted pose, moved by odometry where there is any, or by an initial pose until the
first accepted one. A prior must never make a wrong pose stick: it ends by itself, and from time to
time an image is localised as if nothing was known.
"""

from __future__ import annotations

from dataclasses import dataclass
import math
from typing import NamedTuple

import numpy as np
from posenet_ros.geometry.estimate import PoseEstimate
from posenet_ros.geometry.lie import rotation_angle_rad
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.localisation import PosePrior


@dataclass(frozen=True)
class PriorOptions:
    """Settings of :func:`prior_of` and :class:`PoseHistory`."""

    # without an accepted pose, after which nothing is known: somebody carried the robot away
    timeout_s: float = 10.0
    # between images that are localised as if nothing was known
    check_period_s: float = 5.0
    # in a row that show another place than the expected one, of which the last is believed
    contradictions: int = 3
    # without odometry: how a robot or a bicycle moves, metres and radians a second
    speed_m_s: float = 4.0
    turn_rad_s: float = 1.0
    # with odometry: its errors, of the distance, of the angle, and of the angle by the metre
    odometry_distance: float = 0.05
    odometry_angle: float = 0.05
    odometry_rad_m: float = 0.02
    # least standard deviations of a localised pose, and of one that a person gives
    min_sigma_m: float = 0.05
    min_sigma_rad: float = 0.02
    min_given_sigma_m: float = 0.25
    min_given_sigma_rad: float = 0.1
    # beyond, a prior says nothing
    max_sigma_m: float = 10.0
    # another place: further than so many standard deviations, and than so much
    far_sigmas: float = 5.0
    far_m: float = 1.0
    far_rad: float = math.radians(10)


DEFAULT_PRIORS = PriorOptions()


class KnownPose(NamedTuple):
    """
    A pose that a camera had.

    :param stamp_ns: when it had it, nanoseconds.
    :param odom_from_camera: by odometry at that time, if available.
    :param is_given: by a person; else it was localised.
    """

    map_from_camera: Pose
    sigma_m: float
    sigma_rad: float
    stamp_ns: int
    odom_from_camera: Pose | None = None
    is_given: bool = False


class Expectation(NamedTuple):
    """
    What is known of an image's pose.

    :param prior: None: nothing.
    :param check: the image has to be localised as if nothing was known, and by the prior only
        where that does not tell.
    """

    prior: PosePrior | None = None
    check: bool = False


NOTHING = Expectation()


def prior_of(known: KnownPose, stamp_ns: int, odom_from_camera: Pose | None,
             options: PriorOptions = DEFAULT_PRIORS) -> PosePrior | None:
    """
    Predict the pose of a camera, with a standard deviation that grows as it moves.

    By odometry it grows with the distance and the angle, without by what a camera may have moved.

    :param stamp_ns: of the image, nanoseconds.
    :param odom_from_camera: the camera's pose by odometry at that time, if available.
    :returns: None where the pose is too long ago, comes after, or says nothing any more.
    """
    elapsed_s = (stamp_ns - known.stamp_ns) / 1e9
    if not 0 <= elapsed_s <= options.timeout_s:
        return None
    source = 'initial pose' if known.is_given else 'last pose'
    predicted = known.map_from_camera
    grown_m, grown_rad = options.speed_m_s * elapsed_s, options.turn_rad_s * elapsed_s
    if known.odom_from_camera is not None and odom_from_camera is not None:
        moved = known.odom_from_camera.inverse() @ odom_from_camera
        distance = float(np.linalg.norm(moved.translation_m))
        angle = float(rotation_angle_rad(moved.quat_xyzw, Pose().quat_xyzw))
        predicted = predicted @ moved
        grown_m = options.odometry_distance * distance
        grown_rad = options.odometry_rad_m * distance + options.odometry_angle * angle
        source = source if known.is_given else 'odometry'
    least = (options.min_given_sigma_m, options.min_given_sigma_rad) if known.is_given else (
        options.min_sigma_m, options.min_sigma_rad)
    sigma_m = math.hypot(max(known.sigma_m, least[0]), grown_m)
    sigma_rad = math.hypot(max(known.sigma_rad, least[1]), grown_rad)
    if sigma_m > options.max_sigma_m:
        return None
    return PosePrior(predicted, sigma_m, min(sigma_rad, math.pi), source)


class PoseHistory:
    """
    Remember where a camera was, and say where its next image is expected.

    :param options: None: nothing is ever expected, as in a map without a scale, where speeds and
        odometry are in other units.
    """

    def __init__(self, options: PriorOptions | None = None) -> None:
        self.options = options
        self.reset()

    def reset(self) -> None:
        """Forget everything: the camera may be anywhere."""
        self._known: KnownPose | None = None
        self._given: tuple[PoseEstimate, Pose | None] | None = None
        self._checked_ns: int | None = None
        self._contradictions = 0
        self._expected_ns: int | None = None

    def give(self, estimate: PoseEstimate, odom_from_camera: Pose | None) -> None:
        """Take an initial pose; the time of the next image is its time."""
        self.reset()
        self._given = estimate, odom_from_camera

    def accept(self, estimate: PoseEstimate, stamp_ns: int,
               odom_from_camera: Pose | None) -> None:
        """Take an accepted pose; one that no landmark confirms is no prior of the next."""
        self._contradictions = 0
        if not estimate.landmarks:
            return
        if self._known is None or self._known.is_given:
            self._checked_ns = stamp_ns
        self._given = None
        self._known = KnownPose(estimate.map_from_camera, *estimate.max_sigmas(), stamp_ns,
                                odom_from_camera)

    def reject(self) -> None:
        """Take the news that an image got no pose: the next one is localised from nothing."""
        self._checked_ns = None

    def expect(self, stamp_ns: int, odom_from_camera: Pose | None = None) -> Expectation:
        """
        Say what is known of an image; call it before the image is localised.

        :param odom_from_camera: the camera's pose by odometry at that time, if available.
        """
        if self.options is None:
            return NOTHING
        self._expected_ns = stamp_ns
        if self._given:
            estimate, odom = self._given
            self._known = KnownPose(estimate.map_from_camera, *estimate.max_sigmas(), stamp_ns,
                                    odom or odom_from_camera, is_given=True)
            self._given, self._checked_ns = None, stamp_ns
        prior = self._prior(stamp_ns, odom_from_camera)
        if prior is None:
            return NOTHING
        check = (self._checked_ns is None
                 or stamp_ns - self._checked_ns >= self.options.check_period_s * 1e9)
        if check:
            self._checked_ns = stamp_ns
        return Expectation(prior, check)

    def contradiction(self, estimate: PoseEstimate, stamp_ns: int,
                      odom_from_camera: Pose | None) -> str:
        """
        Say why a pose is not believed yet that is far from the expected one.

        Of so many in a row that contradict, the last is believed. An image that nothing was
        expected of, as one without a stamp, contradicts nothing.
        """
        prior = self._prior(stamp_ns, odom_from_camera) if (
            stamp_ns == self._expected_ns) else None
        if prior is None or self.options is None or not estimate.landmarks or is_near(
                estimate.map_from_camera, prior, self.options):
            return ''
        self._contradictions += 1
        if self._contradictions >= self.options.contradictions:
            return ''
        apart = np.linalg.norm(
            estimate.map_from_camera.translation_m - prior.map_from_camera.translation_m)
        return (f'the image shows a place {apart:.1f} m from where the camera is by its '
                f'{prior.source}: {self.options.contradictions} images in a row have to')

    def _prior(self, stamp_ns: int, odom_from_camera: Pose | None) -> PosePrior | None:
        if self._known is None or self.options is None:
            return None
        return prior_of(self._known, stamp_ns, odom_from_camera, self.options)


def is_near(pose: Pose, prior: PosePrior, options: PriorOptions = DEFAULT_PRIORS) -> bool:
    """Return whether a pose is of the place where a prior puts the camera."""
    metres = float(np.linalg.norm(pose.translation_m - prior.map_from_camera.translation_m))
    angle = float(rotation_angle_rad(pose.quat_xyzw, prior.map_from_camera.quat_xyzw))
    return (metres <= max(options.far_sigmas * prior.sigma_m, options.far_m)
            and angle <= max(options.far_sigmas * prior.sigma_rad, options.far_rad))
