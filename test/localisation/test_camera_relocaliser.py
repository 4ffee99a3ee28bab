"""`posenet_ros.load` localises as the evaluator and the node do, and says what it cannot take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
import shutil
import subprocess
import sys
from threading import Thread
from typing import Any

import cv2
from helpers import CAMERA, random_image, ROOT, tiny_artifact, with_distortion
import numpy as np
import posenet_ros
from posenet_ros.errors import InputError
from posenet_ros.evaluation.evaluator import evaluate
from posenet_ros.evaluation.options import parser
from posenet_ros.evaluation.sources import open_dataset
from posenet_ros.geometry.pose import Pose
from posenet_ros.inference import artifact as artifacts
from posenet_ros.localisation.camera_relocaliser import CameraRelocaliser
from posenet_ros.localisation.gate import Gate, Verdict
from posenet_ros.localisation.gate_config import GateConfig, NODE_DEFAULTS
from posenet_ros.localisation.relocaliser import Prediction, Relocaliser
import pytest
from ros_helpers import write_wall_model
from test_architecture import loaded_after

IMAGE = random_image(CAMERA)
BLACK = np.zeros_like(IMAGE)


@pytest.fixture(scope='module')
def wall(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, dict[str, Pose]]:
    """Return a model folder with landmarks, its dataset, and the true poses."""
    folder = tmp_path_factory.mktemp('wall')
    model, truths = write_wall_model(folder / 'model', folder / 'data')
    return model, folder / 'data', truths


def made(predict: Callable[[np.ndarray], Prediction] | None = None,
         config: GateConfig = NODE_DEFAULTS) -> CameraRelocaliser:
    """Return one whose network says the mean colour."""
    def mean(batch: np.ndarray) -> Prediction:
        return Prediction(batch.mean(axis=(1, 2)) / 255, np.array([[0.0, 0, 0, 1]]))

    artifact = tiny_artifact()
    return CameraRelocaliser(Relocaliser(predict or mean, artifact), Gate(config, artifact.scene))


def test_it_answers_as_the_evaluator_does_with_the_node_s_gate(
        wall: tuple[Path, Path, dict[str, Pose]]) -> None:
    model, data, truths = wall
    cv2.imwrite(str(data / 'seq4' / 'frame00005.png'), np.zeros((240, 320, 3), np.uint8))
    options = parser().parse_args([
        '--model', str(model), '--data', str(data), '--out', 'unused', '--refine',
        '--gate', 'max_place_score=1', '--gate', 'reject_faulty_images=1'])
    frames = evaluate(artifacts.load(model), open_dataset(data, 'test'), options).frames
    relocaliser = posenet_ros.load(model)
    assert len(frames) == len(truths) == 12
    for frame in frames:
        result = relocaliser(cv2.imread(str(data / frame.name))[..., ::-1])
        estimate = result.estimate.map_from_camera
        np.testing.assert_array_equal(estimate.matrix, frame.estimate.matrix)
        np.testing.assert_array_equal(result.estimate.covariance, frame.covariance)
        assert (result.verdict, result.reasons, result.landmarks, result.place_score) == (
            frame.verdict, frame.reasons, frame.landmarks, frame.place_score)
        assert result.accepted == (frame.name != 'seq4/frame00005.png')
        if result.pose and result.covariance is not None:
            assert result.landmarks > 10
            assert result.pose.translation_m == pytest.approx(
                truths[frame.name].translation_m, abs=0.2)


def without_landmarks(model: Path) -> Path:
    """Remove the landmarks of a model folder."""
    loaded = artifacts.load(model)
    (model / artifacts.LANDMARKS_FILE).unlink()
    artifacts.save(loaded, model)
    return model


def test_the_options_are_those_of_the_node(
        wall: tuple[Path, Path, dict[str, Pose]], tmp_path: Path) -> None:
    model, data, _ = wall
    image = cv2.imread(str(data / 'seq4' / 'frame00001.png'))[..., ::-1]
    refined = posenet_ros.load(model)(image)
    moved = posenet_ros.load(str(model), map_from_dataset=Pose(np.array([1.0, 2, 3])))(image)
    assert moved.pose.translation_m == pytest.approx(
        refined.pose.translation_m + np.array([1.0, 2, 3]))
    plain = posenet_ros.load(model, engine='litert', refine=False, max_sigma_m=0.3)(image)
    assert (plain.landmarks, plain.verdict, plain.pose) == (0, Verdict.UNCERTAIN, None)
    with pytest.raises(InputError, match='precision has to be one of'):
        posenet_ros.load(model, precision='double')
    bounded = posenet_ros.load(model, max_distance_m=0.1, refine=False,
                               map_from_dataset=Pose(np.array([1e3, 0, 0])))
    assert bounded(random_image(bounded.camera)).accepted  # bounds move with the map
    shutil.copytree(model, tmp_path / 'model')
    model = without_landmarks(tmp_path / 'model')
    assert posenet_ros.load(model)(image).landmarks == 0
    with pytest.raises(InputError, match='posenet landmarks'):
        posenet_ros.load(model, refine=True)


@pytest.mark.parametrize('statement', [
    'import posenet_ros', 'import posenet_ros; posenet_ros.load'])
def test_nothing_heavy_is_imported_before_a_model_is_loaded(statement: str) -> None:
    code = (f'import sys; before = set(sys.modules); {statement}\n'
            'print(*{m.split(".")[0] for m in set(sys.modules) - before})')
    done = subprocess.run([sys.executable, '-S', '-c', code], cwd=ROOT, capture_output=True,
                          text=True, check=True, timeout=60)
    assert set(done.stdout.split()) == {'__future__', 'posenet_ros'}
    assert 'rclpy' not in loaded_after('import posenet_ros.localisation.camera_relocaliser')


@pytest.mark.parametrize(('image', 'received'), [
    (IMAGE / 255, 'float64'), (np.full(IMAGE.shape, np.nan), 'float64'),
    (IMAGE[..., 0], r'\(48, 64\)'), (IMAGE[:0], r'\(0, 64, 3\)'),
    (np.concatenate([IMAGE, IMAGE], 2), r'\(48, 64, 6\)'), (IMAGE[np.newaxis], r'\(1, 48'),
    (IMAGE.tolist(), 'list'), (None, 'NoneType'), (IMAGE.astype(np.int8), 'int8')])
def test_what_is_no_image_is_refused_in_one_line(image: object, received: str) -> None:
    with pytest.raises(InputError, match=rf'uint8, RGB\. Received: .*{received}') as error:
        made()(image)
    assert '\n' not in str(error.value)


def test_an_image_of_another_aspect_is_refused() -> None:
    with pytest.raises(InputError, match='aspect'):
        made()(np.zeros((48, 48, 3), np.uint8))


@pytest.mark.parametrize(('camera', 'message'), [
    (replace(CAMERA, fx=60.0), 'train for this camera'),
    (CAMERA.scaled(128, 96), '128x96'), ('640x480', 'Received: str')])
def test_a_camera_that_is_not_the_model_s_is_refused(camera: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        made()(IMAGE, camera=camera)


def test_the_camera_of_an_image_is_used() -> None:
    plain, distorted = made()(IMAGE, camera=CAMERA), made()(IMAGE, camera=with_distortion(CAMERA))
    assert np.array_equal(plain.pose.matrix, made()(IMAGE).pose.matrix)
    assert not np.array_equal(plain.pose.matrix, distorted.pose.matrix)


@pytest.mark.parametrize('stamp_s', [np.nan, np.inf, '5', None])
def test_what_is_no_stamp_is_refused(stamp_s: object) -> None:
    relocaliser = made(config=replace(NODE_DEFAULTS, max_jump_m=1.0))
    with pytest.raises(InputError, match='stamp_s has to be'):
        relocaliser(IMAGE, stamp_s=stamp_s)


def test_stamps_go_forward_until_the_next_sequence() -> None:
    relocaliser = made()
    assert relocaliser(IMAGE, stamp_s=5.0).accepted
    with pytest.raises(InputError, match=r'5\.000 s: call reset\(\).*Received: 4\.900 s'):
        relocaliser(IMAGE, stamp_s=4.9)
    assert relocaliser(IMAGE, stamp_s=5.0).verdict is Verdict.STALE
    assert relocaliser(IMAGE).accepted
    relocaliser.reset()
    assert relocaliser(IMAGE, stamp_s=-1.0).accepted
    assert relocaliser(IMAGE, stamp_s=0).accepted


def test_a_jump_is_measured_by_the_stamps() -> None:
    bright = np.clip(IMAGE.astype(int) + 100, 0, 255).astype(np.uint8)  # 0.3 m away
    relocaliser = made(config=replace(NODE_DEFAULTS, max_jump_m=0.1))
    assert relocaliser(IMAGE, stamp_s=1.0).accepted
    assert relocaliser(bright, stamp_s=1.1).verdict is Verdict.JUMP
    relocaliser.reset()
    assert relocaliser(bright, stamp_s=1.1).accepted
    assert relocaliser(IMAGE, stamp_s=3.1).verdict is Verdict.JUMP


def test_a_bad_image_is_a_verdict_and_has_no_pose() -> None:
    result = made()(BLACK)
    assert result.verdict is Verdict.DARK
    assert 'black' in result.reasons[0]
    assert (result.accepted, result.pose, result.covariance) == (False, None, None)
    assert result.fault.reason == result.reasons[0]
    assert result.estimate.map_from_camera.translation_m == pytest.approx([0, 0, 0])
    warned = made(config=GateConfig())(BLACK)
    assert warned.accepted
    assert warned.fault is not None


def test_a_frozen_camera_is_found_and_a_reused_array_is_none() -> None:
    relocaliser = made()
    verdicts = [relocaliser(IMAGE).verdict for _ in range(11)]
    assert verdicts == [*[Verdict.ACCEPTED] * 9, *[Verdict.FROZEN] * 2]
    relocaliser.reset()
    assert relocaliser(IMAGE).accepted
    small = CAMERA.scaled(32, 32)  # as large as the network's input: nothing is resized
    artifact = replace(tiny_artifact(), camera=small, preprocess=replace(
        tiny_artifact().preprocess, short_side=32))
    relocaliser = CameraRelocaliser(Relocaliser(
        lambda batch: Prediction(np.zeros((1, 3)), np.array([[0.0, 0, 0, 1]])), artifact),
        Gate(NODE_DEFAULTS, artifact.scene))
    array = np.empty((32, 32, 3), np.uint8)
    for seed in range(12):
        array[:] = random_image(small, seed)
        assert relocaliser(array).accepted


def test_what_the_network_raises_is_raised_and_the_next_image_is_answered() -> None:
    answers = iter([MemoryError('none left'), None, np.nan, 1.0])

    def predict(batch: np.ndarray) -> Prediction:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return Prediction(np.full((1, 3), answer or 0.0), np.array([[0.0, 0, 0, 1]]))

    relocaliser = made(predict)
    with pytest.raises(MemoryError):
        relocaliser(IMAGE, stamp_s=9.0)
    assert relocaliser(IMAGE, stamp_s=1.0).accepted
    with pytest.raises(InputError, match='finite'):
        relocaliser(IMAGE)
    assert relocaliser(IMAGE).accepted


def test_threads_may_share_one() -> None:
    busy, overlaps = [], []

    def predict(batch: np.ndarray) -> Prediction:
        overlaps.append(len(busy))
        busy.append(1)
        cv2.GaussianBlur(random_image(CAMERA.scaled(640, 480)), (0, 0), 5)  # lets others run
        busy.pop()
        return Prediction(np.zeros((1, 3)), np.array([[0.0, 0, 0, 1]]))

    relocaliser = made(predict, GateConfig())
    threads = [Thread(target=lambda: [relocaliser(IMAGE) for _ in range(8)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert overlaps == [0] * 32


@pytest.mark.parametrize(('limits', 'message'), [
    ({'max_sigma': 1.0}, 'has to be one of .*max_sigma_m.* Received: max_sigma'),
    ({'max_age_s': 1.0}, 'Received: max_age_s'), ({'max_sigma_m': '1'}, "number. Received: '1'"),
    ({'max_sigma_m': -1}, 'or more. Received: -1'), ({'refine': 'auto'}, "Received: 'auto'")])
def test_a_limit_that_is_none_is_refused(limits: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        posenet_ros.load('nowhere', **limits)


def test_a_folder_that_is_no_model_is_refused() -> None:
    with pytest.raises(InputError, match=r'nowhere/artifact\.json is missing'):
        posenet_ros.load('nowhere')
