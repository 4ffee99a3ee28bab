"""Seeded mistakes are named, and nothing good is blamed: on points, without an image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.datasets.pose_files import write_cambridge
from posenet_ros.geometry.lie import so3_exp
from posenet_ros.geometry.pose import Pose
from posenet_ros.training.checks.consistency import check_sample, ConsistencyCheck
from posenet_ros.training.checks.epipolar import EpipolarFit, Poses, shifted
from posenet_ros.training.checks.hypotheses import BODY, Mistake, OPENGL, roll_quaternions
from posenet_ros.training.checks.options import CheckOptions
from posenet_ros.training.checks.scale_jumps import depths
from posenet_ros.training.data.datasets import read_dataset
from posenet_ros.training.make_dataset import main
import pytest
from training_helpers import LARGE_CAMERA, write_wall_dataset

from .scene import CAMERA, IMAGES, moved, observe, two_walks

POSES = two_walks()
SAMPLE = observe(POSES)
OPTIONS = CheckOptions()


def check(poses: Poses = POSES, move: Callable[[Floats], Floats] | None = None,
          images: Callable[[int], bool] = lambda _: True) -> ConsistencyCheck:
    sample = SAMPLE if move is None else moved(SAMPLE, move, images)
    return check_sample(sample, poses, CAMERA, OPTIONS)


def late(images: float) -> Poses:
    """Return the poses of some images later, at the ends of walks those of the end."""
    found = shifted(POSES, SAMPLE.walks, images)
    known = np.isfinite(found.positions_m[:, :1])
    return Poses(np.where(known[..., np.newaxis], found.rotations, POSES.rotations),
                 np.where(known, found.positions_m, POSES.positions_m))


def stretched(first: int, last: int, ratio: float) -> Poses:
    """Return positions that are stretched from one image on, up to another."""
    positions = POSES.positions_m.copy()
    positions[first:last] = positions[first] + ratio * (positions[first:last] - positions[first])
    return Poses(POSES.rotations, positions)


WITH_POSES = [
    (Mistake.INVERSE, POSES.inverse()),
    (Mistake.INVERSE, Poses(POSES.inverse().rotations, POSES.positions_m)),
    (Mistake.INVERSE, Poses(POSES.rotations, POSES.inverse().positions_m)),
    (Mistake.QUATERNION, roll_quaternions(POSES, 1)),
    (Mistake.QUATERNION, roll_quaternions(POSES, -1)),
    (Mistake.QUATERNION, roll_quaternions(POSES.inverse(), 1).inverse()),
    (Mistake.AXES, POSES.compose(OPENGL)),
    (Mistake.AXES, POSES.compose(np.diag([-1.0, 1, -1]))),
    (Mistake.FRAME, POSES.compose(BODY.T)),
    (Mistake.FRAME, POSES.compose(so3_exp([0.3, 0.5, -1.0]), np.array([0.2, 0.1, 0.3]))),
    (Mistake.FRAME, POSES.compose(BODY.T @ so3_exp([0, 0.26, 0]))),
    (Mistake.STAMPS, late(1)), (Mistake.STAMPS, late(-2)),
    (Mistake.SCALE, stretched(7, IMAGES, 1.5)), (Mistake.SCALE, stretched(22, 2 * IMAGES, 0.7)),
    (Mistake.SCALE, Poses(POSES.rotations, POSES.positions_m * np.repeat(
        [1, 1.4], IMAGES)[:, np.newaxis]))]
OF_IMAGES: list[tuple[Mistake, Callable[[Floats], Floats], Callable[[int], bool]]] = [
    (Mistake.FOCAL_LENGTH, lambda points: points * 1.15, lambda _: True),
    (Mistake.FOCAL_LENGTH, lambda points: points * 0.8, lambda _: True),
    (Mistake.MIRRORED, lambda points: points * (-1, 1), lambda _: True),
    (Mistake.MIRRORED, lambda points: points * (1, -1), lambda _: True),
    (Mistake.ROTATED, lambda points: -points, lambda _: True),
    (Mistake.ROTATED, lambda points: points[:, ::-1] * (1, -1), lambda _: True),
    (Mistake.ROTATED, lambda points: points[:, ::-1] * (-1, 1), lambda _: True),
    (Mistake.MIXED, lambda points: points * 1.3, lambda image: image >= IMAGES),
    (Mistake.MIXED, lambda points: points * 0.75, lambda image: image % 3 == 0)]


def test_what_is_consistent_is_not_blamed() -> None:
    found = check()
    assert found.finding is None
    assert found.error_px is not None
    assert 0.1 < found.error_px < 0.6
    assert 'are consistent: median epipolar error 0.' in found.describe()


@pytest.mark.parametrize('seed', range(4))
def test_other_noise_is_not_blamed_either(seed: int) -> None:
    sample = observe(POSES, seed + 1)
    assert check_sample(sample, POSES, CAMERA, OPTIONS).finding is None


@pytest.mark.parametrize(('mistake', 'poses'), WITH_POSES)
def test_a_mistake_of_the_poses_is_named(mistake: Mistake, poses: Poses) -> None:
    finding = check(poses).finding
    assert finding is not None
    assert finding.mistake is mistake, finding


@pytest.mark.parametrize(('mistake', 'move', 'images'), OF_IMAGES)
def test_a_mistake_of_images_or_camera_is_named(
        mistake: Mistake, move: Callable[[Floats], Floats],
        images: Callable[[int], bool]) -> None:
    finding = check(move=move, images=images).finding
    assert finding is not None
    assert finding.mistake is mistake, finding


def test_details_and_figures_are_told() -> None:
    text = check(move=lambda points: points * 1.15).describe()
    assert 'wrong focal length: 230 px fit better than 200 px (factor 1.15)' in text
    assert 'px as given, 0.' in text
    assert 'each image fits the pose of 2 images earlier' in check(late(2)).describe()
    rotation = so3_exp([0, 0, np.radians(20)])
    assert 'a constant rotation of 20.' in check(POSES.compose(rotation)).describe()
    detail = check(move=lambda points: points * 1.3, images=lambda i: i >= IMAGES).describe()
    assert '50 % of the images have a focal length of about 2' in detail
    assert f'image {IMAGES + 1} is the first' in detail


def test_equal_explanations_are_told_by_the_simplest() -> None:
    finding = check(move=lambda points: -points).finding
    assert finding is not None
    assert finding.detail == 'by 180 degrees'


def test_shifted_poses_are_those_of_later_images() -> None:
    found = shifted(POSES, SAMPLE.walks, 1)
    np.testing.assert_allclose(found.positions_m[3], POSES.positions_m[4])
    np.testing.assert_allclose(found.rotations[3], POSES.rotations[4])
    assert np.isnan(found.positions_m[IMAGES - 1]).all()  # the next one is of the other walk
    half = shifted(POSES, SAMPLE.walks, -0.5)
    np.testing.assert_allclose(half.positions_m[4], POSES.positions_m[3:5].mean(axis=0))


def test_poses_of_other_images_fit_no_known_mistake() -> None:
    order = np.random.default_rng(0).permutation(2 * IMAGES)
    finding = check(Poses(POSES.rotations[order], POSES.positions_m[order])).finding
    assert finding is not None
    assert finding.mistake is Mistake.UNKNOWN


def test_walks_in_different_frames_are_told() -> None:
    second = np.arange(2 * IMAGES) >= IMAGES
    positions = POSES.positions_m + second[:, np.newaxis] * (0, 5, 3)
    finding = check(Poses(POSES.rotations, positions)).finding
    assert finding is not None
    assert 'the same places seen again do not' in finding.detail


def test_too_few_pairs_are_not_checked() -> None:
    found = check_sample(replace(SAMPLE, pairs=SAMPLE.pairs[:3]), POSES.inverse(), CAMERA, OPTIONS)
    assert found.finding is None
    assert 'too few images match' in found.describe()


def test_a_camera_that_stands_still_gives_no_verdict() -> None:
    still = Poses(POSES.rotations, np.zeros_like(POSES.positions_m))
    assert check_sample(SAMPLE, still, CAMERA, OPTIONS).error_px is None


def test_the_error_is_the_distance_to_the_epipolar_line() -> None:
    poses = Poses(np.stack([np.eye(3)] * 2), np.array([[0.0, 0, 0], [1, 0, 0]]))  # rows are lines
    sample = replace(SAMPLE, pairs=[replace(SAMPLE.pairs[0], first=0, second=1,
                                            keypoints=np.array([[0, 0], [1, 1]]))], features={
        i: SAMPLE.features[0]._replace(points_normalized=np.array([[0.1, 0.2], [x, 0.0]]))
        for i, x in ((0, 0.3), (1, 0.2))})
    sample = moved(sample, lambda points: points + np.array([0, 0.01]), lambda image: image == 1)
    errors = EpipolarFit(sample, 1.0).errors_px(poses)
    np.testing.assert_allclose(np.abs(errors), 0.01 * CAMERA.fx)


def test_depths_are_those_of_the_points() -> None:
    points = np.array([[0.3, -0.2, 4.0], [-0.5, 0.1, 6.0], [0, 0, -5.0]])
    turn, step = so3_exp([0.02, -0.1, 0.03]), np.array([0.5, 0.1, -0.2])
    others = points @ turn.T + step
    found = depths(points[:, :2] / points[:, 2:], others[:, :2] / others[:, 2:], turn, step)
    np.testing.assert_allclose(found[:2], [4, 6])
    assert np.isnan(found[2])  # behind the camera


def test_the_command_checks_a_dataset(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / 'wall'
    write_wall_dataset(data, 2, 8, camera=LARGE_CAMERA)
    assert main(['--check', str(data)]) == 0
    assert 'consistent' in capsys.readouterr().out
    dataset = read_dataset(data, 'train')
    opengl = Poses(np.array([s.map_from_camera.rotation for s in dataset.samples]),
                   dataset.positions_m).compose(OPENGL)
    write_cambridge(data / 'dataset_train.txt', [
        (sample.name, Pose.from_rotation(rotation, position)) for sample, rotation, position in
        zip(dataset.samples, *opengl, strict=True)])
    assert main(['--check', str(data)]) == 1
    assert 'another convention of axes: camera axes of OpenGL' in capsys.readouterr().out


@pytest.mark.parametrize('words', [['--bag', 'a', '--pose', '/p'], ['--bag', 'a', '--out', 'b']])
def test_a_conversion_needs_an_output_and_poses(
        words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(words)
    assert 'required' in capsys.readouterr().err
