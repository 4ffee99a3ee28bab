"""The demo of a map from nothing: its comparison with the truth, its promises, its steps."""

from __future__ import annotations

from dataclasses import replace
import json
from pathlib import Path

import numpy as np
from posenet_ros.errors import PoseNetError
from posenet_ros.evaluation.report.build import Evaluation
from posenet_ros.evaluation.results import FrameResult
from posenet_ros.geometry.lie import so3_exp
from posenet_ros.geometry.pose import Pose
from posenet_ros.geometry.similarity import Similarity
from posenet_ros.inference.artifact import ARTIFACT_FILE, LANDMARKS_FILE
from posenet_ros.inference.train_index import TrainIndex
from posenet_ros.landmarks import landmark_file
from posenet_ros.landmarks.landmark_map import LandmarkMap, Views
from posenet_ros.training.data.datasets import read_dataset
from posenet_ros.training.pipelines.demo import from_nothing
from posenet_ros.training.pipelines.demo.from_nothing import make_place, write_test_walk
from posenet_ros.training.pipelines.demo.map_truth import (
    check,
    compare_with_truth,
    MapTruth,
    scene_name,
)
from posenet_ros.utils.files.kinds import MAPPING
import pytest
from training_helpers import write_wall_dataset

TURNED = Similarity(1.004, Pose.from_rotation(so3_exp((0, 0.002, 1.2)), (3, -2, 1)))
INDEX = TrainIndex(tuple('abc'), np.zeros((3, 3)), np.tile((0, 0, 0, 1.0), (3, 1)),
                   np.ones((3, 2)))


def write_map(file: Path, names: list[str], poses: list[Pose]) -> None:
    count = len(names)
    views = Views(tuple(names), ('seq1',) * count, np.array([p.translation_m for p in poses]),
                  np.array([p.quat_xyzw for p in poses]), np.empty((count, 0), np.float16),
                  np.ones(count, np.float32))
    landmark_file.save(LandmarkMap(
        views, np.zeros((2, 3), np.float32), np.zeros((2, 128), np.uint8),
        np.zeros((2, 3), np.uint8), np.arange(count + 1, dtype=np.int32) * 2,
        np.tile(np.arange(2, dtype=np.int32), count)), file)


def test_the_map_beside_the_truth(tmp_path: Path) -> None:
    """Scale and up of the map are off as it was made; the images' numbers begin at 0 and 1."""
    write_wall_dataset(tmp_path / 'court')
    court = read_dataset(tmp_path / 'court', 'train')
    random = np.random.default_rng(0)
    true_poses = [s.map_from_camera for s in court.samples]
    poses = [TURNED.apply_to_pose(Pose(p.translation_m + random.normal(0, 0.001, 3), p.quat_xyzw))
             for p in true_poses]
    (tmp_path / 'model').mkdir()
    write_map(tmp_path / 'model' / LANDMARKS_FILE,
              [f'seq1/frame{i:06d}.jpg' for i in range(len(poses))], poses)
    true = tuple(replace(s, name=f'seq1/frame{i + 1:05d}.jpg')
                 for i, s in enumerate(court.samples))
    found = compare_with_truth(tmp_path / 'model', replace(court, samples=true))
    assert found.images == len(poses)
    assert found.scale_error == pytest.approx(0.004, abs=0.001)
    assert found.up_error_deg == pytest.approx(np.degrees(0.002), abs=0.1)
    assert 0.0005 < found.rmse_m < 0.004
    assert '+0.39 %' in found.table()


def test_names_of_a_bag_and_of_the_scene() -> None:
    assert scene_name('seq3/frame000000.jpg') == 'seq3/frame00001.jpg'
    assert scene_name('seq3/frame000041.png') == 'seq3/frame00042.jpg'


def evaluation(error_m: float) -> Evaluation:
    estimate = Pose(np.array([error_m, 0, 0]))
    return Evaluation([FrameResult(f'{i}', i + 1, Pose(), estimate) for i in range(20)], INDEX)


def truth(scale: float = 1.002, tilt_deg: float = 0.1) -> MapTruth:
    rotation = so3_exp((np.radians(tilt_deg), 0, 0))
    return MapTruth(Similarity(scale, Pose.from_rotation(rotation)), 300, 300, 0.01, 0.05)


def test_promises() -> None:
    check(truth(), evaluation(0.01))
    for scale, tilt_deg, error_m, expected in (
            (1.02, 0.1, 0.01, 'scale within 1 %'), (0.98, 0.1, 0.01, 'scale'),
            (1.0, 0.5, 0.01, 'up within'), (1.0, 0.1, 0.03, 'median error of the map'),
            (float('nan'), 0.1, 0.01, 'scale')):
        with pytest.raises(PoseNetError, match=expected):
            check(truth(scale, tilt_deg), evaluation(error_m))
    with pytest.raises(PoseNetError, match='median error'):
        check(truth(), Evaluation([FrameResult('1', 1, Pose(), None)], INDEX))


def test_an_interrupted_mapping_goes_on_and_a_finished_one_is_left(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bag = tmp_path / 'walks' / 'seq1'
    bag.mkdir(parents=True)
    (bag / 'metadata.yaml').write_text('one')
    calls: list[list[str]] = []

    def run(*words: object) -> None:
        calls.append([str(word) for word in words])
        work = tmp_path / 'model.mapping'
        if len(calls) == 1:
            (work / 'images').mkdir(parents=True)
            (work / 'images' / 'a').touch()
            (work / MAPPING.mark).write_text(json.dumps({'made_by': 'posenet_ros'}))
            raise KeyboardInterrupt
        (tmp_path / 'model').mkdir(exist_ok=True)
        (tmp_path / 'model' / ARTIFACT_FILE).write_text('{}')

    monkeypatch.setattr(from_nothing, 'run_command', run)
    monkeypatch.setattr(from_nothing, 'has_results', lambda work: work.is_dir())
    with pytest.raises(KeyboardInterrupt):
        make_place(tmp_path, [bag])
    make_place(tmp_path, [bag])
    make_place(tmp_path, [bag])
    assert ['--resume' in words for words in calls] == [False, True]
    assert calls[0][:3] == ['map', '--bag', str(bag)]
    (bag / 'metadata.yaml').write_text('another walk')
    make_place(tmp_path, [bag])
    assert '--resume' not in calls[-1]
    assert len(calls) == 3


def test_the_test_walk_is_in_the_frame_of_the_map(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_wall_dataset(tmp_path / 'court')
    (tmp_path / 'court' / 'dataset_train.txt').rename(tmp_path / 'court' / 'dataset_test.txt')
    monkeypatch.setattr(from_nothing, 'run_command', lambda *words: None)
    write_test_walk(tmp_path, TURNED)
    moved, court = (read_dataset(tmp_path / name, 'test') for name in ('test', 'court'))
    for ours, theirs in zip(moved.samples, court.samples, strict=True):
        expected = TURNED.apply_to_pose(theirs.map_from_camera)
        np.testing.assert_allclose(ours.map_from_camera.matrix, expected.matrix, atol=1e-7)
        assert ours.path.read_bytes() == theirs.path.read_bytes()
