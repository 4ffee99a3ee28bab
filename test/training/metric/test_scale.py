"""The scale by each source, over twenty walks, its error, and what cannot be used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from posenet_ros.datasets.pose_files import write_cambridge, write_tum
from posenet_ros.errors import InputError
from posenet_ros.geometry.pose import Pose
from posenet_ros.geometry.similarity import Similarity
from posenet_ros.training.data.datasets import Dataset
from posenet_ros.training.data.walk import Walk
from posenet_ros.training.metric.keyframes import keyframes_of
from posenet_ros.training.metric.options import scale_request, ScaleSource
from posenet_ros.training.metric.results import ScaleEstimate
from posenet_ros.training.metric.scale import best_estimate, choose_scale, contradictions
from posenet_ros.training.metric.sources.gnss import scale_from_gnss
from posenet_ros.training.metric.sources.inertial import align_inertial
from posenet_ros.training.metric.sources.known import (
    scale_from_distance,
    scale_from_points,
    scale_from_poses,
)
from posenet_ros.training.metric.sources.trajectory import scale_from_trajectories
from posenet_ros.training.scene.sensors.options import GnssNoise, ImuNoise, OdometryNoise
from posenet_ros.training.scene.sensors.simulation import Motion, motion_times
import pytest

from .tracks import (
    any_similarity,
    optical_rotations,
    reconstruct,
    UNITS_PER_M,
    walk_about,
    with_gnss,
    with_imu,
    with_odometry,
)

SEEDS = range(20)
IMU = ImuNoise(rate_hz=100.0)
ODOMETRY = OdometryNoise(rate_hz=5.0)


def relative_error(found: ScaleEstimate) -> float:
    return found.factor * UNITS_PER_M - 1


def by_odometry(dataset: Dataset, *walks: Walk) -> ScaleEstimate:
    return scale_from_trajectories(
        keyframes_of(dataset, walks), [w.odometry for w in walks], ScaleSource.ODOMETRY)


def check_errors(found: list[ScaleEstimate], limit: float) -> None:
    """Check that the errors are small, and those that the estimates say."""
    errors = np.array([relative_error(e) for e in found])
    sigmas = np.array([e.relative_sigma for e in found])
    assert np.abs(errors).max() < limit
    assert np.abs(errors / sigmas).max() < 4
    assert 0.5 < np.sqrt(np.mean((errors / sigmas) ** 2)) < 1.6


def test_odometry_of_one_percent_of_random_drift() -> None:
    found = []
    for seed in SEEDS:
        motion = walk_about(seed, 60, 10)
        dataset, walk = reconstruct(motion, seed)
        found.append(by_odometry(dataset, with_odometry(walk, motion, seed, ODOMETRY)))
    check_errors(found, 0.005)


def test_a_biased_odometry_looks_like_a_good_one_and_the_note_says_so() -> None:
    motion = walk_about(0, 60, 10)
    dataset, walk = reconstruct(motion)
    found = by_odometry(dataset, with_odometry(walk, motion, 0, replace(ODOMETRY, bias=0.05)))
    assert relative_error(found) == pytest.approx(0.05, abs=0.005)
    assert found.relative_sigma < 0.005
    assert 'cannot be seen' in found.note


def test_wheels_that_slip_in_a_fifth_of_the_walk_do_little() -> None:
    motion = walk_about(1, 60, 10)
    dataset, walk = reconstruct(motion, 1)
    walk = with_odometry(walk, motion, 1, ODOMETRY)
    positions = walk.odometry.positions_m.copy()
    steps = np.diff(positions, axis=0)
    steps[100:160] *= 3  # 12 of 60 s
    positions[1:] = positions[0] + np.cumsum(steps, axis=0)
    slipping = replace(walk, odometry=replace(walk.odometry, positions_m=positions))
    assert relative_error(by_odometry(dataset, slipping)) == pytest.approx(0, abs=0.01)


def test_two_walks_count_together() -> None:
    similarity = any_similarity(3)
    parts = []
    for name, seed in (('a', 3), ('b', 4)):
        motion = walk_about(seed, 40, 10)
        dataset, walk = reconstruct(motion, seed, name=name, reconstruction_from_map=similarity)
        parts.append((dataset, with_odometry(walk, motion, seed, ODOMETRY)))
    whole = replace(parts[0][0], samples=parts[0][0].samples + parts[1][0].samples)
    alone = by_odometry(*parts[0])
    both = by_odometry(whole, parts[0][1], parts[1][1])
    assert both.relative_sigma < 0.9 * alone.relative_sigma
    assert abs(relative_error(both)) < 0.005


def test_satellites_of_a_metre_and_a_half() -> None:
    """On a lawn of 18 m the noise alone is 0.9 %, on one of 60 m a third of it."""
    small, large = [], []
    for seed in SEEDS:
        for size, found in (((9.0, 6.0), small), ((30.0, 20.0), large)):
            motion = walk_about(seed, 120, 10, size)
            dataset, walk = reconstruct(motion, seed)
            found.append(scale_from_gnss(
                keyframes_of(dataset, [with_gnss(walk, motion, seed, GnssNoise(rate_hz=2.5))])))
    check_errors(small, 0.04)
    check_errors(large, 0.02)
    assert np.sqrt(np.mean([relative_error(e) ** 2 for e in small])) < 0.02


def test_satellites_whose_errors_drift_are_believed_less() -> None:
    motion = walk_about(5, 120, 10, (30.0, 20.0))
    dataset, walk = reconstruct(motion, 5)
    white = with_gnss(walk, motion, 5)
    random = np.random.default_rng(5)
    drift = np.cumsum(random.normal(0, 0.15, white.gnss.positions_m.shape), axis=0)
    drifting = replace(white, gnss=replace(
        white.gnss, positions_m=motion.positions_m[motion.every(5)] + drift))
    sigmas = [scale_from_gnss(keyframes_of(dataset, [w])).relative_sigma
              for w in (white, drifting)]
    assert sigmas[1] > 3 * sigmas[0]


def straight_walk(duration_s: float = 60.0, rate_hz: float = 10.0) -> Motion:
    t = motion_times(duration_s, rate_hz)
    zero = np.zeros_like(t)
    return Motion(t, np.column_stack([1.3 * t, zero, zero + 1.6]),
                  optical_rotations(0.2 * np.sin(t), zero, zero))


def test_a_straight_walk_has_a_scale_by_satellites_and_a_note() -> None:
    motion = straight_walk()
    dataset, walk = reconstruct(motion)
    found = scale_from_gnss(keyframes_of(dataset, [with_gnss(walk, motion, 0)]))
    assert relative_error(found) == pytest.approx(0, abs=0.02)
    assert 'roll' in found.note
    turning = walk_about(0, 60, 10)
    dataset, walk = reconstruct(turning)
    assert 'roll' not in scale_from_gnss(
        keyframes_of(dataset, [with_gnss(walk, turning, 0)])).note


def test_a_consumers_inertial_unit() -> None:
    """Biases, noise and a lever that nobody has measured: the scale within half a percent."""
    scales, ups = [], []
    for seed in SEEDS:
        motion = walk_about(seed, 60, 100)
        dataset, walk = reconstruct(motion, seed)
        found = align_inertial(keyframes_of(dataset, [with_imu(walk, motion, seed, IMU)]))
        scales.append(found.scale())
        up = any_similarity(seed).rigid.rotation @ (0, 0, 1)
        ups.append(np.degrees(np.arccos(np.clip(found.up().direction @ up, -1, 1))))
        assert ups[-1] < 4 * found.up().sigma_deg
        assert found.gravity_m_s2 == pytest.approx(9.81, abs=0.3)
    check_errors(scales, 0.008)
    assert max(ups) < 0.1


def test_an_inertial_unit_in_one_direction_says_how_little_it_knows_of_up() -> None:
    """Without turns a bias is like gravity: the error that is said covers it."""
    motion = straight_walk(60, 100)
    dataset, walk = reconstruct(motion)
    noise = replace(IMU, acceleration_bias=0.3)
    found = align_inertial(keyframes_of(dataset, [with_imu(walk, motion, 0, noise)])).up()
    up = any_similarity(0).rigid.rotation @ (0, 0, 1)
    error = np.degrees(np.arccos(np.clip(found.direction @ up, -1, 1)))
    assert found.sigma_deg > 0.5
    assert error < 3 * found.sigma_deg


def test_the_bias_of_an_accelerometer_is_found() -> None:
    motion = walk_about(0, 60, 100)
    dataset, walk = reconstruct(motion)
    walk = with_imu(walk, motion, 0, replace(IMU, acceleration_bias=0.0))
    bias = np.array([0.2, -0.15, 0.1])
    walk = replace(walk, imu=replace(walk.imu, accelerations=walk.imu.accelerations + bias))
    found = align_inertial(keyframes_of(dataset, [walk]))
    np.testing.assert_allclose(found.biases[0, [0, 2]], bias[[0, 2]], atol=0.02)
    assert abs(found.biases[0, 1] - bias[1]) < 0.3  # upwards it is hidden by gravity


def test_accelerations_without_gravity_are_no_accelerometers() -> None:
    motion = walk_about(0, 30, 100)
    dataset, walk = reconstruct(motion)
    walk = with_imu(walk, motion, 0, IMU)
    walk = replace(walk, imu=replace(walk.imu, accelerations=walk.imu.accelerations / 9.81))
    with pytest.raises(InputError, match='hold gravity'):
        align_inertial(keyframes_of(dataset, [walk]))


def test_a_distance() -> None:
    errors = []
    for seed in SEEDS:
        motion = walk_about(seed, 60, 10, (20.0, 15.0))
        dataset, _ = reconstruct(motion, seed)
        chosen = motion.every(2.5)
        far = int(np.linalg.norm(motion.positions_m[chosen] - motion.positions_m[chosen[0]],
                                 axis=1).argmax())
        true_m = float(np.linalg.norm(
            motion.positions_m[chosen[far]] - motion.positions_m[chosen[0]]))
        names = dataset.samples[0].name, dataset.samples[far].name.partition('/')[2]
        errors.append(relative_error(scale_from_distance(dataset, names, true_m)))
    assert np.abs(errors).max() < 0.001


@pytest.mark.parametrize(('images', 'expected'), [
    (('walk1/00000.jpg', 'other.jpg'), 'which has none'),
    (('walk1/00000.jpg', 'walk1/00000.jpg'), 'different places')])
def test_a_distance_of_nothing(images: tuple[str, str], expected: str) -> None:
    dataset, _ = reconstruct(walk_about(0, 10, 10))
    with pytest.raises(InputError, match=expected):
        scale_from_distance(dataset, images, 2.0)


def write_points(file: Path, dataset: Dataset, similarity: Similarity, points: np.ndarray) -> Path:
    """Write where the images show surveyed points."""
    rows = ['WGS84 UTM 30N']
    random = np.random.default_rng(1)
    for point in points:
        for s in dataset.samples:
            inside = s.map_from_camera.inverse().apply(similarity.apply(point))
            u, v = dataset.camera.project(inside[None])[0] + random.normal(0, 0.5, 2)
            if 0 <= u < 640 and 0 <= v < 480:
                rows.append(f'{point[0]} {point[1]} {point[2]} {u:.3f} {v:.3f} {s.name}')
    file.write_text('\n'.join(rows))
    return file


def test_surveyed_points(tmp_path: Path) -> None:
    motion = walk_about(2, 60, 10)
    dataset, _ = reconstruct(motion, 2)
    points = np.array([(-8.0, 15, 2), (9, 15, 6), (1, 15, 1), (15, 8, 3), (-2, 15, 9)])
    for count, limit in ((5, 0.003), (2, 0.005)):
        file = write_points(tmp_path / 'points.txt', dataset, any_similarity(2), points[:count])
        found = scale_from_points(dataset, file)
        assert abs(relative_error(found)) < limit
        assert abs(relative_error(found)) < 4 * found.relative_sigma
    (tmp_path / 'bad.txt').write_text('1 2 3 4\n')
    for text, expected in (('1 2 3 4 5 a.jpg\n1 2 x', 'bad.txt:2: expected X Y Z'),
                           ('1 2 3 4 5 a.jpg\n', 'two points')):
        (tmp_path / 'bad.txt').write_text(text)
        with pytest.raises(InputError, match=expected):
            scale_from_points(dataset, tmp_path / 'bad.txt')


@pytest.mark.parametrize('by', ['name', 'stamp'])
def test_known_poses(tmp_path: Path, by: str) -> None:
    motion = walk_about(2, 60, 10)
    dataset, walk = reconstruct(motion, 2)
    true = [Pose(motion.positions_m[i]) for i in motion.every(2.5)][:20]
    true[4] = Pose(np.array([50.0, 0, 0]))  # somebody mistook a row
    file = tmp_path / 'poses.txt'
    if by == 'name':
        write_cambridge(file, [(s.name.partition('/')[2], pose) for s, pose
                               in zip(dataset.samples, true, strict=False)])
    else:
        write_tum(file, [(image.stamp_ns, pose) for image, pose
                         in zip(walk.images, true, strict=False)])
    found = scale_from_poses(dataset, [walk], file)
    assert abs(relative_error(found)) < 0.005
    write_cambridge(tmp_path / 'else.txt', [(f'walk2/{s.name[6:]}', pose) for s, pose
                                            in zip(dataset.samples, true, strict=False)])
    with pytest.raises(InputError, match='0 of them common'):  # of another walk
        scale_from_poses(dataset, [], tmp_path / 'else.txt')


def odometry_of_another_clock(walk: Walk, motion: Motion) -> Walk:
    walk = with_odometry(walk, motion, 0, ODOMETRY)
    return replace(walk, odometry=replace(walk.odometry,
                                          stamps_ns=walk.odometry.stamps_ns - 10**18))


@pytest.mark.parametrize(('spoil', 'words', 'expected'), [
    (odometry_of_another_clock, 'odometry', 'in the clock of the images'),
    (lambda walk, motion: walk, 'odometry', 'needs a walk with odometry'),
    (lambda walk, motion: walk, 'imu', 'needs a walk with an IMU'),
    (lambda walk, motion: walk, 'gnss', 'no reception'),
    (lambda walk, motion: walk, 'stereo', 'needs right images'),
    (lambda walk, motion: walk, 'depth', 'needs depth images'),
    (lambda walk, motion: replace(with_odometry(walk, motion, 0, ODOMETRY),
                                  images=walk.images[:2]), 'odometry', 'along a path'),
    (lambda walk, motion: replace(with_imu(walk, motion, 0, IMU), images=walk.images[:7]), 'imu',
     'two windows'),
    (lambda walk, motion: with_gnss(walk, motion, 0, GnssNoise(sigma_m=40)), 'gnss',
     'known to 10 %')])
def test_what_cannot_be_used(
        spoil: Callable[[Walk, Motion], Walk], words: str, expected: str) -> None:
    motion = walk_about(0, 20, 100)
    dataset, walk = reconstruct(motion)
    walk = spoil(walk, motion)
    with pytest.raises(InputError, match=expected) as caught:
        choose_scale(dataset, [walk], scale_request([words]))
    assert '\n' not in str(caught.value)
    choice = choose_scale(dataset, [walk])  # unasked it is only told
    assert choice.chosen is None
    assert len(choice.notes) <= 1


def test_the_best_recorded_source_is_chosen_and_those_that_contradict_are_told() -> None:
    motion = walk_about(0, 60, 100)
    dataset, walk = reconstruct(motion)
    good = with_gnss(with_odometry(walk, motion, 0, ODOMETRY), motion, 0)
    choice = choose_scale(dataset, [good])
    assert choice.chosen is not None
    assert choice.chosen.source == ScaleSource.ODOMETRY
    assert [e.source for e in choice.others] == [ScaleSource.GNSS]
    assert choice.notes == ()
    wrong = with_odometry(good, motion, 0, replace(ODOMETRY, bias=0.15))
    choice = choose_scale(dataset, [with_imu(wrong, motion, 0, IMU)])
    assert choice.chosen is not None
    assert choice.chosen.source == ScaleSource.ODOMETRY
    assert sum('the scale by odometry is 1' in note for note in choice.notes) == 2
    noisy = with_odometry(good, motion, 0, replace(ODOMETRY, sigma_m=0.3))
    better = choose_scale(dataset, [with_imu(noisy, motion, 0, IMU)])
    assert better.chosen is not None
    assert better.chosen.source != ScaleSource.ODOMETRY
    asked = choose_scale(dataset, [wrong], scale_request(['odometry']))
    assert asked.chosen is not None
    assert asked.chosen.source == ScaleSource.ODOMETRY
    assert len(asked.notes) == 1


def test_of_similar_errors_the_usual_order_decides() -> None:
    odometry = ScaleEstimate(1.0, 0.001, ScaleSource.ODOMETRY)  # and 1 % of calibration
    for sigma, expected in ((0.009, ScaleSource.ODOMETRY), (0.004, ScaleSource.GNSS)):
        gnss = ScaleEstimate(1.0, sigma, ScaleSource.GNSS)
        assert best_estimate([gnss, odometry]).source == expected


def test_contradictions_need_three_standard_errors() -> None:
    a = ScaleEstimate(1.0, 0.01, ScaleSource.POINTS)
    for factor, told in ((1.03, 0), (1.05, 1), (0.95, 1)):
        assert len(contradictions([a, ScaleEstimate(factor, 0.01, ScaleSource.POSES)])) == told


@pytest.mark.parametrize('words', [
    [], ['wheels'], ['odometry', 'more'], ['points'], ['distance', 'a', 'b'],
    ['distance', 'a', 'b', '-1'], ['distance', 'a', 'b', 'far'], ['frame']])
def test_words_that_are_no_scale(words: list[str]) -> None:
    with pytest.raises(InputError, match='scale-from'):
        scale_request(words)


def test_words_that_are_a_scale() -> None:
    assert scale_request(['tf']).source == ScaleSource.TF
    assert scale_request(['points', 'a.txt']).file == Path('a.txt')
    found = scale_request(['distance', 'a', 'b', '2.5'])
    assert (found.images, found.distance_m) == (('a', 'b'), 2.5)
