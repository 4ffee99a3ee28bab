"""What the node holds while it is configured: the network, its thread and the topics."""

from __future__ import annotations

from collections import deque
from contextlib import ExitStack
import time
from typing import Protocol

from geometry_msgs.msg import PoseStamped, PoseWithCovarianceStamped
from posenet_ros import artifact
from posenet_ros.answer import Answer, answer, Job, warm_up
from posenet_ros.camera import Camera
from posenet_ros.diagnostics import Diagnostics
from posenet_ros.engine import load_engine
from posenet_ros.errors import InputError
from posenet_ros.gate import Gate
from posenet_ros.messages import (
    camera_from_message,
    fill_covariance,
    fill_pose,
    set_stamp,
)
from posenet_ros.parameters import Parameters
from posenet_ros.pose import PoseEstimate
from posenet_ros.relocaliser import Relocaliser
from posenet_ros.transforms import Transforms
from posenet_ros.worker import Worker
from rclpy.lifecycle import LifecycleNode, LifecyclePublisher
from rclpy.qos import HistoryPolicy, QoSPolicyKind, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CameraInfo, Image

IMAGE_QOS = QoSProfile(
    history=HistoryPolicy.KEEP_LAST, depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
POSE_QOS = QoSProfile(depth=10)
QOS_OVERRIDES = QoSOverridingOptions((
    QoSPolicyKind.HISTORY, QoSPolicyKind.DEPTH, QoSPolicyKind.RELIABILITY,
    QoSPolicyKind.DURABILITY))
STOP_TIMEOUT_S = 0.5  # SIGINT has to end the node within a second


class Report(Protocol):
    """How a session tells of trouble."""

    def warn(self, what: str, reason: str) -> None:
        """Show a problem."""
        ...

    def fail(self, reason: str) -> None:
        """Stop: the network cannot be used."""
        ...


class Session:
    """
    What exists while the node is configured: the network, its thread and the topics.

    Callbacks run in the executor's thread; the worker's thread touches nothing but its job
    and the answers, so nothing else needs a lock.

    :raises InputError: when the model folder or a parameter is not usable.
    """

    def __init__(self, node: LifecycleNode, values: Parameters, diagnostics: Diagnostics,
                 report: Report) -> None:
        self._node, self._values, self._diagnostics = node, values, diagnostics
        self._report = report
        self.active = False
        self._era = 0
        self._camera: Camera | None = None
        self._camera_problem = ''
        self._last_stamp_ns = 0
        self._answers: deque[Answer] = deque()
        self._load()
        with ExitStack() as stack:
            self._connect(stack)
            self._stack = stack.pop_all()

    def _load(self) -> None:
        values = self._values
        if not values.model:
            raise InputError('parameter model has to be a model folder. Received: nothing; give '
                             'one with -p model:=FOLDER')
        loaded = artifact.load(values.model)
        engine = load_engine(loaded, values.engine)
        map_from_dataset = values.map_from_dataset()
        self._relocaliser = Relocaliser(engine.predict, loaded, map_from_dataset)
        self._gate = Gate(values.gate_config(), loaded.scene, map_from_dataset)
        warm_up(self._relocaliser, loaded)
        self._diagnostics.facts = {
            'model': values.model, 'model hash': loaded.digest, 'engine': engine.name,
            'device': engine.device, 'tf_mode': values.tf_mode}
        self._node.get_logger().info(
            f'{values.model} ({loaded.digest[:12]}) runs with {engine.name} on {engine.device}')

    def _connect(self, stack: ExitStack) -> None:
        """Make publishers, thread and subscriptions; they go in the reverse order."""
        node = self._node
        self._poses = self._publisher(stack, PoseStamped, '~/pose')
        self._poses_with_covariance = self._publisher(
            stack, PoseWithCovarianceStamped, '~/pose_with_covariance')
        self._transforms = Transforms(node, stack, self._values, self._report.warn)
        self._answered = node.create_guard_condition(self._take_answers)
        stack.callback(node.destroy_guard_condition, self._answered)
        self._worker = Worker(self._answer_in_thread)
        stack.callback(self._stop_worker)
        for kind, topic, callback in ((Image, 'image', self._on_image),
                                      (CameraInfo, 'camera_info', self._on_camera_info)):
            subscription = node.create_subscription(
                kind, topic, callback, IMAGE_QOS, qos_overriding_options=QOS_OVERRIDES)
            stack.callback(node.destroy_subscription, subscription)

    def _publisher(self, stack: ExitStack, kind: type, topic: str) -> LifecyclePublisher:
        publisher = self._node.create_lifecycle_publisher(kind, topic, POSE_QOS)
        stack.callback(self._node.destroy_lifecycle_publisher, publisher)
        return publisher

    def _stop_worker(self) -> None:
        if not self._worker.stop(STOP_TIMEOUT_S):
            self._node.get_logger().warning('the network is busy: its thread ends when it is done')

    def deactivate(self) -> None:
        """Drop the image that waits; the one that is being worked on is of a past era."""
        self.active = False
        self._era += 1
        self._transforms.clear()
        if self._worker.clear():
            self._diagnostics.count('dropped')

    def close(self) -> None:
        """Disconnect the topics and end the thread."""
        self.deactivate()
        self._stack.close()

    def _on_image(self, message: Image) -> None:
        if not self.active:
            return
        self._diagnostics.count('received')
        if self._camera_problem:
            self._bad_image(self._camera_problem)
        elif self._worker.give(Job(message, self._camera, time.monotonic(), self._era)):
            self._diagnostics.count('dropped')

    def _on_camera_info(self, message: CameraInfo) -> None:
        try:
            camera = camera_from_message(message)
        except InputError as error:
            self._report.warn('camera_info', f"{error}. The model's camera is assumed")
            return
        try:
            self._relocaliser.check_camera(camera)
            self._camera, self._camera_problem = camera, ''
        except InputError as error:
            self._camera_problem = str(error)

    def _answer_in_thread(self, job: Job) -> None:
        self._answers.append(answer(self._relocaliser, job))
        self._answered.trigger()

    def _take_answers(self) -> None:
        while self._answers:
            result = self._answers.popleft()
            if result.job.era != self._era:
                self._diagnostics.count('dropped')
            elif result.failure:
                self._report.fail(f'the network failed: {type(result.failure).__name__}: '
                                  f'{result.failure}')
            elif result.frame and result.estimate:
                self._judge(result, result.estimate)
            else:
                self._bad_image(result.bad)

    def _bad_image(self, reason: str) -> None:
        self._diagnostics.count('bad')
        self._report.warn('bad image', reason)

    def _judge(self, result: Answer, estimate: PoseEstimate) -> None:
        """Publish what the gate accepts."""
        assert result.frame
        stamp_ns = result.frame.stamp_ns
        if stamp_ns < self._last_stamp_ns:
            self._gate.reset()
            self._transforms.time_jumped_back()
            self._diagnostics.count('time jumps back')
            seconds = (self._last_stamp_ns - stamp_ns) / 1e9
            self._report.warn('time jumped back', f'by {seconds:.3f} s, as a looped bag does: '
                              'the past is forgotten')
        self._last_stamp_ns = stamp_ns
        decision = self._gate.decide(estimate, stamp_ns)
        self._diagnostics.verdicts[decision.verdict.value] += 1
        if decision.accepted:
            self._publish(estimate, stamp_ns, self._values.camera_frame or result.frame.frame_id)
            self._note_latency(result, stamp_ns)
        else:
            self._diagnostics.count('rejected')
            self._report.warn(f'pose {decision.verdict.value}', '; '.join(decision.reasons))

    def _publish(self, estimate: PoseEstimate, stamp_ns: int, camera_frame: str) -> None:
        """Publish a pose with its image's stamp."""
        pose = PoseStamped()
        pose.header.frame_id = self._values.map_frame
        set_stamp(pose.header.stamp, stamp_ns)
        fill_pose(pose.pose, estimate.map_from_camera)
        with_covariance = PoseWithCovarianceStamped(header=pose.header)
        with_covariance.pose.pose = pose.pose
        fill_covariance(with_covariance.pose, estimate.covariance)
        self._poses.publish(pose)
        self._poses_with_covariance.publish(with_covariance)
        self._transforms.update(estimate.map_from_camera, camera_frame, stamp_ns)
        self._diagnostics.count('answered')

    def _note_latency(self, result: Answer, stamp_ns: int) -> None:
        for stage, seconds in result.stages_s.items():
            self._diagnostics.add_latency(stage, seconds)
        self._diagnostics.add_latency(
            'received to published', time.monotonic() - result.job.received_s)
        age_s = (self._node.get_clock().now().nanoseconds - stamp_ns) / 1e9
        self._diagnostics.add_latency('stamp to published', age_s)
