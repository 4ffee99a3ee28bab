"""Where the transform goes: trees, planar poses and the low-pass filter, without a node."""

from __future__ import annotations

from itertools import pairwise

from helpers import poses
from hypothesis import given, settings
import numpy as np
from posenet_ros.geometry.estimate import diagonal_covariance, PoseEstimate
from posenet_ros.geometry.pose import Pose
from posenet_ros.ros_node.parameters import TfMode
from posenet_ros.ros_node.transforms.low_pass import SmoothMapFromOdom
from posenet_ros.ros_node.transforms.mode import (
    advise,
    choose_mode,
    describe_taken,
    find_taken,
    Frames,
    TakenFrame,
)
from posenet_ros.ros_node.transforms.planar import MIN_VARIANCE, planar_estimate, planar_pose
from posenet_ros.ros_node.transforms.tree import FrameTree, Link
import pytest

FRAMES = Frames('map', 'odom', 'base_link', 'camera')
SILENCE_S = 5.0


def tree_of(*chains: str, is_static: bool = False) -> FrameTree:
    """Return the tree of chains such as `odom base_link camera`, heard at 0 s."""
    tree = FrameTree()
    for chain in chains:
        names = chain.split()
        for parent, child in pairwise(names):
            tree.record(child, Link(parent, is_static, 0.0))
    return tree


@pytest.mark.parametrize(('chains', 'mode'), [
    ((), TfMode.MAP_TO_CAMERA), (('odom base_link',), TfMode.MAP_TO_CAMERA),
    (('camera base_link',), TfMode.MAP_TO_CAMERA), (('chassis camera',), TfMode.MAP_TO_CAMERA),
    (('base_link camera',), TfMode.MAP_TO_BASE),
    (('base_footprint base_link mast camera',), TfMode.MAP_TO_BASE),
    (('odom base_link mast camera',), TfMode.MAP_TO_ODOM), (('odom camera',), TfMode.MAP_TO_ODOM),
    (('earth map odom base_footprint base_link camera',), TfMode.MAP_TO_ODOM),
    (('camera mast camera',), TfMode.MAP_TO_CAMERA)])
def test_the_mode_follows_the_tree(chains: tuple[str, ...], mode: TfMode) -> None:
    choice = choose_mode(tree_of(*chains), FRAMES)
    assert choice
    assert choice.mode is mode


def test_a_path_ends_at_the_root_or_where_a_loop_closes() -> None:
    assert tree_of('odom base_link camera').path_up('camera') == ('camera', 'base_link', 'odom')
    assert tree_of('camera mast camera').path_up('camera') == ('camera', 'mast')
    assert tree_of('camera camera').path_up('camera') == ('camera',)


def test_without_a_camera_only_the_odometry_of_the_base_decides() -> None:
    unknown = FRAMES._replace(camera='')
    assert choose_mode(tree_of(), unknown) is None
    assert choose_mode(tree_of('base_footprint base_link'), unknown) is None
    choice = choose_mode(tree_of('odom base_link'), unknown)
    assert str(choice) == 'map_to_odom, because odom → base_link was found'


@pytest.mark.parametrize(('chains', 'child', 'taken'), [
    (('odom base_link camera',), 'odom', None), (('odom base_link camera',), 'base_link', 'odom'),
    (('map odom base_link',), 'odom', 'map'), (('earth map',), 'odom', None),
    (('odom map', 'odom base_link'), 'odom', 'odom'),
    (('odom earth map',), 'odom', 'earth')])
def test_a_frame_with_a_parent_or_above_the_map_is_taken(
        chains: tuple[str, ...], child: str, taken: str | None) -> None:
    found = find_taken(tree_of(*chains), FRAMES, child, 1.0, SILENCE_S)
    assert (found and found.parent) == taken


def test_a_parent_on_tf_counts_until_it_is_silent_and_a_static_one_for_ever() -> None:
    moving, fixed = tree_of('map odom'), tree_of('map odom', is_static=True)
    assert find_taken(moving, FRAMES, 'odom', SILENCE_S, SILENCE_S)
    assert not find_taken(moving, FRAMES, 'odom', SILENCE_S + 0.1, SILENCE_S)
    assert find_taken(fixed, FRAMES, 'odom', 1e6, SILENCE_S)


@pytest.mark.parametrize(('chain', 'mode', 'said'), [
    ('map odom base_link camera', TfMode.MAP_TO_ODOM, 'tf_mode to none'),
    ('odom base_link camera', TfMode.MAP_TO_CAMERA, 'tf_mode to auto or map_to_odom'),
    ('odom base_link camera', TfMode.MAP_TO_BASE, 'tf_mode to auto or map_to_odom'),
    ('wheels base_link camera', TfMode.MAP_TO_BASE, 'odom_frame to wheels'),
    ('chassis camera', TfMode.MAP_TO_CAMERA, 'odom_frame to chassis'),
    ('world odom base_link camera', TfMode.MAP_TO_ODOM, 'odom_frame to world')])
def test_the_setting_to_use_is_named(chain: str, mode: TfMode, said: str) -> None:
    tree = tree_of(chain)
    taken = find_taken(tree, FRAMES, FRAMES.child(mode), 0.0, SILENCE_S)
    assert taken
    assert said in advise(taken, tree, FRAMES, mode)


def test_who_has_taken_a_frame_is_named() -> None:
    said = describe_taken(TakenFrame('odom', 'map', is_static=False), FRAMES, '/amcl')
    assert said == 'another node sends map → odom (on /tf, published by /amcl)'
    assert 'has left' in describe_taken(TakenFrame('camera', 'mast', is_static=True), FRAMES, '')


@given(poses())
@settings(max_examples=50, deadline=None)
def test_a_planar_base_stands_upright_and_looks_the_same_way(pose: Pose) -> None:
    planar = planar_pose(pose)
    np.testing.assert_allclose(planar.rotation[2], (0, 0, 1), atol=1e-9)
    assert planar.translation_m.tolist() == [*pose.translation_m[:2], 0.0]
    ahead, planar_ahead = pose.rotation[:2, 0], planar.rotation[:2, 0]
    np.testing.assert_allclose(planar_ahead * np.linalg.norm(ahead), ahead, atol=1e-9)


def test_a_planar_covariance_can_be_inverted_and_keeps_x_y_and_yaw() -> None:
    covariance = diagonal_covariance((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    covariance[0, 5] = covariance[5, 0] = 0.01
    covariance[0, 2] = covariance[2, 0] = 0.01
    planar = planar_estimate(PoseEstimate(Pose(), covariance)).covariance
    assert planar.diagonal().tolist() == [
        *covariance.diagonal()[:2], *3 * [MIN_VARIANCE], covariance[5, 5]]
    assert (planar[0, 5], planar[0, 2]) == (0.01, 0.0)
    certain = planar_estimate(PoseEstimate(Pose(), np.zeros((6, 6)))).covariance
    assert np.linalg.eigvalsh(certain).min() == pytest.approx(MIN_VARIANCE)


def moved(x: float, degrees: float = 0.0) -> Pose:
    """Return a planar pose."""
    half = np.radians(degrees) / 2
    return Pose(np.array([x, 0.0, 0.0]), np.array([0.0, 0.0, np.sin(half), np.cos(half)]))


def test_the_first_value_and_large_steps_are_taken_at_once() -> None:
    smooth = SmoothMapFromOdom(1.0)
    assert smooth.at(0.0) is None
    for x in (5.0, 6.5):
        smooth.follow(moved(x), Pose(), 0.1, 0.0)
        assert smooth.at(0.0) is not None
        assert smooth.at(0.0).translation_m[0] == x
    smooth.follow(moved(8.0), Pose(), 1.0, 0.0)  # 1.5 m is within three sigma: blended
    assert smooth.at(0.0).translation_m[0] == pytest.approx(6.5)


def test_it_follows_with_the_time_constant_and_arrives() -> None:
    smooth = SmoothMapFromOdom(0.5)
    smooth.jump_to(moved(0.0))
    smooth.follow(moved(0.8), Pose(), 0.1, 10.0)
    assert smooth.at(10.25).translation_m[0] == pytest.approx(0.8 * (1 - np.exp(-0.5)))
    assert smooth.at(10.5).translation_m[0] == pytest.approx(0.8 * (1 - np.exp(-1.0)))
    assert smooth.at(9.0).translation_m[0] == pytest.approx(0.8 * (1 - np.exp(-1.0)))
    assert smooth.at(30.0).translation_m[0] == 0.8


def test_a_robot_far_from_the_origin_of_odom_moves_straight() -> None:
    robot = moved(100.0)
    smooth = SmoothMapFromOdom(0.5)
    smooth.jump_to(Pose())
    turned_about_robot = moved(100.0, 10.0) @ robot.inverse()  # moves the origin by 17 m
    smooth.follow(turned_about_robot, robot, 0.1, 0.0)
    between = smooth.at(0.3) @ robot
    np.testing.assert_allclose(between.translation_m, robot.translation_m, atol=1e-9)
    assert 0 < between.quat_xyzw[2] < np.sin(np.radians(5.0))


def test_no_time_constant_follows_at_once() -> None:
    smooth = SmoothMapFromOdom(0.0)
    for x in (0.0, 0.1):
        smooth.follow(moved(x), Pose(), 0.1, 0.0)
        assert smooth.at(0.0).translation_m[0] == x
