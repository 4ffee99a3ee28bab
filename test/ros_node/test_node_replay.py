"""The node on a replayed bag: simulated time, at speed, looped, and a player that dies."""

from __future__ import annotations

from collections.abc import Iterator
import os
from pathlib import Path
import signal
import sys

from helpers import CAMERA
import numpy as np
from posenet_ros.geometry.pose import Pose
from posenet_ros.imaging.decoding import Frame
from posenet_ros.ros_data.bag_writer import image_message, new_bag, transform_message
from posenet_ros.ros_data.messages import pose_from_transform, stamp_ns
import pytest
from ros_helpers import (
    connected,
    node_command,
    Peer,
    Process,
    running,
    SCALE_M,
    values_of,
    write_mean_colour_model,
)

DOMAIN = 120
SECOND = 1_000_000_000
START = 1_600_000_000 * SECOND
FRAMES, PERIOD = 30, SECOND // 10
STAMPS = [START + i * PERIOD for i in range(FRAMES)]


def colour(i: int) -> np.ndarray:
    """Return the colour of frame i, that the tiny network turns into its position."""
    return np.array([4 * i, 60, 120 - 4 * i], np.uint8)


def odom_from_base(i: float) -> Pose:
    """Return where the robot is at frame i."""
    return Pose(np.array([0.1 * i, 0.0, 0.0]))


@pytest.fixture(scope='module')
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_mean_colour_model(tmp_path_factory.mktemp('model') / 'tiny')


@pytest.fixture(scope='module')
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp('bag') / 'walk'
    with new_bag(path) as writer:
        mount = transform_message(Pose(), START, 'base_link', 'camera')
        writer.write_transforms('/tf_static', [mount], START)
        for i, stamp in enumerate(STAMPS):
            robot = transform_message(odom_from_base(i), stamp, 'odom', 'base_link')
            writer.write_transforms('/tf', [robot], stamp)
            pixels = np.empty((CAMERA.height, CAMERA.width, 3), np.uint8)
            pixels[:] = colour(i)
            writer.write('/image', image_message(Frame(pixels, stamp, 'camera')), stamp)
    return path


@pytest.fixture
def peer(model: Path, tmp_path: Path) -> Iterator[Peer]:
    command = node_command(model=model, use_sim_time='true', tf_mode='map_to_odom', tf_timeout=1.0,
                           tf_smoothing_time=0.0)
    with connected(command, DOMAIN, tmp_path / 'node.txt') as (_, peer):
        yield peer


def player(bag: Path, *options: str) -> list[str]:
    """Return the command line of the player; PLAYER_PYTHON may be that of another ROS."""
    python = os.environ.get('PLAYER_PYTHON', sys.executable)
    return [python, '-m', 'posenet_ros.replay', str(bag), '--clock', *options]


def answered(peer: Peer) -> list[int]:
    """Return the stamps of the poses, in the order in which they came."""
    return [stamp_ns(pose.header.stamp) for pose in peer.poses]


def images_received(peer: Peer) -> int:
    """Wait until each image that was received is answered or dropped; return how many."""
    def settled() -> bool:
        values = values_of(peer.status())
        received, done, dropped = (
            int(values[f'images {name}']) for name in ('received', 'answered', 'dropped'))
        return received == done + dropped and done == len(peer.poses)

    found = peer.wait_until(settled, 20.0)
    values = values_of(peer.diagnostics[-1].status[0])
    assert found, values
    return int(values['images received'])


def test_at_four_times_the_speed_every_pose_is_that_of_its_image(
        peer: Peer, bag: Path, tmp_path: Path) -> None:
    with running(player(bag, '--rate', '4'), DOMAIN, tmp_path / 'player.txt') as process:
        assert peer.wait_until(lambda: process.popen.poll() is not None, 30.0)
        assert process.popen.returncode == 0, process.output()
    received = images_received(peer)
    stamps = answered(peer)
    assert 3 < len(stamps) <= received <= FRAMES  # how many is for `make bench` to say
    assert stamps == sorted(set(stamps))
    for pose, stamp in zip(peer.poses, stamps, strict=True):
        position = pose.pose.position
        np.testing.assert_allclose([position.x, position.y, position.z],
                                   colour(STAMPS.index(stamp)) / 255 * SCALE_M, atol=1e-4)
    sent = [t for message in peer.transforms for t in message.transforms
            if t.child_frame_id == 'odom']
    x_of_map_from_odom = [float(colour(i)[0]) / 255 * SCALE_M - 0.1 * i for i in range(FRAMES)]
    assert sent
    for message in sent:
        found = float(pose_from_transform(message.transform).translation_m[0])
        assert np.abs(found - np.array(x_of_map_from_odom)).min() < 1e-3
        assert START <= stamp_ns(message.header.stamp) <= STAMPS[-1] + SECOND // 4  # bag's time


def loops(process: Process, peer: Peer, count: int) -> list[int]:
    """Wait until the stamps have gone back so often; return the stamps from the last time on."""
    def backs() -> list[int]:
        stamps = answered(peer)
        return [i for i in range(1, len(stamps)) if stamps[i] < stamps[i - 1]]

    assert peer.wait_until(lambda: len(backs()) >= count, 60.0), process.output()
    peer.spin_for(0.5)
    return answered(peer)[backs()[count - 1]:]


def test_a_looped_bag_and_a_player_that_dies(peer: Peer, bag: Path, tmp_path: Path) -> None:
    command = player(bag, '--rate', '4', '--loop')
    with running(command, DOMAIN, tmp_path / 'player.txt') as process:
        after = loops(process, peer, 2)
        assert after[0] in STAMPS[:3]  # answers again within two frames
        assert len(after) > 3
        process.end(signal.SIGKILL)
    peer.diagnostics.clear()
    assert 'publisher' in peer.reported('no image', '/image')
    before = len(peer.poses)
    with running(command, DOMAIN, tmp_path / 'player.txt') as process:
        assert peer.wait_until(lambda: len(peer.poses) > before + 10, 30.0), process.output()
    stamps = answered(peer)
    assert set(stamps) <= set(STAMPS)
    values = values_of(peer.status())
    assert int(values['time jumps back']) >= 2
    assert values['state'] == 'active'
