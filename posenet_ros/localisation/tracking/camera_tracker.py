"""
Track one camera between its localisations, and say when it has to be localised.

It has no thread and no clock: all times are the stamps of the images, so that a replay does the
same as a robot. What localises may take as long as it likes, and answer about an older image: the
motion since then is known, and the answer corrects it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.estimate import PoseEstimate
from posenet_ros.geometry.lie import rotation_angle_rad
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.localisation import PosePrior
from posenet_ros.landmarks.tracking.keyframe import GreyImage, Keyframe
from posenet_ros.localisation.gating.prior import Expectation, NOTHING
from posenet_ros.localisation.motion import TimedPose
from posenet_ros.localisation.stamps import order_of, StampOrder
from posenet_ros.localisation.tracking.map_tracker import MapTracker
from posenet_ros.localisation.tracking.missed_images import MissedImage, MissedImages
from posenet_ros.localisation.tracking.motion_model import MotionModel
from posenet_ros.localisation.tracking.options import DEFAULT_SCHEDULE, ScheduleOptions


@dataclass(frozen=True, eq=False)
class LocalisationRequest:
    """
    A localisation that is due.

    :param stamp_ns: of the image to localise.
    :param odom_from_camera: the camera's pose by odometry at that time, if available.
    :param tracked: what tracking says of it; None where it is not tracked.
    :param expected: what tracking says of its pose, where it is tracked.
    :param run: counts the starts and ends of tracking: of another run an answer is void.
    """

    stamp_ns: int
    odom_from_camera: Pose | None
    tracked: PoseEstimate | None
    expected: Expectation
    run: int


class CameraTracker:
    """
    Track a camera; callers of several threads have to hold a lock.

    :param tracker: of the map.
    """

    def __init__(self, tracker: MapTracker, options: ScheduleOptions = DEFAULT_SCHEDULE) -> None:
        self._tracker, self._options = tracker, options
        self._motion, self._missed = MotionModel(), MissedImages(options)
        self._run = 0
        self.reset()

    @property
    def tracking(self) -> bool:
        """Whether there is a pose to track from."""
        return self._motion.last is not None

    def reset(self) -> None:
        """Forget the past, as when another sequence begins."""
        self._run += 1
        self._tracker.stop()
        self._motion.clear()
        self._failures = self._rejected = 0
        self._pending_ns: int | None = None
        self._checked_ns = self._corrected_ns = self._confirmed_ns = 0

    def track(self, grey: GreyImage, camera: Camera, stamp_ns: int,
              odom_from_camera: Pose | None = None) -> PoseEstimate | None:
        """
        Estimate the pose of the next image; call it in the order of the images.

        :param grey: (H, W) uint8, of `camera` or resized.
        :param stamp_ns: time of the image, nanoseconds.
        :param odom_from_camera: the camera's pose by odometry at that time, if available.
        :returns: None where it cannot be tracked.
        """
        last = self._motion.last
        if last and order_of(stamp_ns, last.stamp_ns) is StampOrder.STALE:
            return None
        estimate = self._track_from(last, grey, camera, stamp_ns, odom_from_camera)
        if estimate is None:
            self._missed.add(MissedImage(grey, camera, stamp_ns, odom_from_camera))
        else:
            self._missed.clear()
        return estimate

    def _track_from(self, last: TimedPose | None, grey: GreyImage, camera: Camera, stamp_ns: int,
                    odom_from_camera: Pose | None) -> PoseEstimate | None:
        if last is None:
            return None
        if self._is_over(last, stamp_ns, odom_from_camera):
            self.reset()
            return None
        predicted = self._motion.predict(stamp_ns, odom_from_camera)
        renew = stamp_ns - self._corrected_ns >= self._options.correction_period_s * 1e9
        estimate = self._tracker.track(grey, camera, predicted, renew=renew)
        if estimate is None:
            self._failures += 1
            if self._failures >= self._options.max_failures:
                self.reset()
            return None
        self._failures = 0
        if self._tracker.last and self._tracker.last.anchored:
            self._corrected_ns = stamp_ns  # as a localisation near the tracked pose would
        self._motion.add(TimedPose(stamp_ns, estimate.map_from_camera, odom_from_camera))
        return estimate

    def request(self, stamp_ns: int, tracked: PoseEstimate | None,
                odom_from_camera: Pose | None = None) -> LocalisationRequest | None:
        """
        Say whether an image has to be localised, and by what is known of it.

        An image that is not tracked has to be; of the others one at a time, until it is answered.

        :param tracked: the result of :meth:`track`.
        :returns: None where it need not.
        """
        if tracked is None:
            return LocalisationRequest(stamp_ns, odom_from_camera, None, NOTHING, self._run)
        options, pending_ns = self._options, self._pending_ns
        if pending_ns is not None and stamp_ns - pending_ns < options.max_pending_s * 1e9:
            return None
        check = stamp_ns - self._checked_ns >= options.check_period_s * 1e9
        period_s = options.weak_period_s if self._is_weak() else options.correction_period_s
        if not check and stamp_ns - self._corrected_ns < period_s * 1e9:
            return None
        self._pending_ns = self._corrected_ns = stamp_ns
        if check:
            self._checked_ns = stamp_ns
        return LocalisationRequest(stamp_ns, odom_from_camera, tracked,
                                   Expectation(self._prior(tracked), check), self._run)

    def judged(self, *, accepted: bool) -> None:
        """Take the gate's word on the last tracked pose: rejected ones in a row end it."""
        self._rejected = 0 if accepted else self._rejected + 1
        if self._rejected >= self._options.max_failures:
            self.reset()

    def make_keyframe(self, estimate: PoseEstimate, grey: GreyImage, camera: Camera) -> Keyframe:
        """Make the keyframe of an image that was localised; needs no lock."""
        return self._tracker.make_keyframe(estimate, grey, camera)

    def start(self, request: LocalisationRequest, keyframe: Keyframe) -> None:
        """
        Track from an image that was not tracked, and is localised now, to the latest one.

        :param keyframe: of that image.
        """
        if request.tracked is not None or (self.tracking and request.run != self._run):
            return
        missed_images = self._missed.after(request.stamp_ns)
        self.reset()
        self._tracker.start(keyframe)
        self._motion.add(TimedPose(
            request.stamp_ns, self._tracker.pose_of(keyframe), request.odom_from_camera))
        self._checked_ns = self._corrected_ns = self._confirmed_ns = request.stamp_ns
        for missed in missed_images:
            self.track(*missed)

    def confirms(self, request: LocalisationRequest, estimate: PoseEstimate | None) -> bool:
        """
        Take the answer about an image that is tracked: it confirms the pose, or ends the tracking.

        An answer that says nothing, as of a wall from near, ends it only after some time.

        :param estimate: None where there is none.
        :returns: whether a keyframe of the image is to be made, for :meth:`correct`.
        """
        if request.run != self._run or request.tracked is None:
            return False
        self._pending_ns = None
        if estimate is None or not is_localised(estimate):
            unconfirmed_ns = request.stamp_ns - self._confirmed_ns
            if unconfirmed_ns > self._options.max_unconfirmed_s * 1e9:
                self.reset()
            return False
        if not self._agree(request.tracked, estimate):
            self.reset()
            return False
        self._confirmed_ns = request.stamp_ns
        return True

    def correct(self, request: LocalisationRequest, keyframe: Keyframe) -> None:
        """Track from a localised image from now on, and move what was tracked since along."""
        if request.run != self._run or request.tracked is None:
            return
        correction = (self._tracker.pose_of(keyframe)
                      @ request.tracked.map_from_camera.inverse())
        self._motion.correct(lambda pose: correction @ pose)
        last = self._motion.last
        if last and last.stamp_ns - request.stamp_ns > self._options.max_late_s * 1e9:
            self._tracker.correct(keyframe, request.tracked.map_from_camera)
        else:
            self._tracker.start(keyframe)

    def _is_over(self, last: TimedPose, stamp_ns: int, odom_from_camera: Pose | None) -> bool:
        """Return whether the last pose is too long ago to be tracked from, or time began anew."""
        bridged = last.odom_from_camera is not None and odom_from_camera is not None
        limit_s = self._options.max_bridged_s if bridged else self._options.max_gap_s
        return not 0 < stamp_ns - last.stamp_ns <= limit_s * 1e9

    def _is_weak(self) -> bool:
        """Return whether the evidence has fallen."""
        last = self._tracker.last
        return last is None or (
            last.inlier_ratio < self._options.weak_inlier_ratio
            or last.tracked_keyframes >= self._options.weak_keyframes)

    def _prior(self, tracked: PoseEstimate) -> PosePrior:
        sigma_m, sigma_rad = tracked.max_sigmas()
        return PosePrior(
            tracked.map_from_camera,
            max(sigma_m, self._options.prior_sigma * self._tracker.depth_m),
            max(sigma_rad, float(np.radians(self._options.prior_sigma_deg))), 'tracking')

    def _agree(self, tracked: PoseEstimate, localised: PoseEstimate) -> bool:
        """Return whether two estimates of one image are of one pose."""
        options = self._options
        one, other = tracked.map_from_camera, localised.map_from_camera
        metres = float(np.linalg.norm(one.translation_m - other.translation_m))
        angle_rad = float(rotation_angle_rad(one.quat_xyzw, other.quat_xyzw))
        sigmas_m, sigmas_rad = np.hypot(tracked.max_sigmas(), localised.max_sigmas())
        return bool(
            metres <= max(options.max_sigmas * sigmas_m,
                          options.max_difference * self._tracker.depth_m)
            and angle_rad <= max(options.max_sigmas * sigmas_rad,
                                 np.radians(options.max_difference_deg)))


def is_localised(estimate: PoseEstimate) -> bool:
    """Return whether landmarks confirm an estimate, and no other pose as well."""
    return bool(estimate.landmarks and not estimate.not_localised and not estimate.ambiguous)
