"""The limits in the geometry: what is just taken, what just not, and values at the very edge."""

from __future__ import annotations

from dataclasses import replace

from helpers import CAMERA
import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.camera_text import camera_from_text, centred_camera
from posenet_ros.geometry.distortion import EQUIDISTANT, max_angle_rad, NAMES, RATIONAL
from posenet_ros.geometry.estimate import PoseEstimate
from posenet_ros.geometry.lie import rotation_angle_rad, rotation_vectors_rad, so3_log
from posenet_ros.geometry.pose import Pose
from posenet_ros.geometry.similarity import umeyama
from posenet_ros.geometry.tf_tree import compose_lookups, TransformTree
from posenet_ros.geometry.trajectory import Trajectory
import pytest

S = 10**9
IDENTITY = (0.0, 0.0, 0.0, 1.0)


@pytest.mark.parametrize(('name', 'least', 'refused'), [
    ('width', 1, 0), ('height', 1, 0), ('fx', 1e-3, 0.0), ('fx', 0.9, -0.5), ('fy', 1e-3, 0.0),
    ('fy', 0.9, -0.5), ('cx', -9.0, np.nan), ('cy', -9.0, np.inf)])
def test_a_camera_has_a_size_and_focal_lengths(
        name: str, least: float, refused: float) -> None:
    assert getattr(replace(CAMERA, **{name: least}), name) == least
    with pytest.raises(InputError, match=rf'{refused}'):
        replace(CAMERA, **{name: refused})


@pytest.mark.parametrize('model', [RATIONAL, EQUIDISTANT])
@pytest.mark.parametrize('count', range(16))
def test_a_distortion_has_as_many_coefficients_as_opencv_takes(model: str, count: int) -> None:
    taken = count in ((0, 4, 5, 8, 12, 14) if model == RATIONAL else (4,))
    k = (0.0,) * count
    text = ','.join(map(str, (50.0, 51.0, 31.0, 23.0, *((model,) if count else ()), *k)))
    if taken:
        camera = replace(CAMERA, distortion=k, distortion_model=model)
        assert camera.distortion == k
        assert camera_from_text(text, (64, 48)).distortion == k
    else:
        with pytest.raises(InputError, match=rf'\({model}\)\. Received: {count}$'):
            replace(CAMERA, distortion=k, distortion_model=model)


@pytest.mark.parametrize(('count', 'why'), [
    (2, 'has to be FX'), (3, 'has to be FX'), (4, ''), (18, ''), (19, 'has to be FX')])
def test_a_camera_of_text_has_one_number_or_four_and_a_distortion(count: int, why: str) -> None:
    text = ','.join(['9'] * count)
    if why:
        with pytest.raises(InputError, match=why):
            camera_from_text(text, (64, 48))
    else:
        assert len(camera_from_text(text, (64, 48)).distortion) == count - 4


@pytest.mark.parametrize(('name', 'model'), [
    ('plumb_bob', RATIONAL), ('radtan', RATIONAL), ('fisheye', EQUIDISTANT),
    ('equi', EQUIDISTANT)])
def test_a_model_of_text_stands_behind_four_numbers(name: str, model: str) -> None:
    assert NAMES[name] == model
    camera = camera_from_text(f'9,8,7,6,{name},0.1,0.2,0.3,0.4', (64, 48))
    assert camera == Camera(64, 48, 9.0, 8.0, 7.0, 6.0, (0.1, 0.2, 0.3, 0.4), model)
    assert centred_camera(9.0, (64, 48)) == Camera(64, 48, 9.0, 9.0, 31.5, 23.5)


@pytest.mark.parametrize('centre', [
    (-1.0, -1.0), (-0.6, -0.6), (-0.4, -0.4), (0.0, 0.0), (63.0, 47.0), (63.4, 47.4), (63.6, 47.6),
    (64.0, 48.0)])
def test_the_angle_of_view_is_what_lies_between_the_borders(centre: tuple[float, float]) -> None:
    cx, cy = centre
    camera = Camera(64, 48, 40.0, 50.0, cx, cy)
    x = np.arctan((cx + 0.5) / 40) + np.arctan((63.5 - cx) / 40)
    y = np.arctan((cy + 0.5) / 50) + np.arctan((47.5 - cy) / 50)
    assert camera.field_of_view_deg() == pytest.approx(np.degrees((x, y)), rel=1e-9)


@pytest.mark.parametrize(('model', 'end'), [(RATIONAL, np.pi / 2), (EQUIDISTANT, np.pi)])
def test_the_last_ray_is_the_last_sample_before_the_end(model: str, end: float) -> None:
    k = (0.0,) * 4
    assert max_angle_rad(model, k) == pytest.approx(end * 3599 / 3600, abs=1e-12)


@pytest.mark.parametrize('sign', [1.0, -1.0])
@pytest.mark.parametrize('axis', [0, 1, 2])
def test_half_a_turn_keeps_its_direction(sign: float, axis: int) -> None:
    quat = sign * np.eye(4)[axis]
    np.testing.assert_array_equal(Pose(np.zeros(3), quat).quat_xyzw, quat)
    np.testing.assert_allclose(rotation_vectors_rad(quat, IDENTITY), np.pi * quat[:3])
    assert rotation_angle_rad(quat, IDENTITY) == pytest.approx(np.pi)
    assert np.isfinite(so3_log(np.eye(3))).all()
    np.testing.assert_array_equal(rotation_vectors_rad(IDENTITY, IDENTITY), np.zeros(3))


@pytest.mark.parametrize(('gap_ns', 'limit_s', 'answered'), [
    (10 * S, 10.0, True), (10 * S + 5, 10.0, False), (10 * S - 5, 10.0, True)])
def test_a_gap_may_be_as_long_as_the_limit_to_the_nanosecond(
        gap_ns: int, limit_s: float, answered: bool) -> None:
    track = Trajectory.from_poses([(0, Pose()), (gap_ns, Pose()), (20 * S, Pose())])
    assert (track.at(gap_ns // 2, limit_s) is not None) == answered
    assert track.at(0, 0.0) is not None
    assert track.at(20 * S, 0.0) is not None
    assert track.at(20 * S + 1, 99.0) is None
    assert track.at(-1, 99.0) is None


def test_the_first_pose_of_a_stamp_is_kept() -> None:
    first, second = Pose(np.ones(3)), Pose(np.zeros(3))
    track = Trajectory.from_poses([(5, first), (5, second), (3, second)])
    assert track.stamps_ns.tolist() == [3, 5]
    np.testing.assert_array_equal(track.positions_m, [np.zeros(3), np.ones(3)])


@pytest.mark.parametrize(('spread_m', 'taken'), [(2e-6, True), (0.5e-6, False)])
def test_points_lie_apart_by_a_billionth_of_their_distance(spread_m: float, taken: bool) -> None:
    points = np.array([[1000.0, 0, 0], [1000.0, 0, 0], [1000.0, 0, 0], [1000.0, 0, 0]])
    points[:, 1:] = spread_m * np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]]) / np.sqrt(2)
    if taken:
        assert umeyama(points, 2 * points).scale == pytest.approx(2, rel=1e-3)
    else:
        with pytest.raises(InputError, match='one position, 4 times'):
            umeyama(points, 2 * points)


@pytest.mark.parametrize(('largest', 'smallest', 'taken'), [
    (0.1, -0.5e-9, True), (0.1, -1.5e-9, False), (1.0, -0.9e-9, True), (1.0, -1.1e-9, False),
    (1e9, -0.9, True), (1e9, -1.1, False), (0.1, 0.0, True)])
def test_an_eigenvalue_may_be_below_nought_by_rounding(
        largest: float, smallest: float, taken: bool) -> None:
    covariance = np.diag([largest, *(0.05,) * 4, smallest])
    if taken:
        assert PoseEstimate(Pose(), covariance).covariance[5, 5] == smallest
    else:
        with pytest.raises(InputError, match='positive semi-definite'):
            PoseEstimate(Pose(), covariance)


def test_where_one_transform_is_missing_there_is_none() -> None:
    def known(_: int, __: float) -> Pose:
        return Pose(np.array([1.0, 0, 0]))

    def unknown(_: int, __: float) -> None:
        return None

    assert compose_lookups(known, unknown)(0, 1.0) is None
    both = compose_lookups(known, known)(0, 1.0)
    assert both is not None
    assert both.translation_m[0] == 2
    tree = TransformTree({'camera': ('base', known), 'base': ('odom', known),
                          'lost': ('odom', unknown)})
    for parent, child, x in (('odom', 'camera', 2), ('camera', 'odom', -2), ('base', 'base', 0)):
        found = tree.lookup(parent, child)(0, 1.0)
        assert found is not None
        assert found.translation_m[0] == x
    assert tree.lookup('lost', 'camera')(0, 1.0) is None
    assert tree.lookup('camera', 'lost')(0, 1.0) is None
    with pytest.raises(InputError, match='a loop a > b > a'):
        TransformTree({'a': ('b', known), 'b': ('a', known)}).lookup('a', 'b')
