"""The user's own bags become a dataset: poses at the images' stamps, honest counts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
from hypothesis import given
from hypothesis import strategies as st
import numpy as np
from posenet_ros.datasets.cameras import camera_in_file
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.distortion import EQUIDISTANT
from posenet_ros.geometry.pose import Pose
from posenet_ros.imaging.decoding import Frame
from posenet_ros.imaging.files import read_image
from posenet_ros.ros_data.bag_writer import (
    BagWriter,
    camera_message,
    compressed_message,
    image_message,
    make,
    new_bag,
    pose_message,
    transform_message,
)
from posenet_ros.training import make_bag
from posenet_ros.training.data.datasets import read_dataset
from posenet_ros.training.make_dataset import main
from posenet_ros.training.pipelines.bag_import import is_test
import pytest

from .test_make_bag import write_dataset

CAMERA = Camera(24, 18, 20.0, 20.0, 11.5, 8.5)
START_NS = 1_700_000_000_000_000_000
COUNT = 40
S = 1_000_000_000
BASE_FROM_CAMERA = Pose(np.array([0.2, 0.0, 1.0]), np.array([-0.5, 0.5, -0.5, 0.5]))


def truth(time_s: float) -> Pose:
    """Return the pose of a walk along x, 1 m/s, turning at 0.2 rad/s about z."""
    half = 0.1 * time_s
    return Pose(np.array([time_s, 0, 0]), np.array([0, 0, np.sin(half), np.cos(half)]))


def picture(index: int) -> Frame:
    """Return the image taken at index / 10 + 0.05 s."""
    image = np.random.default_rng(index).integers(0, 256, (18, 24, 3), np.uint8)
    return Frame(image, START_NS + index * S // 10 + S // 20, 'camera')


def write_images(bag: BagWriter) -> None:
    """Write four seconds of images and their camera."""
    for index in range(COUNT):
        frame = picture(index)
        bag.write('/image', image_message(frame), frame.stamp_ns)
        bag.write('/camera_info', camera_message(CAMERA, frame.stamp_ns, 'camera'),
                  frame.stamp_ns)


def write_poses(write: Callable[[Pose, int], None], step_s: float = 0.1) -> None:
    """Call `write` for every pose of the walk, from its start to past the last image."""
    for index in range(round(COUNT / 10 / step_s) + 1):
        time_s = index * step_s
        write(truth(time_s), START_NS + round(time_s * S))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a bag with the truth of the camera, of the base as odometry, and as TF."""
    zero = make('geometry_msgs/msg/Vector3', 0, 0, 0)
    twist = make('geometry_msgs/msg/TwistWithCovariance',
                 make('geometry_msgs/msg/Twist', zero, zero), np.zeros(36))
    with new_bag(tmp_path / 'walk') as bag:
        bag.write_transforms('/tf_static', [transform_message(
            BASE_FROM_CAMERA, START_NS, 'base_link', 'camera')], START_NS)
        write_images(bag)

        def write(pose: Pose, time_ns: int) -> None:
            stamped = pose_message(pose, time_ns, 'map')
            spread = make('geometry_msgs/msg/PoseWithCovariance', stamped.pose, np.zeros(36))
            bag.write('/pose', stamped, time_ns)
            bag.write('/odom', make('nav_msgs/msg/Odometry', stamped.header, 'base_link', spread,
                                    twist), time_ns)
            bag.write_transforms('/tf', [transform_message(pose, time_ns, 'map', 'base_link')],
                                 time_ns)

        write_poses(write)
    return tmp_path / 'walk'


def run(path: Path, *more: str) -> Path:
    """Run the command; the dataset stands beside the bag."""
    out = path.parent / 'data'
    assert main(['--bag', str(path), '--out', str(out), *more]) == 0
    return out


@pytest.mark.parametrize(('options', 'mounting'), [
    (('--pose', '/pose'), Pose()),
    (('--pose', '/pose', '--pose-of', 'base_link'), BASE_FROM_CAMERA),
    (('--pose', '/odom'), BASE_FROM_CAMERA),
    (('--pose', '/odom', '--pose-of', 'camera'), Pose()),
    (('--tf', 'map', 'camera'), BASE_FROM_CAMERA),
    (('--tf', '/map', '/camera'), BASE_FROM_CAMERA),
    (('--pose', '/pose', '--pose-of', '/base_link'), BASE_FROM_CAMERA),
    (('--tf', 'map', 'base_link'), Pose())])
def test_every_image_gets_the_pose_at_its_stamp(
        path: Path, options: tuple[str, ...], mounting: Pose) -> None:
    """Half way between two poses; of the camera, whatever the truth is of."""
    dataset = read_dataset(run(path, '--test-share', '0', *options), 'train')
    assert dataset.camera == CAMERA
    assert len(dataset.samples) == COUNT
    for index, sample in enumerate(dataset.samples):
        expected = truth(index / 10 + 0.05) @ mounting
        np.testing.assert_allclose(sample.map_from_camera.matrix, expected.matrix, atol=1e-6)
        np.testing.assert_array_equal(read_image(sample.path), picture(index).image)


def test_blocks_of_time_are_for_testing(
        path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of ten blocks the fifth and the tenth, by default."""
    out = run(path, '--pose', '/pose')
    test = [s.name for s in read_dataset(out, 'test').samples]
    assert len(test) == COUNT // 5
    assert all(name in test for name in ('seq1/frame000016.png', 'seq1/frame000039.png'))
    assert not {s.name for s in read_dataset(out, 'train').samples} & set(test)
    assert '40 images: 32 train, 8 test, 0 skipped by --every, 0 without' in (
        capsys.readouterr().out)


@given(st.floats(0, 1), st.floats(0.1, 10))
def test_share_of_blocks(share: float, block_s: float) -> None:
    """Of 100 blocks the asked share is for testing, to one block."""
    chosen = sum(is_test((block + 0.5) * block_s, block_s, share) for block in range(100))
    assert abs(chosen - 100 * share) <= 1


def test_another_walk_for_testing(path: Path) -> None:
    """With a bag of its own the test split takes nothing from the others."""
    out = run(path, '--pose', '/pose', '--test-bag', str(path), '--every', '4')
    for split, sequence in (('train', 'seq1'), ('test', 'seq2')):
        samples = read_dataset(out, split).samples
        assert len(samples) == COUNT // 4
        assert {s.sequence for s in samples} == {sequence}


def test_images_without_a_pose_near_are_left_out(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Beyond the track and in its gaps there is no truth."""
    with new_bag(tmp_path / 'walk') as bag:
        write_images(bag)
        for time_s in (1.0, 1.2, 2.0, 2.2):
            bag.write('/pose', pose_message(truth(time_s), START_NS + int(time_s * S), 'map'),
                      START_NS + int(time_s * S))
    out = run(tmp_path / 'walk', '--pose', '/pose', '--test-share', '0', '--max-gap', '0.3')
    positions = read_dataset(out, 'train').positions_m[:, 0]
    np.testing.assert_allclose(positions, [1.05, 1.15, 2.05, 2.15])
    assert '36 without a pose' in capsys.readouterr().out


def test_compressed_images_are_written_as_they_came(tmp_path: Path) -> None:
    """No second compression."""
    with new_bag(tmp_path / 'walk') as bag:
        bag.write('/camera_info', camera_message(CAMERA, START_NS, 'camera'), START_NS)
        data = cv2.imencode('.jpg', picture(0).image)[1].ravel()
        for time_ns in (START_NS, START_NS + S):
            message = compressed_message(data, 'rgb8; jpeg compressed bgr8', time_ns, 'camera')
            bag.write('/image/compressed', message, time_ns)
            bag.write('/pose', pose_message(truth(0), time_ns, 'map'), time_ns)
    out = run(tmp_path / 'walk', '--pose', '/pose', '--test-share', '0')
    assert (out / 'seq1' / 'frame000001.jpg').read_bytes() == data.tobytes()


def test_bad_images_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An image that cannot be used, or of another size than the camera's, is left out."""
    with new_bag(tmp_path / 'walk') as bag:
        write_images(bag)
        write_poses(lambda pose, t: bag.write('/pose', pose_message(pose, t, 'map'), t))
        frame = picture(3)
        broken = image_message(frame)
        broken.encoding = '32FC1'
        bag.write('/image', broken, frame.stamp_ns)
        small = Frame(np.ascontiguousarray(frame.image[:9]), frame.stamp_ns, 'camera')
        bag.write('/image', image_message(small), frame.stamp_ns)
    out = run(tmp_path / 'walk', '--pose', '/pose', '--test-share', '0')
    assert len(read_dataset(out, 'train').samples) == COUNT
    said = capsys.readouterr().out
    assert '2 not usable (the first' in said
    assert '32FC1' in said


@pytest.mark.parametrize(('options', 'expected'), [
    (('--pose', '/nothing'), r'Received: /nothing; the bag has'),
    (('--pose', '/pose', '--image', '/odom'), r'an image topic.*Received: /odom'),
    (('--tf', 'map', 'gripper'), "join 'map' and 'gripper'"),
    (('--pose', '/pose', '--pose-of', 'arm'), "poses are of 'arm'.*--pose-of camera"),
    (('--pose', '/pose', '--camera-info', '/tf'), 'a camera_info topic'),
    (('--pose', '/pose', '--block', '100'), 'test split.*shorter --block')])
def test_bad_input_leaves_nothing(path: Path, options: tuple[str, ...], expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        run(path, *options)
    assert [p.name for p in path.parent.iterdir()] == ['walk']


def test_truth_of_another_time(tmp_path: Path) -> None:
    """Clocks that differ give no pairs: an error that says so, not an empty dataset."""
    with new_bag(tmp_path / 'walk') as bag:
        write_images(bag)
        bag.write('/pose', pose_message(truth(0), S, 'map'), S)
    with pytest.raises(InputError, match=r'40 without a pose near in time.*same clock'):
        run(tmp_path / 'walk', '--pose', '/pose')
    assert not (tmp_path / 'data').exists()


@pytest.mark.parametrize(('options', 'expected'), [
    ((), None), (('--camera', '21'), Camera(24, 18, 21.0, 21.0, 11.5, 8.5)),
    (('--camera', '21,22,11,8,fisheye,0.1,0,0,0'),
     Camera(24, 18, 21.0, 22.0, 11.0, 8.0, (0.1, 0.0, 0.0, 0.0), EQUIDISTANT))])
def test_a_bag_whose_camera_is_not_calibrated(
        tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...],
        expected: Camera | None) -> None:
    with new_bag(tmp_path / 'walk') as bag:
        info = camera_message(CAMERA, START_NS, 'camera')
        info.k[:] = 0
        bag.write('/camera_info', info, START_NS)
        for index in range(COUNT):
            bag.write('/image', image_message(picture(index)), picture(index).stamp_ns)
        write_poses(lambda pose, time_ns: bag.write(
            '/pose', pose_message(pose, time_ns, 'map'), time_ns))
    out = run(tmp_path / 'walk', '--pose', '/pose', *options)
    said = capsys.readouterr().out
    assert camera_in_file(out) == expected
    assert ('no camera.json is written' in said) == (expected is None)
    assert ('the camera is not calibrated' in said) == (expected is None)
    assert ('is that of --camera' in said) == (expected is not None)


def test_bags_of_two_cameras(path: Path, tmp_path: Path) -> None:
    with new_bag(tmp_path / 'other') as bag:
        other = camera_message(CAMERA.scaled(48, 36), START_NS, 'camera')
        bag.write('/camera_info', other, START_NS)
        bag.write('/image', image_message(picture(0)), START_NS)
    with pytest.raises(InputError, match='the same camera'):
        run(path, '--pose', '/pose', '--test-bag', str(tmp_path / 'other'))


def test_dataset_to_bag_and_back(tmp_path: Path) -> None:
    """The two commands are inverse to each other."""
    source = write_dataset(tmp_path / 'court')
    bag = tmp_path / 'bag'
    assert make_bag.main(['--data', str(source), '--out', str(bag)]) == 0
    back = read_dataset(run(bag, '--pose', '/ground_truth/pose', '--test-share', '1'), 'test')
    before = read_dataset(source, 'test')
    assert back.camera == before.camera
    for one, other in zip(before.samples, back.samples, strict=True):
        np.testing.assert_allclose(
            one.map_from_camera.matrix, other.map_from_camera.matrix, atol=1e-6)
        np.testing.assert_array_equal(read_image(one.path), read_image(other.path))
