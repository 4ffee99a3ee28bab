"""A model folder with a map and no network: loaded, localised by, evaluated, described."""

from __future__ import annotations

from dataclasses import replace
import json
from pathlib import Path
import shutil

from helpers import damaged_in_the_middle, tiny_artifact, write_stand_in_network
from map_helpers import write_map_model
import numpy as np
import posenet_ros
from posenet_ros import evaluate, info
from posenet_ros.errors import InputError
from posenet_ros.evaluation import evaluator
from posenet_ros.evaluation.viewer.content import landmark_colours, make_content
from posenet_ros.evaluation.viewer.shapes import thin
from posenet_ros.geometry.estimate import PoseEstimate
from posenet_ros.geometry.pose import Pose
from posenet_ros.inference import artifact as artifacts
from posenet_ros.inference.map_frame import Scale, Up
from posenet_ros.inference.prediction import Prediction
from posenet_ros.landmarks import landmark_file
from posenet_ros.landmarks.localiser import LandmarkLocaliser
from posenet_ros.landmarks.options import DEFAULT_LOCALISER
from posenet_ros.landmarks.place_map import load_place_map
from posenet_ros.localisation.factory import (
    make_landmark_localiser,
    make_relocaliser,
    RelocaliserOptions,
)
from posenet_ros.localisation.gate import Gate, Verdict
from posenet_ros.localisation.gate_config import GateConfig
from posenet_ros.localisation.relocaliser import Relocaliser
from posenet_ros.training import robustness
import pytest
from training_helpers import LARGE_CAMERA, wall_view

Walked = tuple[Path, dict[str, Pose]]
NOISE = np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)


@pytest.fixture(scope='module')
def walked(tmp_path_factory: pytest.TempPathFactory) -> Walked:
    folder = tmp_path_factory.mktemp('map')
    return write_map_model(folder / 'model', folder / 'wall')


@pytest.fixture
def copied(walked: Walked, tmp_path: Path) -> Path:
    return Path(shutil.copytree(walked[0], tmp_path / 'model'))


def change(folder: Path, **keys: object) -> None:
    file = folder / 'artifact.json'
    file.write_text(json.dumps({**json.loads(file.read_text()), **keys}))


def test_a_folder_with_a_map_alone_has_neither_weights_nor_network(walked: Walked) -> None:
    assert {file.name for file in walked[0].iterdir()} == {
        'artifact.json', 'landmarks.npz', 'train.npz'}
    loaded = artifacts.load(walked[0])
    assert loaded.network is None
    assert loaded.provenance == {'map': {'walks': 2}}
    assert (loaded.scale, loaded.up) == (Scale(), Up())
    assert loaded.train.names == landmark_file.load(walked[0] / 'landmarks.npz').views.names


@pytest.mark.parametrize('name', artifacts.MAP_FILES)
def test_a_missing_or_damaged_file_is_named(copied: Path, name: str) -> None:
    whole = (copied / name).read_bytes()
    (copied / name).write_bytes(damaged_in_the_middle(whole))
    with pytest.raises(InputError, match=f'{name} is damaged'):
        artifacts.load(copied)
    (copied / name).unlink()
    with pytest.raises(InputError, match=f'{name} is missing'):
        artifacts.load(copied)


def test_a_folder_needs_a_map_or_a_network(tmp_path: Path) -> None:
    artifacts.save(tiny_artifact(), tmp_path, write_stand_in_network)
    change(tmp_path, network=None)
    with pytest.raises(InputError, match=r"the key 'sha256.landmarks.npz' is missing"):
        artifacts.load(tmp_path)


def test_a_map_without_calibration_says_so(copied: Path) -> None:
    calibration = json.loads((copied / 'artifact.json').read_text())['calibration']
    for keys in ({'refined_scale': []}, {'place_limit': 1.0}):
        change(copied, calibration={**calibration, **keys})
        with pytest.raises(InputError, match=r'artifact.json: without a network the calibration'):
            artifacts.load(copied)


def test_scale_and_up_are_kept_and_checked(copied: Path) -> None:
    loaded = artifacts.load(copied)
    artifacts.save(replace(loaded, scale=Scale(False, ''), up=Up('imu', 0.2)), copied)
    again = artifacts.load(copied)
    assert (again.scale, again.up) == (Scale(False, ''), Up('imu', 0.2))
    change(copied, scale={'metric': True, 'relative_error': -1})
    with pytest.raises(InputError, match=r'artifact.json: scale: relative_error has to be 0'):
        artifacts.load(copied)
    change(copied, scale={'metre': True})
    with pytest.raises(InputError, match=r"artifact.json: scale: unknown key 'metre'"):
        artifacts.load(copied)
    change(copied, scale=None)
    with pytest.raises(InputError, match=r"artifact.json: the key 'scale' has to hold a mapping"):
        artifacts.load(copied)


def test_scale_and_up_read_as_text() -> None:
    assert str(Scale(True, 'odometry', 0.005)) == 'metres, by odometry, to 0.5 %'
    assert str(Scale(False, '')) == 'not known: lengths are units, not metres'
    assert str(Up('imu', 0.25)) == 'z, by imu, to 0.25 deg'
    assert str(Up('')) == 'not known'
    with pytest.raises(InputError, match=r'error_deg has to be 0 or more'):
        Up('imu', float('inf'))


def test_folders_of_format_6_are_metric_and_upright(tmp_path: Path) -> None:
    artifacts.save(tiny_artifact(), tmp_path, write_stand_in_network)
    content = json.loads((tmp_path / 'artifact.json').read_text())
    old = {key: value for key, value in content.items() if key not in ('scale', 'up')}
    (tmp_path / 'artifact.json').write_text(json.dumps({**old, 'format_version': 6}))
    loaded = artifacts.load(tmp_path)
    assert (loaded.scale, loaded.up) == (Scale(), Up())


@pytest.mark.parametrize(('options', 'name'), [
    (RelocaliserOptions(refine=True, mc_samples=4), 'mc_samples'),
    (RelocaliserOptions(refine=True, precision='int8'), 'precision int8'),
    (RelocaliserOptions(dense=True), 'dense'), (RelocaliserOptions(), 'refine false')])
def test_what_needs_a_network_says_so(
        walked: Walked, options: RelocaliserOptions, name: str) -> None:
    with pytest.raises(InputError, match=rf'^{name} needs a model folder with a network: add'):
        make_relocaliser(artifacts.load(walked[0]), options)


def test_the_robustness_of_a_network_needs_one(walked: Walked, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r'^posenet robustness needs a model folder with a netw'):
        robustness.main(['--model', str(walked[0]), '--data', str(walked[0].parent / 'wall'),
                         '--out', str(tmp_path / 'out')])


def test_images_are_localised_and_others_are_not(walked: Walked) -> None:
    moved = Pose((1.0, 2.0, 3.0), (0.0, 0.0, 0.6, 0.8))
    relocaliser = posenet_ros.load(walked[0], map_from_dataset=moved)
    errors = []
    for truth in walked[1].values():
        result = relocaliser(wall_view(truth, LARGE_CAMERA))
        assert result.accepted, result.reasons
        assert result.landmarks >= 12
        errors.append(np.linalg.norm(
            result.pose.translation_m - (moved @ truth).translation_m))
        assert np.linalg.eigvalsh(result.covariance).min() > 0
    assert np.median(errors) < 0.02
    other = relocaliser(NOISE)
    assert other.verdict is Verdict.NOT_LOCALISED
    assert other.pose is other.covariance is None
    assert other.landmarks == 0
    [reason] = other.reasons
    assert reason.startswith('the image matches no place of the map: ')
    assert reason.endswith((' landmarks in common', ' is needed'))
    sigmas = np.sqrt(np.diag(other.estimate.covariance))
    assert sigmas[0] > 1, 'it may be anywhere along the wall'
    near = moved.inverse().apply(other.estimate.map_from_camera.translation_m)
    place = load_place_map(artifacts.load(walked[0]))
    assert min(np.linalg.norm(view.map_from_camera.translation_m - near)
               for view in place.views) < 1e-9


def test_no_limit_lets_a_pose_pass_that_is_not_localised(walked: Walked) -> None:
    gate = Gate(GateConfig(), artifacts.load(walked[0]).scene)
    good = PoseEstimate(Pose(), np.eye(6))
    assert gate.decide(good, 1).accepted
    decision = gate.decide(replace(good, not_localised='why'), 2)
    assert (decision.verdict, decision.reasons) == (Verdict.NOT_LOCALISED, ('why',))
    assert good.moved_to(Pose()).not_localised == ''
    assert replace(good, not_localised='why').moved_to(Pose()).not_localised == 'why'


def test_with_a_network_its_pose_stays_the_answer(walked: Walked) -> None:
    loaded = artifacts.load(walked[0])
    guess = Pose((0.0, 0.1, 0.2))
    relocaliser = Relocaliser(
        lambda _: Prediction(guess.translation_m[None], guess.quat_xyzw[None]), loaded,
        landmark_localiser=make_landmark_localiser(loaded, True))
    estimate = relocaliser.estimate(relocaliser.prepare(NOISE), relocaliser.features(NOISE))
    assert np.allclose(estimate.map_from_camera.translation_m, guess.translation_m)
    assert not estimate.not_localised
    truth = next(iter(walked[1].values()))
    image = wall_view(truth, LARGE_CAMERA)
    found = relocaliser.estimate(relocaliser.prepare(image), relocaliser.features(image))
    assert np.linalg.norm(found.map_from_camera.translation_m - truth.translation_m) < 0.1


@pytest.mark.parametrize('alone', [True, False])
def test_where_few_landmarks_agree_a_map_names_the_place_and_a_network_answers(
        walked: Walked, alone: bool) -> None:
    loaded, guess = artifacts.load(walked[0]), Pose((0.0, 0.1, 0.2))
    strict = replace(DEFAULT_LOCALISER, decision=replace(
        DEFAULT_LOCALISER.decision, min_inlier_ratio=1.1, most_inlier_ratio=1.1))
    relocaliser = Relocaliser(
        None if alone else lambda _: Prediction(guess.translation_m[None], guess.quat_xyzw[None]),
        loaded, landmark_localiser=LandmarkLocaliser(
            landmark_file.load(walked[0] / 'landmarks.npz'), options=strict))
    truth = next(iter(walked[1].values()))
    image = wall_view(truth, LARGE_CAMERA)
    estimate = relocaliser.estimate(relocaliser.prepare(image), relocaliser.features(image))
    expected = truth if alone else guess
    assert np.linalg.norm(
        estimate.map_from_camera.translation_m - expected.translation_m) < 0.1
    assert len(estimate.ambiguous) == alone


def test_a_map_alone_needs_features(walked: Walked) -> None:
    loaded = artifacts.load(walked[0])
    relocaliser = Relocaliser(None, loaded)
    with pytest.raises(InputError, match='needs the features of the image'):
        relocaliser.estimate(relocaliser.prepare(NOISE), relocaliser.features(NOISE))


def test_features_are_detected_as_those_of_the_map(walked: Walked, copied: Path) -> None:
    file = copied / 'landmarks.npz'
    place = landmark_file.load(walked[0] / 'landmarks.npz')
    landmark_file.save(replace(place, features=replace(
        place.features, width=160, max_keypoints=30)), file)
    artifacts.save(artifacts.load(walked[0]), copied)
    relocaliser = make_relocaliser(
        artifacts.load(copied), RelocaliserOptions(refine=True)).relocaliser
    features = relocaliser.features(wall_view(next(iter(walked[1].values())), LARGE_CAMERA))
    assert len(features.descriptors) <= 31
    assert features.focal_length_px == pytest.approx(LARGE_CAMERA.fx / 2)


def test_the_evaluator_reports_a_map_alone(
        walked: Walked, copied: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    artifacts.save(replace(artifacts.load(copied), scale=Scale(False, '')), copied)
    arguments = ['--data', str(walked[0].parent / 'wall'), '--out', str(tmp_path / 'report')]
    assert evaluate.main([*arguments, '--model', str(copied)]) == 0
    report = json.loads((tmp_path / 'report' / 'report.json').read_text())
    assert report['frames']['accepted'] == report['frames']['total'] == 12
    assert report['translation_m']['median'] < 0.02
    assert (report['model']['backbone'], report['model']['engine']) == ('none', 'none')
    assert 'units, not metres' in capsys.readouterr().out
    options = evaluate.parser().parse_args([*arguments, '--model', str(walked[0])])
    with evaluator.open_source(options) as source:
        metric = evaluator.evaluate(artifacts.load(walked[0]), source, options)
    assert 'scale' not in metric.data


def test_info_describes_the_map(walked: Walked, copied: Path,
                                capsys: pytest.CaptureFixture[str]) -> None:
    place = landmark_file.load(walked[0] / 'landmarks.npz')
    landmark_file.save(replace(place, parent='f' * 64), copied / 'landmarks.npz')
    artifacts.save(replace(artifacts.load(walked[0]), scale=Scale(False, ''), up=Up('')), copied)
    assert info.main([str(copied)]) == 0
    text = capsys.readouterr().out
    assert f'{len(place.points_m)} landmarks, 0.' in text
    assert '24 views of 2 walks' in text
    content = landmark_file.content_hash(replace(place, parent='f' * 64))
    assert f'{content[:12]}, extends ffffffffffff' in text
    assert 'scale            not known: lengths are units, not metres' in text
    assert 'up               not known' in text
    assert 'network          none' in text
    assert ' units' in text.split('training extent')[1].splitlines()[0]


def test_a_joined_map_is_shown_in_its_own_colours(walked: Walked) -> None:
    place, stored = load_place_map(artifacts.load(walked[0])), landmark_file.load(
        walked[0] / 'landmarks.npz')
    assert np.array_equal(place.colors, stored.colors)
    assert np.array_equal(place.seen_by(5), stored.seen_by(5))
    for point, view in enumerate(place.point_views[:50]):
        seers = [v for v in range(24) if point in stored.seen_by(v)]
        assert view == seers[0]
    content = make_content(place, LARGE_CAMERA, most=100)
    rows = thin(len(place.points_m), 100)
    assert len(content.place.points_m) == len(rows) <= 100
    assert np.array_equal(content.place.colors, place.colors[rows])
    assert sorted(rows[i] for i in content.place.seen_by(5)) == sorted(
        set(rows.tolist()) & set(place.seen_by(5).tolist()))
    colours, line = landmark_colours(content, [])
    assert np.array_equal(colours, content.place.colors)
    assert line == 'landmarks in the colours of the map'
