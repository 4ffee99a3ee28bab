"""Dense evaluation: crops cover the image evenly, and rotations have a mean."""

from __future__ import annotations

from dataclasses import replace

from helpers import CAMERA, random_image, tiny_artifact
import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.imaging.preprocess import Preprocess
from posenet_ros.localisation.dense import CROPS, DenseRelocaliser, grid_crops, grid_shape
from posenet_ros.localisation.relocaliser import Prediction
import pytest


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
