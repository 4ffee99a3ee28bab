"""Judge the results of the inference thread and publish what the gate accepts."""

from __future__ import annotations

from collections.abc import Callable
import time

import numpy as np
from posenet_ros.geometry.estimate import PoseEstimate
from posenet_ros.geometry.frames import frame_name
from posenet_ros.geometry.pose import Pose
from posenet_ros.imaging.decoding import Frame
from posenet_ros.imaging.quality import Fault, FrozenImageDetector
from posenet_ros.localisation.gate import Decision, Gate, Verdict
from posenet_ros.localisation.gating.prior import Expectation
from posenet_ros.localisation.pipeline import judge, QueryResult
from posenet_ros.localisation.stamps import clock_advice, MAX_AHEAD_S, order_of, StampOrder
from posenet_ros.ros_node.diagnostics import Diagnostics
from posenet_ros.ros_node.parameters import Parameters
from posenet_ros.ros_node.publishing.publishers import Publishers
from posenet_ros.ros_node.transforms.broadcaster import TfBroadcaster
from posenet_ros.ros_node.transforms.initial_pose import InitialPoses
from rclpy.node import Node

NO_IMAGE = np.full((180, 320, 3), 64, np.uint8)  # shown in place of one that cannot be decoded


class ResultHandler:
    """
    Judge results and publish the accepted poses.

    Callers hold the lock, but for `report_bad_image`.

    :param warn: called with (what, why) on a rejected pose, a faulty image and the like.
    """

    def __init__(self, node: Node, values: Parameters, diagnostics: Diagnostics,
                 warn: Callable[[str, str], None], gate: Gate, publishers: Publishers,
                 tf: TfBroadcaster, initial_poses: InitialPoses) -> None:
        self._node, self._values = node, values
        self._diagnostics, self._warn = diagnostics, warn
        self._gate, self._publishers, self._tf = gate, publishers, tf
        self.initial_poses = initial_poses
        self._frozen = FrozenImageDetector()
        self._camera_frame = values.camera_frame
        self._last_stamp_ns = self._last_now_ns = 0

    def change(self, values: Parameters) -> None:
        """Apply changed live parameters."""
        self._values = values
        self._gate.config = values.gate_config()
        if self._gate.history.options:
            self._gate.history.options = values.prior_options()
        self._tf.change(values)
        self.initial_poses.values = values

    def reset_gate(self) -> None:
        """Let the next pose be no jump."""
        self._gate.reset()

    def discard_waiting(self) -> None:
        """Discard the estimates that wait for transforms."""
        self._tf.discard_waiting()

    def discard_transforms(self) -> None:
        """Discard them, and send no transform until the next estimate."""
        self._tf.clear()

    def reset(self) -> None:
        """Forget poses, path and transforms, as when a bag starts again."""
        self._gate.reset()
        self._publishers.clear()
        self._tf.time_jumped_back()
        self.initial_poses.clear()
        self._last_stamp_ns = self._last_now_ns = 0

    def expect(self, frame: Frame) -> Expectation:
        """Say what is known of an image's pose before it is localised."""
        camera_frame = self._values.camera_frame or frame_name(frame.frame_id)
        self.initial_poses.image_came(camera_frame)
        expected = self._gate.history.expect(
            frame.stamp_ns, self._tf.odom_from_camera(camera_frame, frame.stamp_ns))
        prior = expected.prior
        self._diagnostics.note({'prior': 'none' if prior is None else (
            f'{prior.source}, sigma {prior.sigma_m:.2f} m')})
        return expected

    def handle(self, result: QueryResult, received_s: float) -> bool:
        """
        Judge and publish a result.

        :param received_s: when its image arrived, on the monotonic clock.
        :returns: whether the pose is accepted.
        """
        if result.frame is None or result.estimate is None:
            self.report_bad_image(result.image_error, result.frame)
            return False
        frame, estimate = result.frame, result.estimate
        now_ns = self._now_ns()
        self._detect_time_jump(frame.stamp_ns, now_ns)
        self._camera_frame = self._values.camera_frame or frame_name(frame.frame_id)
        self.initial_poses.image_came(self._camera_frame)
        age_s = (now_ns - frame.stamp_ns) / 1e9
        judgement = judge(
            result, self._gate, self._frozen, frame.stamp_ns, age_s=age_s,
            odom_from_camera=self._tf.odom_from_camera(self._camera_frame, frame.stamp_ns))
        assert judgement  # there is an estimate
        self._report_fault(judgement.fault)
        self._report_decision(judgement.decision, estimate)
        if judgement.decision.accepted:
            self._publishers.publish(estimate, frame.stamp_ns)
            self._tf.update(estimate, self._camera_frame, frame.stamp_ns)
            self._record_latencies(result, received_s, age_s)
        if judgement.decision.verdict is Verdict.AMBIGUOUS:
            self._publishers.publish_ambiguous(estimate, frame.stamp_ns)
        self._publishers.publish_verdict(frame.stamp_ns, estimate, judgement.decision)
        self._publishers.publish_pictures(frame, result, judgement.decision)
        return judgement.decision.accepted

    def odom_from_camera(self, frame: Frame) -> Pose | None:
        """Return the camera's pose by odometry at the time of an image, if available."""
        return self._tf.odom_from_camera(
            self._values.camera_frame or frame_name(frame.frame_id), frame.stamp_ns)

    def report_bad_image(self, reason: str, frame: Frame | None = None) -> None:
        """
        Report an image that cannot be used.

        :param frame: None where it could not be decoded.
        """
        self._diagnostics.count('bad')
        self._warn('bad image', reason)
        frame = frame or Frame(NO_IMAGE, self._now_ns(), self._camera_frame)
        self._publishers.publish_no_pose(frame, f'bad image: {reason}')

    def publish_place(self) -> None:
        """Publish the landmarks and the training poses, once."""
        self._publishers.publish_place()

    def delete_matches(self) -> None:
        """Delete the markers of the last pose, as no new one will replace them."""
        self._publishers.delete_matches(self._now_ns())

    def _now_ns(self) -> int:
        return int(self._node.get_clock().now().nanoseconds)

    def _report_fault(self, fault: Fault | None) -> None:
        """Report the fault of an image by name, whether or not the gate rejects it."""
        if fault:
            self._diagnostics.count(f'images {fault.kind.value}')
            self._warn(f'image {fault.kind.value}', fault.reason)

    def _report_decision(self, decision: Decision, estimate: PoseEstimate) -> None:
        self._diagnostics.count_verdict(decision.verdict.value)
        self._diagnostics.note(verification_values(estimate))
        if not decision.accepted:
            self._diagnostics.count('rejected')
            self._warn(f'pose {decision.verdict.value}', '; '.join(decision.reasons))
            return
        self._diagnostics.count('answered')
        if estimate.landmarks:
            self._diagnostics.count('refined')

    def _detect_time_jump(self, stamp_ns: int, now_ns: int) -> None:
        """Reset everything when the time began anew; a late image is for the gate to reject."""
        advice = clock_advice(stamp_ns, now_ns, self._values.max_age_s or MAX_AHEAD_S)
        if advice:
            self._warn('clock', advice)
        order = order_of(stamp_ns, self._last_stamp_ns)
        back_ns = max(self._last_stamp_ns - stamp_ns if order is StampOrder.RESTARTED else 0,
                      self._last_now_ns - now_ns if order_of(
                          now_ns, self._last_now_ns) is StampOrder.RESTARTED else 0)
        if back_ns:
            self.reset()
            self._diagnostics.count('time jumps back')
            self._warn('time jumped back', f'by {back_ns / 1e9:.3f} s, as a looped bag does: '
                       'the past is forgotten')
        if order is not StampOrder.STALE:
            self._last_stamp_ns = stamp_ns
        self._last_now_ns = now_ns

    def _record_latencies(self, result: QueryResult, received_s: float, age_s: float) -> None:
        for stage, seconds in result.stages_s.items():
            self._diagnostics.add_latency(stage, seconds)
        self._diagnostics.add_latency('received to published', time.monotonic() - received_s)
        self._diagnostics.add_latency('stamp to published', age_s)


def verification_values(estimate: PoseEstimate) -> dict[str, str]:
    """Return what the diagnostics say of how landmarks decided about an image."""
    found = estimate.verification
    if found is None:
        return {}
    return {'hypotheses': str(found.hypotheses), 'evidence': f'{found.evidence:.0f}',
            'inlier ratio': f'{found.inlier_ratio:.2f}', 'rivals': str(found.rivals)}
