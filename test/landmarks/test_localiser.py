"""Landmark localiser: triangulation, localisation, calibration, and its model folder."""

from __future__ import annotations

from dataclasses import replace
import json
import math
from pathlib import Path
import shutil
import time

import cv2
from map_helpers import make_wall_map_by_view, read_wall
import numpy as np
from posenet_ros import evaluate
from posenet_ros.arrays import RgbImage
from posenet_ros.errors import InputError
from posenet_ros.evaluation import evaluator
from posenet_ros.evaluation.metrics.pose_errors import rotation_errors_deg
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.distortion import EQUIDISTANT
from posenet_ros.geometry.lie import rotation_vectors_rad, so3_exp
from posenet_ros.geometry.pose import Pose
from posenet_ros.imaging.decoding import Frame
from posenet_ros.imaging.files import read_image
from posenet_ros.imaging.quality import FrozenImageDetector
from posenet_ros.inference.artifact import LANDMARKS_FILE, load, LoadedArtifact, save, TRAIN_FILE
from posenet_ros.inference.prediction import Prediction
from posenet_ros.landmarks import landmark_file
from posenet_ros.landmarks.features import detect, Features
from posenet_ros.landmarks.landmark_map import LandmarkMap, per_view_map
from posenet_ros.landmarks.localiser import LandmarkLocaliser
from posenet_ros.landmarks.options import DEFAULT_LOCALISER as OPTIONS
from posenet_ros.landmarks.place_map import load_place_map
from posenet_ros.landmarks.pnp.absolute_pose import AbsolutePose
from posenet_ros.localisation.camera_info_policy import CameraInfoPolicy
from posenet_ros.localisation.factory import make_landmark_localiser
from posenet_ros.localisation.gate import Decision, Gate, Verdict
from posenet_ros.localisation.gate_config import NODE_DEFAULTS
from posenet_ros.localisation.pipeline import judge, localise, QueryResult
from posenet_ros.localisation.query_camera import choose_query_camera
from posenet_ros.localisation.relocaliser import Relocaliser
from posenet_ros.training.data.datasets import Dataset, read_dataset
from posenet_ros.training.fitting import cross_validation as folds
from posenet_ros.training.fitting.presets import preset_of
from posenet_ros.training.landmarks import __main__ as finding
from posenet_ros.training.landmarks.mapping import map_dataset
import pytest
from training_helpers import LARGE_CAMERA as CAMERA
from training_helpers import (
    MAP_FROM_CAMERA,
    train_tiny,
    WALL_M,
    wall_view,
    write_wall_dataset,
)

SETTINGS = ('weights=none', 'input_width=48', 'input_height=36', 'pooling=spatial',
            'head_width=64', 'epochs=1', 'batch=8', 'colour=0.2', 'noise=3', 'validation=0.3',
            'landmarks=true')


@pytest.fixture(scope='module')
def wall(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('data') / 'wall'
    write_wall_dataset(folder, camera=CAMERA)
    return folder


@pytest.fixture(scope='module')
def walked(wall: Path) -> Dataset:
    return read_dataset(wall, 'train', None)


@pytest.fixture(scope='module')
def found(wall: Path, walked: Dataset) -> LandmarkMap:
    return make_wall_map_by_view(read_wall(
        wall, {s.name: s.map_from_camera for s in walked.samples}))


@pytest.fixture(scope='module')
def model(wall: Path) -> Path:
    """Train a model folder with landmarks."""
    return train_tiny(wall, wall.parent / 'model', SETTINGS)


def off(pose: Pose, truth: Pose) -> tuple[float, float]:
    """Compute the errors of a pose, metres and degrees."""
    return (float(np.linalg.norm(pose.translation_m - truth.translation_m)),
            float(rotation_errors_deg(pose.quat_xyzw[None], truth.quat_xyzw[None])[0]))


def rough(truth: Pose, seed: int) -> Pose:
    """Disturb a pose as a network may: by a metre and ten degrees."""
    rng = np.random.default_rng(seed)
    turn = rng.normal(size=3)
    turn *= np.sin(np.radians(5)) / np.linalg.norm(turn)
    return Pose(truth.translation_m + rng.uniform(-0.6, 0.6, 3), truth.quat_xyzw) @ Pose(
        np.zeros(3), np.r_[turn, np.cos(np.radians(5))])


def test_landmarks_are_where_the_wall_is(found: LandmarkMap) -> None:
    assert len(found.points_m) > 500
    off_m = np.abs(found.points_m[:, 1] - WALL_M)
    assert np.median(off_m) < 0.03
    assert np.mean(off_m < 0.2) > 0.95


def test_rough_poses_become_exact(wall: Path, found: LandmarkMap) -> None:
    localiser = LandmarkLocaliser(found)
    errors = []
    for i, sample in enumerate(read_dataset(wall, 'test', None).samples):
        truth = sample.map_from_camera
        fine = localiser.localise(detect(read_image(sample.path), CAMERA), rough(truth, i))
        assert fine is not None
        errors.append(off(fine.map_from_camera, truth))
        assert len(fine.inliers) >= OPTIONS.min_inliers_by_view
    assert np.median(errors, axis=0)[0] < 0.02
    assert np.median(errors, axis=0)[1] < 0.15


def test_an_image_out_of_place_matches_no_landmarks(found: LandmarkMap) -> None:
    image = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8).repeat(
        4, axis=0).repeat(4, axis=1)
    features = detect(image, CAMERA)
    assert len(features.points_normalized) > 100
    guess = Pose.from_rotation(MAP_FROM_CAMERA)
    assert LandmarkLocaliser(found).localise(features, guess) is None


def test_views_are_retrieved_where_the_guess_is_far_off(
        walked: Dataset, found: LandmarkMap) -> None:
    few = replace(OPTIONS, views=3, more_views=3)
    sample = walked.samples[0]
    features = detect(read_image(sample.path), CAMERA)
    astray = Pose.from_rotation(MAP_FROM_CAMERA, (40, 0, 0))  # beyond the other end of the wall
    descriptors = np.tile(np.eye(len(walked.samples)), (2, 1))  # in two rounds
    assert LandmarkLocaliser(found, descriptors, options=few).localise(
        features, astray) is None
    for rows, answers in ((descriptors, True), (descriptors[:-1], False)):
        answer = LandmarkLocaliser(found, rows, options=few).localise(
            features, astray, descriptors[0])
        assert (answer is not None) == answers
    answer = LandmarkLocaliser(found, descriptors, options=few).localise(
        features, astray, descriptors[0])
    assert off(answer.map_from_camera, sample.map_from_camera)[0] < 0.03


def test_a_view_can_be_excluded(walked: Dataset, found: LandmarkMap) -> None:
    localiser = LandmarkLocaliser(found, np.eye(len(walked.samples)))
    for view in (0, 7):
        at = walked.samples[view].map_from_camera
        assert localiser.index.by_pose(at, 3)[0] == view
        assert view not in localiser.index.by_pose(at, 100, exclude=[view])
        own = np.eye(len(walked.samples))[view]
        assert localiser.index.by_network_descriptor(own)[0] == view
        assert view not in localiser.index.by_network_descriptor(own, exclude=[view])
        ratios = np.ones(len(walked.samples), np.float32)
        ratios[view] = 9
        localiser_by_ratio = LandmarkLocaliser(
            replace(found, views=replace(found.views, pose_residual_ratios=ratios)))
        assert localiser_by_ratio.pose_residual_ratio(at) > 4
        assert localiser_by_ratio.pose_residual_ratio(at, exclude=[view]) == 1


def test_only_views_with_a_descriptor_are_retrieved(found: LandmarkMap) -> None:
    localiser = LandmarkLocaliser(found, np.eye(3), descriptor_views=np.array([4, 2, 2]))
    assert localiser.index.by_network_descriptor(np.array([0.1, 0.0, 0.9])).tolist() == [2, 4]


def test_a_low_inlier_ratio_is_checked_by_the_views_around(
        found: LandmarkMap, monkeypatch: pytest.MonkeyPatch) -> None:
    features = Features(np.empty((0, 2)), found.descriptors[:0])
    localiser = LandmarkLocaliser(found)
    poses, used = iter(()), []

    def next_pose(_: Features, views: np.ndarray) -> AbsolutePose | None:
        if not len(views):
            return None
        used.append(views.tolist())
        return next(poses)

    monkeypatch.setattr(localiser._by_view, '_estimate', next_pose)

    def localise(*results: tuple[float, int]) -> int | None:
        """Localise with results of these inlier ratios and counts; return the inliers."""
        nonlocal poses
        results_of_all = [AbsolutePose(found.views.pose(0), np.arange(count), ratio, np.eye(6))
                          for ratio, count in results]
        poses = iter([*results_of_all, *[None] * 9])
        used.clear()
        answer = localiser.localise(features, found.views.pose(0), exclude=[3])
        assert all(views and 3 not in views for views in used)
        return None if answer is None else len(answer.inliers)

    sure, low = OPTIONS.sure_inlier_ratio, OPTIONS.min_inlier_ratio_by_view
    assert localise((sure, 40), (0.9, 90)) == 40  # needs no check
    assert localise((sure - 0.01, 40), (low, 50)) == 50  # the one with more inliers
    assert localise((sure - 0.01, 40), (low, 30)) == 40
    assert localise((sure - 0.01, 40), (low - 0.01, 50)) is None
    assert localise((sure - 0.01, 40)) is None


def test_an_angle_counts_as_much_as_a_distance(found: LandmarkMap) -> None:
    poses = [Pose.from_rotation(MAP_FROM_CAMERA @ so3_exp([0, np.radians(degrees), 0]), (x, 0, 0))
             for degrees, x in ((0, 1.0), (0, -1.0), (25, 0.0), (15, 0.0), (5, 0.0))]
    views = per_view_map(np.array([p.translation_m for p in poses]),
                         np.array([p.quat_xyzw for p in poses]), np.empty((0, 3), np.float32),
                         found.descriptors[:0], np.zeros(6, np.int32), np.ones(5, np.float32))
    localiser = LandmarkLocaliser(views, options=replace(OPTIONS, views=5))
    here = Pose.from_rotation(MAP_FROM_CAMERA)
    assert localiser.index.by_pose(here, 9).tolist() == [4, 0, 1, 3, 2]  # usual distance: 1
    away = Pose.from_rotation(MAP_FROM_CAMERA, (0, 0, 2.0))  # usual distance: 2
    assert localiser.index.by_pose(away, 9).tolist() == [0, 1, 4, 3, 2]


def test_views_whose_poses_contradict_the_others_enlarge_the_covariance_there(
        walked: Dataset, found: LandmarkMap) -> None:
    along_m = walked.positions_m[:, 0]
    ratios = np.where(along_m < np.median(along_m), 3.0, 1.0).astype(np.float32)
    told = replace(found, views=replace(found.views, pose_residual_ratios=ratios))
    wiser, plain = (LandmarkLocaliser(told, pose_residual_power=p) for p in (1.0, 0.0))
    larger = []
    for i in (np.argmin(along_m), np.argmax(along_m)):
        features = detect(read_image(walked.samples[i].path), CAMERA)
        own, other = (localiser.localise(features, walked.samples[i].map_from_camera)
                      for localiser in (wiser, plain))
        ratio = wiser.pose_residual_ratio(own.map_from_camera)
        assert np.allclose(own.covariance, other.covariance * ratio ** 2)
        larger.append(own.covariance[0, 0] / other.covariance[0, 0])
    assert larger[0] > 4 * larger[1]
    unknown = replace(found.views, pose_residual_ratios=np.full(len(ratios), np.nan, np.float32))
    localiser = LandmarkLocaliser(replace(found, views=unknown), pose_residual_power=2.0)
    assert localiser.pose_residual_ratio(Pose()) == 1.0


def test_files_round_trip_and_damage_is_found(found: LandmarkMap, tmp_path: Path) -> None:
    file = tmp_path / LANDMARKS_FILE
    landmark_file.save(found, file)
    again = landmark_file.load(file)
    assert np.array_equal(again.points_m, found.points_m)
    assert np.array_equal(again.starts, found.starts)
    with np.load(file) as arrays:
        assert set(arrays) == {'positions_m', 'quats_xyzw', 'points_m', 'descriptors', 'starts',
                               'misfits'}, 'keys of files that are in use'
        np.savez(file, **{name: arrays[name] for name in arrays if name != 'misfits'})
    ratios = landmark_file.load(file).views.pose_residual_ratios
    assert np.isnan(ratios).all(), 'as the first files were'
    landmark_file.save(found, file)
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(InputError, match=f'{file} is damaged'):
        landmark_file.load(file)
    np.savez(file, points_m=np.zeros((3, 3)))
    with pytest.raises(InputError, match='is damaged'):
        landmark_file.load(file)


@pytest.mark.parametrize('change', [
    {'starts': np.array([0, 5], np.int32)}, {'points_m': np.zeros((4, 2), np.float32)},
    {'colors': np.zeros((1, 3), np.uint8)}, {'tiles': np.zeros(3, np.int32)}])
def test_wrong_shapes_are_refused(found: LandmarkMap, change: dict[str, np.ndarray]) -> None:
    with pytest.raises(InputError, match=r'of the map (has|have) to'):
        replace(found, **change)


def test_training_adds_landmarks_and_the_evaluator_uses_them(
        wall: Path, model: Path, tmp_path: Path) -> None:
    loaded = load(model)
    about = loaded.provenance['landmarks']
    assert about['held_out_localised'] == about['held_out'] == 36
    assert min(loaded.calibration.refined_scale) > 0.2
    assert max(loaded.calibration.refined_scale) < 20
    arguments = ['--model', str(model), '--data', str(wall)]
    assert evaluate.main([*arguments, '--refine', '--out', str(tmp_path / 'fine')]) == 0
    assert evaluate.main([*arguments, '--out', str(tmp_path / 'rough')]) == 0
    fine, coarse = (json.loads((tmp_path / name / 'report.json').read_text())
                    for name in ('fine', 'rough'))
    errors = [report['translation_m']['median'] for report in (fine, coarse)]
    assert '12 poses are refined by landmarks' in (
        tmp_path / 'fine' / 'report.md').read_text()
    assert 'refined' not in (tmp_path / 'rough' / 'report.md').read_text()
    assert errors[0] < 0.02 < 0.2 < errors[1]
    with pytest.raises(InputError, match='without --dense'):
        evaluator.evaluate(loaded, None, evaluate.parser().parse_args(
            [*arguments, '--refine', '--dense', '--out', 'x']))


def test_refined_poses_have_the_calibrated_covariance_in_the_map(
        wall: Path, walked: Dataset, model: Path) -> None:
    loaded, sample = load(model), walked.samples[5]
    truth = sample.map_from_camera
    turned = Pose((1.0, 2.0, 3.0), np.array([0, 0, np.sqrt(0.5), np.sqrt(0.5)]))  # x becomes y
    relocaliser = Relocaliser(
        lambda _: Prediction(truth.translation_m[None] + 0.5, truth.quat_xyzw[None]), loaded,
        turned, landmark_localiser=make_landmark_localiser(loaded, True))
    image = read_image(sample.path)
    estimate = relocaliser.estimate(
        relocaliser.prepare(image), relocaliser.features(image))
    assert off(estimate.map_from_camera, turned @ truth)[0] < 0.03
    assert estimate.landmarks >= OPTIONS.min_inliers_by_view
    assert estimate.place_score == 0.0
    same = make_landmark_localiser(loaded, True).localise(relocaliser.features(image), truth)
    sigmas = np.sqrt(np.diag(same.covariance)) * loaded.calibration.refined_scale
    own = np.sqrt(np.diag(estimate.covariance))
    assert np.allclose(own, sigmas[[1, 0, 2, 4, 3, 5]], rtol=0.05)
    black = np.zeros_like(image)
    alone = relocaliser.estimate(relocaliser.prepare(black), relocaliser.features(black))
    assert alone.landmarks == 0
    assert alone.matches is None
    assert off(alone.map_from_camera, turned @ truth)[0] == pytest.approx(np.sqrt(0.75))


def test_the_matches_of_a_refined_pose_are_where_the_image_shows_the_landmarks(
        walked: Dataset, model: Path) -> None:
    loaded, sample = load(model), walked.samples[5]
    turned = Pose((1.0, 2.0, 3.0), np.array([0, 0, np.sqrt(0.5), np.sqrt(0.5)]))
    truth = sample.map_from_camera
    relocaliser = Relocaliser(
        lambda _: Prediction(truth.translation_m[None], truth.quat_xyzw[None]), loaded,
        turned, landmark_localiser=make_landmark_localiser(loaded, True))
    image = read_image(sample.path)
    estimate = relocaliser.estimate(relocaliser.prepare(image), relocaliser.features(image))
    matches = estimate.matches
    agreeing = matches.select(matches.inlier)
    camera = loaded.camera
    expected = camera.project(estimate.map_from_camera.inverse().apply(agreeing.points_m))
    assert len(agreeing) == estimate.landmarks
    assert len(agreeing) > 40
    assert np.abs(agreeing.pixels(camera) - expected).max() < 4
    place = load_place_map(loaded, turned)
    assert [view.name for view in place.views] == [each.name for each in walked.samples]
    own = place.points_m[place.seen_by(agreeing.views[0])]
    assert np.abs(own - agreeing.points_m[0]).max(axis=1).min() < 1e-5
    there = place.views[5].map_from_camera
    assert max(off(there, turned @ truth)) < 1e-6


LONG = Camera(400, 300, 443.0, 443.0, 199.5, 149.5)  # of 1.33 times the focal length
WIDE = Camera(320, 180, 266.0, 266.0, 159.5, 89.5)  # 16:9
FISHEYE = Camera(320, 240, 200.0, 200.0, 161.0, 118.0, (0.02, -0.01, 0.0, 0.0), EQUIDISTANT)


def photograph(truth: Pose, camera: Camera) -> RgbImage:
    """Return what a camera sees of the wall."""
    if not camera.distortion:
        return wall_view(truth, camera)
    pinhole = Camera(900, 700, 266.0, 266.0, 449.5, 349.5)  # sees more
    columns, rows = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    rays = camera.undistort_points(np.column_stack([columns.ravel(), rows.ravel()]))
    sources = pinhole.project(np.column_stack([rays, np.ones(len(rays))])).astype(np.float32)
    return cv2.remap(wall_view(truth, pinhole), sources.reshape(*columns.shape, 2), None,
                     cv2.INTER_CUBIC)


def answer(loaded: LoadedArtifact, truth: Pose, image: RgbImage, camera: Camera,
           ) -> tuple[QueryResult, Decision]:
    """Localise an image of another camera, with a network that is a metre off."""
    guess = rough(truth, 3)
    relocaliser = Relocaliser(
        lambda _: Prediction(guess.translation_m[None], guess.quat_xyzw[None]), loaded,
        landmark_localiser=make_landmark_localiser(loaded, True))
    query = choose_query_camera(relocaliser, camera, CameraInfoPolicy.ADAPT)
    assert query.warp_into == CAMERA
    result = localise(relocaliser, lambda _: Frame(image, 1, ''), query.camera, time.monotonic,
                      query.warp_into)
    assert not result.failure
    gate = Gate(NODE_DEFAULTS, loaded.scene)
    return result, judge(result, gate, FrozenImageDetector(), 1).decision


@pytest.mark.parametrize('camera', [LONG, WIDE, FISHEYE])
def test_another_camera_is_localised_by_landmarks_from_its_image_as_it_is(
        walked: Dataset, model: Path, camera: Camera) -> None:
    loaded = load(model)
    for sample in (walked.samples[5], walked.samples[18]):
        truth = sample.map_from_camera
        result, decision = answer(loaded, truth, photograph(truth, camera), camera)
        assert decision.accepted, decision
        assert off(result.estimate.map_from_camera, truth)[0] < 0.05
        as_it_is = detect(photograph(truth, camera), camera)
        assert np.array_equal(result.features.points_normalized, as_it_is.points_normalized)


def test_what_the_landmarks_do_not_confirm_of_another_camera_is_withheld(
        walked: Dataset, model: Path) -> None:
    loaded, truth = load(model), walked.samples[5].map_from_camera
    noise = cv2.resize(np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8), LONG.size)
    result, decision = answer(loaded, truth, noise, LONG)
    assert result.estimate.landmarks == 0
    assert decision.verdict is Verdict.CAMERA_DIFFERS
    assert '0 keypoints' in decision.reasons[0]


def test_the_evaluator_adapts_to_another_camera(
        wall: Path, model: Path, tmp_path: Path) -> None:
    data = tmp_path / 'long'
    shutil.copytree(wall, data)
    for sample in read_dataset(data, 'test', None).samples:
        image = photograph(sample.map_from_camera, LONG)
        cv2.imwrite(str(sample.path), np.ascontiguousarray(image[..., ::-1]))
    (data / 'camera.json').write_text(json.dumps(LONG.to_mapping()))
    common = ['--model', str(model), '--data', str(data), '--out', str(tmp_path / 'r')]
    loaded = load(model)

    def evaluated(*options: str) -> evaluator.Evaluation:
        given = evaluate.parser().parse_args([*common, *options])
        with evaluator.open_source(given) as source:
            return evaluator.evaluate(loaded, source, given)

    found = evaluated('--refine')
    assert {frame.verdict for frame in found.frames} <= {Verdict.ACCEPTED, Verdict.CAMERA_DIFFERS}
    good = [frame for frame in found.frames if frame.verdict is Verdict.ACCEPTED]
    assert len(good) >= 6  # the others show up to three keypoints too few to be believed
    assert np.median([off(frame.estimate, frame.truth)[0] for frame in good]) < 0.05
    assert 'fx=332.5' in found.data['camera_differs']
    with pytest.raises(InputError, match='give --refine to answer by landmarks'):
        evaluated()
    with pytest.raises(InputError, match=r'train for this camera$'):
        evaluated('--refine', '--camera-info-policy', 'refuse')
    ignored = evaluated('--camera-info-policy', 'ignore')
    assert 'camera_differs' not in ignored.data
    own = evaluated('--camera', '332.5,332.5,199.5,149.5')
    assert 'camera_differs' not in own.data


def test_a_place_map_without_landmarks_has_the_training_images(model: Path, tmp_path: Path,
                                                               ) -> None:
    bare = replace(load(model), folder=tmp_path)
    assert len(load_place_map(bare).views) == len(bare.train.names)
    assert load_place_map(bare).points_m.shape == (0, 3)


def test_a_pose_without_landmarks_gains_the_spread_of_similar_images(
        walked: Dataset, found: LandmarkMap, model: Path) -> None:
    descriptors, chosen = np.eye(len(walked.samples)), [20, 3, 11, 7, 15]
    descriptor, guess = descriptors[chosen].T @ [0.9, 0.8, 0.7, 0.6, 0.5], Pose((0.5, 0.1, 0.2))
    differences = np.array([np.r_[
        walked.samples[i].map_from_camera.translation_m - guess.translation_m,
        rotation_vectors_rad(walked.quats_xyzw[i:i + 1], guess.quat_xyzw[None])[0]]
        for i in chosen])
    wanted = np.einsum('ni,nj->ij', differences, differences) * OPTIONS.spread_weight / len(chosen)
    # two sigma of the narrowed normal distribution hold 95.45 % of the mixture
    assert (1 + math.erf(np.sqrt(2 * OPTIONS.spread_weight))) / 2 == pytest.approx(
        0.9545, abs=0.001)
    localiser, loaded = LandmarkLocaliser(found, descriptors), load(model)
    assert np.allclose(localiser.spread(guess, descriptor), wanted)
    assert not localiser.spread(guess, None).any()
    prediction = Prediction(
        guess.translation_m[None], guess.quat_xyzw[None], descriptor=descriptor[None])
    black = np.zeros((CAMERA.height, CAMERA.width, 3), np.uint8)
    loaded = replace(loaded, calibration=replace(loaded.calibration, place_limit=0.0))
    with_it, without = (Relocaliser(lambda _: prediction, loaded, landmark_localiser=one)
                        for one in (localiser, None))
    covariances = [one.estimate(one.prepare(black), one.features(black)).covariance
                   for one in (with_it, without)]
    assert np.allclose(covariances[0] - covariances[1], wanted)


def test_the_command_adds_landmarks_to_a_finished_model(
        wall: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ['--model', str(model), '--data', str(wall)]
    assert finding.main([*arguments, '--out', str(tmp_path / 'again')]) == 0
    assert '36 of 36 images localised without their walk' in capsys.readouterr().out
    again, once = load(tmp_path / 'again'), load(model)
    assert again.calibration.refined_scale == pytest.approx(once.calibration.refined_scale)
    assert (tmp_path / 'again' / TRAIN_FILE).read_bytes() == (model / TRAIN_FILE).read_bytes()


@pytest.fixture(scope='module')
def crossed(wall: Path) -> Path:
    """Train a model folder whose two networks hold out other images."""
    return train_tiny(wall, wall.parent / 'crossed', (*SETTINGS, 'members=2', 'cross_fit=true',
                                                      'validation=0.2', 'sigma_versions=1'))


def test_every_training_image_gives_landmarks_and_is_retrieved_by_its_descriptor(
        walked: Dataset, crossed: Path) -> None:
    loaded = load(crossed)
    seen = landmark_file.load(crossed / LANDMARKS_FILE)
    assert np.allclose(seen.views.positions_m, walked.positions_m)
    assert (np.diff(seen.starts) > 0).all(), 'those held out among them'
    about = loaded.provenance['landmarks']
    assert about['held_out'] == 36
    assert np.isfinite(seen.views.pose_residual_ratios).sum() == about['held_out_localised']
    localiser = make_landmark_localiser(loaded, True)
    for row in (0, 20, 36, 50, 71):
        views = localiser.index.by_network_descriptor(loaded.train.global_descriptors[row])
        assert views[0] == loaded.train.place_images[row]
        assert len(views) == OPTIONS.views


def test_the_views_of_older_folders_descriptors_are_found(
        wall: Path, crossed: Path, tmp_path: Path) -> None:
    new, old = load(crossed), tmp_path / 'old'
    dataset = read_dataset(wall, 'train', None)
    held = folds.validation_indices(folds.make_splits(dataset, preset_of(new.provenance)))
    known = ~np.isin(new.train.place_images, held)
    shutil.copytree(crossed, old)
    save(replace(new, train=replace(
        new.train, global_descriptors=new.train.global_descriptors[known],
        place_images=np.empty(0, np.int32))), old)
    finding.main(['--model', str(old), '--data', str(wall), '--out', str(tmp_path / 'again')])
    again = load(tmp_path / 'again').train
    assert np.array_equal(again.place_images, new.train.place_images[known])
    assert np.array_equal(again.global_descriptors, new.train.global_descriptors[known])
    localiser = make_landmark_localiser(load(tmp_path / 'again'), True)
    assert len(localiser.index.by_network_descriptor(again.global_descriptors[0])) > 0


def test_landmarks_of_other_images_than_the_descriptors_are_refused(
        found: LandmarkMap, crossed: Path) -> None:
    folder = crossed.parent / 'mixed'
    shutil.copytree(crossed, folder)
    landmark_file.save(found.select_views(np.arange(20)), folder / LANDMARKS_FILE)
    with pytest.raises(InputError, match=r'those of 36 images: make them anew .*Received: 20'):
        make_landmark_localiser(replace(load(crossed), folder=folder), True)


def test_pickled_landmarks_are_refused(found: LandmarkMap, tmp_path: Path) -> None:
    file = tmp_path / LANDMARKS_FILE
    landmark_file.save(found, file)
    with np.load(file) as arrays:
        content = dict(arrays)
    landmark_file.load(file)
    name = next(iter(content))
    np.savez(file, **{**content, name: content[name].astype(object)})
    with pytest.raises(InputError, match=r'is damaged: \w+\.npy: Object arrays cannot'):
        landmark_file.load(file)


def test_a_model_without_landmarks_says_what_to_do(wall: Path, model: Path) -> None:
    loaded = load(model)
    bare = replace(loaded, folder=wall)
    assert make_landmark_localiser(bare, False) is None
    with pytest.raises(InputError, match=r'posenet landmarks'):
        make_landmark_localiser(bare, True)


def test_images_without_anything_in_common_have_no_landmarks(walked: Dataset) -> None:
    alone = walked.subset([0])
    with pytest.raises(InputError, match=r'100 landmarks in common\. Received: 0'):
        map_dataset(alone)
