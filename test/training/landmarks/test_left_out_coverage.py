"""Coverage on walks that neither the map nor its calibration knows, with a known answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.localiser import LandmarkLocaliser
from posenet_ros.landmarks.pnp.absolute_pose import AbsolutePose
from posenet_ros.training.landmarks import calibration, validation
from posenet_ros.training.landmarks.held_out.poses import HeldOutPoses
from posenet_ros.training.landmarks.held_out.tracked import track_held_out, TrackedRows
from posenet_ros.training.landmarks.left_out_coverage import (
    axis_coverage,
    cross_validated_residuals,
    cross_validated_tracked,
    left_out_coverage,
    table,
    tracked_coverage,
)
from posenet_ros.training.landmarks.mapping import map_dataset, MappedDataset
from posenet_ros.training.landmarks.options import MappingOptions, TrackingValidationOptions
from posenet_ros.uncertainty.pose_scores import PoseScores
import pytest

from .scene import CAMERA, make_dataset, observe, scene_points

OPTIONS = MappingOptions(min_landmarks=20)
WALKS, IMAGES = 3, 10


@pytest.fixture(scope='module')
def mapped() -> MappedDataset:
    data = make_dataset(WALKS, IMAGES)
    return map_dataset(data, OPTIONS, observe(data, scene_points(300)))


def held_out(factors: np.ndarray, scores: np.ndarray | None = None,
             repeats: int = 20) -> HeldOutPoses:
    """Return normal errors of `factors` (N,) sigmas in each image, several times."""
    count = WALKS * IMAGES * repeats
    errors = np.random.default_rng(0).normal(size=(count, 6))
    errors *= np.repeat(factors, repeats)[:, np.newaxis]
    return HeldOutPoses(
        np.repeat(np.arange(WALKS * IMAGES), repeats), np.repeat(np.arange(WALKS), count // WALKS),
        np.stack([errors, np.ones_like(errors)], axis=1),
        np.ones((count, 3)) if scores is None else np.repeat(scores, repeats, axis=0),
        np.full((count, 3, 6), np.nan))


def test_normal_errors_of_the_expected_size_are_covered(mapped: MappedDataset) -> None:
    rows = left_out_coverage(held_out(np.full(30, 2.0)), mapped.landmark_map)
    assert len(rows) == 18
    assert sum(not row.holds for row in rows) <= 3
    assert [row.expected for row in rows if row.axis == 'x'] == [0.6827, 0.9545, 0.9973]
    assert '| 2 sigma, 95.5% | ' in table(rows)[3]


def test_a_walk_is_judged_by_the_calibration_of_the_others(mapped: MappedDataset) -> None:
    last = np.repeat([1.0, 1.0, 4.0], IMAGES)
    residuals = cross_validated_residuals(
        held_out(last), mapped.landmark_map, OPTIONS.validation)
    assert np.std(residuals[-200:]) == pytest.approx(4, rel=0.2), 'not 1: it was not known'
    one_fold = replace(held_out(last), folds=np.zeros(600, np.intp))
    one_block = cross_validated_residuals(
        one_fold.select(one_fold.views < 5), mapped.landmark_map, OPTIONS.validation)
    assert len(one_block) == 0, 'one block has no others'


def test_too_small_and_heavy_tailed_sigmas_are_told() -> None:
    rng = np.random.default_rng(0)
    small = axis_coverage(2 * rng.normal(size=(400, 6)))
    assert not any(row.holds for row in small)
    assert '(' in table(small)[2]
    assert table(small)[2].count('*') == 6
    within = axis_coverage(np.full((50, 6), 0.5))
    assert [row.holds for row in within if row.sigmas == 3] == [True] * 6, '0 of 50 is no proof'
    assert not any(row.holds for row in within if row.sigmas == 1)


def test_sigmas_grow_with_the_score_that_tells_the_errors(mapped: MappedDataset) -> None:
    scores = np.ones((30, 3))
    scores[:, 1] = np.tile(np.linspace(1, 4, 10), 3)
    found = held_out(scores[:, 1], scores)
    powers, factors = calibration.fit_powers(found, mapped.landmark_map, OPTIONS.validation)
    assert powers.distance == pytest.approx(1, abs=0.3)
    assert powers.inlier_ratio == 0
    assert np.corrcoef(np.log(factors), np.log(found.scores[:, 1]))[0, 1] > 0.99
    found = held_out(1 / scores[:, 1], scores)
    powers = calibration.fit_powers(found, mapped.landmark_map, OPTIONS.validation)[0]
    assert powers.distance == 0


def test_how_errors_grow_is_learnt_where_the_views_nearby_are_left_out(
        mapped: MappedDataset) -> None:
    found = held_out(np.ones(30), np.tile([1.0, 1.2, 1.0], (30, 1)))
    power = calibration.fit_powers(found, mapped.landmark_map, OPTIONS.validation)[0].distance
    assert power == 0, 'all are as near'
    far = np.concatenate([found.rows * [[[1.75], [1]]], np.ones((600, 1, 6))], axis=1)
    far[:, 2, 1] = 4
    far[::2] = np.nan
    power = calibration.fit_powers(
        replace(found, far=far), mapped.landmark_map, OPTIONS.validation)[0].distance
    assert power == 0.5, 'log 1.75 / log (4 / 1.2)'
    options = replace(OPTIONS, validation=replace(OPTIONS.validation, far=0.3))
    held = calibration.calibrate_map(mapped, options).held_out
    tried = np.isfinite(held.far[:, 0, 0])
    assert 5 <= tried.sum() <= 15
    assert (held.far[tried, 2, 1] > 1.29).all(), 'no view within 0.3'
    assert (held.far[tried, 2, 1] > held.scores[tried, 1]).all()


def test_a_pose_far_from_the_views_and_with_little_evidence_is_less_sure(
        mapped: MappedDataset) -> None:
    plain = LandmarkLocaliser(mapped.landmark_map)
    powers = PoseScores(0.0, 1.0, 0.5)
    wiser = LandmarkLocaliser(mapped.landmark_map, distance_power=powers.distance,
                              inlier_ratio_power=powers.inlier_ratio)
    image = mapped.features[4].features
    for exclude in ([], [3, 4, 5, 14, 24]):
        found = plain.search(image, exclude=exclude)
        scores = plain.scores(found, exclude)
        sure, unsure = found.pose, wiser.search(image, exclude=exclude).pose
        assert sure
        assert unsure
        ratio = 0.6 / sure.inlier_ratio
        assert scores == PoseScores(1.0, scores.distance, pytest.approx(ratio))
        assert np.allclose(
            unsure.covariance, sure.covariance * scores.distance ** 2 * max(ratio, 0.3))
    near = plain.scores(plain.search(image))
    assert near.distance == pytest.approx(1, abs=0.02), 'the view itself is in the map'
    assert scores.distance > near.distance + 0.05
    assert scores.inlier_ratio >= near.inlier_ratio


def test_a_map_that_knows_the_image_is_refused(
        mapped: MappedDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    names = calibration.calibrate_map(mapped, OPTIONS).held_out.names
    assert names.excluded == ('seq0', 'seq1', 'seq2')
    assert len(names.images) == 30
    monkeypatch.setattr(validation, 'map_without', lambda *_: mapped.landmark_map)
    with pytest.raises(InputError, match='images that the map was made without'):
        calibration.calibrate_map(mapped, OPTIONS)


class StubTracker:
    """A tracker that is right by an offset for some images, whatever it is shown."""

    def __init__(self, truths: list[Pose], images: int) -> None:
        self.left, self.truths, self.predictions = images, truths, list[Pose]()

    def make_keyframe(self, pose: Pose, covariance: np.ndarray, grey: object,
                      camera: object) -> Pose:
        """Return the pose alone."""
        return pose

    def start(self, keyframe: Pose) -> None:
        """Track from the image that is nearest."""
        self.at = min(range(10), key=lambda i: float(np.linalg.norm(
            self.truths[i].translation_m - keyframe.translation_m)))

    def track(self, grey: object, camera: object, predicted: Pose) -> AbsolutePose | None:
        """Return the next pose, 0.1 m off along each axis."""
        self.left, self.at = self.left - 1, self.at + 1
        self.predictions.append(predicted)
        pose = Pose(self.truths[self.at].translation_m + 0.1, self.truths[self.at].quat_xyzw)
        none = np.empty(0, np.intp)
        return None if self.left < 0 else AbsolutePose(pose, none, 1.0, np.eye(6) / 100)


def track(mapped: MappedDataset, images: int) -> tuple[np.ndarray, np.ndarray, list[StubTracker]]:
    """Track the first walk by a tracker that fails after some images."""
    grey = np.zeros((480, 640), np.uint8)
    features = [one._replace(features=one.features._replace(grey=grey, camera=CAMERA))
                for one in mapped.features]
    made: list[StubTracker] = []
    truths = [sample.map_from_camera for sample in mapped.dataset.samples]

    class Localiser(LandmarkLocaliser):

        def make_tracker(self) -> StubTracker:  # type: ignore[override]
            """Return a stub."""
            made.append(StubTracker(truths, images))
            return made[-1]

    views, rows = track_held_out(
        Localiser(mapped.landmark_map), replace(mapped, features=features), np.arange(10),
        TrackingValidationOptions(starts=2, images=4))
    return views, rows, made


def test_images_after_a_localised_one_are_tracked(mapped: MappedDataset) -> None:
    views, rows, made = track(mapped, images=3)
    assert views.tolist() == [1, 2, 3, 7, 8, 9]
    assert np.allclose(rows[:, 0, :3], 0.1)
    assert np.allclose(rows[:, 1], 0.1)
    along = [pose.translation_m[0] for pose in made[0].predictions[:3]]
    assert np.allclose(along, [0, 2 * (4 / 9 + 0.1), 3 * 4 / 9 + 0.1], atol=0.03), (
        'the last pose, then at a constant velocity')
    failing = track(mapped, images=0)
    assert len(failing[0]) == len(failing[1]) == 0


def test_tracked_poses_have_scales_of_their_own(mapped: MappedDataset) -> None:
    found = held_out(np.ones(30))
    assert calibration.fit_calibration(
        found, mapped.landmark_map, OPTIONS.validation).calibration['tracked_scale'] == ()
    errors = np.random.default_rng(1).normal(size=(300, 6)) * 3
    tracked = TrackedRows(np.arange(300), np.repeat(np.arange(3), 100),
                          np.stack([errors, np.ones_like(errors)], axis=1))
    found = replace(found, tracked=tracked)
    scales = calibration.fit_calibration(found, mapped.landmark_map, OPTIONS.validation)
    assert len(scales.tracked_scales) == 6
    assert np.allclose(scales.calibration['tracked_scale'], 3, rtol=0.15)
    assert np.allclose(scales.calibration['refined_scale'], 1, rtol=0.15)
    assert sum(not row.holds for row in tracked_coverage(found)) <= 3
    assert tracked_coverage(held_out(np.ones(30))) == []
    tracked.rows[200:, 0] *= 3
    residuals = cross_validated_tracked(found, OPTIONS.validation)
    assert np.std(residuals[200:]) == pytest.approx(3, rel=0.2), 'by the scales of the others'
