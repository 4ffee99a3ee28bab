"""The runtime of a configured node: relocaliser, inference thread, topics and services."""

from __future__ import annotations

from collections import deque
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from threading import RLock
import time
from typing import Any, Protocol

from geometry_msgs.msg import PoseWithCovarianceStamped
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.estimate import PoseEstimate
from posenet_ros.imaging.decoding import Frame
from posenet_ros.imaging.quality import Fault, FrozenImageDetector, ImageStatistics
from posenet_ros.localisation.factory import make_relocaliser
from posenet_ros.localisation.pipeline import localise, Query, QueryResult
from posenet_ros.ros_data.messages import (
    camera_from_message,
    frame_from_message,
    pose_from_message,
)
from posenet_ros.ros_node.diagnostics import Diagnostics
from posenet_ros.ros_node.parameters import Parameters
from posenet_ros.ros_node.publishers import Publishers
from posenet_ros.ros_node.subscriptions import Subscriptions
from posenet_ros.ros_node.tf import TfBroadcaster
from posenet_ros.ros_node.worker import locked, Worker
from rclpy.lifecycle import LifecycleNode
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo
from std_srvs.srv import SetBool, Trigger

INITIAL_POSE_QOS = QoSProfile(depth=1)
STOP_TIMEOUT_S = 0.5  # SIGINT has to end the node within a second


class Report(Protocol):
    """How the runtime reports problems to the node."""

    def warn(self, what: str, reason: str) -> None:
        """Show a problem."""
        ...

    def fail(self, reason: str) -> None:
        """Stop: the network cannot be used."""
        ...


class Runtime:
    """
    What exists while the node is configured: the network, its thread and the topics.

    Callbacks run in the executor's thread. The worker's thread answers, judges and publishes: to
    wake the executor for that would cost more than the publishing. So one lock is held by
    whoever touches the state, but never while the network runs.

    :raises InputError: when the model folder or a parameter is not usable.
    """

    def __init__(self, node: LifecycleNode, values: Parameters, diagnostics: Diagnostics,
                 report: Report) -> None:
        self._node, self._values, self._diagnostics = node, values, diagnostics
        self._report = report
        self._active, self._enabled = False, True
        self._generation = 0
        self._camera: Camera | None = None
        self._camera_problem = ''
        self._warp_into: Camera | None = None
        self._camera_frame = values.camera_frame
        self._last_stamp_ns = 0
        self._lock = RLock()
        self._failures: deque[QueryResult] = deque()
        self._inspect = FrozenImageDetector()  # used by the worker's thread only
        model = make_relocaliser(
            values.model, values.engine, values.precision, values.map_from_dataset(),
            values.gate_config(), values.mc_samples, values.refine)
        self._relocaliser, self._gate = model.relocaliser, model.gate
        self._model_camera = model.camera
        diagnostics.facts = {**model.facts, 'tf_mode': values.tf_mode}
        node.get_logger().info(
            '{model} ({model hash:.12}) runs with {engine} on {device}'.format_map(model.facts))
        with ExitStack() as stack:
            self._connect(stack)
            self._stack = stack.pop_all()

    def _connect(self, stack: ExitStack) -> None:
        """Make publishers, thread, services and subscriptions; they go in the reverse order."""
        node = self._node
        self._publishers = Publishers(node, stack, self._values)
        self._tf = TfBroadcaster(
            node, stack, self._values, self._report.warn, self._publishers.publish_base,
            self._lock)
        self._failed = node.create_guard_condition(self._report_failures)
        stack.callback(node.destroy_guard_condition, self._failed)
        self._worker = Worker(self._localise_in_thread)
        stack.callback(self._stop_worker)
        for kind, name, callback in ((Trigger, '~/relocalise', self._on_relocalise),
                                     (Trigger, '~/reset', self._on_reset),
                                     (SetBool, '~/set_enabled', self._on_set_enabled)):
            stack.callback(node.destroy_service, node.create_service(
                kind, name, locked(self._lock, callback)))
        initial = node.create_subscription(
            PoseWithCovarianceStamped, 'initialpose',
            locked(self._lock, self._on_initial_pose), INITIAL_POSE_QOS)
        stack.callback(node.destroy_subscription, initial)
        self._subscriptions = Subscriptions(
            node, stack, self._values, self._on_image, self._on_camera_info, self._report.warn)

    def _stop_worker(self) -> None:
        if not self._worker.stop(STOP_TIMEOUT_S):
            self._node.get_logger().warning('the network is busy: its thread ends when it is done')

    # ---- switching

    def activate(self) -> None:
        """Answer images, unless ~/set_enabled says otherwise."""
        self._active = True
        self._subscriptions.expect(self._enabled)

    def deactivate(self) -> None:
        """Answer no more images."""
        self._active = False
        self._subscriptions.expect(False)
        with self._lock:
            self._discard_pending()

    def change(self, values: Parameters) -> None:
        """Take parameters of which only live ones have changed."""
        with self._lock:
            self._values = values
            self._gate.config = values.gate_config()
            self._tf.change(values)
        self._subscriptions.change(values)

    def close(self) -> None:
        """Disconnect the topics and end the thread."""
        self.deactivate()
        self._stack.close()

    def _discard_pending(self) -> None:
        """Discard the queued image and, by a new generation, the one in the network."""
        self._generation += 1
        self._tf.clear()
        if self._worker.clear():
            self._diagnostics.count('dropped')

    def _on_relocalise(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._gate.reset()
        response.success, response.message = True, 'the next pose that is good will be accepted'
        return response

    def _on_reset(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._reset_history()
        self._discard_pending()
        self._diagnostics.clear()
        response.success, response.message = True, 'poses, path, transforms and counts forgotten'
        return response

    def _on_initial_pose(self, message: PoseWithCovarianceStamped) -> None:
        """Seed the gate with where the robot is said to be, as RViz and nav2 say it."""
        try:
            if message.header.frame_id.lstrip('/') != self._values.map_frame:
                raise InputError(f'its frame has to be {self._values.map_frame}. '
                                 f'Received: {message.header.frame_id!r}')
            map_from_base = pose_from_message(message.pose.pose)
            base_from_camera = self._tf.base_from_camera(self._camera_frame)
            if base_from_camera is None:
                raise InputError(f'the transform from {self._values.base_frame} to '
                                 f'{self._camera_frame or "the camera"} is needed; tf_mode has to '
                                 'be map_to_base or map_to_odom, or publish_base_pose true')
        except InputError as error:
            self._report.warn('initial pose refused', str(error))
            return
        now_ns = self._node.get_clock().now().nanoseconds
        self._gate.seed(map_from_base @ base_from_camera, now_ns,
                        self._tf.odom_from_camera(self._camera_frame, 0))
        self._node.get_logger().info('poses are compared with the initial pose from now on')

    def _on_set_enabled(self, request: SetBool.Request,
                        response: SetBool.Response) -> SetBool.Response:
        self._enabled = bool(request.data)
        self._subscriptions.expect(self._active and self._enabled)
        if not self._enabled:
            self._discard_pending()
        response.success = True
        response.message = 'images are answered' if self._enabled else 'images are ignored'
        return response

    def _reset_history(self) -> None:
        self._gate.reset()
        self._publishers.clear()
        self._tf.time_jumped_back()
        self._last_stamp_ns = 0

    # ---- images in

    def _on_image(self, message: Any) -> None:  # noqa: ANN401 - a raw or compressed image
        self._diagnostics.count('received')
        if self._camera_problem:
            self._report_bad_image(self._camera_problem)
            return
        query = Query(partial(frame_from_message, message), self._camera, self._warp_into,
                  time.monotonic(), self._generation)
        if self._worker.give(query):
            self._diagnostics.count('dropped')

    def _on_camera_info(self, message: CameraInfo) -> None:
        if self._values.camera_info_policy == 'ignore':
            return
        try:
            camera = camera_from_message(message)
        except InputError as error:
            self._report.warn('camera_info', f"{error}. The model's camera is assumed")
            return
        if camera != self._camera or self._camera_problem:
            self._use_camera(camera)

    def _use_camera(self, camera: Camera) -> None:
        self._camera, self._camera_problem, self._warp_into = camera, '', None
        try:
            self._relocaliser.check_camera(camera)
        except InputError as error:
            if self._values.camera_info_policy == 'rectify':
                self._warp_into = self._model_camera.undistorted()
                self._report.warn('camera_info', f'images are warped: {error}')
            else:
                self._camera_problem = str(error)

    # ---- answers out

    def _localise_in_thread(self, query: Query) -> None:
        result = localise(self._relocaliser, query, self._inspect)
        with self._lock:
            try:
                self._handle_result(result)
            except Exception as error:  # or this thread would end, and nobody would know
                self._fail(replace(result, failure=error))

    def _handle_result(self, result: QueryResult) -> None:
        """Publish what became of an image."""
        if result.query.generation != self._generation:  # outdated
            self._diagnostics.count('dropped')
        elif result.failure:
            self._fail(result)
        elif result.frame and result.estimate:
            self._judge_and_publish(result, result.frame, result.estimate)
        else:
            self._report_bad_image(result.image_error)

    def _fail(self, result: QueryResult) -> None:
        self._failures.append(result)
        self._failed.trigger()

    def _report_failures(self) -> None:
        """Deactivate, in the executor's thread, where transitions belong."""
        while self._failures:
            result = self._failures.popleft()
            if result.query.generation == self._generation:
                self._report.fail(f'answering failed: {type(result.failure).__name__}: '
                                  f'{result.failure}')

    def _report_bad_image(self, reason: str) -> None:
        self._diagnostics.count('bad')
        self._report.warn('bad image', reason)

    def _judge_and_publish(
            self, result: QueryResult, frame: Frame, estimate: PoseEstimate) -> None:
        """Publish what the gate accepts."""
        self._detect_time_jump(frame.stamp_ns)
        self._camera_frame = self._values.camera_frame or frame.frame_id.lstrip('/')
        age_s = (self._node.get_clock().now().nanoseconds - frame.stamp_ns) / 1e9
        fault = self._report_fault(result.statistics)
        decision = self._gate.decide(
            estimate, frame.stamp_ns, age_s=age_s, fault=fault,
            odom_from_camera=self._tf.odom_from_camera(self._camera_frame, frame.stamp_ns))
        self._diagnostics.count_verdict(decision.verdict.value)
        if decision.accepted:
            self._publishers.publish(estimate, frame.stamp_ns)
            self._tf.update(estimate, self._camera_frame, frame.stamp_ns)
            self._diagnostics.count('answered')
            if estimate.landmarks:
                self._diagnostics.count('refined')
            self._record_latencies(result, age_s)
        else:
            self._diagnostics.count('rejected')
            self._report.warn(f'pose {decision.verdict.value}', '; '.join(decision.reasons))
        self._publishers.publish_verdict(frame.stamp_ns, estimate, decision)
        self._publishers.publish_debug_image(frame, estimate, decision)

    def _report_fault(self, statistics: ImageStatistics | None) -> Fault | None:
        """Find the fault of an image, and report it by name."""
        fault = self._gate.fault(statistics)
        if fault:
            self._diagnostics.count(f'images {fault.kind.value}')
            self._report.warn(f'image {fault.kind.value}', fault.reason)
        return fault

    def _detect_time_jump(self, stamp_ns: int) -> None:
        """Begin anew when a bag does."""
        if stamp_ns < self._last_stamp_ns:
            seconds = (self._last_stamp_ns - stamp_ns) / 1e9
            self._reset_history()
            self._diagnostics.count('time jumps back')
            self._report.warn('time jumped back', f'by {seconds:.3f} s, as a looped bag does: '
                              'the past is forgotten')
        self._last_stamp_ns = stamp_ns

    def _record_latencies(self, result: QueryResult, age_s: float) -> None:
        for stage, seconds in result.stages_s.items():
            self._diagnostics.add_latency(stage, seconds)
        self._diagnostics.add_latency(
            'received to published', time.monotonic() - result.query.received_s)
        self._diagnostics.add_latency('stamp to published', age_s)
