"""What is done with images whose camera_info is not the model's camera."""

from __future__ import annotations

from dataclasses import replace

from helpers import CAMERA, tiny_artifact
import numpy as np
from posenet_ros.localisation.query_camera import QueryCamera
from posenet_ros.localisation.relocaliser import Prediction, Relocaliser
from posenet_ros.ros_data.bag_writer import camera_message
from posenet_ros.ros_node.images.camera_policy import CameraPolicy
import pytest
from sensor_msgs.msg import CameraInfo

OTHER = replace(CAMERA, fx=1.5 * CAMERA.fx)
INFO = '/front/camera_info'

Warnings = list[tuple[str, str]]


def policy_of(name: str, topic: str = '/front/image_raw') -> tuple[CameraPolicy, Warnings]:
    """Return a policy, and its warnings."""
    warnings: Warnings = []
    relocaliser = Relocaliser(
        lambda batch: Prediction(np.zeros((1, 3)), np.array([[0.0, 0, 0, 1]])), tiny_artifact())
    return CameraPolicy(name, relocaliser, topic, INFO,
                        lambda *warning: warnings.append(warning)), warnings


def uncalibrated() -> CameraInfo:
    message = camera_message(CAMERA, 1, 'camera')
    message.k[0] = 0.0
    return message


@pytest.mark.parametrize(('name', 'choice'), [
    ('refuse', QueryCamera(CAMERA)), ('adapt', QueryCamera(CAMERA)), ('ignore', QueryCamera())])
def test_the_models_camera_is_taken_as_it_is(name: str, choice: QueryCamera) -> None:
    policy, warnings = policy_of(name)
    policy.on_camera_info(camera_message(CAMERA, 1, 'camera'))
    assert (policy.choice, warnings) == (choice, [])
    expected = {'ignore': "the model's camera, as camera_info_policy is ignore"}
    assert policy.description == expected.get(name, f'64x48 from {INFO} (plumb_bob)')


def test_another_camera_is_refused_until_the_right_one_comes() -> None:
    policy, warnings = policy_of('refuse')
    policy.on_camera_info(camera_message(OTHER, 1, 'camera'))
    assert policy.choice.camera == OTHER
    assert policy.choice.refusal.startswith('the camera has to have fx=')
    assert policy.choice.warp_into is None
    assert 'images are not answered: ' in policy.description
    policy.on_camera_info(camera_message(CAMERA, 2, 'camera'))
    assert policy.choice == QueryCamera(CAMERA)
    assert [what for what, _ in warnings] == ['camera differs', 'camera_info changed']


def test_images_of_another_camera_are_localised_by_landmarks_and_it_is_said_once() -> None:
    policy, warnings = policy_of('adapt')
    for stamp in (1, 2, 3):
        policy.on_camera_info(camera_message(OTHER, stamp, 'camera'))
    assert (policy.choice.camera, policy.choice.warp_into, policy.choice.refusal) == (
        OTHER, CAMERA.undistorted(), '')
    assert [what for what, _ in warnings] == ['camera differs']
    assert 'images are localised by landmarks: the camera has to have' in policy.description


def test_the_old_word_is_read_with_a_warning() -> None:
    policy, warnings = policy_of('rectify')
    assert [what for what, _ in warnings] == ['camera_info_policy']
    policy.on_camera_info(camera_message(OTHER, 1, 'camera'))
    assert policy.choice.warp_into == CAMERA.undistorted()


def test_another_camera_is_ignored_and_nothing_is_missed() -> None:
    policy, warnings = policy_of('ignore')
    policy.examine(10.0, 0)
    policy.on_camera_info(camera_message(OTHER, 1, 'camera'))
    assert (policy.choice, warnings) == (QueryCamera(), [])


def test_the_first_calibrated_camera_counts() -> None:
    policy, warnings = policy_of('refuse')
    policy.on_camera_info(uncalibrated())
    assert policy.choice == QueryCamera()
    for _ in range(2):  # as long as it is so
        policy.examine(0.5, 1)
    assert [what for what, _ in warnings] == ['camera_info'] * 2
    assert 'not calibrated' in warnings[0][1]
    assert "The model's camera is assumed" in warnings[0][1]
    assert "the model's camera, because" in policy.description
    policy.on_camera_info(camera_message(OTHER, 1, 'camera'))
    policy.on_camera_info(uncalibrated())
    policy.examine(9.0, 1)
    assert policy.choice.camera == OTHER
    assert len(warnings) == 3  # with that of the other camera


def test_an_unknown_distortion_model_is_refused_by_name() -> None:
    policy, _ = policy_of('adapt')
    message = camera_message(CAMERA, 1, 'camera')
    message.distortion_model, message.d = 'mei', [0.1] * 5
    policy.on_camera_info(message)
    assert 'mei' in policy.choice.refusal
    assert 'equidistant' in policy.choice.refusal
    policy.on_camera_info(camera_message(CAMERA, 1, 'camera'))
    assert policy.choice == QueryCamera(CAMERA)


def test_camera_info_is_missed_after_two_seconds_of_images() -> None:
    policy, warnings = policy_of('adapt')
    policy.examine(1.9, 0)
    assert (policy.description, warnings) == ('', [])
    policy.examine(2.0, 0)
    assert policy.description == (
        f"the model's camera, because {INFO} is missing after 2 s")
    [(what, why)] = warnings
    assert what == 'camera_info'
    for part in (INFO, 'no publisher', 'remap camera_info', 'ignore', "model's camera is assumed"):
        assert part in why
    policy.on_camera_info(camera_message(CAMERA, 1, 'camera'))  # late, but there
    policy.examine(5.0, 1)
    assert len(warnings) == 1
    assert policy.description.startswith('64x48 from')


def test_the_camera_of_rectified_images_is_p() -> None:
    policy, _ = policy_of('adapt', '/front/image_rect/compressed')
    message = camera_message(OTHER, 1, 'camera')
    message.p = np.hstack([CAMERA.matrix, np.zeros((3, 1))]).ravel().tolist()
    policy.on_camera_info(message)
    assert policy.choice == QueryCamera(CAMERA)
    assert 'is rectified' in policy.description
