"""The node's transforms over DDS, against products computed by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
import time

from geometry_msgs.msg import PoseWithCovarianceStamped, TransformStamped
import numpy as np
from posenet_ros.geometry.estimate import PoseEstimate
from posenet_ros.geometry.pose import Pose
from posenet_ros.ros_data.messages import (
    fill_pose,
    fill_transform,
    pose_from_message,
    pose_from_transform,
    set_stamp,
    stamp_ns,
)
import pytest
from ros_helpers import (
    connected,
    image_message,
    node_command,
    Peer,
    SCALE_M,
    values_of,
    write_mean_colour_model,
)
from std_srvs.srv import Trigger
from tf2_ros import StaticTransformBroadcaster, TransformBroadcaster

DOMAIN = 100
SECOND = 1_000_000_000
COLOUR = (51, 102, 204)
DATASET_FROM_CAMERA = Pose(np.array(COLOUR) / 255 * SCALE_M)
QUAT_XYZW = np.array([0.5, -0.5, 0.5, 0.5])  # a dataset whose "up" is not z
MAP_FROM_DATASET = Pose(np.array([1.0, -2.0, 0.5]), QUAT_XYZW)
MAP_FROM_CAMERA = MAP_FROM_DATASET @ DATASET_FROM_CAMERA
BASE_FROM_CAMERA = Pose(np.array([0.3, 0.1, 0.4]), np.array([-0.5, 0.5, -0.5, 0.5]))


@pytest.fixture(scope='module')
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_mean_colour_model(tmp_path_factory.mktemp('model') / 'tiny')


def odom_from_base(seconds: float) -> Pose:
    """Return where a turning robot is; linear in position and angle, as TF interpolates."""
    half = 0.2 * seconds
    return Pose(np.array([2.0 * seconds, -seconds, 0.0]),
                np.array([0.0, 0.0, np.sin(half), np.cos(half)]))


class Robot:
    """Publishes the robot's own transforms."""

    def __init__(self, peer: Peer) -> None:
        self._dynamic = TransformBroadcaster(peer.node)
        self._static = StaticTransformBroadcaster(peer.node)

    def mount_camera(self) -> None:
        """Say where the camera is on the robot."""
        self._static.sendTransform(_message('base_link', 'camera_optical', BASE_FROM_CAMERA, 0))

    def move(self, start_ns: int, seconds: float) -> None:
        """Say where the robot is at a time after the start."""
        self._dynamic.sendTransform(_message(
            'odom', 'base_link', odom_from_base(seconds), start_ns + round(seconds * SECOND)))


def _message(parent: str, child: str, pose: Pose, time_ns: int) -> TransformStamped:
    message = TransformStamped(child_frame_id=child)
    message.header.frame_id = parent
    set_stamp(message.header.stamp, time_ns)
    fill_transform(message.transform, pose)
    return message


@contextmanager
def relocaliser(mode: str, domain: int, model: Path, folder: Path,
                **values: object) -> Iterator[Peer]:
    """Run the node in a TF mode and tilt its map."""
    command = node_command(
        model=model, tf_mode=mode, map_from_dataset_xyz=MAP_FROM_DATASET.translation_m.tolist(),
        map_from_dataset_quat_xyzw=QUAT_XYZW.tolist(), **values)
    with connected(command, domain, folder / 'log.txt') as (_, peer):
        yield peer


def sent(peer: Peer, child: str) -> list[TransformStamped]:
    """Return what the node has broadcast for a frame."""
    return [t for message in peer.transforms for t in message.transforms
            if t.child_frame_id == child and t.header.frame_id == 'map']


def assert_same(message: TransformStamped, expected: Pose) -> None:
    """Compare a message with a pose."""
    np.testing.assert_allclose(
        pose_from_transform(message.transform).matrix, expected.matrix, atol=1e-4)


def test_the_pose_of_the_base_comes_with_its_covariance(model: Path, tmp_path: Path) -> None:
    with relocaliser('none', DOMAIN + 5, model, tmp_path, publish_base_pose='true') as peer:
        of_base = peer.keep(PoseWithCovarianceStamped, 'base_pose_with_covariance')
        Robot(peer).mount_camera()
        peer.spin_for(0.5)
        stamp = time.time_ns()
        assert len(peer.send(image_message(stamp, COLOUR))) == 1
        assert peer.wait_until(lambda: of_base and peer.with_covariance)
        message, of_camera = of_base[0], peer.with_covariance[0]
        assert (stamp_ns(message.header.stamp), message.header.frame_id) == (stamp, 'map')
        expected = PoseEstimate(
            MAP_FROM_CAMERA, np.reshape(of_camera.pose.covariance, (6, 6))).moved_to(
                BASE_FROM_CAMERA.inverse())
        np.testing.assert_allclose(pose_from_message(message.pose.pose).matrix,
                                   expected.map_from_camera.matrix, atol=1e-4)
        np.testing.assert_allclose(
            np.reshape(message.pose.covariance, (6, 6)), expected.covariance, atol=1e-6)
        assert np.abs(message.pose.covariance - of_camera.pose.covariance).max() > 1e-5
        assert peer.transforms == [] or sent(peer, 'base_link') == []


def test_map_to_base_is_composed_with_where_the_camera_is(model: Path, tmp_path: Path) -> None:
    with relocaliser('map_to_base', DOMAIN, model, tmp_path) as peer:
        stamp = time.time_ns()
        assert len(peer.send(image_message(stamp, COLOUR))) == 1  # the pose needs no transform
        said = peer.reported('no transform', 'does not exist')
        assert 'missing for' in said
        assert sent(peer, 'base_link') == []
        Robot(peer).mount_camera()
        peer.spin_for(0.5)
        stamp = time.time_ns()
        pose = peer.send(image_message(stamp, COLOUR))[0]
        np.testing.assert_allclose(
            [pose.pose.position.x, pose.pose.position.y, pose.pose.position.z],
            MAP_FROM_CAMERA.translation_m, atol=1e-4)
        assert peer.wait_until(lambda: sent(peer, 'base_link'))
        message = sent(peer, 'base_link')[0]
        assert stamp_ns(message.header.stamp) == stamp
        assert_same(message, MAP_FROM_CAMERA @ BASE_FROM_CAMERA.inverse())


def test_map_to_odom_is_composed_at_the_images_time_and_repeated(
        model: Path, tmp_path: Path) -> None:
    with relocaliser('map_to_odom', DOMAIN + 1, model, tmp_path, tf_timeout=1.0) as peer:
        robot = Robot(peer)
        robot.mount_camera()
        peer.spin_for(0.5)
        start = time.time_ns()
        for seconds in (0.0, 0.1):
            robot.move(start, seconds)
        peer.send(image_message(start + round(0.14 * SECOND), COLOUR))
        peer.spin_for(0.3)
        assert sent(peer, 'odom') == []  # the odometry of the image's time is not there yet
        robot.move(start, 0.2)
        assert peer.wait_until(lambda: sent(peer, 'odom'))
        expected = MAP_FROM_CAMERA @ BASE_FROM_CAMERA.inverse() @ odom_from_base(0.14).inverse()
        assert_same(sent(peer, 'odom')[0], expected)
        before = len(sent(peer, 'odom'))
        peer.spin_for(1.0)
        repeated = sent(peer, 'odom')[before:]
        assert 15 <= len(repeated) <= 25  # 20 Hz
        ahead = [stamp_ns(m.header.stamp) - time.time_ns() for m in repeated[-1:]]
        assert 0 < ahead[0] < 0.12 * SECOND  # now + 0.1 s
        for message in repeated:
            assert_same(message, expected)
        assert peer.change('deactivate')
        before = len(sent(peer, 'odom'))
        peer.spin_for(0.3)
        assert len(sent(peer, 'odom')) == before


def test_missing_odometry_holds_up_no_pose_and_recovers(model: Path, tmp_path: Path) -> None:
    with relocaliser('map_to_odom', DOMAIN + 2, model, tmp_path, tf_timeout=0.1) as peer:
        robot = Robot(peer)
        robot.mount_camera()
        start = time.time_ns()
        robot.move(start, 0.0)
        peer.spin_for(0.5)
        stamps = [start + round(i / 30 * SECOND) for i in range(1, 31)]
        for stamp in stamps:
            peer.images.publish(image_message(stamp, COLOUR))
            peer.spin_for(1 / 30)
        assert peer.wait_until(lambda: len(peer.poses) >= 10)  # once camera_info is late
        assert 'at time' in peer.reported('no transform', 'extrapolation')
        assert sent(peer, 'odom') == []
        peer.spin_for(0.5)  # no image waits for its odometry any more
        robot.move(start, 1.0)
        robot.move(start, 2.0)
        peer.send(image_message(start + SECOND + 1, COLOUR))
        assert peer.wait_until(lambda: sent(peer, 'odom'))
        assert_same(sent(peer, 'odom')[-1], MAP_FROM_CAMERA @ BASE_FROM_CAMERA.inverse()
                    @ odom_from_base(1.0).inverse())
        assert values_of(peer.status())['state'] == 'active'


def test_a_loop_of_transforms_is_reported(model: Path, tmp_path: Path) -> None:
    with relocaliser('none', DOMAIN + 3, model, tmp_path, publish_base_pose='true') as peer:
        of_base = peer.keep(PoseWithCovarianceStamped, 'base_pose_with_covariance')
        robot = TransformBroadcaster(peer.node)
        peer.spin_for(0.3)
        stamp = time.time_ns()
        for parent, child in (('camera_optical', 'base_link'), ('base_link', 'camera_optical')):
            robot.sendTransform(_message(parent, child, Pose(), stamp))
        robot.sendTransform(_message('elsewhere', 'thing', Pose(), stamp))
        peer.spin_for(0.3)
        assert len(peer.send(image_message(stamp, COLOUR, frame_id='thing'))) == 1
        assert peer.reported('no transform', 'loop')
        assert of_base == []


def test_jumps_are_rejected_and_the_initial_pose_decides(model: Path, tmp_path: Path) -> None:
    with relocaliser('map_to_base', DOMAIN + 4, model, tmp_path, max_jump_m=1.0,
                     reaccept_frames=3) as peer:
        Robot(peer).mount_camera()
        initial = peer.node.create_publisher(PoseWithCovarianceStamped, 'initialpose', 1)
        assert peer.wait_until(initial.get_subscription_count)
        peer.spin_for(0.3)
        other = tuple(255 - value for value in COLOUR)
        assert len(peer.send(image_message(time.time_ns(), COLOUR))) == 1
        assert peer.send(image_message(time.time_ns(), other), timeout_s=0.5) == []
        assert peer.reported('pose jump', 'the limit is 1 m')

        message = PoseWithCovarianceStamped()
        message.header.frame_id = 'odom'
        initial.publish(message)
        assert 'has to be map' in peer.reported('initial pose refused', 'odom')
        message.header.frame_id = 'map'
        message.pose.pose.orientation.w = 1.0
        message.pose.covariance[28] = 1e308
        initial.publish(message)
        assert peer.reported('initial pose refused', 'covariance')
        message.pose.covariance[28] = 0.0
        map_from_camera = MAP_FROM_DATASET @ Pose(np.array(other) / 255 * SCALE_M)
        fill_pose(message.pose.pose, map_from_camera @ BASE_FROM_CAMERA.inverse())
        initial.publish(message)
        peer.spin_for(0.3)
        assert len(peer.send(image_message(time.time_ns(), other))) == 1
        assert peer.send(image_message(time.time_ns(), COLOUR), timeout_s=0.5) == []

        assert peer.call(Trigger, 'relocalise', Trigger.Request()).success
        assert len(peer.send(image_message(time.time_ns(), COLOUR))) == 1  # whatever it is
        for expected in (0, 0, 1):  # carried: the third one that agrees is believed
            stamp = time.time_ns()
            poses = peer.send(image_message(stamp, other), timeout_s=20.0 if expected else 0.5)
            assert len(poses) == expected
        values = values_of(peer.status())
        assert (values['verdict accepted'], values['verdict jump']) == ('4', '4')


def test_odometry_tells_a_jump_from_a_fast_robot_for_a_filter_too(
        model: Path, tmp_path: Path) -> None:
    """As for robot_localization: no transform of ours, but the pose of the base."""
    other = tuple(255 - value for value in COLOUR)
    camera = MAP_FROM_DATASET @ Pose(np.array(other) / 255 * SCALE_M)  # 8 m from the first
    moved = (BASE_FROM_CAMERA @ MAP_FROM_CAMERA.inverse() @ camera @ BASE_FROM_CAMERA.inverse())
    with relocaliser('none', DOMAIN + 7, model, tmp_path, max_jump_m=1.0,
                     publish_base_pose='true') as peer:
        robot, start = Robot(peer), time.time_ns()
        robot.mount_camera()
        broadcaster = TransformBroadcaster(peer.node)
        for seconds, pose in ((0, Pose()), (1, moved), (2, moved)):
            broadcaster.sendTransform(
                _message('odom', 'base_link', pose, start + seconds * SECOND))
        peer.spin_for(0.5)
        assert len(peer.send(image_message(start, COLOUR))) == 1
        assert len(peer.send(image_message(start + SECOND, other))) == 1
        assert peer.send(image_message(start + 2 * SECOND, COLOUR), timeout_s=0.5) == []
        assert sent(peer, 'odom') == []
