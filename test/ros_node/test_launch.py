"""The launch files: what they declare, and that the node they start does as it is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, ExitStack
from importlib.util import find_spec
from pathlib import Path
import signal
import sys
import time

from helpers import CAMERA, ROOT
from launch_recorder import resolve
import numpy as np
from posenet_ros.imaging.decoding import Frame
from posenet_ros.ros_data.bag_writer import image_message as bag_image
from posenet_ros.ros_data.bag_writer import new_bag
from posenet_ros.ros_data.messages import stamp_ns
import pytest
from rcl_interfaces.msg import ParameterValue
from rcl_interfaces.srv import GetParameters
from ros_helpers import (
    image_message,
    Peer,
    peer_of,
    Process,
    running,
    write_mean_colour_model,
)
import yaml

LAUNCH = ROOT / 'launch'
DOMAIN = 96
HAS_LAUNCH_ROS = find_spec('launch_ros') is not None
REAL = """
import sys
from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import AnyLaunchDescriptionSource
pairs = [argument.split(':=', 1) for argument in sys.argv[2:]]
service = LaunchService()
service.include_launch_description(LaunchDescription([IncludeLaunchDescription(
    AnyLaunchDescriptionSource(sys.argv[1]), launch_arguments=pairs)]))
sys.exit(service.run())
"""


@pytest.fixture(scope='module')
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_mean_colour_model(tmp_path_factory.mktemp('model') / 'tiny')


@contextmanager
def launched(name: str, domain: int, folder: Path, **arguments: object) -> Iterator[list[Process]]:
    """Start a launch file: with launch_ros where it is installed, else its commands."""
    file = LAUNCH / name
    commands = [[sys.executable, '-c', REAL, str(file),
                 *(f'{key}:={value}' for key, value in arguments.items())]]
    if not HAS_LAUNCH_ROS:
        commands = resolve(file, arguments).commands
    with ExitStack() as stack:
        yield [stack.enter_context(running(command, domain, folder / f'log{i}.txt'))
               for i, command in enumerate(commands)]


def parameter(peer: Peer, name: str) -> str | bool:
    """Return a parameter of the node."""
    response = peer.call(GetParameters, 'get_parameters', GetParameters.Request(names=[name]))
    value: ParameterValue = response.values[0]
    return str(value.string_value) if value.type == 4 else bool(value.bool_value)


@pytest.mark.parametrize(('name', 'own'), [
    ('relocalise.launch.py', set()), ('replay.launch.py', {'bag', 'rate', 'loop'}),
    ('cameras.launch.py', {'cameras'})])
def test_every_argument_is_declared_and_described(name: str, own: set[str]) -> None:
    arguments = resolve(LAUNCH / name, {'bag': 'b', 'cameras': 'a'}).arguments
    assert set(arguments) == own | {
        'model', 'image', 'camera_info', 'params_file', 'namespace', 'tf_mode', 'refine',
        'use_sim_time', 'log_level', 'rviz'}
    assert all(arguments.values())


def test_the_arguments_become_the_command_line() -> None:
    command = resolve(LAUNCH / 'relocalise.launch.py', {
        'model': 'folder', 'image': '/cam/image', 'camera_info': '/cam/info', 'namespace': 'robot',
        'tf_mode': 'none', 'refine': 'true', 'use_sim_time': 'true', 'log_level': 'debug',
        'params_file': 'own.yaml'}).commands[0]
    assert command[1].endswith('relocaliser')
    assert command[2:] == [
        '--ros-args', '--log-level', 'debug', '-r', '__ns:=/robot', '-r', 'image:=/cam/image',
        '-r', 'camera_info:=/cam/info', '--params-file', 'own.yaml', '-p', 'use_sim_time:=true',
        '-p', 'model:=folder', '-p', 'tf_mode:=none', '-p', 'refine:=true']


def test_what_is_not_given_is_left_to_the_parameter_file() -> None:
    command = resolve(LAUNCH / 'relocalise.launch.py', {}).commands[0]
    assert not any(part.startswith(('model:=', 'tf_mode:=', 'refine:=')) for part in command)
    file = Path(command[command.index('--params-file') + 1])
    assert 'ros__parameters' in yaml.safe_load(file.read_text())['/**']


def test_replay_starts_the_player_with_the_bags_time() -> None:
    node, player = resolve(LAUNCH / 'replay.launch.py', {
        'bag': 'walk.mcap', 'rate': '2', 'loop': 'true'}).commands
    assert 'use_sim_time:=true' in node
    assert player[2:] == ['walk.mcap', '--rate', '2', '--clock', '--loop', '--ros-args']


def test_rviz_is_started_on_demand_with_a_file_that_exists() -> None:
    commands = resolve(LAUNCH / 'relocalise.launch.py', {'rviz': 'true'}).commands
    assert [command[0] for command in commands] == [sys.executable, 'rviz2']
    content = yaml.safe_load(Path(commands[1][2]).read_text())
    topics = [display['Topic']['Value'] for display in content['Visualization Manager']['Displays']
              if 'Topic' in display]
    assert topics == ['relocaliser/path', 'relocaliser/pose_with_covariance',
                      'relocaliser/debug_image']


def test_each_camera_gets_a_node_in_its_namespace() -> None:
    commands = resolve(LAUNCH / 'cameras.launch.py', {
        'cameras': 'front, rear', 'model': 'm'}).commands
    assert len(commands) == 2
    for command, name in zip(commands, ('front', 'rear'), strict=True):
        assert f'__ns:=/{name}' in command
        assert {'image:=image_raw', 'camera_info:=camera_info', 'model:=m', 'tf_mode:=none'
                } <= set(command)


def test_the_launched_node_does_as_it_is_told(model: Path, tmp_path: Path) -> None:
    own = tmp_path / 'own.yaml'
    own.write_text('/**:\n  ros__parameters: {map_frame: court, tf_mode: none, model: nowhere, '
                   'reject_faulty_images: false}\n')
    with launched('relocalise.launch.py', DOMAIN, tmp_path, model=model, namespace='robot',
                  params_file=own, image='/image') as processes, \
            peer_of(DOMAIN, '/robot/relocaliser') as peer:
        peer.wait_active()
        assert parameter(peer, 'map_frame') == 'court'
        assert parameter(peer, 'tf_mode') == 'none'
        assert parameter(peer, 'use_sim_time') is False
        stamp = time.time_ns()
        poses = peer.send(image_message(stamp))
        assert [stamp_ns(pose.header.stamp) for pose in poses] == [stamp]
        assert poses[0].header.frame_id == 'court'
        assert peer.transforms == []
        for process in processes:
            code, _ = process.end(signal.SIGINT)
            assert code == 0, process.output()


def test_replay_plays_a_bag_to_the_node(model: Path, tmp_path: Path) -> None:
    stamps = [1_600_000_000_000_000_000 + i * 100_000_000 for i in range(150)]
    with new_bag(tmp_path / 'walk') as writer:
        for stamp in stamps:
            pixels = np.full((CAMERA.height, CAMERA.width, 3), 50, np.uint8)
            writer.write('/camera/image_raw', bag_image(Frame(pixels, stamp, 'camera')), stamp)
    own = tmp_path / 'own.yaml'  # for images of one colour, as no camera's are
    own.write_text('/**:\n  ros__parameters: {reject_faulty_images: false}\n')
    with peer_of(DOMAIN + 1) as peer, launched(
            'replay.launch.py', DOMAIN + 1, tmp_path, model=model, bag=tmp_path / 'walk',
            rate=2, params_file=own) as processes:
        player = processes[-1]  # with launch_ros the only one: it ends when the player does
        assert peer.wait_until(lambda: player.popen.poll() is not None, 60.0)
        assert player.popen.returncode == 0, player.output()
        answered = {stamp_ns(pose.header.stamp) for pose in peer.poses}
        assert answered <= set(stamps)
        assert len(answered) > 20  # discovery takes a while on a busy machine
