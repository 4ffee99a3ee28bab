"""A bag is a walk: images, camera, poses, and every sensor in the axes of the camera."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.pose import Pose
from posenet_ros.imaging.decoding import Frame
from posenet_ros.ros_data.bag_writer import (
    BagWriter,
    camera_message,
    compressed_message,
    header,
    image_message,
    make,
    new_bag,
    pose_message,
    transform_message,
)
from posenet_ros.training.data.walk import Walk
from posenet_ros.training.sources.bags.options import BagOptions
from posenet_ros.training.sources.bags.pairs import depth_image_mm
from posenet_ros.training.sources.bags.walk import read_bag
from posenet_ros.training.sources.walk_files import load_walk, save_walk
import pytest

CAMERA = Camera(24, 18, 20.0, 20.0, 11.5, 8.5)
START_NS, S = 1_700_000_000_000_000_000, 10**9
COUNT = 8  # images, ten a second
BASE_FROM_CAMERA = Pose(np.array([0.2, 0.0, 1.0]), np.array([-0.5, 0.5, -0.5, 0.5]))
IMU_FROM_BASE = Pose(np.array([0.0, 0.1, 0.0]), np.array([0.0, 0.0, 1.0, 0.0]))  # half a turn
LATITUDE, LONGITUDE = 52.2, 0.1
EARTH_M = 40_007_863  # round the poles
NINE = np.zeros(9)

Write = Callable[[BagWriter, int], None]


def stamp(index: int) -> int:
    return START_NS + index * S // 10


def picture(index: int) -> Frame:
    image = np.random.default_rng(index).integers(0, 256, (18, 24, 3), np.uint8)
    return Frame(image, stamp(index), 'camera')


def map_from_base(index: int) -> Pose:
    return Pose(np.array([0.1 * index, 0.0, 0.0]))


def write_image(bag: BagWriter, index: int) -> None:
    bag.write('/left/image_rect', image_message(picture(index)), stamp(index))
    bag.write('/left/camera_info', camera_message(CAMERA, stamp(index), 'camera'), stamp(index))


def write_odometry(bag: BagWriter, index: int, offset_ns: int = 0, child: str = 'base') -> None:
    pose = pose_message(map_from_base(index), 1, '').pose
    twist = make('geometry_msgs/msg/Twist', make('geometry_msgs/msg/Vector3', 0.0, 0.0, 0.0),
                 make('geometry_msgs/msg/Vector3', 0.0, 0.0, 0.0))
    zero = np.zeros(36)
    bag.write('/odom', make(
        'nav_msgs/msg/Odometry', header(stamp(index) + offset_ns, 'odom'), child,
        make('geometry_msgs/msg/PoseWithCovariance', pose, zero),
        make('geometry_msgs/msg/TwistWithCovariance', twist, zero)), stamp(index))


def write_imu(bag: BagWriter, index: int, frame: str = 'imu') -> None:
    vector = [make('geometry_msgs/msg/Vector3', *values) for values in (
        (1.0, 2.0, 9.8), (0.1, 0.2, 0.3))]
    bag.write('/imu', make(
        'sensor_msgs/msg/Imu', header(stamp(index), frame),
        make('geometry_msgs/msg/Quaternion', 0.0, 0.0, 0.0, 1.0), NINE, vector[1], NINE,
        vector[0], NINE), stamp(index))


def write_fix(bag: BagWriter, index: int, latitude: float | None = None,
              status: int = 0, kind: int = 2) -> None:
    north = LATITUDE + index / EARTH_M * 360 if latitude is None else latitude
    covariance = np.diag([4.0, 9.0, 16.0]).ravel()
    bag.write('/fix', make(
        'sensor_msgs/msg/NavSatFix', header(stamp(index), 'gps'),
        make('sensor_msgs/msg/NavSatStatus', status, 1), north, LONGITUDE, 50.0 + index,
        covariance, kind), stamp(index))


def write_right(bag: BagWriter, index: int, fx_metres: float = -2.4) -> None:
    info = camera_message(CAMERA, stamp(index), 'right')
    info.p[3] = fx_metres
    frame = picture(100 + index)
    late = stamp(index) + 10**6
    bag.write('/right/image_rect', image_message(Frame(frame.image, late, 'right')), late)
    bag.write('/right/camera_info', info, late)


def depth_message(values: np.ndarray, encoding: str, time_ns: int,
                  frame: str = 'camera') -> Any:  # noqa: ANN401 - a message
    """Return a depth image with four bytes behind each row."""
    height, width = values.shape
    rows = np.ascontiguousarray(values).view(np.uint8).reshape(height, -1)
    padded = np.hstack([rows, np.zeros((height, 4), np.uint8)])
    return make('sensor_msgs/msg/Image', header(time_ns, frame), height, width, encoding, 0,
                padded.shape[1], padded.ravel())


def write_depth(bag: BagWriter, index: int, frame: str = 'camera') -> None:
    values = np.full((18, 24), 1000 + index, np.uint16)
    bag.write('/depth/image_rect', depth_message(values, '16UC1', stamp(index), frame),
              stamp(index))


def write_bag(path: Path, *writers: Write, static: bool = True) -> Path:
    with new_bag(path) as bag:
        if static:
            bag.write_transforms('/tf_static', [
                transform_message(BASE_FROM_CAMERA, START_NS, 'base', 'camera'),
                transform_message(IMU_FROM_BASE.inverse(), START_NS, 'base', 'imu')], START_NS)
        for index in range(COUNT):
            for write in writers:
                write(bag, index)
    return path


def read(tmp_path: Path, *writers: Write, static: bool = True,
         **options: Any) -> Walk:  # noqa: ANN401 - those of BagOptions
    path = write_bag(tmp_path / 'bag', write_image, *writers, static=static)
    return read_bag(path, 'bag', tmp_path / 'out', BagOptions(**options))


def test_images_camera_and_stamps_are_those_of_the_bag(tmp_path: Path) -> None:
    walk = read(tmp_path)
    assert walk.camera == CAMERA
    assert [image.stamp_ns for image in walk.images] == [stamp(i) for i in range(COUNT)]
    assert walk.images[2].name == 'bag/frame000002.png'
    read_back = cv2.imread(str(walk.images[2].path))
    assert read_back is not None
    np.testing.assert_array_equal(read_back[..., ::-1], picture(2).image)
    assert walk.images[2].map_from_camera is None
    assert (walk.odometry, walk.tf, walk.imu, walk.gnss, walk.stereo_baseline_m) == (None,) * 5
    assert [note for note in walk.notes if 'rectified' not in note] == [
        'bag: 8 images, 8 taken, 0 not usable']


def test_poses_come_by_topic_or_tf_and_images_without_are_counted(tmp_path: Path) -> None:
    def write_pose(bag: BagWriter, index: int) -> None:
        if index < 5:
            bag.write('/pose', pose_message(map_from_base(index), stamp(index), 'map'),
                      stamp(index))
    walk = read(tmp_path, write_pose, pose='/pose', pose_of='base')
    assert len(walk.images) == 5
    expected = map_from_base(3) @ BASE_FROM_CAMERA
    assert walk.images[3].map_from_camera is not None
    np.testing.assert_allclose(walk.images[3].map_from_camera.matrix, expected.matrix, atol=1e-9)
    assert '5 taken, 3 without a pose near in time, 0 not usable' in walk.notes[-1]


def test_ten_images_a_second_are_taken_or_each_nth(tmp_path: Path) -> None:
    def write_between(bag: BagWriter, index: int) -> None:
        for part in (33, 66):
            frame = picture(index)
            late = Frame(frame.image, frame.stamp_ns + part * 10**6, 'camera')
            bag.write('/left/image_rect', image_message(late), late.stamp_ns)
    walk = read(tmp_path, write_between)
    assert [image.stamp_ns for image in walk.images] == [stamp(i) for i in range(COUNT)]
    walk = read_bag(tmp_path / 'bag', 'bag', tmp_path / 'more', BagOptions(every=2))
    assert len(walk.images) == 12


def test_odometry_is_of_the_camera(tmp_path: Path) -> None:
    walk = read(tmp_path, write_odometry)
    assert walk.odometry is not None
    assert walk.odometry.frame_id == 'odom'
    for index in range(COUNT):
        found = walk.odometry.at(stamp(index))
        assert found is not None
        np.testing.assert_allclose(
            found.matrix, (map_from_base(index) @ BASE_FROM_CAMERA).matrix, atol=1e-9)


def test_odometry_in_another_clock_is_told_in_one_line(tmp_path: Path) -> None:
    walk = read(tmp_path, lambda bag, index: write_odometry(bag, index, -1000 * S))
    assert walk.odometry is None
    assert walk.notes[-1] == (
        'bag: /odom and the images have no time in common, they are 999 s apart (another '
        'clock?): it is left out')


def test_odometry_of_an_unknown_frame_is_told(tmp_path: Path) -> None:
    walk = read(tmp_path, lambda bag, index: write_odometry(bag, index, child='wheel'))
    assert walk.odometry is None
    assert "/odom is of 'wheel', and TF does not lead from it to the camera" in walk.notes[-1]


def test_tf_gives_the_camera_in_the_fixed_frame(tmp_path: Path) -> None:
    def write_tf(bag: BagWriter, index: int) -> None:
        bag.write_transforms('/tf', [transform_message(
            map_from_base(index), stamp(index), 'odom', 'base')], stamp(index))
    walk = read(tmp_path, write_tf)
    assert walk.tf is not None
    assert walk.tf.frame_id == 'odom'
    np.testing.assert_allclose(walk.tf.pose(4).matrix,
                               (map_from_base(4) @ BASE_FROM_CAMERA).matrix, atol=1e-9)


def test_a_camera_that_tf_does_not_move_gives_no_poses(tmp_path: Path) -> None:
    def write_tf(bag: BagWriter, index: int) -> None:
        if not index:
            bag.write_transforms('/tf_static', [transform_message(
                Pose(), START_NS, 'map', 'base')], START_NS)
    assert read(tmp_path, write_tf).tf is None


def test_accelerations_are_turned_into_the_axes_of_the_camera(tmp_path: Path) -> None:
    """X forward and z up of the IMU, which looks backwards: -z and -y of the camera."""
    walk = read(tmp_path, write_imu)
    assert walk.imu is not None
    assert walk.imu.stamps_ns.tolist() == [stamp(i) for i in range(COUNT)]
    np.testing.assert_allclose(walk.imu.accelerations[3], [2.0, -9.8, -1.0], atol=1e-9)
    np.testing.assert_allclose(walk.imu.turn_rates[3], [0.2, -0.3, -0.1], atol=1e-9)


def test_an_imu_without_mounting_is_told(tmp_path: Path) -> None:
    walk = read(tmp_path, write_imu, static=False)
    assert walk.imu is None
    assert "/imu is in the frame 'imu', and TF has no fixed way" in walk.notes[-1]


def test_fixes_are_metres_east_north_up_of_the_first(tmp_path: Path) -> None:
    walk = read(tmp_path, write_fix)
    assert walk.gnss is not None
    # a metre of the mean meridian is 1.002 m there
    np.testing.assert_allclose(walk.gnss.positions_m[5], [0, 5, 5], atol=0.02)
    np.testing.assert_allclose(walk.gnss.sigmas_m[5], [2, 3, 4])


def test_messages_without_a_fix_are_left_out_and_counted(tmp_path: Path) -> None:
    def write(bag: BagWriter, index: int) -> None:
        write_fix(bag, index, np.nan if index == 1 else None, -1 if index in (2, 3) else 0, 0)
    walk = read(tmp_path, write)
    assert walk.gnss is not None
    assert len(walk.gnss.stamps_ns) == COUNT - 3
    assert np.isnan(walk.gnss.sigmas_m).all()
    assert walk.notes[-1] == 'bag: /fix: 3 of 8 messages have no fix and are left out'


def test_no_fix_at_all_is_none(tmp_path: Path) -> None:
    walk = read(tmp_path, lambda bag, index: write_fix(bag, index, status=-1))
    assert walk.gnss is None


def test_right_images_are_beside_the_left_ones(tmp_path: Path) -> None:
    walk = read(tmp_path, write_right)
    assert walk.stereo_baseline_m == pytest.approx(0.12)
    right = walk.images[3].right
    assert right is not None
    image = cv2.imread(str(right))
    assert image is not None
    np.testing.assert_array_equal(image[..., ::-1], picture(103).image)


@pytest.mark.parametrize(('fx_metres', 'why'), [(0.0, 'P of its camera_info has to hold'),
                                                (2.4, 'P of its camera_info has to hold')])
def test_a_pair_that_cannot_be_used_is_told(
        tmp_path: Path, fx_metres: float, why: str) -> None:
    walk = read(tmp_path, lambda bag, index: write_right(bag, index, fx_metres))
    assert walk.stereo_baseline_m is None
    assert walk.images[0].right is None
    assert any(f'/right/image_rect is left out: {why}' in note for note in walk.notes)


def test_depth_is_beside_the_images_in_millimetres(tmp_path: Path) -> None:
    walk = read(tmp_path, write_depth)
    file = walk.images[5].depth
    assert file is not None
    values = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
    assert values is not None
    assert values.dtype == np.uint16
    assert np.unique(values).tolist() == [1005]


def test_depth_of_another_camera_is_told(tmp_path: Path) -> None:
    walk = read(tmp_path, lambda bag, index: write_depth(bag, index, 'depth'))
    assert walk.images[5].depth is None
    assert any("is of the frame 'depth', the images of 'camera'" in note for note in walk.notes)


def test_depth_in_metres_and_compressed_is_read() -> None:
    metres = np.array([[0.5, np.nan, np.inf], [1.2341, -1.0, 70.0]], np.float32)
    found = depth_image_mm(depth_message(metres, '32FC1', 1))
    assert found.tolist() == [[500, 0, 0], [1234, 0, 0]]
    big = depth_message(np.array([[258]], '>u2'), '16UC1', 1)
    big.is_bigendian = 1
    assert depth_image_mm(big).tolist() == [[258]]
    whole, png = cv2.imencode('.png', np.array([[300, 400]], np.uint16))
    assert whole
    data = np.concatenate([np.zeros(12, np.uint8), png.ravel()])
    message = compressed_message(data, '16UC1; compressedDepth png', 1, 'camera')
    assert depth_image_mm(message).tolist() == [[300, 400]]


@pytest.mark.parametrize('message', [
    depth_message(np.zeros((2, 3), np.uint8), 'mono8', 1),
    compressed_message(np.zeros(30, np.uint8), 'jpeg', 1, ''),
    compressed_message(np.zeros(0, np.uint8), '16UC1; compressedDepth', 1, '')])
def test_what_is_no_depth_is_refused(message: Any) -> None:  # noqa: ANN401
    with pytest.raises(InputError, match=r'depth image has to be'):
        depth_image_mm(message)


def test_of_several_image_topics_the_left_one_is_found(tmp_path: Path) -> None:
    walk = read(tmp_path, write_right, write_depth)
    assert len(walk.images) == COUNT

    def write_rear(bag: BagWriter, index: int) -> None:
        bag.write('/rear/image', image_message(picture(index)), stamp(index))
    path = write_bag(tmp_path / 'two', write_image, write_rear)
    with pytest.raises(InputError, match=r'choose one of /left/image_rect, /rear/image'):
        read_bag(path, 'two', tmp_path / 'out', BagOptions())
    walk = read_bag(path, 'two', tmp_path / 'out', BagOptions(
        image='/rear/image', camera_info='/left/camera_info'))
    assert len(walk.images) == COUNT


def test_a_bag_without_usable_images_is_one_error(tmp_path: Path) -> None:
    def write(bag: BagWriter, index: int) -> None:
        bag.write('/image/compressed', compressed_message(
            np.zeros(9, np.uint8), 'jpeg', stamp(index), 'camera'), stamp(index))
    path = write_bag(tmp_path / 'bag', write)
    with pytest.raises(InputError, match=r'/image/compressed has to have usable images. Received: '
                       '8 images, 0 taken, 8 not usable'):
        read_bag(path, 'bag', tmp_path / 'out', BagOptions())


def test_a_walk_that_is_kept_is_the_same(tmp_path: Path) -> None:
    walk = read(tmp_path, write_odometry, write_imu, write_fix, write_right, write_depth)
    save_walk(walk, tmp_path / 'walk.npz')
    found = load_walk(tmp_path / 'walk.npz')
    assert found is not None
    assert (found.name, found.images, found.camera, found.stereo_baseline_m, found.notes) == (
        walk.name, walk.images, walk.camera, walk.stereo_baseline_m, walk.notes)
    for name in ('odometry', 'imu', 'gnss'):
        before, after = vars(getattr(walk, name)), vars(getattr(found, name))
        assert set(before) == set(after)
        for key, value in before.items():
            np.testing.assert_array_equal(after[key], value)
