"""Several cameras in one process: names, namespaces, and one model in memory."""

from __future__ import annotations

from dataclasses import replace
import json
from pathlib import Path
import shutil
import sys
import time

from geometry_msgs.msg import PoseStamped
from helpers import ROOT
from posenet_ros.errors import InputError
from posenet_ros.inference.engine_pool import EnginePool
from posenet_ros.inference.private_copy import sha256
from posenet_ros.ros_data.messages import pose_from_message
from posenet_ros.ros_node.control.cameras import camera_names, node_options
from posenet_ros.ros_node.control.shared_models import load_shared
from posenet_ros.ros_node.parameters import Parameters
import pytest
import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from ros_helpers import image_message, running, write_mean_colour_model
from sensor_msgs.msg import Image

DOMAIN = 206


@pytest.fixture(scope='module')
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_mean_colour_model(tmp_path_factory.mktemp('model') / 'tiny')


def remaps(options: dict[str, list[str]]) -> dict[str, str]:
    """Return the remappings of a node's options."""
    return dict(word.split(':=') for word in options['cli_args'] if ':=' in word)


def test_names_are_namespaces() -> None:
    assert camera_names('') == ()
    assert camera_names('front, arm/left') == ('front', 'arm/left')
    for wrong in ('front,', 'front,front', 'front rear', '1st', 'a//b'):
        with pytest.raises(InputError, match='--cameras'):
            camera_names(wrong)


def test_each_camera_has_its_namespace_and_one_initial_pose() -> None:
    assert node_options(['node'], ()) == [{}]
    front, rear = node_options(['node'], ('front', 'rear'))
    assert remaps(front) == {'__ns': '/front', 'image': 'image_raw', 'initialpose': '/initialpose'}
    assert remaps(rear)['__ns'] == '/rear'
    inner, = node_options(['node', '-r', '__ns:=/robot', '-r', 'image:=image'], ('front',))
    assert remaps(inner) == {'__ns': '/robot/front', 'initialpose': '/robot/initialpose'}


def test_equal_models_are_loaded_once(model: Path, tmp_path: Path) -> None:
    values = Parameters(model=str(model))
    first = load_shared(values)
    assert load_shared(replace(values, tf_mode='none')) is first
    assert isinstance(first.loaded.engine, EnginePool)  # one image at a time, of any thread
    assert load_shared(replace(values, map_from_dataset_xyz=(1.0, 0.0, 0.0))) is not first
    other = shutil.copytree(model, tmp_path / 'other')
    assert load_shared(Parameters(model=str(other))) is not first


def test_a_model_that_was_made_anew_is_not_the_old_one(model: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(model, tmp_path / 'model')
    first = load_shared(Parameters(model=str(folder)))
    content = (folder / 'artifact.json').read_text()
    (folder / 'artifact.json').write_text(content + ' ')
    assert load_shared(Parameters(model=str(folder))) is not first


def test_a_home_folder_is_understood(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('HOME', str(model.parent))
    assert load_shared(Parameters(model='~/tiny')).artifact.folder == model


def test_errors_name_the_files_of_the_folder(model: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(model, tmp_path / 'model')
    (folder / 'network.tflite').write_bytes(b'x')
    content = json.loads((folder / 'artifact.json').read_text())
    content['sha256']['network.tflite'] = sha256(folder / 'network.tflite')  # of no network
    (folder / 'artifact.json').write_text(json.dumps(content))
    with pytest.raises(InputError, match=rf'{folder}/network\.tflite'):
        load_shared(Parameters(model=str(folder)))


def test_two_cameras_answer_in_one_process(model: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / 'scripts' / 'relocaliser'), '--cameras', 'front,rear',
               '--ros-args', '-p', f'model:={model}', '-p', 'reject_faulty_images:=false']
    context = Context()
    rclpy.init(context=context, domain_id=DOMAIN, args=[])
    node = rclpy.create_node('cameras', context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    poses: dict[str, list[PoseStamped]] = {'front': [], 'rear': []}
    colours = {'front': (51, 0, 0), 'rear': (102, 0, 0)}
    publishers = {}
    for name, kept in poses.items():
        node.create_subscription(PoseStamped, f'/{name}/relocaliser/pose', kept.append, 10)
        publishers[name] = node.create_publisher(Image, f'/{name}/image_raw', 1)
    with running(command, DOMAIN, tmp_path / 'log.txt') as process:
        end_s = time.monotonic() + 40
        while not all(len(kept) > 2 for kept in poses.values()) and time.monotonic() < end_s:
            for name, publisher in publishers.items():
                publisher.publish(image_message(time.time_ns(), colours[name]))
            due_s = time.monotonic() + 0.1
            while time.monotonic() < due_s:
                executor.spin_once(timeout_sec=0.02)
        seen = {name: {info.node_namespace for info in node.get_subscriptions_info_by_topic(
            '/initialpose')} for name in poses}
        code, _ = process.end()
    rclpy.shutdown(context=context)
    assert all(len(kept) > 2 for kept in poses.values()), process.output()
    for name, kept in poses.items():  # and each answers with its own image
        assert abs(pose_from_message(kept[-1].pose).translation_m[0]
                   - colours[name][0] / 255 * 10) < 0.02
        assert seen[name] == {'/front', '/rear'}
    assert code == 0
