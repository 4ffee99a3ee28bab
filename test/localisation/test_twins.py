"""A place that stands twice: what its images say alone, and what is known before resolves."""

from __future__ import annotations

from collections import Counter
import json
from pathlib import Path

from map_helpers import write_twin_model
import numpy as np
import posenet_ros
from posenet_ros import evaluate
from posenet_ros.errors import PoseNetError
from posenet_ros.geometry.pose import Pose
from posenet_ros.localisation.camera_relocaliser import CameraRelocaliser
from posenet_ros.localisation.gate import Verdict
import pytest
from training_helpers import LARGE_CAMERA, wall_view

SHIFT_M = 30.0
Twins = tuple[Path, Path, dict[str, Pose]]


@pytest.fixture(scope='module')
def twins(tmp_path_factory: pytest.TempPathFactory) -> Twins:
    folder = tmp_path_factory.mktemp('twins')
    model, poses = write_twin_model(folder / 'model', folder / 'wall', SHIFT_M)
    return model, folder / 'wall', poses


def copy_of(pose: Pose) -> Pose:
    """Return the same view of the other place."""
    return Pose(pose.translation_m + np.array([SHIFT_M, 0, 0]), pose.quat_xyzw)


def error_m(one: Pose | None, other: Pose) -> float:
    assert one
    return float(np.linalg.norm(one.translation_m - other.translation_m))


def answers(relocaliser: CameraRelocaliser, poses: list[Pose], start_s: float = 1.0) -> list:
    return [relocaliser(wall_view(pose, LARGE_CAMERA), stamp_s=start_s + i)
            for i, pose in enumerate(poses)]


def test_alone_an_image_fits_both_places(twins: Twins) -> None:
    model, _, poses = twins
    relocaliser = posenet_ros.load(model)
    for result, truth in zip(answers(relocaliser, list(poses.values())[:3]),
                             list(poses.values())[:3], strict=True):
        assert result.verdict is Verdict.AMBIGUOUS
        assert result.pose is None
        assert len(result.ambiguous) == 2
        near = [min(error_m(pose, one) for pose in result.ambiguous)
                for one in (truth, copy_of(truth))]
        assert max(near) < 0.1
        assert 'the image fits 2 places' in result.reasons[0]
        assert '30.0 m apart' in result.reasons[0]
        assert result.estimate.verification.rivals == 2


@pytest.mark.parametrize('second', [False, True])
def test_who_says_where_the_camera_is_gets_that_place_from_then_on(
        twins: Twins, second: bool) -> None:
    """The initial pose resolves the first image, each accepted pose the next."""
    model, _, poses = twins
    truths = [copy_of(pose) if second else pose for pose in poses.values()]
    relocaliser = posenet_ros.load(model)
    relocaliser.expect(Pose(truths[0].translation_m + np.array([0.4, 0, 0]), truths[0].quat_xyzw))
    for result, pose, truth in zip(answers(relocaliser, list(poses.values())),
                                   poses.values(), truths, strict=True):
        assert result.accepted, (pose, result.reasons)
        assert error_m(result.pose, truth) < 0.1


def test_it_stays_where_it_was_said_to_be_over_checks_and_ends_with_the_timeout(
        twins: Twins) -> None:
    """Every five seconds an image is localised alone, fits both, and the prior tells them."""
    model, _, poses = twins
    truth = next(iter(poses.values()))
    relocaliser = posenet_ros.load(model, max_identical_images=0)
    relocaliser.expect(truth)
    image = wall_view(truth, LARGE_CAMERA)
    for second in range(12):
        assert error_m(relocaliser(image, stamp_s=float(second + 1)).pose, truth) < 0.1
    assert relocaliser(image, stamp_s=40.0).verdict is Verdict.AMBIGUOUS


def test_without_stamps_or_priors_nothing_is_known(twins: Twins) -> None:
    model, _, poses = twins
    truth = next(iter(poses.values()))
    image = wall_view(truth, LARGE_CAMERA)
    relocaliser = posenet_ros.load(model)
    relocaliser.expect(truth)
    assert relocaliser(image).verdict is Verdict.AMBIGUOUS
    off = posenet_ros.load(model, use_prior=False)
    off.expect(truth)
    assert off(image, stamp_s=1.0).verdict is Verdict.AMBIGUOUS


def test_odometry_carries_the_prior(twins: Twins) -> None:
    """A robot that drove to the other place is expected there, though it looks the same."""
    model, _, poses = twins
    truth = next(iter(poses.values()))
    image = wall_view(truth, LARGE_CAMERA)
    relocaliser = posenet_ros.load(model)
    relocaliser.expect(truth)
    odom = Pose(np.array([5.0, 0, 0]))
    assert error_m(relocaliser(image, stamp_s=1.0, odom_from_camera=odom).pose, truth) < 0.1
    moved = odom @ truth.inverse() @ copy_of(truth)
    assert error_m(relocaliser(image, stamp_s=9.0, odom_from_camera=moved).pose,
                   copy_of(truth)) < 0.1


def test_the_evaluator_counts_ambiguous_images_and_replays_in_order(
        twins: Twins, tmp_path: Path) -> None:
    model, data, poses = twins
    for replay in ('images', 'order'):
        arguments = ['--model', model, '--data', data, '--refine', '--replay', replay,
                     '--out', tmp_path / replay]
        with pytest.raises(PoseNetError, match='the image fits 2 places'):
            evaluate.main([str(word) for word in arguments])
        report = json.loads((tmp_path / replay / 'report.json').read_text())
        assert report['outcomes'] == {'ambiguous': len(poses)}  # nothing tells the first
        assert report['ambiguous'] == {
            'frames': len(poses), 'with_poses': len(poses), 'truth_named': 1.0}
        assert report['false_poses']['accepted'] == 0
        rows = (tmp_path / replay / 'frames.csv').read_text().splitlines()[1:]
        assert Counter(row.split(',')[3] for row in rows) == {'ambiguous': len(poses)}
