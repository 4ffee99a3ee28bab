"""Dense evaluation: crops cover the image evenly, and rotations have a mean."""

from __future__ import annotations

from dataclasses import replace

from helpers import CAMERA, random_image, tiny_artifact, unit_quaternions
from hypothesis import given, settings
import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.evaluation.metrics.pose_errors import rotation_errors_deg
from posenet_ros.geometry.lie import mean_quaternion
from posenet_ros.geometry.pose import xyzw_from_wxyz
from posenet_ros.imaging.preprocess import Preprocess
from posenet_ros.localisation.dense import CROPS, DenseRelocaliser, grid_crops, grid_shape
from posenet_ros.localisation.relocaliser import Prediction
import pytest
from transforms3d.euler import euler2quat


def test_crops_of_the_paper() -> None:
    """455x256 and 224: steps of 7.5 to the side, and of 11 down."""
    assert grid_shape(CROPS, 455 - 224, 256 - 224) == (32, 4)
    column, row = np.meshgrid(np.arange(455), np.arange(256))
    cut = grid_crops(np.stack([column // 2, row, row], axis=-1).astype(np.uint8), 224, 224)
    assert cut.shape == (CROPS, 224, 224, 3)
    corners = {tuple(crop[0, 0, :2]) for crop in cut}
    assert len(corners) == CROPS
    assert {(0, 0), (231 // 2, 32), (0, 32), (231 // 2, 0)} <= corners


def test_a_base_image_as_high_as_the_crop_is_cut_to_the_side_only() -> None:
    assert grid_shape(CROPS, 60, 0) == (128, 1)
    assert grid_shape(CROPS, 0, 60) == (1, 128)


@settings(deadline=None)
@given(unit_quaternions())
def test_mean_of_one_rotation_with_either_sign_is_that(quat: np.ndarray) -> None:
    mean = mean_quaternion(np.array([quat, -quat, quat]))
    np.testing.assert_allclose(abs(mean @ quat), 1, atol=1e-12)


def test_mean_of_rotations_about_one_axis_is_their_mean_angle() -> None:
    quats = [(-1) ** i * xyzw_from_wxyz(euler2quat(0, 0, np.deg2rad(angle)))
             for i, angle in enumerate((10, 20, 60, 70))]
    expected = xyzw_from_wxyz(euler2quat(0, 0, np.deg2rad(40)))
    assert rotation_errors_deg(mean_quaternion(quats)[None], expected[None])[0] < 1e-6


def test_the_answer_is_the_mean_over_the_crops() -> None:
    artifact = tiny_artifact()
    batches = []

    def predict(batch: np.ndarray) -> Prediction:
        batches.append(batch)
        position = np.zeros((len(batch), 3))
        position[:, 0] = np.arange(len(batch))
        return Prediction(position, np.tile([0.0, 0, 0, -1], (len(batch), 1)))

    relocaliser = DenseRelocaliser(predict, artifact)
    image = random_image(CAMERA)
    base = relocaliser.prepare(image)
    np.testing.assert_array_equal(base, artifact.preprocess.base(image, CAMERA))
    estimate = relocaliser.estimate(base)
    assert len(batches) == 1
    assert batches[0].shape == (CROPS, 32, 32, 3)
    np.testing.assert_allclose(estimate.map_from_camera.translation_m, ((CROPS - 1) / 2, 0, 0))


def test_a_network_that_sees_the_whole_image_is_refused() -> None:
    whole = replace(tiny_artifact(), preprocess=Preprocess(32, 32),
                    camera=replace(CAMERA, width=48, cx=23.5))
    with pytest.raises(InputError, match='needs a network that sees a crop'):
        DenseRelocaliser(lambda batch: None, whole)
