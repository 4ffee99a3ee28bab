"""Similarities: group laws, and Umeyama's estimate of them."""

from __future__ import annotations

from helpers import poses
from hypothesis import given
from hypothesis import strategies as st
import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.geometry.pose import Pose
from posenet_ros.geometry.similarity import Similarity, umeyama
import pytest

SIMILARITIES = st.builds(Similarity, st.floats(0.05, 20), poses(10))
POINTS = np.random.default_rng(1).normal(size=(12, 3)) * (5, 3, 1)


@given(SIMILARITIES)
def test_umeyama_finds_the_similarity(similarity: Similarity) -> None:
    found = umeyama(POINTS, similarity.apply(POINTS))
    assert found.scale == pytest.approx(similarity.scale, rel=1e-9)
    np.testing.assert_allclose(found.apply(POINTS), similarity.apply(POINTS), atol=1e-6)


@given(SIMILARITIES, SIMILARITIES)
def test_products_and_inverses(a: Similarity, b: Similarity) -> None:
    np.testing.assert_allclose((a @ b).apply(POINTS), a.apply(b.apply(POINTS)), atol=1e-5)
    np.testing.assert_allclose(a.inverse().apply(a.apply(POINTS)), POINTS, atol=1e-7)


@given(SIMILARITIES, poses(10))
def test_a_pose_keeps_its_own_axes(similarity: Similarity, pose: Pose) -> None:
    moved = similarity.apply_to_pose(pose)
    ahead = pose.apply((0, 0, 1 / similarity.scale))
    np.testing.assert_allclose(moved.apply((0, 0, 1)), similarity.apply(ahead), atol=1e-6)


def test_a_rigid_alignment_has_no_scale_and_no_mirror() -> None:
    flat = POINTS * (1, 1, 0.01)
    found = umeyama(flat, 2 * flat * (1, 1, -1), with_scale=False)
    assert found.scale == 1
    assert np.linalg.det(found.rigid.rotation) == pytest.approx(1)


def test_weights_decide() -> None:
    target = 2 * POINTS
    target[0] += 50
    weights = np.ones(len(POINTS))
    assert umeyama(POINTS, target, weights).scale != pytest.approx(2, rel=0.01)
    weights[0] = 0
    assert umeyama(POINTS, target, weights).scale == pytest.approx(2, rel=1e-9)


@pytest.mark.parametrize('points', [np.ones((1, 3)), np.full((5, 3), 7.0)])
def test_points_that_determine_nothing(points: np.ndarray) -> None:
    with pytest.raises(InputError, match='alignment'):
        umeyama(points, points)


@pytest.mark.parametrize(('source', 'target', 'weights'), [
    (POINTS[:3], POINTS, None), (POINTS, POINTS[:3], None), (POINTS[:1], POINTS[:1], None),
    (POINTS, POINTS, np.zeros(12))])
def test_an_alignment_needs_points_of_either_side(
        source: np.ndarray, target: np.ndarray, weights: np.ndarray | None) -> None:
    with pytest.raises(InputError, match=f'Received: {len(source)} and {len(target)}'):
        umeyama(source, target, weights)


def test_two_points_are_an_alignment_and_the_scale_is_that_of_their_distance() -> None:
    found = umeyama(POINTS[:2], 3 * POINTS[:2] + 1)
    assert found.scale == pytest.approx(3)
    np.testing.assert_allclose(found.apply(POINTS[:2]), 3 * POINTS[:2] + 1, atol=1e-9)
    assert (Similarity().scale, Similarity().rigid.translation_m.tolist()) == (1.0, [0, 0, 0])
