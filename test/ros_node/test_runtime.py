"""What is forgotten when the time begins anew, when a node is switched off, and what stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext
from threading import RLock
from unittest.mock import call, Mock

from geometry_msgs.msg import TransformStamped
import numpy as np
from posenet_ros.geometry.estimate import diagonal_covariance, PoseEstimate
from posenet_ros.geometry.pose import Pose
from posenet_ros.ros_data.messages import fill_transform
from posenet_ros.ros_node.diagnostics import Diagnostics
from posenet_ros.ros_node.parameters import Parameters
from posenet_ros.ros_node.results import ResultHandler
from posenet_ros.ros_node.runtime import Runtime
from posenet_ros.ros_node.transforms.broadcaster import TfBroadcaster
from posenet_ros.ros_node.transforms.initial_pose import InitialPose, InitialPoses
from posenet_ros.ros_node.transforms.listener import MissingTransformError
import pytest
from rclpy.node import Node
from ros_helpers import idle_node
from tf2_msgs.msg import TFMessage

DOMAIN, S = 94, 10**9
BASE_FROM_CAMERA = Pose(np.array([0.5, 0.0, 1.0]), np.array([0.0, 0.6, 0.0, 0.8]))


@pytest.fixture
def node() -> Iterator[Node]:
    with idle_node(DOMAIN) as found:
        yield found


def transform(parent: str, child: str, pose: Pose, second: int = 0) -> TFMessage:
    message = TransformStamped(child_frame_id=child)
    message.header.frame_id, message.header.stamp.sec = parent, second
    fill_transform(message.transform, pose)
    return TFMessage(transforms=[message])


def test_transforms_of_the_time_before_are_forgotten_but_for_those_that_never_change(
        node: Node) -> None:
    with ExitStack() as stack:
        tf = TfBroadcaster(node, stack, Parameters(max_jump_m=1.0), {}, Mock(), Mock(), RLock())
        assert tf._foreign
        tf._foreign.callback(transform('odom', 'base_link', Pose(np.array([7.0, 0, 0])), 100))
        tf._foreign.static_callback(transform('base_link', 'camera', BASE_FROM_CAMERA))
        moved = tf.odom_from_camera('camera', 100 * S)
        assert moved
        assert moved.translation_m == pytest.approx([7.5, 0, 1])
        tf.time_jumped_back()
        assert tf.odom_from_camera('camera', 100 * S) is None
        with pytest.raises(MissingTransformError):
            tf.lookup('odom', 'camera')
        assert tf.lookup('base_link', 'camera').translation_m == pytest.approx([0.5, 0, 1])
        tf._foreign.callback(transform('odom', 'base_link', Pose(np.array([3.0, 0, 0])), 2))
        assert tf.lookup('odom', 'base_link').translation_m == pytest.approx([3, 0, 0])


@pytest.mark.parametrize(('stamps_s', 'nows_s', 'began_anew'), [
    ((100.0, 98.0), (100.1, 100.2), True), ((100.0, 99.5), (100.1, 100.2), False),
    ((100.0, 100.1), (100.1, 50.0), True), ((100.0, 100.1), (100.1, 100.2), False)])
def test_stamps_or_a_clock_that_go_back_forget_what_was_before(
        node: Node, stamps_s: tuple[float, ...], nows_s: tuple[float, ...],
        began_anew: bool) -> None:
    gate, publishers, tf, initial = Mock(), Mock(), Mock(), Mock()
    results = ResultHandler(
        node, Parameters(), Diagnostics(), Mock(), gate, publishers, tf, initial)
    for stamp_s, now_s in zip(stamps_s, nows_s, strict=True):
        results._detect_time_jump(round(stamp_s * S), round(now_s * S))
    for forget in (tf.time_jumped_back, gate.reset, publishers.clear, initial.clear):
        assert forget.call_count == int(began_anew), forget


def runtime() -> tuple[Runtime, Mock]:
    """Return an active runtime, and what notes the calls of its parts."""
    found, parts = object.__new__(Runtime), Mock()
    found._lock, found._active, found._enabled, found._asked = RLock(), True, True, False
    found._results, found._inference, found._input = parts.results, parts.inference, parts.input
    return found, parts


@pytest.mark.parametrize(('switch', 'withdrawn'), [
    (lambda one: one.set_enabled(False), False), (lambda one: one.deactivate(), True)])
def test_who_is_switched_off_discards_the_image_in_hand(
        switch: Callable[[Runtime], None], withdrawn: bool) -> None:
    found, parts = runtime()
    switch(found)
    assert parts.inference.discard_pending.call_count == 1
    assert parts.input.expect.call_args == call(False)
    assert parts.results.delete_matches.call_count == 1
    # map_to_odom stays while images are only ignored, for Nav2 goes on by odometry
    assert parts.results.discard_transforms.called == withdrawn
    assert parts.results.discard_waiting.called != withdrawn


def assert_same(one: Pose, other: Pose) -> None:
    assert one.translation_m == pytest.approx(other.translation_m)
    assert one.quat_xyzw == pytest.approx(other.quat_xyzw)


@pytest.mark.parametrize('odom_from_base', [None, Pose(np.array([2.0, 1.0, 0.0]))])
def test_an_initial_pose_of_the_base_seeds_the_gate_with_the_camera_s(
        node: Node, odom_from_base: Pose | None) -> None:
    gate, tf = Mock(), Mock()
    tf.lookup.return_value = BASE_FROM_CAMERA
    map_from_base = Pose(np.array([3.0, 4.0, 0.0]), np.array([0.0, 0.0, 0.6, 0.8]))
    of_base = PoseEstimate(map_from_base, diagonal_covariance((0.5, 0.5, 0.0), (0.0, 0.0, 0.3)))
    with ExitStack() as stack:
        poses = InitialPoses(node, stack, Parameters(), gate, tf, Mock(), nullcontext())
        poses._camera_frame = 'camera'
        poses._seed(InitialPose(of_base, 1.0, 1.0, odom_from_base))
    assert tf.lookup.call_args == call('base_link', 'camera')
    seed, odom_from_camera = gate.seed.call_args.args
    expected = map_from_base @ BASE_FROM_CAMERA
    assert_same(seed.map_from_camera, expected)
    assert seed.max_sigmas()[0] > of_base.max_sigmas()[0], 'the camera is off the axis of yaw'
    if odom_from_base is None:
        assert odom_from_camera is None
    else:
        assert_same(odom_from_camera, odom_from_base @ BASE_FROM_CAMERA)
