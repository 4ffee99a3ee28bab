"""The launch files: what they declare, and that the node they start does as it is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, ExitStack
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path
import signal
import sys
import time
from types import SimpleNamespace

from ament_index_python import packages
from helpers import CAMERA, ROOT
from launch_recorder import resolve
import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.imaging.decoding import Frame
from posenet_ros.ros_data.bag_writer import compressed_message, new_bag
from posenet_ros.ros_data.bag_writer import image_message as bag_image
from posenet_ros.ros_data.messages import stamp_ns
from posenet_ros.ros_node.parameters import Parameters
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
STAMPS = [1_600_000_000_000_000_000 + i * 100_000_000 for i in range(150)]
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


COMMON = {'image', 'camera_info', 'params_file', 'namespace', 'use_sim_time', 'log_level'}
AS_PARAMETERS = {'model', 'tf_mode', 'refine', 'image_transport', 'autostart', 'camera_frame',
                 'base_frame', 'odom_frame', 'publish_base_pose', 'map_frame', 'mode',
                 'max_sigma_m'}


@pytest.fixture(scope='module')
def walk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a bag of some images of one colour."""
    bag = tmp_path_factory.mktemp('bag') / 'walk'
    with new_bag(bag) as writer:
        for stamp in STAMPS:
            pixels = np.full((CAMERA.height, CAMERA.width, 3), 50, np.uint8)
            writer.write('/camera/image_raw', bag_image(Frame(pixels, stamp, 'camera')), stamp)
    return bag


@pytest.mark.parametrize(('name', 'own'), [
    ('relocalise.launch.py', {'rviz'}),
    ('replay.launch.py', {'rviz', 'bag', 'rate', 'loop'}),
    ('cameras.launch.py', {'cameras'})])
def test_every_argument_is_declared_and_described(name: str, own: set[str], walk: Path) -> None:
    arguments = resolve(LAUNCH / name, {'bag': walk, 'cameras': 'a'}).arguments
    table = {item.name for item in fields(Parameters)}
    assert set(arguments) - table == own | COMMON
    assert set(arguments) & table >= AS_PARAMETERS
    assert all(arguments.values())


def test_an_argument_of_a_parameter_says_what_the_table_says() -> None:
    arguments = resolve(LAUNCH / 'relocalise.launch.py', {}).arguments
    for item in fields(Parameters):
        if item.name in arguments:
            assert arguments[item.name].startswith(item.metadata['description'])
            assert arguments[item.name].endswith('empty: as in params_file')
            assert all(choice in arguments[item.name] for choice in item.metadata['choices'])


def test_the_arguments_become_the_command_line() -> None:
    given = {'model': 'folder', 'tf_mode': 'none', 'refine': 'true', 'mode': 'on_request',
             'autostart': 'false', 'publish_base_pose': 'true', 'max_sigma_m': '0.5',
             'image_transport': 'compressed', 'map_frame': 'm', 'camera_frame': 'c',
             'base_frame': 'b', 'odom_frame': 'o'}
    command = resolve(LAUNCH / 'relocalise.launch.py', {
        **given, 'image': '/cam/image', 'camera_info': '/cam/info', 'namespace': 'robot',
        'use_sim_time': 'true', 'log_level': 'debug', 'params_file': 'own.yaml'}).commands[0]
    assert command[1].endswith('relocaliser')
    assert command[2:12] == [
        '--ros-args', '--log-level', 'debug', '-r', '__ns:=/robot', '-r', 'image:=/cam/image',
        '--params-file', 'own.yaml', '-p']
    assert {'camera_info:=/cam/info', 'use_sim_time:=true',
            *(f'{name}:={value}' for name, value in given.items())} <= set(command)


def test_what_is_not_given_is_left_to_the_parameter_file() -> None:
    command = resolve(LAUNCH / 'relocalise.launch.py', {}).commands[0]
    assert [part for part in command if ':=' in part] == [
        'image:=camera/image_raw', 'use_sim_time:=false']
    file = Path(command[command.index('--params-file') + 1])
    assert 'ros__parameters' in yaml.safe_load(file.read_text())['/**']


@pytest.mark.parametrize(('word', 'told'), [
    ('modell:=x', 'did you mean model?'), ('image_depth:=3', 'params_file:=FILE'),
    ('tf_modes:=none', 'did you mean tf_mode?')])
def test_an_argument_without_effect_is_told(word: str, told: str) -> None:
    name, value = word.split(':=')
    for file, needed in (('relocalise.launch.py', {}), ('cameras.launch.py', {'cameras': 'a'})):
        logged = resolve(LAUNCH / file, {**needed, 'model': 'm', name: value}).logged
        assert len(logged) == 1
        assert logged[0].startswith(f'{name}:= is no argument')
        assert told in logged[0]


@pytest.mark.parametrize(('word', 'told'), [
    ('rat:=2', 'did you mean rate?'), ('modell:=x', 'did you mean model?'),
    ('image_depth:=3', 'params_file:=FILE')])
def test_replay_tells_its_own_and_those_that_it_hands_on(
        walk: Path, word: str, told: str) -> None:
    name, value = word.split(':=')
    logged = resolve(LAUNCH / 'replay.launch.py', {'bag': walk, 'model': 'm', name: value}).logged
    assert len(logged) == 1
    assert told in logged[0]


def test_arguments_of_the_other_files_are_told_by_none(walk: Path) -> None:
    known = resolve(LAUNCH / 'relocalise.launch.py', {}).arguments
    given = dict.fromkeys(known, 'x') | {
        'bag': walk, 'rate': 2, 'loop': 'true', 'image': '', 'image_transport': ''}
    assert len(given) > 25
    assert resolve(LAUNCH / 'replay.launch.py', given).logged == []


def test_replay_starts_the_player_with_the_bags_time(walk: Path) -> None:
    node, player = resolve(LAUNCH / 'replay.launch.py', {
        'bag': walk, 'rate': '2', 'loop': 'true'}).commands
    assert {'use_sim_time:=true', 'image:=/camera/image_raw', 'image_transport:=raw'} <= set(node)
    assert player[2:] == [str(walk), '--rate', '2', '--clock', '--loop', '--ros-args']


def test_replay_takes_the_transport_from_the_bag(tmp_path: Path) -> None:
    with new_bag(tmp_path / 'walk') as writer:
        message = compressed_message(np.zeros(8, np.uint8), 'jpeg', STAMPS[0], 'camera')
        writer.write('/cam/image/compressed', message, STAMPS[0])
    for wanted in ({}, {'image': 'cam/image'}, {'image': '/cam/image/compressed'}):
        node = resolve(LAUNCH / 'replay.launch.py', {
            'bag': tmp_path / 'walk', **wanted}).commands[0]
        assert {'image:=/cam/image', 'image_transport:=compressed'} <= set(node)


def test_replay_of_a_wrong_bag_is_an_error_of_one_line(walk: Path, tmp_path: Path) -> None:
    for wrong in ({'bag': tmp_path / 'none'}, {'bag': walk, 'image': '/other'}):
        with pytest.raises(InputError) as caught:
            resolve(LAUNCH / 'replay.launch.py', wrong)
        assert '\n' not in str(caught.value)


def test_replay_that_fails_ends_the_launch_with_an_error(walk: Path) -> None:
    context = resolve(LAUNCH / 'replay.launch.py', {'bag': walk})
    end, = context.on_exits
    assert end(SimpleNamespace(returncode=0), context) == [None]  # a Shutdown
    with pytest.raises(RuntimeError, match='not played'):
        end(SimpleNamespace(returncode=2), context)
    context.is_shutdown = True  # by Ctrl-C
    assert end(SimpleNamespace(returncode=1), context) == [None]


def test_rviz_is_started_on_demand_with_a_file_that_exists(
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, 'get_package_prefix', lambda _: '/somewhere')
    commands = resolve(LAUNCH / 'relocalise.launch.py', {'rviz': 'true'}).commands
    assert [command[0] for command in commands] == [sys.executable, 'rviz2']
    content = yaml.safe_load(Path(commands[1][2]).read_text())
    topics = [display['Topic']['Value'] for display in content['Visualization Manager']['Displays']
              if 'Topic' in display]
    assert {'relocaliser/path', 'relocaliser/pose_with_covariance',
            'relocaliser/debug_image'} <= set(topics)


def test_rviz_that_is_not_installed_is_told_and_not_started(
        monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise packages.PackageNotFoundError(name)

    monkeypatch.setattr(packages, 'get_package_prefix', missing)
    context = resolve(LAUNCH / 'relocalise.launch.py', {'rviz': 'true'})
    assert len(context.commands) == 1
    assert 'rviz2' in context.logged[0]


def test_all_cameras_are_in_one_process() -> None:
    command, = resolve(LAUNCH / 'cameras.launch.py', {
        'cameras': 'front, rear', 'model': 'm', 'namespace': 'robot'}).commands
    assert command[2:4] == ['--cameras', 'front, rear']
    assert {'image:=image_raw', 'model:=m', 'tf_mode:=none', '__ns:=/robot'} <= set(command)


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


def test_replay_plays_a_bag_to_the_node(model: Path, walk: Path, tmp_path: Path) -> None:
    own = tmp_path / 'own.yaml'  # for images of one colour, as no camera's are
    own.write_text('/**:\n  ros__parameters: {reject_faulty_images: false}\n')
    with peer_of(DOMAIN + 1) as peer, launched(
            'replay.launch.py', DOMAIN + 1, tmp_path, model=model, bag=walk,
            rate=2, params_file=own) as processes:
        player = processes[-1]  # with launch_ros the only one: it ends when the player does
        assert peer.wait_until(lambda: player.popen.poll() is not None, 60.0)
        assert player.popen.returncode == 0, player.output()
        answered = {stamp_ns(pose.header.stamp) for pose in peer.poses}
        assert answered <= set(STAMPS)
        assert len(answered) > 20  # discovery takes a while on a busy machine
