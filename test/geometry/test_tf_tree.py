"""Trees of frames: chains up and down, at a time, and what is no tree."""

from __future__ import annotations

import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.geometry.pose import Pose
from posenet_ros.geometry.tf_tree import compose_lookups, TransformTree
from posenet_ros.geometry.trajectory import Lookup
import pytest

TURN = np.array([0.0, 0.0, np.sqrt(0.5), np.sqrt(0.5)])
MAP_FROM_ODOM, ODOM_FROM_BASE = Pose(np.array([5.0, 0, 0]), TURN), Pose(np.array([1.0, 2.0, 0]))
BASE_FROM_CAMERA = Pose(np.array([0.1, 0, 0.5]), TURN)
BASE_FROM_LASER = Pose(np.array([0, 0.3, 0]))


def fixed(pose: Pose) -> Lookup:
    return lambda *_: pose


def until(pose: Pose, end_ns: int, gap_s: float) -> Lookup:
    """Return a lookup that has a pose until a time, where a gap of this length is allowed."""
    return lambda stamp_ns, max_gap_s: (
        pose if stamp_ns <= end_ns and max_gap_s >= gap_s else None)


TREE = TransformTree({
    'odom': ('map', fixed(MAP_FROM_ODOM)), 'base': ('odom', until(ODOM_FROM_BASE, 100, 0.2)),
    'camera': ('base', fixed(BASE_FROM_CAMERA)), 'laser': ('base', fixed(BASE_FROM_LASER)),
    'island': ('sea', fixed(Pose()))})


def assert_same(found: Pose | None, expected: Pose) -> None:
    assert found is not None
    np.testing.assert_allclose(found.matrix, expected.matrix, atol=1e-12)


@pytest.mark.parametrize(('parent', 'child', 'expected'), [
    ('map', 'camera', MAP_FROM_ODOM @ ODOM_FROM_BASE @ BASE_FROM_CAMERA),
    ('camera', 'map', (MAP_FROM_ODOM @ ODOM_FROM_BASE @ BASE_FROM_CAMERA).inverse()),
    ('laser', 'camera', BASE_FROM_LASER.inverse() @ BASE_FROM_CAMERA),
    ('odom', 'base', ODOM_FROM_BASE), ('base', 'base', Pose()), ('sea', 'island', Pose())])
def test_a_chain_leads_up_and_down(parent: str, child: str, expected: Pose) -> None:
    assert_same(TREE.lookup(parent, child)(100, 0.2), expected)


@pytest.mark.parametrize(('parent', 'child', 'stamp_ns', 'gap_s', 'known'), [
    ('map', 'camera', 101, 0.2, False), ('camera', 'map', 101, 0.2, False),
    ('map', 'camera', 100, 0.1, False), ('laser', 'camera', 101, 0.1, True),
    ('map', 'odom', 101, 0.0, True)])
def test_a_chain_is_known_where_each_of_its_links_is(
        parent: str, child: str, stamp_ns: int, gap_s: float, known: bool) -> None:
    assert (TREE.lookup(parent, child)(stamp_ns, gap_s) is not None) == known


def test_what_is_not_joined_is_refused_with_the_frames_that_there_are() -> None:
    assert TREE.frames == ('base', 'camera', 'island', 'laser', 'map', 'odom', 'sea')
    with pytest.raises(InputError, match=r"join 'map' and 'island'.*: the frames base, cam"):
        TREE.lookup('map', 'island')
    with pytest.raises(InputError, match=r'Received: the frames \(none\)'):
        TransformTree({}).lookup('a', 'b')
    loop = TransformTree({'a': ('b', fixed(Pose())), 'b': ('c', fixed(Pose())),
                          'c': ('b', fixed(Pose()))})
    with pytest.raises(InputError, match='Received: a loop a > b > c > b'):
        loop.lookup('d', 'a')


def test_lookups_are_multiplied_in_their_order() -> None:
    lookup = compose_lookups(fixed(MAP_FROM_ODOM), until(ODOM_FROM_BASE, 100, 0.2))
    assert_same(lookup(100, 0.2), MAP_FROM_ODOM @ ODOM_FROM_BASE)
    assert lookup(101, 0.2) is None
    assert lookup(100, 0.1) is None
    assert_same(compose_lookups()(0, 0.0), Pose())
