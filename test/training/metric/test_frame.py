"""Up, the natural frame, and the alignment with an existing one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.datasets.pose_files import write_cambridge
from posenet_ros.errors import InputError
from posenet_ros.geometry.lie import rotation_angle_rad
from posenet_ros.geometry.pose import Pose
from posenet_ros.geometry.similarity import Similarity
from posenet_ros.training.metric.frame import align_with_frame, move_dataset, natural_frame
from posenet_ros.training.metric.keyframes import keyframes_of
from posenet_ros.training.metric.metric_frame import find_metric_frame, NO_SCALE
from posenet_ros.training.metric.options import scale_request
from posenet_ros.training.metric.results import UpEstimate
from posenet_ros.training.metric.up import estimate_up, up_from_images, up_from_path
from posenet_ros.training.scene.sensors.options import ImuNoise, OdometryNoise
from posenet_ros.training.scene.sensors.simulation import Motion, motion_times
import pytest

from .test_scale import straight_walk
from .tracks import (
    any_similarity,
    optical_rotations,
    reconstruct,
    UNITS_PER_M,
    walk_about,
    with_imu,
    with_odometry,
)


def error_deg(up: Floats, seed: int) -> float:
    """Return the angle between an estimate and the true up of a reconstruction, degrees."""
    true = any_similarity(seed).rigid.rotation @ (0, 0, 1)
    return float(np.degrees(np.arccos(np.clip(up @ true, -1, 1))))


def test_up_by_the_path_on_level_ground() -> None:
    for seed in range(20):
        dataset, walk = reconstruct(walk_about(seed, 60, 10), seed)
        found = up_from_path(keyframes_of(dataset, [walk]))
        assert error_deg(found.direction, seed) < 0.3
        assert found.sigma_deg < 0.5


def test_up_by_the_images() -> None:
    """They look up by 6.5 degrees: their mean up is off by that, their horizon is not."""
    for seed in range(20):
        motion = walk_about(seed, 60, 10)
        dataset, walk = reconstruct(motion, seed)
        keyframes = keyframes_of(dataset, [walk])
        found = up_from_images(keyframes)
        mean = -keyframes[0].rotations[:, :, 1].mean(0)
        assert error_deg(found.direction, seed) < 1.0
        assert error_deg(mean / np.linalg.norm(mean), seed) > 4


def steep_walk() -> Motion:
    """Walk about on a roof of 40 degrees, the camera upright."""
    motion = walk_about(0, 60, 10)
    positions = motion.positions_m.copy()
    positions[:, 2] += positions[:, 0] * np.tan(np.radians(40))
    return Motion(motion.times_s, positions, motion.rotations)


def stairs() -> Motion:
    motion = walk_about(0, 60, 10, (4.0, 3.0))
    positions = motion.positions_m + np.outer(np.sin(motion.times_s / 5) * 2.5, (0, 0, 1))
    return Motion(motion.times_s, positions, motion.rotations)


@pytest.mark.parametrize(('motion', 'expected'), [
    (straight_walk(), 'a line'), (steep_walk(), '40 deg'), (stairs(), 'as high as wide')])
def test_a_path_that_tells_nothing_of_up_is_left_to_the_images(
        motion: Motion, expected: str) -> None:
    dataset, walk = reconstruct(motion)
    keyframes = keyframes_of(dataset, [walk])
    with pytest.raises(InputError, match=expected):
        up_from_path(keyframes)
    found = estimate_up(keyframes)
    assert found.source == 'images'
    assert expected in found.note
    assert error_deg(found.direction, 0) < 3 * found.sigma_deg


def test_cameras_that_all_look_one_way_have_a_mean_up() -> None:
    t = motion_times(20, 10)
    zero = np.zeros_like(t)
    motion = Motion(t, np.column_stack([t, zero, zero]), optical_rotations(zero, zero + 0.1, zero))
    dataset, walk = reconstruct(motion)
    found = up_from_images(keyframes_of(dataset, [walk]))
    assert 'slant' in found.note
    assert error_deg(found.direction, 0) == pytest.approx(np.degrees(0.1), abs=0.5)
    assert found.sigma_deg >= 5


def test_the_inertial_unit_comes_before_the_path() -> None:
    motion = walk_about(0, 60, 100)
    tilted = Motion(motion.times_s, motion.positions_m + np.outer(
        motion.positions_m[:, 0] * np.tan(np.radians(5)), (0, 0, 1)), motion.rotations)
    dataset, walk = reconstruct(tilted)
    assert error_deg(estimate_up(keyframes_of(dataset, [walk])).direction, 0) > 4
    walk = with_imu(walk, tilted, 0, ImuNoise(rate_hz=100))
    found = estimate_up(keyframes_of(dataset, [walk]))
    assert found.source == 'imu'
    assert error_deg(found.direction, 0) < 0.3


@pytest.mark.parametrize('pitch_deg', [0, 30, -90])
def test_the_natural_frame(pitch_deg: float) -> None:
    """The first image is at the origin, z is up, x where it looks, also from above."""
    rotation = optical_rotations(*np.radians([[40.0], [pitch_deg], [0.0]]))[0]
    first = any_similarity(1).apply_to_pose(Pose.from_rotation(rotation, (3, 4, 5)))
    up = UpEstimate(any_similarity(1).rigid.rotation @ (0, 0, 1), 0.1, 'imu')
    found = natural_frame(first, up, 2.0)
    moved = found.apply_to_pose(first)
    np.testing.assert_allclose(moved.translation_m, 0, atol=1e-9)
    np.testing.assert_allclose(found.rigid.rotation @ up.direction, (0, 0, 1), atol=1e-9)
    turn = np.radians(40)
    level = np.array([[np.cos(turn), np.sin(turn), 0], [-np.sin(turn), np.cos(turn), 0],
                      [0, 0, 1]])
    np.testing.assert_allclose(moved.rotation, level @ rotation, atol=1e-6)
    assert found.scale == 2


def check_whole(found: Similarity, seed: int) -> None:
    """Check that a map is the true one turned about z and shifted: in metres, upright."""
    back = found @ any_similarity(seed)
    assert back.scale == pytest.approx(1, abs=0.005)
    assert back.rigid.rotation[2, 2] > np.cos(np.radians(0.3))


def test_a_metric_frame_by_odometry_and_imu() -> None:
    motion = walk_about(4, 60, 100)
    dataset, walk = reconstruct(motion, 4)
    walk = with_imu(with_odometry(walk, motion, 4, OdometryNoise(10)), motion, 4, ImuNoise(100))
    found = find_metric_frame(dataset, [walk], scale_request(['odometry']))
    check_whole(found.map_from_reconstruction, 4)
    assert found.metric
    lines = found.describe()
    assert lines[0].startswith('scale by odometry: 2.7')
    assert lines[1].startswith('up by imu: +- 0.1')


def test_without_any_source_the_map_has_no_scale() -> None:
    dataset, walk = reconstruct(walk_about(4, 60, 10), 4)
    found = find_metric_frame(dataset, [walk])
    assert not found.metric
    assert found.describe()[-1] == NO_SCALE
    assert found.map_from_reconstruction.scale == 1
    first = move_dataset(dataset, found.map_from_reconstruction).samples[0].map_from_camera
    np.testing.assert_allclose(first.translation_m, 0, atol=1e-9)


def write_frame(file: Path, motion: Motion, names: list[str], outliers: int = 0) -> Path:
    """Write the true poses of every third image."""
    rows = [(name, Pose.from_rotation(motion.rotations[i], motion.positions_m[i]))
            for name, i in zip(names, motion.every(2.5), strict=True)][::3]
    for index in range(outliers):
        rows[5 * index] = rows[5 * index][0], Pose(np.array([40.0, index, 2]))
    write_cambridge(file, rows)
    return file


@pytest.mark.parametrize('rigid', [False, True])
def test_an_existing_frame(tmp_path: Path, rigid: bool) -> None:
    motion = walk_about(6, 60, 10)
    dataset, walk = reconstruct(motion, 6)
    file = write_frame(tmp_path / 'frame.txt', motion, [s.name for s in dataset.samples], 3)
    walk = with_odometry(walk, motion, 6, OdometryNoise(10, sigma_m=0.001))
    request = scale_request(['odometry']) if rigid else None
    found = find_metric_frame(dataset, [walk], request, file)
    assert found.alignment is not None
    assert (found.alignment.frame_from_reconstruction.scale == 1) == rigid
    assert found.alignment.outliers >= 3
    assert 0.005 < found.alignment.rmse_m < 0.03
    assert found.metric
    moved = move_dataset(dataset, found.map_from_reconstruction)
    for s, index in zip(moved.samples, motion.every(2.5), strict=True):
        assert np.linalg.norm(
            s.map_from_camera.translation_m - motion.positions_m[index]) < 0.06
        true = Pose.from_rotation(motion.rotations[index])
        assert np.degrees(rotation_angle_rad(s.map_from_camera.quat_xyzw, true.quat_xyzw)) < 0.3
    assert ('rigid' if rigid else 'similarity') in found.describe()[1]


def test_common_cameras_on_a_line_take_the_roll_of_their_orientations(tmp_path: Path) -> None:
    motion = straight_walk()
    dataset, walk = reconstruct(motion, 7)
    file = write_frame(tmp_path / 'frame.txt', motion, [s.name for s in dataset.samples])
    found = align_with_frame(dataset, [walk], file)
    assert 'line' in found.note
    back = found.frame_from_reconstruction @ any_similarity(7)
    np.testing.assert_allclose(back.rigid.rotation, np.eye(3), atol=0.003)
    assert found.frame_from_reconstruction.scale == pytest.approx(1 / UNITS_PER_M, rel=0.005)


def test_a_frame_without_common_images(tmp_path: Path) -> None:
    motion = walk_about(6, 20, 10)
    dataset, walk = reconstruct(motion, 6)
    file = write_frame(tmp_path / 'frame.txt', motion, [f'b/x{s.name[6:]}'
                                                        for s in dataset.samples])
    with pytest.raises(InputError, match=r'0 of them common'):
        find_metric_frame(dataset, [walk], frame=file)
    file.write_text('1 0 0 0 0 1 0 0 0 0 1 0\n')
    with pytest.raises(InputError, match='names'):
        find_metric_frame(dataset, [replace(walk)], frame=file)
