"""The sensors of a scene: what they measure, their files, and their way through a bag."""

from __future__ import annotations

from dataclasses import replace
import json
from pathlib import Path

import cv2
import numpy as np
from posenet_ros.datasets.pose_files import write_cambridge
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.geodesy import enu_from_geodetic, geodetic_from_enu
from posenet_ros.geometry.pose import Pose
from posenet_ros.geometry.trajectory import Trajectory
from posenet_ros.ros_data.bag_reader import BagReader
from posenet_ros.training.data.walk import Walk
from posenet_ros.training.make_bag import main
from posenet_ros.training.scene.parts.structure import Court
from posenet_ros.training.scene.rendering.renderer import Canvas, draw_surfaces, View
from posenet_ros.training.scene.sensors.files import read_walk, SensorFiles, write_sensors
from posenet_ros.training.scene.sensors.options import (
    GnssNoise,
    ImuNoise,
    OdometryNoise,
    SensorOptions,
)
from posenet_ros.training.scene.sensors.pictures import depth_image
from posenet_ros.training.scene.sensors.simulation import (
    Motion,
    simulate_gnss,
    simulate_imu,
    simulate_odometry,
)
from posenet_ros.training.scene.sequence import SequenceRenderer
from posenet_ros.training.scene.settings import Settings
from posenet_ros.training.scene.walks import optical_rotation, walks
from posenet_ros.training.scene.walks import Walk as ScenePath
from posenet_ros.training.sources.bags.options import BagOptions
from posenet_ros.training.sources.bags.walk import read_bag
import pytest

from .test_scene import board, flat

CAMERA = Camera(80, 60, 60.0, 60.0, 39.5, 29.5)
OPTIONS = SensorOptions(0, OdometryNoise(10.0), ImuNoise(50.0), GnssNoise(2.0),
                        stereo_baseline_m=0.12, depth=True)
PERFECT_IMU = ImuNoise(200.0, 0, 0, 0, 0, (0, 0, 0))


def path() -> ScenePath:
    """Return a walk of the scene, of three seconds."""
    return replace(walks(24, 0)[0], frames=8)


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """Return a scene of noise instead of pictures, with all sensors of two walks."""
    folder = tmp_path / 'court'
    random = np.random.default_rng(0)
    rows = []
    for walk in (path(), replace(path(), name='seq2')):
        files = SensorFiles(folder, walk.name)
        for part in (folder / walk.name, files.folder / 'right', files.folder / 'depth'):
            part.mkdir(parents=True)
        names = [f'frame{i:05d}.jpg' for i in range(walk.frames)]
        for index, name in enumerate(names):
            image = random.integers(0, 256, (60, 80, 3), np.uint8)
            for file in (folder / walk.name / name, files.right(name)):
                cv2.imwrite(str(file), image)
            depth = random.integers(0, 20000, (60, 80)).astype(np.uint16)
            cv2.imwrite(str(files.depth(name)), depth)
            rows.append((f'{walk.name}/{name}', walk.pose(walk.time_s(index))))
        write_sensors(files, walk, names, OPTIONS, 0)
    write_cambridge(folder / 'dataset_train.txt', rows)
    (folder / 'camera.json').write_text(json.dumps(CAMERA.to_mapping()))
    (folder / 'scene.json').write_text(json.dumps(
        {'sensors': {'stereo_baseline_m': OPTIONS.stereo_baseline_m}}))
    return folder


def test_an_inertial_unit_without_noise_brings_the_motion_back() -> None:
    """Integrated from the true start, its samples end where the walk does."""
    walk = path()
    motion = Motion.from_poses(walk.pose, 3.0, 200.0)
    imu = simulate_imu(motion, PERFECT_IMU, np.random.default_rng(0))
    pose, step = walk.pose, 1 / 200
    velocity = (pose(0.01).translation_m - pose(-0.01).translation_m) / 0.02
    position, rotation = pose(0).translation_m, pose(0).rotation
    for force, rate in zip(imu.accelerations[:-1], imu.turn_rates[:-1], strict=True):
        acceleration = rotation @ force - (0, 0, 9.80665)
        position = position + step * velocity + step ** 2 / 2 * acceleration
        velocity = velocity + step * acceleration
        rotation = rotation @ cv2.Rodrigues(rate * step)[0]
    end = pose(imu.stamps_ns[-1] / 1e9)
    np.testing.assert_allclose(position, end.translation_m, atol=0.03)
    np.testing.assert_allclose(rotation, end.rotation, atol=0.01)


def test_a_unit_at_rest_shows_gravity_upwards() -> None:
    still = Motion.from_poses(lambda _: Pose.from_rotation(optical_rotation(30, 0, 0)), 1, 200)
    imu = simulate_imu(still, PERFECT_IMU, np.random.default_rng(0))
    np.testing.assert_allclose(imu.accelerations, np.tile((0, -9.80665, 0), (201, 1)), atol=1e-9)


def test_a_circle_pulls_inwards() -> None:
    """At 1 rad/s on a circle of 2 m it is 2 m/s^2; the camera looks north all the time."""
    rotation = optical_rotation(90, 0, 0)
    circle = Motion.from_poses(lambda t: Pose.from_rotation(
        rotation, 2 * np.array([np.cos(t), np.sin(t), 0])), 1, 200)
    imu = simulate_imu(circle, PERFECT_IMU, np.random.default_rng(0))
    seconds = imu.stamps_ns / 1e9
    np.testing.assert_allclose(imu.accelerations, np.column_stack(
        [-2 * np.cos(seconds), np.full(201, -9.80665), -2 * np.sin(seconds)]), atol=1e-4)


def test_the_lever_of_a_unit_feels_the_turn() -> None:
    """Turning at 2 rad/s at 0.1 m from the axis is 0.4 m/s^2 inwards."""
    turning = Motion.from_poses(
        lambda t: Pose.from_rotation(optical_rotation(np.degrees(2 * t), 0, 0)), 1, 200)
    noise = replace(PERFECT_IMU, lever_m=(0.1, 0, 0))
    imu = simulate_imu(turning, noise, np.random.default_rng(0))
    np.testing.assert_allclose(imu.accelerations[50], (-0.4, -9.80665, 0), atol=1e-3)
    np.testing.assert_allclose(imu.turn_rates[50], (0, -2, 0), atol=1e-3)


def test_odometry_drifts_as_its_noise_says() -> None:
    """Without turns its end is off by sigma times the root of the distance, along each axis."""
    straight = Motion.from_poses(lambda t: Pose(np.array([t, 0, 0])), 9, 10)
    noise = OdometryNoise(2, sigma_m=0.02, sigma_deg=0)
    ends = [simulate_odometry(straight, noise, np.random.default_rng(seed)).positions_m[-1]
            - (9, 0, 0) for seed in range(60)]
    assert np.sqrt(np.mean(np.square(ends))) == pytest.approx(0.02 * 3, rel=0.2)
    biased = simulate_odometry(straight, replace(noise, sigma_m=0, bias=0.1),
                               np.random.default_rng(0))
    np.testing.assert_allclose(biased.positions_m[-1], (9.9, 0, 0), atol=1e-9)


def test_satellites_have_the_noise_that_they_say() -> None:
    still = Motion.from_poses(lambda _: Pose(), 100, 20)
    fixes = simulate_gnss(still, GnssNoise(10, 2.0, 1.5), np.random.default_rng(0))
    assert not fixes.positions_m[0].any()
    np.testing.assert_allclose(fixes.positions_m.std(0), (2, 2, 3), rtol=0.1)
    np.testing.assert_array_equal(fixes.sigmas_m[7], (2, 2, 3))


def test_geodetic_coordinates_and_back() -> None:
    places = np.random.default_rng(0).uniform(-800, 800, (50, 3))
    for origin in ((52.2, 0.1, 20.0), (-33.9, 151.2, 5.0), (0.0, 0.0, 0.0)):
        there = geodetic_from_enu(places, origin)
        np.testing.assert_allclose(enu_from_geodetic(there, origin), places, atol=1e-6)


def test_depth_is_along_the_optical_axis_and_noise_grows_with_it() -> None:
    view = View(CAMERA, Pose.from_rotation(optical_rotation(90, 0, 0)))
    canvas = Canvas(view, np.zeros((60, 80, 3), np.uint8))
    surface = board(4, (0, 0, 200), 2)
    draw_surfaces(canvas, [surface], [flat(surface)])
    options = replace(OPTIONS, depth_sigma_m=0.0)
    depth = depth_image(canvas.inverse_depth, options, np.random.default_rng(0))
    assert (depth[15:45, 20:60] == 4000).all()
    assert depth[2, 2] == 0  # the sky
    noisy = depth_image(canvas.inverse_depth, OPTIONS, np.random.default_rng(0))
    assert noisy[15:45, 20:60].std() == pytest.approx(2 * 16, rel=0.1)
    near = replace(OPTIONS, max_depth_m=3.0)
    assert not depth_image(canvas.inverse_depth, near, np.random.default_rng(0)).any()


def test_the_right_camera_stands_to_the_right_and_has_noise_of_its_own() -> None:
    renderer = SequenceRenderer(Court([board(12, (0, 90, 200), 9)]), path(), CAMERA, 0)
    left, right = renderer.draw(2), renderer.draw(2, 0.5)
    inside = left.view.map_from_camera.inverse() @ right.view.map_from_camera
    np.testing.assert_allclose(inside.matrix, Pose(np.array([0.5, 0, 0])).matrix, atol=1e-9)
    assert (renderer.photograph(left, 2) != renderer.photograph(left, 2, 1)).any()


def check_same(found: Walk, expected: Walk, start_ns: int) -> None:
    """Compare a walk out of a bag with the scene's."""
    assert found.camera == expected.camera
    assert found.stereo_baseline_m == pytest.approx(expected.stereo_baseline_m or 0)
    stamps = [image.stamp_ns + start_ns for image in expected.images]
    assert [image.stamp_ns for image in found.images] == stamps
    for name in ('right', 'depth'):
        ours, theirs = (cv2.imread(str(getattr(walk.images[3], name)), cv2.IMREAD_UNCHANGED)
                        for walk in (found, expected))
        np.testing.assert_array_equal(ours, theirs)
    pairs = ((found.odometry, expected.odometry), (found.imu, expected.imu),
             (found.gnss, expected.gnss))
    for ours, theirs in pairs:
        assert ours
        assert theirs
        for name, value in vars(theirs).items():
            if isinstance(value, np.ndarray):
                shift = start_ns if name == 'stamps_ns' else 0
                got = getattr(ours, name)
                if name == 'positions_m' and not isinstance(ours, Trajectory):
                    got = got - got[0]
                np.testing.assert_allclose(got - shift, value, atol=1e-4)


@pytest.mark.parametrize('walk', ['seq1', 'seq2'])
def test_a_walk_through_a_bag(scene: Path, tmp_path: Path, walk: str) -> None:
    """Odometry of the base, an IMU with other axes and degrees on the Earth: all come back."""
    bag = tmp_path / 'bag'
    assert main(['--data', str(scene), '--split', 'train', '--walk', walk, '--sensors',
                 '--no-poses', '--out', str(bag)]) == 0
    with BagReader(bag) as reader:
        assert '/ground_truth/pose' not in reader.topics
        assert '/tf' not in reader.topics
        times = [message.time_ns for message in reader.raw_messages()]
        start_ns = next(iter(reader.messages('/fix'))).header.stamp
    assert times == sorted(times)
    found = read_bag(bag, walk, tmp_path / 'work', BagOptions())
    expected = read_walk(SensorFiles(scene, walk))
    check_same(found, expected, start_ns.sec * 10**9 + start_ns.nanosec)


def test_two_walks_follow_each_other_in_a_bag(scene: Path, tmp_path: Path) -> None:
    main(['--data', str(scene), '--split', 'train', '--sensors', '--pause', '2',
          '--out', str(tmp_path / 'bag')])
    with BagReader(tmp_path / 'bag') as bag:
        stamps = [m.header.stamp.sec + m.header.stamp.nanosec / 1e9
                  for m in bag.messages('/camera/left/image_raw')]
        assert '/ground_truth/pose' in bag.topics
        odometry = bag.truth('/odom')
    gaps = np.diff(stamps)
    np.testing.assert_allclose(np.delete(gaps, 7), 0.4, atol=1e-6)
    assert gaps[7] == pytest.approx(2)
    assert len(odometry) == 2 * 30


@pytest.mark.parametrize(('arguments', 'expected'), [
    (['--sensors', '--rate', '5'], '--rate has to be left out'),
    (['--walk', 'seq9'], 'one of seq1, seq2')])
def test_bad_arguments(scene: Path, tmp_path: Path, arguments: list[str], expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        main(['--data', str(scene), '--split', 'train', '--out', str(tmp_path / 'bag'),
              *arguments])
    assert not (tmp_path / 'bag').exists()


def test_a_scene_without_sensors_has_none(scene: Path, tmp_path: Path) -> None:
    (scene / 'sensors' / 'seq2').rename(tmp_path / 'gone')
    with pytest.raises(InputError, match='posenet scene --sensors'):
        main(['--data', str(scene), '--split', 'train', '--sensors', '--out',
              str(tmp_path / 'bag')])


def test_settings_without_sensors_are_as_they_were() -> None:
    assert Settings().to_mapping() == {'frames': 1200, 'width': 640, 'height': 480, 'seed': 0,
                                       'place': 'court', 'test_frames': 0}
    assert Settings().digest() != Settings(sensors=SensorOptions()).digest()
    assert Settings(sensors=SensorOptions(seed=1)).digest() != Settings(
        sensors=SensorOptions()).digest()
    with pytest.raises(InputError, match='the baseline'):
        SensorOptions(stereo_baseline_m=7.0)
