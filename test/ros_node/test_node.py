"""The node in a process of its own, over real DDS."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
import json
from pathlib import Path
import shutil
import signal
import time

from helpers import CAMERA
import numpy as np
from posenet_ros.inference.artifact import ARTIFACT_FILE, LITERT_FILE, TRAIN_FILE
from posenet_ros.ros_data.messages import stamp_ns
import pytest
from ros_helpers import (
    connected,
    image_message,
    node_command,
    patience_s,
    Peer,
    peer_of,
    running,
    SCALE_M,
    values_of,
    write_mean_colour_model,
)
from sensor_msgs.msg import CameraInfo, Image

DOMAIN = 91
SECOND = 1_000_000_000
STAMP = 1_700_000_000 * SECOND + 123_456_789


@pytest.fixture(scope='module')
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_mean_colour_model(tmp_path_factory.mktemp('model') / 'tiny')


@pytest.fixture(scope='module')
def peer(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    log = tmp_path_factory.mktemp('node') / 'log.txt'
    command = node_command(model=model, camera_info_policy='refuse')
    with connected(command, DOMAIN, log) as (process, peer):
        yield peer
        code, seconds = process.end()
        assert (code, seconds < patience_s()) == (0, True), (code, seconds, process.output())


@pytest.fixture
def clock(peer: Peer) -> Callable[[], int]:
    """Return stamps that go forward, whatever the tests before have sent."""
    return lambda: time.time_ns()


def test_it_answers_each_image_with_its_stamp_and_pose(
        peer: Peer, clock: Callable[[], int]) -> None:
    for colour in ((0, 0, 0), (255, 51, 102), (102, 204, 255)):
        stamp = clock()
        poses = peer.send(image_message(stamp, colour))
        assert len(poses) == 1
        assert stamp_ns(poses[0].header.stamp) == stamp
        assert poses[0].header.frame_id == 'map'
        position = poses[0].pose.position
        np.testing.assert_allclose(
            [position.x, position.y, position.z], np.array(colour) / 255 * SCALE_M, atol=1e-4)
        assert poses[0].pose.orientation.w == pytest.approx(1.0)


def test_the_covariance_is_the_models(peer: Peer, clock: Callable[[], int]) -> None:
    stamp = clock()
    peer.send(image_message(stamp))
    found = peer.wait_until(lambda: stamp_ns(peer.with_covariance[-1].header.stamp) == stamp)
    assert found
    message = peer.with_covariance[-1]
    np.testing.assert_allclose(
        np.diag(message.pose.covariance.reshape(6, 6)),
        np.square([0.5, 0.5, 0.1, 0.02, 0.02, 0.05]))


def test_it_broadcasts_the_transform_from_map_to_camera(
        peer: Peer, clock: Callable[[], int]) -> None:
    peer.send(image_message(clock()))
    assert peer.wait_until(lambda: peer.transforms)  # it has listened for a second
    stamp = clock()
    pose = peer.send(image_message(stamp, frame_id='front_optical'))[0].pose
    assert peer.wait_until(
        lambda: stamp_ns(peer.transforms[-1].transforms[0].header.stamp) == stamp)
    transform = peer.transforms[-1].transforms[0]
    assert (transform.header.frame_id, transform.child_frame_id) == ('map', 'front_optical')
    assert transform.transform.translation.x == pose.position.x
    assert transform.transform.rotation == pose.orientation


def bad(**changes: object) -> Callable[[int], Image]:
    """Return a maker of images with some fields changed."""
    def make(stamp: int) -> Image:
        message = image_message(stamp)
        for name, value in changes.items():
            setattr(message, name, value)
        return message
    return make


def sized(width: int, height: int) -> Callable[[int], Image]:
    """Return a maker of black images of a size."""
    return bad(width=width, height=height, step=3 * width,
               data=array('B', bytes(3 * width * height)))


BAD_IMAGES = {
    'unknown encoding': (bad(encoding='nonsense'), 'nonsense'),
    'no encoding': (bad(encoding=''), "''"),
    'zero size': (sized(0, 0), '0x0'),
    'zero height': (bad(height=0), '64x0'),
    'step too small': (bad(step=3 * CAMERA.width - 1), '191'),
    'data too short': (bad(data=array('B', bytes(3 * 64 * 48 - 1))), '9215'),
    'no data': (bad(data=array('B')), 'Received: 0'),
    'endianness': (bad(is_bigendian=7), '7'),
    'aspect': (sized(48, 64), '48x64'),
    '16-bit depth': (bad(encoding='16UC1', step=128, data=array('B', bytes(128 * 48))), '16UC1'),
    'float depth': (bad(encoding='32FC1', step=256, data=array('B', bytes(256 * 48))), '32FC1'),
    'zero stamp': (lambda stamp: image_message(0), 'stamp'),
}


@pytest.mark.parametrize('kind', sorted(BAD_IMAGES))
def test_a_bad_image_is_reported_and_nothing_else(
        peer: Peer, clock: Callable[[], int], kind: str) -> None:
    make, said = BAD_IMAGES[kind]
    image, good = make(clock()), image_message(clock())
    peer.diagnostics.clear()
    peer.images.publish(image)
    assert 'Received' in peer.reported('bad image', said)
    assert len(peer.send(good)) == 1
    sent = [stamp_ns(message.header.stamp) for message in (
        *peer.poses, *(t for m in peer.transforms for t in m.transforms))]
    assert stamp_ns(good.header.stamp) in sent
    assert stamp_ns(image.header.stamp) not in sent
    assert peer.state() == 'active'


def test_a_stamp_that_goes_back_is_a_new_beginning(
        peer: Peer, clock: Callable[[], int]) -> None:
    assert peer.send(image_message(clock()))
    peer.diagnostics.clear()
    stamp = clock() - 60 * SECOND
    poses = peer.send(image_message(stamp))
    assert [stamp_ns(pose.header.stamp) for pose in poses] == [stamp]
    assert peer.reported('time jumped back', 'by ')
    assert peer.send(image_message(clock()))


def test_the_diagnostics_say_what_a_user_wants_to_know(
        peer: Peer, clock: Callable[[], int]) -> None:
    peer.send(image_message(clock()))
    status = peer.status()
    values = values_of(status)
    assert status.name == '/relocaliser: relocaliser'
    assert values['state'] == 'active'
    assert len(values['model hash']) == 64
    assert values['device'].startswith('CPU')
    assert int(values['images answered']) == int(values['verdict accepted']) > 0
    for stage in ('decode', 'prepare', 'infer', 'received to published'):
        assert 0 <= float(values[f'latency {stage} p50 (ms)']) <= float(
            values[f'latency {stage} p95 (ms)']) < 1000


def camera_info(focal: float) -> CameraInfo:
    """Return the tiny model's camera with another focal length, pixels."""
    k = [focal, 0.0, CAMERA.cx, 0.0, focal, CAMERA.cy, 0.0, 0.0, 1.0]
    return CameraInfo(width=CAMERA.width, height=CAMERA.height, k=k,
                      distortion_model='plumb_bob', d=[0.0] * 5)


def test_images_of_another_camera_are_refused_until_the_right_one_is_back(
        peer: Peer, clock: Callable[[], int]) -> None:
    peer.diagnostics.clear()
    peer.camera_infos.publish(camera_info(2 * CAMERA.fx))
    peer.spin_for(0.3)
    assert peer.send(image_message(clock()), timeout_s=0.7) == []
    assert peer.reported('bad image', 'fx=50.0')
    peer.camera_infos.publish(camera_info(0.0))  # not calibrated: no word about the camera
    peer.diagnostics.clear()
    assert peer.send(image_message(clock()), timeout_s=0.7) == []
    assert peer.reported('bad image', 'fx=50.0')
    peer.camera_infos.publish(camera_info(CAMERA.fx))
    peer.spin_for(0.3)
    assert len(peer.send(image_message(clock()))) == 1


def test_a_parameter_is_refused_with_a_reason(peer: Peer) -> None:
    assert peer.set_parameter('map_frame', 'world') == (
        False, 'map_frame can be changed only while the node is not configured: clean it up first')
    taken, reason = peer.set_parameter('max_jump_m', -1.0)
    assert not taken
    assert 'out of range' in reason


def test_limits_can_be_changed_while_it_runs(peer: Peer, clock: Callable[[], int]) -> None:
    far = (255, 255, 255)  # 10 10 10 m; the model was trained within 5 m
    assert len(peer.send(image_message(clock(), far))) == 1
    assert peer.set_parameter('max_distance_m', 1.0) == (True, '')
    assert peer.send(image_message(clock(), far), timeout_s=0.5) == []
    assert peer.set_parameter('max_distance_m', 0.0) == (True, '')
    assert len(peer.send(image_message(clock(), far))) == 1


def test_the_whole_lifecycle(peer: Peer, clock: Callable[[], int]) -> None:
    assert peer.state() == 'active'
    assert not peer.change('configure')  # not from here, and it lives on
    assert peer.change('deactivate')
    assert peer.state() == 'inactive'
    assert peer.send(image_message(clock()), timeout_s=0.5) == []
    assert peer.change('activate')
    assert len(peer.send(image_message(clock()))) == 1
    assert peer.change('deactivate')
    assert peer.change('cleanup')
    assert peer.state() == 'unconfigured'
    assert peer.images.get_subscription_count() == 0
    taken, reason = peer.set_parameter('tf_mode', 'sideways')
    assert not taken
    assert 'map_to_camera' in reason
    assert peer.set_parameter('map_frame', 'world') == (True, '')
    assert peer.change('configure')
    assert peer.change('activate')
    peer.wait_active()
    assert peer.send(image_message(clock()))[0].header.frame_id == 'world'


def damaged(folder: Path, kind: str) -> str:
    """Damage a model folder. Returns what the error has to name."""
    content = json.loads((folder / ARTIFACT_FILE).read_text())
    if kind == 'missing':
        shutil.rmtree(folder)
        return ARTIFACT_FILE
    if kind == 'missing file':
        (folder / TRAIN_FILE).unlink()
        return TRAIN_FILE
    if kind == 'truncated':
        file = folder / LITERT_FILE
        file.write_bytes(file.read_bytes()[:100])
        return f'sha256.{LITERT_FILE}'
    if kind == 'truncated json':
        file = folder / ARTIFACT_FILE
        file.write_text(file.read_text()[:100])
        return ARTIFACT_FILE
    changes = {'newer': {'format_version': 99}, 'unknown key': {'colour': 'blue'},
               'wrong hash': {'sha256': content['sha256'] | {LITERT_FILE: '0' * 64}}}
    (folder / ARTIFACT_FILE).write_text(json.dumps(content | changes[kind]))
    return {'newer': 'format_version', 'unknown key': 'colour',
            'wrong hash': f'sha256.{LITERT_FILE}'}[kind]


def test_a_bad_model_fails_configure_and_names_the_file(model: Path, tmp_path: Path) -> None:
    folder = tmp_path / 'model'
    command = node_command(model=folder, autostart='false')
    with running(command, DOMAIN + 1, tmp_path / 'log.txt') as process, \
            peer_of(DOMAIN + 1) as peer:
        assert peer.state() == 'unconfigured'
        for kind in ('missing', 'missing file', 'truncated', 'truncated json', 'newer',
                     'unknown key', 'wrong hash'):
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(model, folder)
            named = damaged(folder, kind)
            assert not peer.change('configure'), kind
            assert peer.state() == 'unconfigured'
            last = process.output().strip().splitlines()[-1]
            assert str(folder) in last, kind
            assert named in last, kind
        assert peer.status().message in last
        shutil.copytree(model, folder, dirs_exist_ok=True)
        assert peer.change('configure')  # mended, it can be used without a restart
        code, seconds = process.end(signal.SIGTERM)
        assert (code, seconds < patience_s()) == (0, True), seconds


SLOW = """
import sys, time
from posenet_ros import node
from posenet_ros.localisation import factory as loading

real = loading.load_engine

class Slow:
    name, device = 'slow', 'CPU'
    def __init__(self, engine):
        self.engine, self.calls = engine, 0
    def predict(self, batch):
        self.calls += 1
        if self.calls > 1:
            time.sleep(0.2)
        if batch.max() == 0 and self.calls > 1:
            raise RuntimeError('out of memory')
        return self.engine.predict(batch)

loading.load_engine = lambda *a: Slow(real(*a))
sys.exit(node.main(['relocaliser', *sys.argv[1:]]))
"""


def test_a_slow_network_answers_the_latest_image_and_a_failing_one_deactivates(
        model: Path, tmp_path: Path) -> None:
    command = node_command(SLOW, model=model, max_failures=2)
    with connected(command, DOMAIN + 2, tmp_path / 'log.txt') as (process, peer):
        sent: dict[int, float] = {}
        ages: list[float] = []
        start = time.monotonic()
        for i in range(60):  # 30 Hz against 5 Hz
            stamp = time.time_ns()
            sent[stamp] = time.monotonic()
            peer.images.publish(image_message(stamp, (i, 9, 9)))
            before = len(peer.poses)
            peer.wait_until(lambda: False, 1 / 30)
            ages += [time.monotonic() - sent[stamp_ns(pose.header.stamp)]
                     for pose in peer.poses[before:]]
        assert 2 < len(ages) / (time.monotonic() - start) < 6  # 5 Hz, less a slow machine
        # waiting for the image before, then its own time; a queue would come to 1.7 s
        assert np.median(ages) < 0.2 + 0.2 + 0.1
        assert max(ages) < 1.0
        peer.spin_for(1.2)
        values = values_of(peer.status())
        assert int(values['images received']) == (
            int(values['images answered']) + int(values['images dropped']))
        assert stamp_ns(peer.poses[-1].header.stamp) == stamp, 'the last image is not left over'
        black = (0, 0, 0)
        assert peer.send(image_message(time.time_ns(), black), timeout_s=0.7) == []
        assert 'RuntimeError: out of memory' in peer.reported('image failed', ' ')
        assert len(peer.send(image_message(time.time_ns()))) == 1  # one image's failure
        assert values_of(peer.status())['images failed'] == '1'
        for _ in range(2):
            peer.send(image_message(time.time_ns(), black), timeout_s=0.7)
        assert peer.wait_until(lambda: peer.state() == 'inactive')
        assert '2 images in a row failed, the last by RuntimeError: out of memory' in (
            peer.status().message)
        assert peer.change('cleanup')
        assert peer.change('configure')
        assert peer.change('activate')
        peer.wait_active()
        assert len(peer.send(image_message(time.time_ns()))) == 1
        code, seconds = process.end()
        assert (code, seconds < patience_s()) == (0, True)


def test_a_node_that_gave_up_starts_again_by_itself(model: Path, tmp_path: Path) -> None:
    command = node_command(SLOW, model=model, max_failures=1, recover_after_s=0.5)
    with connected(command, DOMAIN + 4, tmp_path / 'log.txt') as (process, peer):
        peer.send(image_message(time.time_ns(), (0, 0, 0)), timeout_s=0.1)
        assert peer.wait_until(lambda: 'a new start is tried in 0.5 s' in process.output())
        assert peer.wait_until(lambda: process.output().count('map: ') == 2)
        peer.wait_active()
        assert len(peer.send(image_message(time.time_ns()))) == 1
        peer.send(image_message(time.time_ns(), (0, 0, 0)), timeout_s=0.1)
        assert peer.wait_until(lambda: process.output().count('a new start is tried') == 2)
        assert peer.change('cleanup')  # a person has taken over
        peer.spin_for(1.0)
        assert peer.state() == 'unconfigured'


def test_a_signal_at_any_moment_ends_it_with_exit_code_0(model: Path, tmp_path: Path) -> None:
    with peer_of(DOMAIN + 3) as peer:
        for i in range(6):
            name = f'relocaliser{i}'
            command = node_command(model=model, remaps=[f'__node:={name}'])
            with running(command, DOMAIN + 3, tmp_path / f'log{i}.txt') as process:
                assert peer.wait_until(lambda name=name: name in peer.node.get_node_names(), 30.0)
                if i >= 2:  # not while it loads: in the middle of answers
                    peer.spin_for(1.0)
                    for _ in range(30):
                        peer.images.publish(image_message(time.time_ns()))
                code, _ = process.end((signal.SIGINT, signal.SIGTERM)[i % 2])
                assert code == 0, process.output()
