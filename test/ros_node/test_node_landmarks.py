"""The node makes poses exact by landmarks, and shows them, over real DDS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from display_files import FOXGLOVE, foxglove_topics, OWN, points_of, rviz_displays, TYPES
from geometry_msgs.msg import PoseArray
import numpy as np
import posenet_ros
from posenet_ros.geometry.pose import Pose
from posenet_ros.inference import artifact as artifacts
from posenet_ros.landmarks.place_map import load_place_map, PlaceMap
from posenet_ros.ros_data.messages import frame_from_message, pose_from_message, stamp_ns
from posenet_ros.visualization.annotate import GOOD
import pytest
from rclpy.qos import DurabilityPolicy, QoSProfile
from ros_helpers import (
    connected,
    image_message,
    node_command,
    Peer,
    peer_of,
    picture_message,
    running,
    values_of,
    write_mean_colour_model,
    write_wall_model,
)
from sensor_msgs.msg import Image, PointCloud2
from std_msgs.msg import String
from training_helpers import LARGE_CAMERA, wall_view
from visualization_msgs.msg import Marker, MarkerArray

DOMAIN = 150
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
COURT_FROM_DATASET = Pose((1.0, 2.0, 3.0), (0.0, 0.0, 0.6, 0.8))
GREY = np.full((LARGE_CAMERA.height, LARGE_CAMERA.width, 3), 102, np.uint8)

Walked = tuple[Path, dict[str, Pose]]


@pytest.fixture(scope='module')
def walked(tmp_path_factory: pytest.TempPathFactory) -> Walked:
    folder = tmp_path_factory.mktemp('walk')
    return write_wall_model(folder / 'model', folder / 'wall')


@pytest.fixture(scope='module')
def peer(walked: Walked, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """Return the peer of a node whose map is moved against the dataset."""
    command = node_command(
        model=walked[0], refine='true', tracking='false', map_frame='court',
        map_from_dataset_xyz='[1.0, 2.0, 3.0]',
        map_from_dataset_quat_xyzw='[0.0, 0.0, 0.6, 0.8]', max_jump_m=0.0, max_jump_deg=0.0)
    with connected(command, DOMAIN, tmp_path_factory.mktemp('node') / 'log.txt') as (_, peer):
        yield peer


@pytest.fixture(scope='module')
def place(walked: Walked) -> PlaceMap:
    return load_place_map(artifacts.load(walked[0]), COURT_FROM_DATASET)


def latched(peer: Peer, kind: type, name: str) -> list[Any]:
    """Return what a subscriber gets that comes only now, once it has got something."""
    kept = peer.keep(kind, name, LATCHED)
    assert peer.wait_until(lambda: kept), f'no {name}'
    return kept


def test_late_subscribers_get_landmarks_and_training_poses(peer: Peer, place: PlaceMap) -> None:
    received = []
    for transition in ('', 'deactivate', 'activate'):
        assert not transition or peer.change(transition)
        received += [latched(peer, PointCloud2, 'landmarks'),
                     latched(peer, PoseArray, 'training_poses')]
        [cloud], [poses] = received[-2:]
        assert cloud.header.frame_id == poses.header.frame_id == 'court'
        np.testing.assert_allclose(points_of(cloud), place.points_m, atol=1e-5)
        assert len(poses.poses) == len(place.views) > 3
        for message, view in zip(poses.poses, place.views, strict=True):
            shown, true = pose_from_message(message), view.map_from_camera
            np.testing.assert_allclose(shown.translation_m, true.translation_m, atol=1e-9)
            # forward, left and up of REP-103, in the camera's right, down and forward
            right, down, forward = true.rotation.T
            np.testing.assert_allclose(
                shown.rotation.T, [forward, -right, -down], atol=1e-9)
    assert latched(peer, String, 'model_hash')[0].data == place.model_hash != ''
    peer.wait_active()
    assert [len(kept) for kept in received] == [1] * 6  # published once, not at each activate


def test_cleanup_frees_and_configure_shows_the_place_again(peer: Peer) -> None:
    assert peer.change('deactivate')
    assert peer.change('cleanup')
    topics = [OWN + name for name in ('landmarks', 'training_poses', 'matches', 'debug_image')]
    assert peer.wait_until(lambda: not any(map(peer.node.count_publishers, topics)))
    assert peer.change('configure')
    kept = peer.keep(PointCloud2, 'landmarks', LATCHED)
    peer.spin_for(0.5)
    assert not kept  # an inactive node is silent
    assert peer.change('activate')
    assert peer.wait_until(lambda: kept)
    peer.wait_active()


def test_matches_are_lines_from_the_camera_to_landmarks_and_go_when_there_are_none(
        peer: Peer, walked: Walked, place: PlaceMap) -> None:
    kept = peer.keep(MarkerArray, 'matches')
    peer.spin_for(0.5)
    truth = next(iter(walked[1].values()))
    [answer] = peer.send(picture_message(wall_view(truth, LARGE_CAMERA), 10**9))
    assert peer.wait_until(lambda: kept)
    lines, landmarks = kept[-1].markers
    assert (lines.type, landmarks.type) == (Marker.LINE_LIST, Marker.POINTS)
    assert lines.ns != landmarks.ns
    for marker in (lines, landmarks):
        assert marker.header.frame_id == 'court'
        assert stamp_ns(marker.header.stamp) == 10**9
        assert marker.action == Marker.ADD
        assert marker.color.a > 0
        assert 0.001 < marker.scale.x < 0.2
    assert len(lines.points) == 2 * len(landmarks.points) > 20
    assert all(point == answer.pose.position for point in lines.points[::2])
    assert list(lines.points[1::2]) == list(landmarks.points)
    for point in landmarks.points:
        distances = np.linalg.norm(place.points_m - (point.x, point.y, point.z), axis=1)
        assert distances.min() < 1e-5

    peer.send(picture_message(GREY, 2 * 10**9))  # the network alone
    assert peer.wait_until(lambda: kept[-1].markers[0].action == Marker.DELETEALL)
    peer.send(picture_message(wall_view(truth, LARGE_CAMERA), 3 * 10**9))
    assert peer.wait_until(lambda: len(kept[-1].markers) == 2)
    assert peer.set_parameter('max_sigma_m', 1e-9)[0]  # then every pose is too uncertain
    peer.images.publish(picture_message(wall_view(truth, LARGE_CAMERA), 4 * 10**9))
    assert peer.wait_until(lambda: kept[-1].markers[0].action == Marker.DELETEALL)
    assert peer.set_parameter('max_sigma_m', 0.0)[0]
    peer.send(picture_message(wall_view(truth, LARGE_CAMERA), 5 * 10**9))
    assert peer.wait_until(lambda: len(kept[-1].markers) == 2)
    assert peer.change('deactivate')
    assert peer.wait_until(lambda: kept[-1].markers[0].action == Marker.DELETEALL)
    assert peer.change('activate')
    peer.wait_active()


def test_the_debug_image_is_green_where_a_landmark_is(peer: Peer, walked: Walked) -> None:
    pictures, kept = peer.keep(Image, 'debug_image'), peer.keep(MarkerArray, 'matches')
    peer.spin_for(0.5)
    truth = list(walked[1].values())[1]
    peer.send(picture_message(wall_view(truth, LARGE_CAMERA), 10**10, 'lens'))
    assert peer.wait_until(lambda: pictures and kept)
    frame = frame_from_message(pictures[-1])
    assert (frame.stamp_ns, frame.frame_id) == (10**10, 'lens')
    height, width = frame.image.shape[:2]
    assert 320 <= width <= 640
    points = np.array([[p.x, p.y, p.z] for p in kept[-1].markers[1].points])
    camera_from_court = (COURT_FROM_DATASET @ truth).inverse()
    pixels = LARGE_CAMERA.scaled(width, height).project(camera_from_court.apply(points))
    low, high = (0, 0.3 * height), (0.58 * width, 0.98 * height)  # neither text nor map
    x, y = pixels[((pixels > low) & (pixels < high)).all(axis=1)].T
    green = (frame.image == GOOD).all(axis=-1)
    near = [green[round(b) - 2:round(b) + 3, round(a) - 2:round(a) + 3].any()
            for a, b in zip(x, y, strict=True)]
    assert len(near) > 10
    assert np.mean(near) > 0.9


def test_the_debug_image_says_why_an_image_is_bad(peer: Peer) -> None:
    pictures = peer.keep(Image, 'debug_image')
    peer.spin_for(0.5)
    for bad in (picture_message(GREY[:, :64].copy(), 2 * 10**10),  # another aspect
                picture_message(GREY, 0)):  # without a stamp, not even an image
        before = len(pictures)
        peer.images.publish(bad)
        assert peer.wait_until(lambda before=before: len(pictures) > before)
        assert 320 <= pictures[-1].width <= 640
    assert stamp_ns(pictures[-2].header.stamp) == 2 * 10**10
    assert stamp_ns(pictures[-1].header.stamp) > 10**17


TELL = """
import sys
from posenet_ros.ros_node.publishing import debug_image, matches

def telling(module, name):
    real = getattr(module, name)
    def call(*arguments):
        print('computed', name, flush=True)
        return real(*arguments)
    setattr(module, name, call)

for module, name in ((debug_image, 'annotate'), (debug_image, 'annotate_no_pose'),
                     (matches, 'match_markers'), (matches, 'delete_all')):
    telling(module, name)
from posenet_ros import node
sys.exit(node.main(['relocaliser', *sys.argv[1:]]))
"""


def test_nothing_is_computed_without_a_listener(walked: Walked, tmp_path: Path) -> None:
    command = node_command(TELL, model=walked[0], refine='true')
    with connected(command, DOMAIN + 1, tmp_path / 'log.txt') as (process, peer):
        picture = wall_view(next(iter(walked[1].values())), LARGE_CAMERA)
        assert peer.send(picture_message(picture, 10**9))
        assert peer.send(picture_message(GREY, 2 * 10**9))
        peer.images.publish(picture_message(GREY, 0))
        peer.reported('bad image', 'stamp')
        assert 'computed' not in process.output()
        peer.keep(MarkerArray, 'matches')
        peer.keep(Image, 'debug_image')
        peer.spin_for(0.5)
        assert peer.send(picture_message(picture, 4 * 10**9))
        assert peer.wait_until(lambda: 'computed match_markers' in process.output())
        assert 'computed annotate' in process.output()


WITHOUT_MARKERS = """
import sys
sys.modules['visualization_msgs'] = None
from posenet_ros import node
sys.exit(node.main(['relocaliser', *sys.argv[1:]]))
"""


def test_without_the_package_of_markers_all_else_works(tmp_path: Path) -> None:
    model = write_mean_colour_model(tmp_path / 'model')
    command = node_command(WITHOUT_MARKERS, model=model)
    with connected(command, DOMAIN + 2, tmp_path / 'log.txt') as (process, peer):
        for i in (1, 2):
            assert peer.send(image_message(i * 10**9))
        assert process.output().count('visualization_msgs is missing') == 1
        assert not peer.node.count_publishers(f'{OWN}matches')
        # a model folder without landmarks says so by an empty cloud
        assert latched(peer, PointCloud2, 'landmarks')[0].width == 0
        assert len(latched(peer, PoseArray, 'training_poses')[0].poses) > 0


def test_poses_are_those_of_the_wall_and_an_image_of_nothing_has_the_networks(
        peer: Peer, walked: Walked) -> None:
    before, errors = int(values_of(peer.status()).get('refined', 0)), []
    relocaliser = posenet_ros.load(walked[0], map_from_dataset=COURT_FROM_DATASET)
    for i, truth in enumerate(walked[1].values(), 1):
        [answer] = peer.send(picture_message(wall_view(truth, LARGE_CAMERA), i * 10**8))
        pose, expected = pose_from_message(answer.pose), COURT_FROM_DATASET @ truth
        errors.append(np.linalg.norm(pose.translation_m - expected.translation_m))
        same = relocaliser(wall_view(truth, LARGE_CAMERA)).pose  # the library's is the node's
        np.testing.assert_allclose(pose.matrix, same.matrix, atol=1e-9)
    assert np.median(errors) < 0.02
    assert max(errors) < 0.2
    [answer] = peer.send(picture_message(GREY, 10**10))
    assert pose_from_message(answer.pose).translation_m == pytest.approx(
        COURT_FROM_DATASET.apply([4, 4, 4]), abs=0.1)
    assert int(values_of(peer.status())['refined']) == before + len(walked[1])


def test_a_model_without_landmarks_is_refused_with_what_to_do(tmp_path: Path) -> None:
    model = write_mean_colour_model(tmp_path / 'model', LARGE_CAMERA)
    command = node_command(model=model, refine='true')
    with running(command, DOMAIN + 3, tmp_path / 'log.txt') as process, \
            peer_of(DOMAIN + 3) as peer:
        assert peer.wait_until(
            lambda: 'posenet landmarks' in process.output(), 30.0)
        assert peer.state() == 'unconfigured'


def test_what_rviz_and_foxglove_show_is_published_with_that_type_and_durability(
        peer: Peer) -> None:
    displays = rviz_displays()
    assert len(displays) == 6
    for topic, display in displays.items():
        [info] = peer.node.get_publishers_info_by_topic(topic)
        assert info.topic_type == TYPES[display['Class'].rpartition('/')[2]], topic
        durability = info.qos_profile.durability.name.replace('_', ' ').title()
        assert display['Topic']['Durability Policy'] == durability, topic
    topics = foxglove_topics()
    assert set(displays) | {'/diagnostics', f'{OWN}pose', f'{OWN}verdict'} == topics
    for topic in topics:
        assert peer.node.count_publishers(topic) == 1, topic
    subscribed = dict(peer.node.get_subscriber_names_and_types_by_node('relocaliser', '/'))
    assert '/initialpose' in subscribed
    assert '/initialpose' in FOXGLOVE.read_text()
