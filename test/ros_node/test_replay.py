"""The player: its timing as numbers, and its messages as they arrive over real DDS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
import os
from pathlib import Path
import signal
import struct
import subprocess
import sys
import time
from typing import Any
from unittest.mock import Mock

from helpers import ROOT
from hypothesis import given
from hypothesis import strategies as st
import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.pose import Pose
from posenet_ros.imaging.decoding import Frame
from posenet_ros.replay import main
from posenet_ros.ros_data.bag_file import typestore
from posenet_ros.ros_data.bag_reader import BagReader, RawMessage
from posenet_ros.ros_data.bag_writer import (
    camera_message,
    image_message,
    make,
    new_bag,
    transform_message,
)
from posenet_ros.ros_data.messages import stamp_ns
from posenet_ros.ros_node.player import (
    CLOCK_PERIOD_NS,
    CLOCK_TOPIC,
    Event,
    header_stamp_ns,
    Pace,
    Player,
    with_ticks,
)
from posenet_ros.utils.arguments import own_arguments
from posenet_ros.utils.ros_environment import prepare_environment, PROFILE_VARIABLES
import pytest
from rosbags import rosbag1
from rosbags.typesys import get_types_from_msg

START_NS = 1_700_000_000_000_000_000
PERIOD_NS = 50_000_000
COUNT = 20
WIDTH, HEIGHT = 320, 240
LIMIT_S = 30.0
DOMAIN = 160

RosObject = Any  # rclpy is imported where ROS is there


def picture(index: int) -> Frame:
    """Return a random image, each index another."""
    image = np.random.default_rng(index).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    return Frame(image, START_NS + index * PERIOD_NS, 'camera')


@pytest.fixture(scope='module')
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a bag of one second, with one topic whose type no ROS has."""
    folder = tmp_path_factory.mktemp('bags') / 'walk.bag'  # a name that ROS 1 would give
    camera = Camera(WIDTH, HEIGHT, 300, 300, 159.5, 119.5)
    typestore().register(get_types_from_msg('int32 value', 'acme_msgs/msg/Thing'))
    with new_bag(folder) as bag:
        bag.write_transforms(
            '/tf_static', [transform_message(Pose(), START_NS, 'base_link', 'camera')], START_NS)
        bag.write('/thing', make('acme_msgs/msg/Thing', 7), START_NS)
        for index in range(COUNT):
            frame = picture(index)
            bag.write('/camera/image_raw', image_message(frame), frame.stamp_ns)
            bag.write('/camera/camera_info',
                      camera_message(camera, frame.stamp_ns, 'camera'), frame.stamp_ns)
    return folder


def test_ticks_stand_between_the_messages() -> None:
    messages = [RawMessage('/a', time_ns, b'') for time_ns in (100, 105, 131)]
    times = [(e.time_ns, e.message is None) for e in with_ticks(messages, 10)]
    assert times == [(100, True), (100, False), (105, False), (110, True), (120, True),
                     (130, True), (131, False)]
    assert [e.message for e in with_ticks(messages, 0)] == messages


@given(st.lists(st.integers(0, 2000), min_size=1, max_size=30).map(sorted), st.integers(1, 50))
def test_ticks_are_even_and_in_order(times: list[int], period: int) -> None:
    events = list(with_ticks([RawMessage('/a', t, b'') for t in times], period))
    assert [e.time_ns for e in events] == sorted(e.time_ns for e in events)
    ticks = [e.time_ns for e in events if e.message is None]
    assert ticks == list(range(times[0], times[-1] + 1, period))
    assert [e.time_ns for e in events if e.message] == times


@given(st.floats(0.1, 100), st.integers(0, 10**10))
def test_pace(rate: float, offset_ns: int) -> None:
    pace = Pace(START_NS, rate)
    assert pace.wait_s(START_NS + offset_ns) == pytest.approx(offset_ns / 1e9 / rate, abs=0.05)


@pytest.mark.parametrize(('order', 'mark'), [('<', 1), ('>', 0)])
def test_the_stamp_is_read_in_the_order_of_bytes_that_the_message_tells(
        order: str, mark: int) -> None:
    data = struct.pack(f'{order}4BiI', 0, mark, 0, 0, 1_600_000_000, 7)
    assert header_stamp_ns(data) == 1_600_000_000_000_000_007


@pytest.mark.parametrize(('late_s', 'published'), [(-0.5, 1), (0.0, 1), (0.009, 1), (0.011, 0)])
def test_a_tick_has_the_time_of_the_bag_unless_the_next_is_due(
        late_s: float, published: int) -> None:
    clock = pytest.importorskip('rosgraph_msgs.msg').Clock
    player = object.__new__(Player)
    player._publishers, player._clock_message = {CLOCK_TOPIC: Mock()}, clock()
    player._publish(Event(START_NS + 5, None), late_s)
    publish = player._publishers[CLOCK_TOPIC].publish
    assert publish.call_count == published
    if published:
        assert stamp_ns(publish.call_args.args[0].clock) == START_NS + 5


def test_own_arguments() -> None:
    line = ['bag', '--ros-args', '-r', '/a:=/b', '--', '--loop', '--ros-args', '-p', 'x:=1']
    assert own_arguments(line) == ['bag', '--loop']


@pytest.mark.parametrize(('line', 'meant'), [
    (['-p', 'model:=/m'], '-p model:=/m'), (['bag', '-r', '/a:=/b'], '-r /a:=/b'),
    (['model:=/m'], '-p model:=/m'), (['--ros-args', '--', '__node:=x'], '-p __node:=x')])
def test_arguments_for_ros_stand_behind_their_mark(line: list[str], meant: str) -> None:
    with pytest.raises(InputError, match=rf'write --ros-args {meant}$'):
        own_arguments(line)


@pytest.mark.parametrize(('arguments', 'expected'), [
    (['none'], 'no such bag'),
    (['{path}', '--topics', '/nothing'], r'Received: /nothing; the bag has /camera/camera_info'),
    (['{path}', '--topics', '/camera/camera_inof'], r'did you mean /camera/camera_info\?')])
def test_bad_input(path: Path, arguments: list[str], expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        main([word.format(path=path) for word in arguments])


def test_a_bag_of_ros_1_is_to_be_converted(tmp_path: Path) -> None:
    with rosbag1.Writer(tmp_path / 'old.bag'):
        pass
    with pytest.raises(InputError, match=r'Received: one of ROS 1; convert it with "rosbags-'):
        main([str(tmp_path / 'old.bag')])


@pytest.mark.parametrize('rate', ['0', '-1', 'nan', 'inf', 'fast'])
def test_bad_rate(rate: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(['bag', '--rate', rate])
    assert caught.value.code == 2
    assert '--rate' in capsys.readouterr().err


def test_help_states_units_and_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(['--help'])
    text = capsys.readouterr().out
    assert 'seconds' in text
    assert text.count('default') >= 4


def test_a_profile_that_the_user_chose_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROFILE_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    prepare_environment()
    assert all(os.environ[name].endswith('fastdds_large_images.xml') for name in PROFILE_VARIABLES)
    monkeypatch.setenv(PROFILE_VARIABLES[0], '/mine.xml')
    monkeypatch.delenv(PROFILE_VARIABLES[1])
    prepare_environment()
    assert os.environ[PROFILE_VARIABLES[0]] == '/mine.xml'
    assert PROFILE_VARIABLES[1] not in os.environ


class Listener:
    """A node in this process that subscribes and remembers."""

    def __init__(self, domain: int) -> None:
        import rclpy
        from rclpy.executors import SingleThreadedExecutor
        self._context = rclpy.Context()
        rclpy.init(context=self._context, domain_id=domain)
        self.node = rclpy.create_node('listener', context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)

    def collect(self, kind: RosObject, topic: str, profile: RosObject) -> list[Any]:
        """Return a list that fills while spinning."""
        received: list[Any] = []
        self.node.create_subscription(kind, topic, received.append, profile)
        return received

    def spin_until(self, done: Callable[[], bool]) -> None:
        """Take messages until a condition holds or the limit is reached."""
        end_s = time.monotonic() + LIMIT_S
        while not done() and time.monotonic() < end_s:
            self._executor.spin_once(timeout_sec=0.05)

    def close(self) -> None:
        """Leave DDS."""
        self._executor.shutdown()
        self.node.destroy_node()
        self._context.try_shutdown()


@pytest.fixture
def domain(monkeypatch: pytest.MonkeyPatch) -> int:
    """Return a DDS domain of this test's own, set for its processes too."""
    monkeypatch.setenv('ROS_DOMAIN_ID', str(DOMAIN))
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    return DOMAIN


@pytest.fixture
def listener(domain: int) -> Iterator[Listener]:
    """Return a node that is in DDS."""
    pytest.importorskip('rclpy')
    listening = Listener(domain)
    yield listening
    listening.close()


def start(*arguments: object) -> subprocess.Popen[str]:
    """Start the player as a process."""
    command = [sys.executable, '-m', 'posenet_ros.replay', *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)


def finish(player: subprocess.Popen[str]) -> tuple[int, str]:
    """Return the exit code and what it said; kill it when it hangs."""
    try:
        _, said = player.communicate(timeout=LIMIT_S)
    finally:
        player.kill()
    return player.returncode, said


def test_everything_arrives(path: Path, listener: Listener, tmp_path: Path) -> None:
    """Images arrive whole, static TF late, /clock often; then the player ends by itself."""
    from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
    from rosgraph_msgs.msg import Clock
    from sensor_msgs.msg import Image
    tf2_msgs = pytest.importorskip('tf2_msgs.msg')
    images = listener.collect(Image, '/camera/image_raw', QoSProfile(depth=30))
    best_effort = listener.collect(
        Image, '/camera/image_raw',
        QoSProfile(depth=30, reliability=ReliabilityPolicy.BEST_EFFORT))
    clock = listener.collect(Clock, '/clock', QoSProfile(
        depth=100, reliability=ReliabilityPolicy.BEST_EFFORT))
    log = tmp_path / 'sent.csv'
    player = start(path, '--clock', '--rate', 0.5, '--drain', 2, '--log', log)
    listener.spin_until(lambda: len(images) >= COUNT // 2)
    static = listener.collect(tf2_msgs.TFMessage, '/tf_static', QoSProfile(
        depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL))
    listener.spin_until(lambda: player.poll() is not None)
    code, said = finish(player)
    assert code == 0, said
    assert '41 messages of 3 topics published' in said
    assert 'skipping /thing: the type acme_msgs/msg/Thing is not installed' in said
    assert [bytes(m.data) for m in images] == [picture(i).image.tobytes() for i in range(COUNT)]
    assert [stamp_ns(m.header.stamp) for m in images] == [
        picture(i).stamp_ns for i in range(COUNT)]
    stamps, sent = np.loadtxt(log, delimiter=',', skiprows=1, dtype=np.int64).T
    assert stamps.tolist() == [picture(i).stamp_ns for i in range(COUNT)]
    assert np.median(np.diff(sent)) == pytest.approx(PERIOD_NS / 0.5, rel=0.3)
    assert len(best_effort) >= COUNT - 2
    assert static[0].transforms[0].child_frame_id == 'camera'
    times = [stamp_ns(m.clock) for m in clock]
    assert times == sorted(times)
    assert np.median(np.diff(times)) == CLOCK_PERIOD_NS


def test_loop_until_interrupted(path: Path, listener: Listener) -> None:
    """Ctrl-C ends a looped bag at once, with exit code 1 and without a trace."""
    from sensor_msgs.msg import CameraInfo
    infos = listener.collect(CameraInfo, '/elsewhere/info', 100)
    player = start(path, '--loop', '--rate', 10, '--topics', '/camera/camera_info',
                   '--ros-args', '-r', '/camera/camera_info:=/elsewhere/info')
    listener.spin_until(lambda: len(infos) > 2 * COUNT)
    player.send_signal(signal.SIGINT)
    interrupted_s = time.monotonic()
    code, said = finish(player)
    assert len(infos) > 2 * COUNT
    assert (code, said) == (1, 'interrupted\n')
    assert time.monotonic() - interrupted_s < 5


@pytest.mark.usefixtures('domain')
def test_without_subscriber_it_says_what_to_do(path: Path) -> None:
    pytest.importorskip('rclpy')
    code, said = finish(start(path, '--wait', 0.3))
    assert code == 1
    assert 'a subscriber of /camera/image_raw within 0.3 s. Received: none' in said
    with BagReader(path) as bag:  # reading it hurt nothing
        assert bag.count('/camera/image_raw') == COUNT
