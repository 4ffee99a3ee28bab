"""
tf2_ros as the node uses it: the part in ros_from_pypi, or the real one where ROS has it.

Expected values are computed by hand, with posenet_ros.geometry.pose.
"""

from __future__ import annotations

from geometry_msgs.msg import TransformStamped
from helpers import poses
from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
from posenet_ros.geometry.pose import Pose
from posenet_ros.ros_data.messages import fill_transform, pose_from_transform, set_stamp, stamp_ns
import pytest
from rclpy.duration import Duration
from rclpy.time import Time
import tf2_ros

SECOND = 1_000_000_000
LATEST = Time()


def at(seconds: float) -> Time:
    """Return a time."""
    return Time(nanoseconds=round(seconds * SECOND))


def transform(parent: str, child: str, pose: Pose, seconds: float = 100.0) -> TransformStamped:
    """Return a message."""
    message = TransformStamped(child_frame_id=child)
    message.header.frame_id = parent
    set_stamp(message.header.stamp, round(seconds * SECOND))
    fill_transform(message.transform, pose)
    return message


def moved(x: float) -> Pose:
    """Return a translation along x."""
    return Pose(np.array([x, 0.0, 0.0]))


def turned(degrees: float) -> Pose:
    """Return a rotation about z."""
    half = np.radians(degrees) / 2
    return Pose(np.zeros(3), np.array([0.0, 0.0, np.sin(half), np.cos(half)]))


def assert_same(found: TransformStamped, expected: Pose) -> None:
    """Compare a message with a pose."""
    np.testing.assert_allclose(
        pose_from_transform(found.transform).matrix, expected.matrix, atol=1e-6)


@given(st.lists(poses(), min_size=1, max_size=6), st.data())
@settings(max_examples=50, deadline=None)
def test_any_tree_gives_the_product_of_its_transforms(steps: list[Pose], data: st.DataObject,
                                                      ) -> None:
    buffer = tf2_ros.Buffer()
    root_from = {'f0': Pose()}
    for i, step in enumerate(steps, 1):
        parent = data.draw(st.sampled_from(sorted(root_from)))
        root_from[f'f{i}'] = root_from[parent] @ step
        send = buffer.set_transform_static if data.draw(st.booleans()) else buffer.set_transform
        send(transform(parent, f'f{i}', step), 'test')
    a, b = (data.draw(st.sampled_from(sorted(root_from))) for _ in range(2))
    for when in (at(100), LATEST):
        assert_same(buffer.lookup_transform(a, b, when), root_from[a].inverse() @ root_from[b])
    message = buffer.lookup_transform(a, b, at(100))
    assert (message.header.frame_id, message.child_frame_id) == (a, b)
    assert stamp_ns(message.header.stamp) == 100 * SECOND


def test_it_interpolates_on_the_shorter_way() -> None:
    buffer = tf2_ros.Buffer()
    for seconds, degrees in ((100.0, 170.0), (101.0, -170.0)):
        pose = Pose(np.array([degrees, 0.0, 0.0]), turned(degrees).quat_xyzw)
        buffer.set_transform(transform('odom', 'base', pose, seconds), 'test')
    expected = Pose(np.array([170.0 - 340 * 0.25, 0.0, 0.0]), turned(175.0).quat_xyzw)
    assert_same(buffer.lookup_transform('odom', 'base', at(100.25)), expected)


def test_order_of_arrival_does_not_matter() -> None:
    buffer = tf2_ros.Buffer()
    for seconds in (102.0, 100.0, 101.0):
        buffer.set_transform(transform('odom', 'base', moved(seconds), seconds), 'test')
    for seconds in (100.0, 100.5, 101.9):
        assert_same(buffer.lookup_transform('odom', 'base', at(seconds)), moved(seconds))


def test_the_latest_is_the_latest_that_all_have() -> None:
    buffer = tf2_ros.Buffer()
    for seconds in (100.0, 101.0, 102.0):
        buffer.set_transform(transform('odom', 'base', moved(seconds), seconds), 'test')
        if seconds < 102:
            buffer.set_transform(transform('base', 'arm', moved(1), seconds), 'test')
    buffer.set_transform(transform('earth', 'odom', moved(0), 50.0), 'test')  # not on the way
    found = buffer.lookup_transform('odom', 'arm', LATEST)
    assert stamp_ns(found.header.stamp) == 101 * SECOND
    assert_same(found, moved(102))


def test_what_is_not_known_raises_as_tf2_does() -> None:
    buffer = tf2_ros.Buffer()
    with pytest.raises(tf2_ros.LookupException, match='does not exist'):
        buffer.lookup_transform('odom', 'base', LATEST)
    for seconds in (100.0, 101.0):
        buffer.set_transform(transform('odom', 'base', moved(1), seconds), 'test')
    buffer.set_transform(transform('elsewhere', 'thing', moved(1)), 'test')
    with pytest.raises(tf2_ros.ExtrapolationException, match='into the future'):
        buffer.lookup_transform('odom', 'base', at(101.5))
    with pytest.raises(tf2_ros.ExtrapolationException, match='into the past'):
        buffer.lookup_transform('base', 'odom', at(99))
    with pytest.raises(tf2_ros.ExtrapolationException, match='only time'):
        buffer.lookup_transform('elsewhere', 'thing', at(99))
    with pytest.raises(tf2_ros.ConnectivityException):
        buffer.lookup_transform('odom', 'thing', at(100))
    with pytest.raises(tf2_ros.InvalidArgumentException):
        buffer.lookup_transform('', 'base', LATEST)
    for name in ('LookupException', 'ExtrapolationException', 'ConnectivityException',
                 'InvalidArgumentException', 'TimeoutException'):
        assert issubclass(getattr(tf2_ros, name), tf2_ros.TransformException)
    assert not buffer.can_transform('odom', 'thing', at(100))
    assert not buffer.can_transform('odom', 'base', at(102), Duration(seconds=0.05))
    known, reason = buffer.can_transform('odom', 'base', at(102), return_debug_tuple=True)
    assert not known
    assert 'future' in reason


def test_a_loop_raises() -> None:
    buffer = tf2_ros.Buffer()
    for parent, child in (('a', 'b'), ('b', 'c'), ('c', 'a'), ('root', 'x')):
        buffer.set_transform(transform(parent, child, moved(1)), 'test')
    for when in (at(100), LATEST):
        with pytest.raises(tf2_ros.LookupException, match='loop'):
            buffer.lookup_transform('x', 'b', when)


def test_nonsense_is_ignored() -> None:
    buffer = tf2_ros.Buffer()
    bad = [transform('a', 'a', moved(1)), transform('', 'b', moved(1)),
           transform('a', '', moved(1)), transform('a', 'b', moved(1)),
           transform('a', 'b', moved(1))]
    bad[3].transform.translation.x = float('nan')
    bad[4].transform.rotation.w = 2.0
    for message in bad:
        buffer.set_transform(message, 'test')
    assert not buffer.can_transform('a', 'b', LATEST)


def test_it_forgets_what_is_old_and_what_changes_when_cleared() -> None:
    buffer = tf2_ros.Buffer(Duration(seconds=2))
    for seconds in (100.0, 101.0, 102.0, 103.0):
        buffer.set_transform(transform('odom', 'base', moved(1), seconds), 'test')
    buffer.set_transform_static(transform('base', 'camera', moved(2)), 'test')
    assert buffer.can_transform('odom', 'camera', at(100.5))  # until the next one comes
    buffer.set_transform(transform('odom', 'base', moved(1), 104.0), 'test')
    assert not buffer.can_transform('odom', 'camera', at(100.5))
    assert buffer.can_transform('odom', 'camera', at(101.5))
    buffer.set_transform(transform('odom', 'base', moved(1), 100.0), 'test')  # too old
    assert not buffer.can_transform('odom', 'camera', at(100.5))
    buffer.clear()
    with pytest.raises(tf2_ros.ExtrapolationException, match='only time 0'):
        buffer.lookup_transform('odom', 'camera', at(101.5))
    with pytest.raises(tf2_ros.ConnectivityException):
        buffer.lookup_transform('odom', 'camera', LATEST)
    assert buffer.can_transform('base', 'camera', at(5))


def test_of_several_at_one_time_the_last_to_come_counts() -> None:
    """As in TimeCache::findClosest; only of the earliest of all it is the first."""
    buffer = tf2_ros.Buffer()
    for seconds in (100.0, 101.0, 102.0):
        for x in (1, 2, 2):
            buffer.set_transform(transform('odom', 'base', moved(x + seconds), seconds), 'test')
    for seconds, x in ((100.0, 1), (100.5, 1.5), (101.0, 2), (101.5, 1.5), (102.0, 2)):
        assert_same(buffer.lookup_transform('odom', 'base', at(seconds)), moved(x + seconds))


def test_between_two_parents_the_older_one_counts() -> None:
    buffer = tf2_ros.Buffer()
    buffer.set_transform(transform('odom', 'base', moved(1), 100.0), 'test')
    buffer.set_transform(transform('map', 'base', moved(9), 101.0), 'test')
    assert_same(buffer.lookup_transform('odom', 'base', at(100.9)), moved(1))
    assert_same(buffer.lookup_transform('map', 'base', at(101)), moved(9))
    assert_same(buffer.lookup_transform('map', 'base', LATEST), moved(9))
    with pytest.raises(tf2_ros.ConnectivityException):
        buffer.lookup_transform('odom', 'base', LATEST)


def test_a_transform_stamped_zero_limits_no_latest_time() -> None:
    buffer = tf2_ros.Buffer()
    buffer.set_transform(transform('odom', 'base', moved(1), 100.0), 'test')
    buffer.set_transform(transform('base', 'camera', moved(2), 0.0), 'test')
    with pytest.raises(tf2_ros.ExtrapolationException, match='only time 0'):
        buffer.lookup_transform('odom', 'camera', at(100))
    with pytest.raises(tf2_ros.ExtrapolationException, match='only time 0'):
        buffer.lookup_transform('odom', 'camera', LATEST)  # at 100, when odometry is known
    assert_same(buffer.lookup_transform('base', 'camera', LATEST), moved(2))


def test_a_transform_may_change_between_static_and_not() -> None:
    buffer = tf2_ros.Buffer()
    buffer.set_transform(transform('odom', 'base', moved(1), 100.0), 'test')
    buffer.set_transform_static(transform('odom', 'base', moved(2), 50.0), 'test')
    assert_same(buffer.lookup_transform('odom', 'base', at(7)), moved(2))
    buffer.set_transform(transform('odom', 'base', moved(3), 100.0), 'test')
    with pytest.raises(tf2_ros.ExtrapolationException, match='only time 100'):
        buffer.lookup_transform('odom', 'base', at(7))


@pytest.mark.parametrize(('frame', 'reason'), [('', 'cannot be empty'), ('/odom', 'start with')])
def test_a_name_that_is_none_is_an_invalid_argument(frame: str, reason: str) -> None:
    with pytest.raises(tf2_ros.InvalidArgumentException, match=reason):
        tf2_ros.Buffer().lookup_transform(frame, 'base', LATEST)
