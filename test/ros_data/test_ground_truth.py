"""Ground truth of a bag: poses of a topic or of TF, composed with map and mounting."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.geometry.pose import Pose
from posenet_ros.geometry.tf_tree import compose_lookups
from posenet_ros.ros_data.bag_reader import BagReader
from posenet_ros.ros_data.bag_writer import new_bag, pose_message, transform_message
from posenet_ros.ros_data.ground_truth import (
    GroundTruth,
    read_ground_truth,
    TruthSource,
    UnknownMountingError,
)
import pytest
from transforms3d.euler import euler2mat

S = 10**9
MAP_FROM_ODOM = Pose.from_rotation(euler2mat(0.1, 0.2, 0.3), (1, 2, 3))
BASE_FROM_CAMERA = Pose.from_rotation(euler2mat(1.2, -0.4, 0.7), (0.1, 0, 0.5))
MAP_FROM_CAMERA = MAP_FROM_ODOM @ Pose(np.array([2, 0, 0])) @ BASE_FROM_CAMERA  # after 1 s


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Write two seconds of a robot that moves by 2 m/s along x of its odometry."""
    with new_bag(tmp_path / 'bag') as bag:
        bag.write_transforms('/tf_static', [
            transform_message(BASE_FROM_CAMERA, 1, 'base_link', 'camera')], 1)
        for second in range(3):
            time_ns = second * S + 1
            odom_from_base = Pose(np.array([2 * second, 0, 0]))
            moving = transform_message(odom_from_base, time_ns, 'odom', 'base_link')
            bag.write('/odom', moving, time_ns)
            bag.write('/slashed', transform_message(
                odom_from_base, time_ns, '/odom', '/base_link'), time_ns)
            bag.write('/pose', pose_message(odom_from_base, time_ns, 'odom'), time_ns)
            bag.write_transforms('/tf', [
                moving, transform_message(MAP_FROM_ODOM, time_ns, 'map', 'odom')], time_ns)
    return tmp_path / 'bag'


def read(path: Path, source: TruthSource, camera_frame: str = 'camera') -> GroundTruth:
    with BagReader(path) as bag:
        return read_ground_truth(bag, source, camera_frame)


@pytest.mark.parametrize(('source', 'expected'), [
    (TruthSource('/odom'), MAP_FROM_ODOM.inverse() @ MAP_FROM_CAMERA),
    (TruthSource('/odom', map_frame='odom'), MAP_FROM_ODOM.inverse() @ MAP_FROM_CAMERA),
    (TruthSource('/odom', map_frame='map'), MAP_FROM_CAMERA),
    (TruthSource('/slashed', map_frame='map'), MAP_FROM_CAMERA),
    (TruthSource('/pose', map_frame='map', tracked_frame='base_link'), MAP_FROM_CAMERA),
    (TruthSource('/pose', map_frame='map'), MAP_FROM_CAMERA @ BASE_FROM_CAMERA.inverse()),
    (TruthSource('/odom', map_frame='map', tracked_frame='camera'),
     MAP_FROM_CAMERA @ BASE_FROM_CAMERA.inverse()),
    (TruthSource('/odom', map_frame='/map'), MAP_FROM_CAMERA),
    (TruthSource('/pose', map_frame='/map', tracked_frame='/base_link'), MAP_FROM_CAMERA),
    (TruthSource(tf=('/map', '/camera')), MAP_FROM_CAMERA),
    (TruthSource(tf=('map', 'camera')), MAP_FROM_CAMERA)])
def test_truth_is_brought_to_the_camera_in_the_map(
        path: Path, source: TruthSource, expected: Pose) -> None:
    for camera_frame in ('camera', '/camera'):
        at = read(path, source, camera_frame).lookup
        np.testing.assert_allclose(at(S + 1, 1.0).matrix, expected.matrix, atol=1e-9)
    assert at(3 * S, 1.0) is None
    assert at(S // 2, 0.5) is None


def test_the_source_is_described(path: Path) -> None:
    assert read(path, TruthSource('/odom')).description == {
        'truth_frame': 'odom', 'truth_messages': 3, 'truth_rejected': 0}
    assert read(path, TruthSource(tf=('map', 'camera'))).description == {
        'truth': 'tf map camera'}


@pytest.mark.parametrize(('source', 'camera_frame', 'error', 'message'), [
    (TruthSource('/odom', map_frame='world'), 'camera', InputError, "join 'world' and 'odom'"),
    (TruthSource('/odom'), 'other', UnknownMountingError, "of 'base_link', the images of 'other'"),
    (TruthSource('/pose', tracked_frame='arm'), 'camera', UnknownMountingError, "are of 'arm'"),
    (TruthSource(tf=('map', 'arm')), 'camera', InputError, "join 'map' and 'arm'"),
    (TruthSource('/nothing'), 'camera', InputError, 'Received: /nothing')])
def test_frames_that_tf_does_not_connect_are_refused(
        path: Path, source: TruthSource, camera_frame: str, error: type[InputError],
        message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        read(path, source, camera_frame)
    assert isinstance(caught.value, UnknownMountingError) == (error is UnknownMountingError)


def test_a_product_of_lookups_needs_all_of_them() -> None:
    def known(_stamp_ns: int, _max_gap_s: float) -> Pose | None:
        return MAP_FROM_ODOM

    def unknown(_stamp_ns: int, _max_gap_s: float) -> Pose | None:
        return None

    assert compose_lookups(known, unknown)(0, 1.0) is None
    np.testing.assert_allclose(
        compose_lookups(known, known)(0, 1.0).matrix, (MAP_FROM_ODOM @ MAP_FROM_ODOM).matrix)
