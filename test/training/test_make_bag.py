"""A dataset becomes a bag: images, camera and truth are the dataset's, at even times."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
from posenet_ros.datasets.pose_files import write_cambridge
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.pose import Pose
from posenet_ros.imaging.files import read_image
from posenet_ros.ros_data.bag_reader import BagReader
from posenet_ros.training.data.datasets import CAMERA_FILE, read_dataset
from posenet_ros.training.make_bag import main
from posenet_ros.training.pipelines.bag_export import START_NS
import pytest

CAMERA = Camera(40, 30, 35.0, 36.0, 19.0, 14.0, (0.1, 0.0, 0.0, 0.01))
SEQUENCES = {'seq1': 4, 'seq2': 3}


def write_dataset(folder: Path) -> Path:
    """Write seven random images in two walks, each with a random pose; the third is a JPEG."""
    random = np.random.default_rng(3)
    rows = []
    for sequence, count in SEQUENCES.items():
        (folder / sequence).mkdir(parents=True)
        for index in range(count):
            name = f'{sequence}/frame{index}.{"jpg" if index == 2 else "png"}'
            image = cv2.resize(random.integers(0, 256, (3, 4, 3), np.uint8), CAMERA.size)
            cv2.imwrite(str(folder / name), image)
            quat = random.normal(size=4)
            rows.append((name, Pose(random.normal(size=3), quat / np.linalg.norm(quat))))
    write_cambridge(folder / 'dataset_test.txt', rows)
    (folder / CAMERA_FILE).write_text(json.dumps(CAMERA.to_mapping()))
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return a small dataset."""
    return write_dataset(tmp_path / 'court')


def make(data: Path, out: Path, *more: str) -> Path:
    """Run the command."""
    assert main(['--data', str(data), '--out', str(out), *more]) == 0
    return out


@pytest.mark.parametrize('options', [(), ('--storage', 'sqlite3'), ('--compressed',)])
def test_the_bag_holds_the_dataset(data: Path, tmp_path: Path, options: tuple[str, ...]) -> None:
    dataset = read_dataset(data, 'test')
    with BagReader(make(data, tmp_path / 'bag', *options)) as bag:
        frames, truth, camera = list(bag.frames()), bag.truth(), bag.calibration().camera
        assert camera == CAMERA
        assert bag.topics['/tf_static'] == 'tf2_msgs/msg/TFMessage'
        assert set(bag.topics) >= {'/camera/camera_info', '/ground_truth/pose'}
        assert truth.frame_id == 'map'
    assert len(frames) == len(dataset.samples)
    for frame, sample in zip(frames, dataset.samples, strict=True):
        np.testing.assert_array_equal(frame.image, read_image(sample.path))
        pose = truth.at(frame.stamp_ns)
        assert pose is not None
        np.testing.assert_allclose(pose.matrix, sample.map_from_camera.matrix, atol=1e-6)


def test_the_truth_is_on_tf_as_well(data: Path, tmp_path: Path) -> None:
    """A frame of its own: with the camera's, the node's transform would be one of two parents."""
    with BagReader(make(data, tmp_path / 'bag')) as bag:
        truth, tree = bag.truth(), bag.transforms()
        stamps = [frame.stamp_ns for frame in bag.frames()]
    assert tree.frames == (
        'base_link', 'camera_optical_frame', 'ground_truth_camera', 'map')
    map_from_camera = tree.lookup('map', 'ground_truth_camera')
    for stamp in stamps:
        np.testing.assert_array_equal(
            map_from_camera(stamp, 1.0).matrix, truth.at(stamp).matrix)
    with pytest.raises(InputError, match='has to join'):
        tree.lookup('map', 'camera_optical_frame')


def test_stamps_are_even_with_a_pause_between_walks(data: Path, tmp_path: Path) -> None:
    with BagReader(make(data, tmp_path / 'bag', '--rate', '20', '--pause', '3')) as bag:
        seconds = [(f.stamp_ns - START_NS) / 1e9 for f in bag.frames()]
        times = {m.topic: m.time_ns for m in bag.raw_messages()}
    np.testing.assert_allclose(seconds, [0, 0.05, 0.1, 0.15, 3.2, 3.25, 3.3])
    assert times['/camera/image_raw'] == START_NS + 3_300_000_000


def test_the_camera_looks_forward_from_the_base(data: Path, tmp_path: Path) -> None:
    with BagReader(make(data, tmp_path / 'bag')) as bag:
        base_from_camera = bag.transforms().lookup('base_link', 'camera_optical_frame')(0, 1.0)
    assert base_from_camera is not None
    np.testing.assert_allclose(base_from_camera.apply(np.eye(3)),
                               [[0, -1, 0], [0, 0, -1], [1, 0, 0]], atol=1e-12)


def test_one_dataset_makes_one_bag(data: Path, tmp_path: Path) -> None:
    first, second = (make(data, tmp_path / name / 'bag') / 'bag.mcap' for name in 'ab')
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize(('arguments', 'expected'), [
    (['--split', 'train'], 'dataset_train.txt'),
    (['--out', '{data}', '--force'], 'cannot be replaced: this command reads'),
    (['--data', '{data}/none'], 'none'),
    (['--data', '{data}/KingsCollege.zip'], 'unpack it first: unzip KingsCollege.zip')])
def test_bad_input_leaves_nothing(
        data: Path, tmp_path: Path, arguments: list[str], expected: str) -> None:
    words = ['--data', str(data), '--out', str(tmp_path / 'bag'), *arguments]
    before = sorted(tmp_path.iterdir())
    with pytest.raises(InputError, match=expected):
        main([word.format(data=data) for word in words])
    assert sorted(tmp_path.iterdir()) == before


def test_a_damaged_image_stops_and_leaves_nothing(data: Path, tmp_path: Path) -> None:
    """The header is whole, so only decoding finds out."""
    file = data / 'seq2' / 'frame0.png'
    file.write_bytes(file.read_bytes()[:60])
    with pytest.raises(InputError, match=r'frame0\.png'):
        main(['--data', str(data), '--out', str(tmp_path / 'bag')])
    assert not (tmp_path / 'bag').exists()
    assert [path.name for path in tmp_path.iterdir()] == ['court']


def test_help_states_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(['--help'])
    assert capsys.readouterr().out.count('default') >= 5
