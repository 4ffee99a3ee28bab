"""What a robot needs of the node: transports, quality of service, services, cameras, pictures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, ExitStack
from pathlib import Path
import time

import cv2
from geometry_msgs.msg import PoseWithCovarianceStamped
from helpers import CAMERA
from nav_msgs.msg import Path as PathMessage
import numpy as np
from posenet_ros.ros_data.messages import frame_from_message, set_stamp, stamp_ns
from posenet_ros.visualization.annotate import BAD
import psutil
import pytest
from rclpy.qos import QoSProfile, ReliabilityPolicy
from ros_helpers import (
    connected,
    image_message,
    node_command,
    Peer,
    peer_of,
    Process,
    running,
    SCALE_M,
    values_of,
    write_mean_colour_model,
)
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_srvs.srv import SetBool, Trigger

DOMAIN = 110
COLOUR = (51, 102, 120)


@pytest.fixture(scope='module')
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_mean_colour_model(tmp_path_factory.mktemp('model') / 'tiny')


@contextmanager
def relocaliser(domain: int, model: Path, folder: Path,
                **values: object) -> Iterator[tuple[Process, Peer]]:
    """Run the node."""
    command = node_command(model=model, **values)
    with connected(command, domain, folder / 'log.txt') as both:
        yield both


def position(pose: object) -> np.ndarray:
    """Return the position of a PoseStamped in shares of the colours, 0 to 255."""
    p = pose.pose.position
    return np.array([p.x, p.y, p.z]) / SCALE_M * 255


def test_services_and_pictures(model: Path, tmp_path: Path) -> None:
    with relocaliser(DOMAIN, model, tmp_path, max_distance_m=1.0, path_length=3,
                     map_frame='court', smoothing_acceleration=1.0) as (_, peer):
        smoothed = peer.keep(PoseWithCovarianceStamped, 'pose_smoothed')
        peer.spin_for(0.5)
        assert len(peer.send(image_message(time.time_ns(), COLOUR))) == 1
        disabled = peer.call(SetBool, 'set_enabled', SetBool.Request(data=False))
        assert (disabled.success, disabled.message) == (True, 'images are ignored')
        assert peer.send(image_message(time.time_ns(), COLOUR), timeout_s=0.5) == []
        assert peer.state() == 'active'
        assert peer.call(SetBool, 'set_enabled', SetBool.Request(data=True)).success
        assert len(peer.send(image_message(time.time_ns(), COLOUR))) == 1
        assert peer.call(Trigger, 'relocalise', Trigger.Request()).success
        assert values_of(peer.status())['images answered'] == '2'
        assert peer.call(Trigger, 'reset', Trigger.Request()).success
        assert values_of(peer.status())['images answered'] == '0'

        paths, pictures = peer.keep(PathMessage, 'path'), peer.keep(Image, 'debug_image')
        peer.spin_for(0.5)
        stamps = []
        for _ in range(6):
            stamps.append(time.time_ns())
            assert peer.send(image_message(stamps[-1], COLOUR))
            peer.spin_for(0.2)
        assert paths[-1].header.frame_id == 'court'
        shown = [stamp_ns(pose.header.stamp) for pose in paths[-1].poses]
        assert 1 <= len(shown) <= 3
        assert shown == stamps[stamps.index(shown[-1]) + 1 - len(shown):][:len(shown)]

        assert [stamp_ns(m.header.stamp) for m in smoothed[-6:]] == stamps
        assert smoothed[-1].pose.covariance[0] < peer.with_covariance[-1].pose.covariance[0]

        pictures.clear()
        far = image_message(time.time_ns(), (255, 255, 255))  # 10 10 10 m; trained to 5 m
        assert peer.send(far, timeout_s=0.5) == []  # no confident pose while lost
        assert peer.wait_until(lambda: pictures)
        picture = frame_from_message(pictures[-1])
        assert picture.stamp_ns == stamp_ns(far.header.stamp)
        reddest = np.abs(picture.image.astype(int) - BAD).max(axis=-1).min()
        assert reddest < 40  # the verdict, in red
        values = values_of(peer.status())
        assert (values['verdict out_of_bounds'], values['images rejected']) == ('1', '1')


@pytest.mark.parametrize(('extension', 'remap'), [
    ('png', 'image:=/camera/image_raw'), ('jpg', 'image:=/camera/image_raw/compressed')])
def test_compressed_images(model: Path, tmp_path: Path, extension: str, remap: str) -> None:
    command = node_command(model=model, image_transport='compressed', remaps=[remap])
    with running(command, DOMAIN + 1, tmp_path / 'log.txt'), peer_of(DOMAIN + 1) as peer:
        publisher = peer.node.create_publisher(
            CompressedImage, '/camera/image_raw/compressed', 5)
        assert peer.wait_until(publisher.get_subscription_count)
        peer.spin_for(0.5)
        pixels = np.full((CAMERA.height, CAMERA.width, 3), COLOUR[::-1], np.uint8)
        message = CompressedImage(format=extension)
        message.data = cv2.imencode(f'.{extension}', pixels)[1].tobytes()
        message.header.frame_id = 'camera_optical'
        set_stamp(message.header.stamp, time.time_ns())
        publisher.publish(message)
        assert peer.wait_until(lambda: peer.poses)
        np.testing.assert_allclose(position(peer.poses[0]), COLOUR, atol=2)
        peer.diagnostics.clear()
        message.data = bytes(message.data)[:50]
        set_stamp(message.header.stamp, time.time_ns())
        publisher.publish(message)
        assert peer.reported('bad image', 'Received')


def test_what_the_network_says_of_another_camera_is_withheld(model: Path, tmp_path: Path) -> None:
    with relocaliser(DOMAIN + 2, model, tmp_path, camera_info_policy='rectify') as (_, peer):
        k = [CAMERA.fx / 2, 0.0, 47.5, 0.0, CAMERA.fy / 2, 35.5, 0.0, 0.0, 1.0]
        info = CameraInfo(width=96, height=72, k=k, distortion_model='plumb_bob', d=[0.0] * 5)
        assert peer.wait_until(peer.camera_infos.get_subscription_count)
        peer.camera_infos.publish(info)  # sees three times as much
        assert peer.reported('camera differs', 'localised by landmarks')
        pixels = np.zeros((72, 96, 3), np.uint8)
        pixels[20:52, 28:68] = COLOUR  # what the model's camera sees, and more
        message = image_message(time.time_ns())
        message.height, message.width, message.step = 72, 96, 288
        message.data = pixels.tobytes()
        assert peer.send(message, timeout_s=0.7) == []  # the model has no landmarks
        assert peer.reported('pose camera_differs', 'not trained')


def asked_of(peer: Peer) -> list[ReliabilityPolicy]:
    """Return the reliability that the subscribers of the images ask for."""
    return [info.qos_profile.reliability
            for info in peer.node.get_subscriptions_info_by_topic('/image')]


def test_silence_and_quality_of_service_are_reported(model: Path, tmp_path: Path) -> None:
    with relocaliser(DOMAIN + 3, model, tmp_path, image_timeout=0.5,
                     image_reliability='reliable') as (_, peer):
        assert '/image' in peer.reported('no image', '1 publisher (/peer)')  # once it is found
        unreliable = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
        peer.node.create_publisher(Image, 'image', unreliable)
        assert 'image_reliability to auto' in peer.reported('QoS mismatch', '/image')
        assert peer.change('deactivate')
        assert peer.change('cleanup')
        assert peer.set_parameter('image_reliability', 'best_effort') == (True, '')
        assert peer.set_parameter('image_depth', 3) == (True, '')
        assert peer.change('configure')
        assert peer.wait_until(lambda: asked_of(peer) == [ReliabilityPolicy.BEST_EFFORT])


def test_ros_own_overrides_of_the_quality_of_service_count(model: Path, tmp_path: Path) -> None:
    override = {'qos_overrides./image.subscription.reliability': 'reliable'}
    with relocaliser(DOMAIN + 6, model, tmp_path, **override) as (process, peer):
        assert asked_of(peer) == [ReliabilityPolicy.RELIABLE]
        assert 'unknown' not in process.output()


def test_two_nodes_do_not_disturb_each_other(model: Path, tmp_path: Path) -> None:
    with ExitStack() as stack:
        for name in ('front', 'rear'):
            command = node_command(model=model, map_frame=name, remaps=[
                f'__ns:=/{name}', 'image:=/image'])
            stack.enter_context(running(command, DOMAIN + 4, tmp_path / f'{name}.txt'))
        peers = [stack.enter_context(peer_of(DOMAIN + 4, f'/{name}/relocaliser'))
                 for name in ('front', 'rear')]
        for peer in peers:
            peer.wait_active()
        assert peers[0].wait_until(lambda: peers[0].images.get_subscription_count() == 2)
        stamps: set[int] = set()

        def answered() -> bool:  # the first image may come before the other side has found us
            stamps.add(time.time_ns())
            peers[0].images.publish(image_message(max(stamps)))
            for peer in peers:
                peer.spin_for(0.2)
            return all(peer.poses for peer in peers)

        assert peers[0].wait_until(answered)
        for peer, name in zip(peers, ('front', 'rear'), strict=True):
            assert {stamp_ns(pose.header.stamp) for pose in peer.poses} <= stamps
            assert {pose.header.frame_id for pose in peer.poses} == {name}


def test_the_lifecycle_many_times_leaks_nothing(model: Path, tmp_path: Path) -> None:
    with relocaliser(DOMAIN + 5, model, tmp_path, tf_mode='map_to_odom') as (process, peer):
        measured = psutil.Process(process.popen.pid)

        def around(times: int) -> tuple[int, int]:
            for _ in range(times):
                for transition in ('deactivate', 'cleanup', 'configure', 'activate'):
                    assert peer.change(transition)
                    assert peer.change(transition)  # is there already
                peer.images.publish(image_message(time.time_ns()))
            peer.spin_for(0.3)
            return measured.num_threads(), measured.memory_info().rss

        threads, memory = around(10)
        threads_after, memory_after = around(40)
        assert threads_after <= threads
        assert memory_after - memory < 4_000_000  # bytes
        assert peer.wait_until(lambda: peer.send(image_message(time.time_ns()), timeout_s=1.0))
