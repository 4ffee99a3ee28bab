"""The benchmark of a map measures what it says; its times are those of the machine."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.geometry.lie import rotation_angle_rad
from posenet_ros.geometry.pose import Pose
from posenet_ros.geometry.similarity import Similarity
from posenet_ros.landmarks.options import FeatureOptions, features_of_width
from posenet_ros.training.bench.__main__ import main
from posenet_ros.training.bench.mapping.cpu import timed
from posenet_ros.training.bench.mapping.queries import absolute_pose_error, accuracy
from posenet_ros.training.bench.mapping.rows import map_rows
from posenet_ros.training.bench.mapping.splits import (
    disturb_poses,
    leave_walks_out,
    parse_noise,
)
from posenet_ros.training.bench.mapping.unposed import compare_poses, focal_error, unposed_walks
from posenet_ros.training.data.datasets import Dataset, Sample
import pytest
from training_helpers import CAMERA, LARGE_CAMERA, walk, write_wall_dataset


def dataset_of(*walks: str, count: int = 10) -> Dataset:
    return Dataset('walks', tuple(
        Sample(Path(f'/data/{name}/{i}.png'), f'{name}/{i}.png', pose, name)
        for seed, name in enumerate(walks) for i, pose in enumerate(walk(count, seed))), CAMERA)


@pytest.fixture(scope='module')
def wall(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('bench') / 'wall'
    write_wall_dataset(folder, 2, camera=LARGE_CAMERA)
    return folder


def test_map_and_peer_are_measured_on_the_test_split(
        wall: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip('pycolmap')
    out = tmp_path / 'map.json'
    assert main(['map', '--data', str(wall), '--out', str(out)]) == 0
    found = json.loads(out.read_text())
    assert found['images'] == 24
    for one in found['map'], found['peer']:
        assert one['queries'] == 12
        assert one['answered'] == 1
        assert one['median_m'] < 0.05
        assert one['median_m'] <= one['p95_m']
        assert one['false'] == 0
        assert min(one['features_ms'], one['pose_ms'], one['megabytes']) > 0
        assert {'features', 'matches', 'tracks'} <= set(one['cpu_s'])
    assert found['map']['all_cpu_s'] == pytest.approx(sum(
        value for stage, value in found['map']['cpu_s'].items() if stage != 'calibration'))
    rows = {row[0]: row[1:] for row in map_rows(found)}
    ours, peer = found['map']['megabytes'], found['peer']['megabytes']
    assert rows['files, MB'] == [f'{ours:.1f}', f'{peer:.1f}', f'{ours / peer:.2f}']
    assert 'matching and pose, CPU ms' in capsys.readouterr().out


def test_noise_is_on_the_map_and_walks_are_left_out(wall: Path, tmp_path: Path) -> None:
    def measure(*more: str) -> dict:
        out = tmp_path / 'map.json'
        assert main(['map', '--data', str(wall), '--without-peer', '--out', str(out), *more]) == 0
        found: dict = json.loads(out.read_text())
        return found

    exact, noisy = measure('--held-out'), measure('--pose-noise', '0.1,0.5')
    assert 'peer' not in exact
    assert exact['images'] == noisy['images'] == 12
    assert exact['map']['queries'] == 12
    assert noisy['map']['median_m'] > 1.5 * exact['map']['median_m']
    assert 'the poses err' in noisy['map']['residual']


def test_every_second_walk_from_the_third_on_is_left_out() -> None:
    kept, held = leave_walks_out(dataset_of('seq1', 'seq4', 'seq5', 'seq6', 'seq8'))
    assert {s.sequence for s in kept.samples} == {'seq1', 'seq4', 'seq6'}
    assert {s.sequence for s in held.samples} == {'seq5', 'seq8'}
    assert {s.sequence for s in leave_walks_out(dataset_of('a', 'b'))[1].samples} == {'b'}


def test_of_one_walk_blocks_are_left_out() -> None:
    whole = dataset_of('only', count=50)
    kept, held = leave_walks_out(whole)
    assert 8 <= len(held.samples) <= 12
    assert {s.name for s in kept.samples} | {s.name for s in held.samples} == {
        s.name for s in whole.samples}


def test_noise_has_the_root_mean_square_that_is_asked_for() -> None:
    exact = dataset_of('a', count=2000)
    noisy = disturb_poses(exact, 0.05, 0.3)
    off_m = np.linalg.norm(noisy.positions_m - exact.positions_m, axis=1)
    angles = np.degrees(rotation_angle_rad(noisy.quats_xyzw, exact.quats_xyzw))
    assert np.sqrt(np.mean(off_m ** 2)) == pytest.approx(0.05, rel=0.05)
    assert np.sqrt(np.mean(angles ** 2)) == pytest.approx(0.3, rel=0.05)
    assert parse_noise('0.05,0.3') == (0.05, 0.3)
    for wrong in ('0.05', 'x,1', '0.1,-1', '1,2,3', 'nan,1'):
        with pytest.raises(InputError, match='METRES,DEGREES'):
            parse_noise(wrong)


def test_accuracy_counts_an_unanswered_image_as_an_infinite_error() -> None:
    errors = [(0.05, 0.5), (0.2, 0.5), (0.1, 1.5), (2.0, 1.0), (0.3, 11.0), (math.inf, math.inf)]
    found = accuracy(np.array(errors))
    assert found['queries'] == 6
    assert found['answered'] == pytest.approx(5 / 6)
    assert found['median_m'] == 0.3  # of an even number the larger
    assert found['p95_m'] is None
    assert found['r_0.1m_1deg'] == pytest.approx(1 / 6)
    assert found['r_0.25m_2deg'] == pytest.approx(3 / 6)
    assert found['false'] == 2


def test_the_error_of_a_pose_is_in_metres_and_degrees() -> None:
    turned = Pose(np.array([3.0, 4, 0]), np.array([0, 0, np.sin(0.1), np.cos(0.1)]))
    assert absolute_pose_error(turned, Pose()) == pytest.approx((5, math.degrees(0.2)))
    assert absolute_pose_error(None, Pose()) == (math.inf, math.inf)


def test_poses_are_compared_after_a_similarity() -> None:
    truth = dataset_of('a', 'b', count=30)
    truths = {s.name: s.map_from_camera for s in truth.samples}
    turn = Pose(np.array([1.0, 2, 3]), np.array([0, 0, np.sin(0.3), np.cos(0.3)]))
    own = Similarity(0.2, turn)
    poses = {name: own.apply_to_pose(pose) for name, pose in list(truths.items())[:50]}
    errors, similarity = compare_poses(poses, truths)
    assert errors['registered'] == 50
    assert errors['rmse_m'] < 1e-9
    assert errors['rotation_deg'] < 1e-5
    assert similarity.scale == pytest.approx(5)
    noisy = disturb_poses(truth, 0.05, 0.3)
    errors, _ = compare_poses({s.name: own.apply_to_pose(s.map_from_camera)
                               for s in noisy.samples}, truths)
    assert 0.03 < errors['rmse_m'] < 0.06
    assert 0.1 < errors['rotation_deg'] < 0.6
    assert focal_error(81.0, CAMERA) == pytest.approx(1 / 80)


def test_walks_without_poses_have_none() -> None:
    truth = dataset_of('a', 'b')
    known = unposed_walks(truth, camera_known=True)
    assert [one.name for one in known] == ['a', 'b']
    assert {one.camera for one in known} == {CAMERA}
    assert not any(image.map_from_camera for one in known for image in one.images)
    assert {one.camera for one in unposed_walks(truth, camera_known=False)} == {None}


def test_cpu_time_is_added_up_by_stage() -> None:
    times = {'work': 7.0}
    with timed(times, 'work'):
        sum(range(1_000_000))
    assert set(times) == {'work'}
    assert 7.005 < times['work'] < 9


def test_narrow_images_keep_fewer_keypoints() -> None:
    assert features_of_width(480) == FeatureOptions()
    assert features_of_width(1000) == FeatureOptions(width=1000)
    narrow = features_of_width(320)
    assert (narrow.width, narrow.max_keypoints) == (320, 600)
