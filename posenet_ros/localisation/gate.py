"""Decide whether an estimate may be published. Knows no clock and logs nothing."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, unique
from typing import NamedTuple

import numpy as np
from posenet_ros.geometry.estimate import PoseEstimate
from posenet_ros.geometry.lie import rotation_angle_rad
from posenet_ros.geometry.pose import Pose
from posenet_ros.imaging.quality import Fault, FaultLimits, find_fault, ImageFault, ImageStatistics
from posenet_ros.inference.calibration import Scene
from posenet_ros.localisation.gate_config import GateConfig
from posenet_ros.localisation.gating.prior import PoseHistory, PriorOptions
from posenet_ros.localisation.gating.reasons import (
    describe_excess,
    why_ambiguous,
    why_not_confirmed,
)
from posenet_ros.localisation.motion import predict_pose, TimedPose, VELOCITY_WINDOW_NS
from posenet_ros.localisation.stamps import order_of, StampOrder


@unique
class Verdict(Enum):
    """The verdicts of the gate; the value is the word in diagnostics and reports."""

    ACCEPTED = 'accepted'
    OUT_OF_BOUNDS = 'out_of_bounds'
    STALE = 'stale'
    OUT_OF_PLACE = 'out_of_place'
    UNCERTAIN = 'uncertain'
    JUMP = 'jump'
    CAMERA_DIFFERS = 'camera_differs'
    NOT_LOCALISED = 'not_localised'
    AMBIGUOUS = 'ambiguous'
    COVERED = ImageFault.COVERED.value
    DARK = ImageFault.DARK.value
    OVEREXPOSED = ImageFault.OVEREXPOSED.value
    FROZEN = ImageFault.FROZEN.value
    BLURRED = ImageFault.BLURRED.value


@dataclass(frozen=True)
class Decision:
    """
    The gate's decision about one estimate.

    :param verdict: ACCEPTED, or the first check that failed.
    :param reasons: one line for each failed check.
    """

    verdict: Verdict
    reasons: tuple[str, ...] = ()

    @property
    def accepted(self) -> bool:
        """Whether the estimate may be published."""
        return self.verdict is Verdict.ACCEPTED


class Seed(NamedTuple):
    """An initial pose, and how much further from it than the limits a pose may be."""

    timed_pose: TimedPose
    slack_m: float
    slack_deg: float


class Gate:
    """
    Judge estimates one after the other.

    :param config: the limits; they may be changed at any time.
    :param scene: where the network was trained, in the dataset's frame.
    :param map_from_dataset: the same transform that the estimates were moved with.
    :param priors: what the past says of the next image's pose; None: nothing.
    """

    def __init__(self, config: GateConfig, scene: Scene, map_from_dataset: Pose | None = None,
                 priors: PriorOptions | None = None) -> None:
        self.config = config
        self.history = PoseHistory(priors)
        self._scene = scene
        self._dataset_from_map = (map_from_dataset or Pose()).inverse()
        self.reset()

    def reset(self) -> None:
        """Forget the accepted poses, as when a bag starts again: the next is no jump."""
        self._last_stamp_ns: int | None = None
        self._accepted: deque[TimedPose] = deque()
        self._candidates: list[TimedPose] = []
        self._seed: Seed | None = None
        self.history.reset()

    def seed(self, estimate: PoseEstimate, odom_from_camera: Pose | None = None) -> None:
        """
        Set the camera's pose, against which the next poses are checked for a jump.

        It counts until a pose is accepted, has no time, and so gives no velocity; until then it
        is the prior, too. The limits are
        larger by three of its standard deviations.

        :param odom_from_camera: the camera's pose by odometry when it was there, if available.
        """
        self._accepted.clear()
        self._candidates.clear()
        sigma_m, sigma_rad = estimate.max_sigmas()
        self._seed = Seed(TimedPose(0, estimate.map_from_camera, odom_from_camera),
                          3 * sigma_m, 3 * float(np.degrees(sigma_rad)))
        self.history.give(estimate, odom_from_camera)

    def order_of(self, stamp_ns: int) -> StampOrder:
        """Compare the stamp of an image with that of the last one, whether or not accepted."""
        return order_of(stamp_ns, self._last_stamp_ns)

    def fault(self, statistics: ImageStatistics | None) -> Fault | None:
        """Find the fault of an image, whether or not the gate rejects it."""
        limits = FaultLimits(self.config.max_identical_images, self.config.min_sharpness)
        return find_fault(statistics, limits) if statistics else None

    def decide(self, estimate: PoseEstimate, stamp_ns: int, *,
               odom_from_camera: Pose | None = None, age_s: float = 0.0,
               fault: Fault | None = None, min_keypoints: int = 0) -> Decision:
        """
        Decide on an estimate and remember an accepted one.

        An image that came late changes nothing; after one that is more than a second older than
        the last, everything begins anew.

        :param stamp_ns: time of the image, nanoseconds.
        :param odom_from_camera: the camera's pose by odometry at that time, if available.
        :param age_s: age of the image, seconds.
        :param fault: the result of :meth:`fault`.
        :param min_keypoints: of the image, that have to show landmarks which agree with the pose;
            0 for images of the camera that the network was trained for.
        """
        order = self.order_of(stamp_ns)
        if order is StampOrder.STALE:
            return Decision(Verdict.STALE, (self._why_stale(stamp_ns),))
        if order is StampOrder.RESTARTED:
            self.reset()
        self._last_stamp_ns = stamp_ns
        if fault and self._rejects(fault):
            return Decision(Verdict(fault.kind.value), (fault.reason,))
        timed_pose = TimedPose(stamp_ns, estimate.map_from_camera, odom_from_camera)
        checks: dict[Verdict, Callable[[], str]] = {
            Verdict.STALE: lambda: self._too_old(age_s),
            Verdict.NOT_LOCALISED: lambda: estimate.not_localised,
            Verdict.AMBIGUOUS: lambda: why_ambiguous(estimate.ambiguous),
            Verdict.CAMERA_DIFFERS: lambda: why_not_confirmed(estimate, min_keypoints),
            Verdict.OUT_OF_PLACE: lambda: self._out_of_place(estimate),
            Verdict.OUT_OF_BOUNDS: lambda: self._out_of_bounds(estimate),
            Verdict.UNCERTAIN: lambda: self._uncertain(estimate),
            # the last: a pose rejected for another reason must not count towards a jump
            Verdict.JUMP: lambda: self._jump(timed_pose) or self.history.contradiction(
                estimate, stamp_ns, odom_from_camera)}
        for verdict, reason_of in checks.items():
            if reason := reason_of():
                self.history.reject()
                return Decision(verdict, (reason,))
        self._accept(timed_pose)
        self.history.accept(estimate, stamp_ns, odom_from_camera)
        return Decision(Verdict.ACCEPTED)

    def _accept(self, timed_pose: TimedPose) -> None:
        self._candidates.clear()
        self._seed = None
        self._accepted.append(timed_pose)
        while timed_pose.stamp_ns - self._accepted[0].stamp_ns > VELOCITY_WINDOW_NS:
            self._accepted.popleft()

    def _rejects(self, fault: Fault) -> bool:
        return bool(self.config.reject_blurred_images if fault.kind is ImageFault.BLURRED
                    else self.config.reject_faulty_images)

    def _why_stale(self, stamp_ns: int) -> str:
        late_s = ((self._last_stamp_ns or 0) - stamp_ns) / 1e9
        return f'the image is {late_s:.6f} s older than the last' if late_s else (
            'the image has the stamp of the last')

    def _too_old(self, age_s: float) -> str:
        if not self.config.max_age_s or age_s <= self.config.max_age_s:
            return ''
        return f'the image is {age_s:.3f} s old, the limit is {self.config.max_age_s:g} s'

    def _out_of_place(self, estimate: PoseEstimate) -> str:
        limit, score = self.config.max_place_score, estimate.place_score
        if not limit or score is None or score <= limit:
            return ''
        return f'the image is not of the trained place: score {score:.2f}, the limit is {limit:g}'

    def _out_of_bounds(self, estimate: PoseEstimate) -> str:
        limit = self.config.max_distance_m
        if not limit:
            return ''
        position = self._dataset_from_map.apply(estimate.map_from_camera.translation_m)
        nearest = np.clip(position, self._scene.bounds_min_m, self._scene.bounds_max_m)
        distance = float(np.linalg.norm(position - nearest))
        if distance <= limit:
            return ''
        return f'{distance:.1f} m outside the trained area, the limit is {limit:g} m'

    def _uncertain(self, estimate: PoseEstimate) -> str:
        if not (self.config.max_sigma_m or self.config.max_sigma_deg):
            return ''
        sigma_m, sigma_rad = estimate.max_sigmas()
        return describe_excess('standard deviation', sigma_m, self.config.max_sigma_m,
                               np.degrees(sigma_rad), self.config.max_sigma_deg)

    def _jump(self, timed_pose: TimedPose) -> str:
        """Check for a jump, unless enough consecutive poses agree on it."""
        if self._seed:
            reason = self._check_distance(timed_pose, [self._seed.timed_pose], self._seed)
        else:
            reason = self._check_distance(timed_pose, self._accepted)
        if not reason:
            return ''
        if self._candidates and self._check_distance(timed_pose, self._candidates):
            self._candidates.clear()  # it agrees with neither: begin anew
        self._candidates.append(timed_pose)
        if len(self._candidates) < self.config.reaccept_frames:
            return reason
        self._accepted = deque(self._candidates[:-1])
        return ''

    def _check_distance(self, timed_pose: TimedPose,
                        past: Sequence[TimedPose], seed: Seed | None = None) -> str:
        if not past or not (self.config.max_jump_m or self.config.max_jump_deg):
            return ''
        step = predict_pose(past, timed_pose).inverse() @ timed_pose.map_from_camera
        angle_rad = rotation_angle_rad(step.quat_xyzw, Pose().quat_xyzw)
        return describe_excess(
            'jump', float(np.linalg.norm(step.translation_m)), self.config.max_jump_m,
            float(np.degrees(angle_rad)), self.config.max_jump_deg,
            (seed.slack_m, seed.slack_deg) if seed else (0.0, 0.0))
