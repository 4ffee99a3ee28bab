"""The relocaliser: frames, covariance, and which cameras it takes."""

from __future__ import annotations

from dataclasses import replace

from helpers import CAMERA, poses, random_image, tiny_artifact
from hypothesis import given
import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.pose import Pose
from posenet_ros.localisation.camera_info_policy import CameraInfoPolicy, read_policy
from posenet_ros.localisation.query_camera import choose_query_camera, QueryCamera
from posenet_ros.localisation.relocaliser import Predict, Prediction, Relocaliser
import pytest

TURN_Z = Pose(np.array([10.0, 0, 0]), np.array([0, 0, np.sqrt(0.5), np.sqrt(0.5)]))


def always(position: tuple[float, ...]) -> Relocaliser:
    """Return a relocaliser whose network says one position, unturned."""
    return Relocaliser(predict_always(position), tiny_artifact(), TURN_Z)


def predict_always(
        position: tuple[float, ...], quat: tuple[float, ...] = (0, 0, 0, 1)) -> Predict:
    """Return a network that always says the same."""
    def predict(batch: np.ndarray) -> Prediction:
        assert batch.shape == (1, 32, 32, 3)
        return Prediction(np.array([position]), np.array([quat], np.float64))
    return predict


def test_poses_are_moved_into_the_map() -> None:
    estimate = always((1.0, 2.0, 3.0)).estimate(np.zeros((32, 32, 3), np.uint8))
    assert np.allclose(estimate.map_from_camera.translation_m, [8, 1, 3])


def test_the_covariance_turns_with_the_map() -> None:
    """A quarter turn about z swaps x and y; sigmas of tiny_artifact: z differs in both halves."""
    artifact = tiny_artifact()
    artifact = replace(artifact, calibration=replace(
        artifact.calibration, sigma_m=(1.0, 2.0, 3.0), sigma_rad=(0.1, 0.2, 0.3)))
    relocaliser = Relocaliser(predict_always((0, 0, 0)), artifact, TURN_Z)
    covariance = relocaliser.estimate(np.zeros((32, 32, 3), np.uint8)).covariance
    assert np.allclose(covariance, np.diag([4, 1, 9, 0.04, 0.01, 0.09]), atol=1e-12)


@given(poses())
def test_the_covariance_stays_one_under_any_turn(map_from_dataset: Pose) -> None:
    relocaliser = Relocaliser(predict_always((0, 0, 0)), tiny_artifact(), map_from_dataset)
    covariance = relocaliser.estimate(np.zeros((32, 32, 3), np.uint8)).covariance
    expected = np.linalg.eigvalsh(np.diag([0.25, 0.25, 0.01, 4e-4, 4e-4, 25e-4]))
    assert np.allclose(np.linalg.eigvalsh(covariance), expected)


def test_an_image_of_another_size_and_the_same_aspect_is_taken() -> None:
    camera = CAMERA.scaled(640, 480)
    assert always((0, 0, 0)).prepare(random_image(camera)).shape == (32, 32, 3)


def test_an_image_of_another_aspect_is_refused() -> None:
    with pytest.raises(InputError, match=r'64x48. Received: 64x40'):
        always((0, 0, 0)).prepare(np.zeros((40, 64, 3), np.uint8))


def test_the_same_camera_at_another_size_is_taken() -> None:
    always((0, 0, 0)).check_camera(CAMERA.scaled(640, 480))


def test_another_field_of_view_is_refused() -> None:
    with pytest.raises(InputError, match=r'fx=50.0.*Received: fx=60.0'):
        always((0, 0, 0)).check_camera(Camera(64, 48, 60.0, 60.0, 31.5, 23.5))


def test_a_network_that_says_nan_is_an_input_error() -> None:
    with pytest.raises(InputError, match='finite'):
        always((float('nan'), 0, 0)).estimate(np.zeros((32, 32, 3), np.uint8))


@pytest.mark.parametrize(('name', 'policy'), [
    ('adapt', CameraInfoPolicy.ADAPT), ('refuse', CameraInfoPolicy.REFUSE),
    ('ignore', CameraInfoPolicy.IGNORE)])
def test_a_policy_has_its_name(name: str, policy: CameraInfoPolicy) -> None:
    assert read_policy(name) == (policy, '')


def test_the_policy_of_old_files_is_read_with_a_warning() -> None:
    policy, warning = read_policy('rectify')
    assert policy is CameraInfoPolicy.ADAPT
    assert "'rectify' is read as 'adapt'" in warning
    with pytest.raises(InputError, match=r"one of adapt, refuse, ignore. Received: 'guess'"):
        read_policy('guess')


def test_the_policies() -> None:
    one, other = always((0, 0, 0)), replace(CAMERA, fx=60.0)
    adapted, refused, ignored = (
        choose_query_camera(one, other, policy) for policy in CameraInfoPolicy)
    assert (adapted.camera, adapted.warp_into, adapted.refusal) == (other, CAMERA, '')
    assert 'fx=60.0' in adapted.difference
    assert 'fx=60.0' in refused.refusal
    assert ignored == QueryCamera()
    for policy in CameraInfoPolicy:
        assert choose_query_camera(one, None, policy) == QueryCamera()
    assert choose_query_camera(one, CAMERA, CameraInfoPolicy.REFUSE) == QueryCamera(CAMERA)
