"""The node by a map alone, without a network, over real DDS."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
import shutil

from diagnostic_msgs.msg import DiagnosticArray
from display_files import points_of
from map_helpers import write_map_model
import numpy as np
from posenet_ros.geometry.pose import Pose
from posenet_ros.inference import artifact as artifacts
from posenet_ros.inference.map_frame import Scale
from posenet_ros.landmarks import landmark_file
from posenet_ros.ros_data.messages import pose_from_message
from posenet_ros.ros_data.verdicts import judged_poses
from posenet_ros.ros_node.publishing.place import point_cloud
import pytest
from rclpy.qos import DurabilityPolicy, QoSProfile
from ros_helpers import connected, node_command, Peer, peer_of, picture_message, running, values_of
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Header
from training_helpers import LARGE_CAMERA, wall_view

DOMAIN = 208
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
NOISE = np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)
Walked = tuple[Path, dict[str, Pose]]

FRAMEWORKS = """
import sys
from posenet_ros import node
code = node.main(['relocaliser', *sys.argv[1:]])
print('loaded:', *sorted({'tensorflow', 'keras', 'ai_edge_litert'} & set(sys.modules)), 'end')
sys.exit(code)
"""


@pytest.fixture(scope='module')
def walked(tmp_path_factory: pytest.TempPathFactory) -> Walked:
    folder = tmp_path_factory.mktemp('map')
    return write_map_model(folder / 'model', folder / 'wall')


@pytest.fixture(scope='module')
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp('node') / 'log.txt'


@pytest.fixture(scope='module')
def peer(walked: Walked, log: Path) -> Iterator[Peer]:
    with connected(node_command(model=walked[0]), DOMAIN, log) as (_, peer):
        yield peer


def test_poses_are_those_of_the_wall(peer: Peer, walked: Walked) -> None:
    errors = []
    for i, truth in enumerate(walked[1].values(), 1):
        [answer] = peer.send(picture_message(wall_view(truth, LARGE_CAMERA), i * 10**8))
        errors.append(np.linalg.norm(
            pose_from_message(answer.pose).translation_m - truth.translation_m))
    assert np.median(errors) < 0.02
    values = values_of(peer.status())
    assert (values['engine'], values['device']) == ('none', 'CPU')
    assert int(values['refined']) == len(errors)


def test_an_image_of_nothing_gets_no_pose_but_a_reason(peer: Peer) -> None:
    verdicts = peer.keep(DiagnosticArray, 'verdict')
    peer.spin_for(0.5)
    poses = len(peer.poses)
    verdicts.clear()
    peer.images.publish(picture_message(NOISE, 10**10))
    assert peer.wait_until(lambda: verdicts)
    [judged] = judged_poses(verdicts[-1])
    assert judged.decision.verdict.value == 'not_localised'
    assert 'the image matches no place of the map' in judged.decision.reasons[0]
    assert len(peer.poses) == poses
    assert values_of(peer.status())['verdict not_localised'] == '1'


def test_the_landmarks_have_the_colours_of_the_map(peer: Peer, walked: Walked, log: Path) -> None:
    kept = peer.keep(PointCloud2, 'landmarks', LATCHED)
    assert peer.wait_until(lambda: kept)
    cloud, place = kept[0], landmark_file.load(walked[0] / 'landmarks.npz')
    assert [field.name for field in cloud.fields] == ['x', 'y', 'z', 'rgb']
    columns = np.frombuffer(bytes(cloud.data), '<f4').reshape(-1, 4)
    assert np.allclose(columns[:, :3], place.points_m)
    packed = columns[:, 3].copy().view('<u4')
    for shift, channel in ((16, 0), (8, 1), (0, 2)):
        assert np.array_equal(packed >> shift & 255, place.colors[:, channel])
    assert f'{len(place.points_m):,} landmarks of 24 views; no network' in log.read_text()


def test_a_cloud_without_colours_is_as_before() -> None:
    points = np.arange(30.0).reshape(10, 3)
    cloud = point_cloud(points, Header(), np.empty((0, 3), np.uint8), limit=4)
    assert (cloud.width, cloud.point_step, len(cloud.fields)) == (4, 12, 3)
    assert np.allclose(points_of(cloud), points[[0, 3, 6, 9]])


def test_no_framework_is_loaded_for_a_map_alone(walked: Walked, tmp_path: Path) -> None:
    command = node_command(FRAMEWORKS, model=walked[0])
    with connected(command, DOMAIN + 1, tmp_path / 'log.txt') as (process, peer):
        assert peer.send(picture_message(
            wall_view(next(iter(walked[1].values())), LARGE_CAMERA), 10**9))
        process.end()
        assert 'loaded: end' in process.output()


@pytest.fixture
def unscaled(walked: Walked, tmp_path: Path) -> Path:
    model = Path(shutil.copytree(walked[0], tmp_path / 'model'))
    artifacts.save(replace(artifacts.load(model), scale=Scale(False, '')), model)
    return model


def test_a_map_without_scale_is_refused_in_a_line(unscaled: Path, tmp_path: Path) -> None:
    with running(node_command(model=unscaled), DOMAIN + 2, tmp_path / 'log.txt') as process, \
            peer_of(DOMAIN + 2) as peer:
        assert peer.wait_until(lambda: 'set allow_unscaled' in process.output(), 30.0)
        assert peer.state() == 'unconfigured'


def test_a_map_without_scale_answers_where_that_is_allowed(
        walked: Walked, unscaled: Path, tmp_path: Path) -> None:
    command = node_command(model=unscaled, allow_unscaled='true')
    with connected(command, DOMAIN + 3, tmp_path / 'log.txt') as (process, peer):
        assert peer.send(picture_message(
            wall_view(next(iter(walked[1].values())), LARGE_CAMERA), 10**9))
        assert process.output().count('in units of the map, not metres') == 1
