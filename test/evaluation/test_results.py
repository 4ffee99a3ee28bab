"""The table of frames: arrays of what the results say, however they are selected."""

from __future__ import annotations

from helpers import poses
from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
from posenet_ros.evaluation.metrics.pose_errors import rotation_errors_deg, translation_errors_m
from posenet_ros.evaluation.results import FrameResult, FrameTable
from posenet_ros.geometry.estimate import diagonal_covariance
from posenet_ros.localisation.gate import Verdict
import pytest


@st.composite
def frames(draw: st.DrawFn) -> list[FrameResult]:
    """Draw results of two sequences: some without estimate, covariance or acceptance."""
    found = []
    for i in range(draw(st.integers(1, 8))):
        known = draw(st.booleans())
        found.append(FrameResult(
            f'{i}', i + 1, draw(poses()), draw(poses()) if draw(st.booleans()) else None,
            diagonal_covariance((3, 4, 12), (0.1, 0.2, 0.2)) if known else None,
            draw(st.sampled_from([None, Verdict.ACCEPTED, Verdict.STALE])),
            sequence=draw(st.sampled_from('ab')), place_score=0.5 if known else None))
    return found


@settings(deadline=None)
@given(frames())
def test_rows_say_what_the_frames_say(results: list[FrameResult]) -> None:
    table = FrameTable.from_frames(results)
    assert len(table) == len(results)
    for i, frame in enumerate(results):
        assert table.estimated[i] == (frame.estimate is not None)
        assert table.accepted[i] == frame.accepted
        assert table.with_covariance[i] == (frame.covariance is not None)
        np.testing.assert_array_equal(table.truths_m[i], frame.truth.translation_m)
        np.testing.assert_array_equal(table.truths_xyzw[i], frame.truth.quat_xyzw)
        if frame.estimate is None:
            assert np.isnan(table.estimates_m[i]).all()
            assert np.isnan(table.estimates_xyzw[i]).all()
            assert [errors[i] for errors in table.errors] == [np.inf, np.inf]
            continue
        np.testing.assert_array_equal(table.estimates_m[i], frame.estimate.translation_m)
        np.testing.assert_array_equal(table.estimates_xyzw[i], frame.estimate.quat_xyzw)
        assert table.errors.translation_m[i] == translation_errors_m(
            frame.estimate.translation_m, frame.truth.translation_m)
        assert table.errors.rotation_deg[i] == rotation_errors_deg(
            frame.estimate.quat_xyzw, frame.truth.quat_xyzw)


@settings(deadline=None)
@given(frames())
def test_only_accepted_estimates_have_finite_accepted_errors(results: list[FrameResult]) -> None:
    table = FrameTable.from_frames(results)
    for values, all_values in zip(table.accepted_errors, table.errors, strict=True):
        np.testing.assert_array_equal(np.isfinite(values), table.accepted)
        np.testing.assert_array_equal(values[table.accepted], all_values[table.accepted])


@settings(deadline=None)
@given(frames())
def test_sigmas_are_roots_of_the_traces(results: list[FrameResult]) -> None:
    table = FrameTable.from_frames(results)
    metres, degrees = table.sigmas
    np.testing.assert_array_equal(np.isfinite(metres), table.with_covariance)
    assert metres[table.with_covariance] == pytest.approx(13.0)
    assert degrees[table.with_covariance] == pytest.approx(np.degrees(0.3))
    assert len(table.place_scores) == table.with_covariance.sum()


@settings(deadline=None)
@given(frames())
def test_a_selection_is_the_table_of_the_selected_frames(results: list[FrameResult]) -> None:
    table = FrameTable.from_frames(results)
    for part in (table.select(table.accepted), table.select(range(len(results))[::-2])):
        again = FrameTable.from_frames(part.frames)
        np.testing.assert_array_equal(part.truths_m, again.truths_m)
        np.testing.assert_array_equal(part.estimates_xyzw, again.estimates_xyzw)
        np.testing.assert_array_equal(part.covariances, again.covariances)
        np.testing.assert_array_equal(part.accepted, again.accepted)
        for values, same in zip(part.errors, again.errors, strict=True):
            np.testing.assert_array_equal(values, same)
    groups = table.by_sequence()
    assert {name: [f.sequence for f in part.frames] for name, part in groups.items()} == {
        name: [name] * len(part) for name, part in groups.items()}
    assert sum(map(len, groups.values())) == len(results)


def test_an_empty_table_has_no_rows() -> None:
    table = FrameTable.from_frames([])
    assert len(table) == len(table.place_scores) == len(table.sigmas.translation_m) == 0
