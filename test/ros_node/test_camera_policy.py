"""What is done with images whose camera_info is not the model's camera."""

from __future__ import annotations

from dataclasses import replace

from helpers import CAMERA, tiny_artifact
import numpy as np
from posenet_ros.localisation.relocaliser import Prediction, Relocaliser
from posenet_ros.ros_data.bag_writer import camera_message
from posenet_ros.ros_node.camera_policy import CameraChoice, CameraPolicy
import pytest

OTHER = replace(CAMERA, fx=1.5 * CAMERA.fx)


def policy_of(name: str) -> tuple[CameraPolicy, list[tuple[str, str]]]:
    """Return a policy, and its warnings."""
    warnings: list[tuple[str, str]] = []
    relocaliser = Relocaliser(
        lambda batch: Prediction(np.zeros((1, 3)), np.array([[0.0, 0, 0, 1]])), tiny_artifact())
    return CameraPolicy(name, relocaliser, lambda *warning: warnings.append(warning)), warnings


@pytest.mark.parametrize(('name', 'choice'), [
    ('refuse', CameraChoice(CAMERA)), ('rectify', CameraChoice(CAMERA)),
    ('ignore', CameraChoice())])
def test_the_models_camera_is_taken_as_it_is(name: str, choice: CameraChoice) -> None:
    policy, warnings = policy_of(name)
    policy.on_camera_info(camera_message(CAMERA, 1, 'camera'))
    assert (policy.choice, warnings) == (choice, [])


def test_another_camera_is_refused_until_the_right_one_comes() -> None:
    policy, _ = policy_of('refuse')
    policy.on_camera_info(camera_message(OTHER, 1, 'camera'))
    assert policy.choice.camera == OTHER
    assert policy.choice.refusal.startswith('the camera has to have fx=')
    assert policy.choice.warp_into is None
    policy.on_camera_info(camera_message(CAMERA, 2, 'camera'))
    assert policy.choice == CameraChoice(CAMERA)


def test_another_camera_is_rectified_and_said_once() -> None:
    policy, warnings = policy_of('rectify')
    for stamp in (1, 2, 3):
        policy.on_camera_info(camera_message(OTHER, stamp, 'camera'))
    assert policy.choice == CameraChoice(OTHER, CAMERA.undistorted())
    assert [what for what, _ in warnings] == ['camera_info']


def test_another_camera_is_ignored() -> None:
    policy, warnings = policy_of('ignore')
    policy.on_camera_info(camera_message(OTHER, 1, 'camera'))
    assert (policy.choice, warnings) == (CameraChoice(), [])


def test_a_camera_info_that_cannot_be_read_is_a_warning() -> None:
    policy, warnings = policy_of('refuse')
    message = camera_message(CAMERA, 1, 'camera')
    message.k[0] = 0.0
    policy.on_camera_info(message)
    assert policy.choice == CameraChoice()
    assert "The model's camera is assumed" in warnings[0][1]
