"""
Dense evaluation (Kendall et al. 2015): the mean pose of many crops of one image.

The principal point of a crop beside the centre differs; as in the paper, the poses are averaged
without correcting for it.
"""

from __future__ import annotations

import numpy as np
from posenet_ros.arrays import RgbImage
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.lie import mean_quaternion
from posenet_ros.inference.artifact import Artifact
from posenet_ros.localisation.relocaliser import Predict, Prediction, Relocaliser

CROPS = 128  # of the paper


def grid_shape(count: int, columns: int, rows: int) -> tuple[int, int]:
    """
    Choose the columns and rows of a grid of `count` crops.

    :param columns: range of the crops in x, pixels.
    :param rows: range of the crops in y, pixels.
    :returns: the two divisors of `count` for which the steps in x and y are most similar.
    """
    def difference(across: int) -> float:
        return abs(columns / across - rows / (count // across))

    across = min((n for n in range(1, count + 1) if count % n == 0), key=difference)
    return across, count // across


def grid_crops(base: RgbImage, width: int, height: int, count: int = CROPS) -> RgbImage:
    """
    Cut crops evenly spread over a base image.

    :param base: (base height, base width, 3), at least as large as a crop.
    :returns: (count, height, width, 3).
    """
    room = base.shape[1] - width, base.shape[0] - height
    across, down = grid_shape(count, *room)
    lefts = np.linspace(0, room[0], across).round().astype(int)
    tops = np.linspace(0, room[1], down).round().astype(int)
    return np.stack([base[y:y + height, x:x + width] for y in tops for x in lefts])


class DenseRelocaliser(Relocaliser):
    """
    Estimate poses from many crops; :meth:`prepare` returns the whole base image.

    :param predict: as of :class:`Relocaliser`; it gets all crops of an image in one batch.
    :raises InputError: when the network's input is the whole base image.
    """

    def __init__(self, predict: Predict, artifact: Artifact) -> None:
        preprocess = artifact.preprocess
        size = preprocess.width, preprocess.height
        if preprocess.base_camera(artifact.camera).size == size:
            raise InputError(
                'dense evaluation needs a network that sees a crop of the image, as the preset '
                f'posenet. Received: one whose input of {size[0]}x{size[1]} is the whole image')

        def mean(batch: RgbImage) -> Prediction:
            prediction = predict(grid_crops(batch[0], *size))
            uncertainty = {key: values.mean(0, keepdims=True)
                           for key in ('log_sigma', 'descriptor')
                           if (values := getattr(prediction, key)) is not None}
            return Prediction(prediction.position_m.mean(0, keepdims=True),
                              mean_quaternion(prediction.quat_xyzw)[np.newaxis], **uncertainty)

        super().__init__(mean, artifact)

    def prepare(self, image: RgbImage, camera: Camera | None = None) -> RgbImage:
        """Return the base image, from which the crops are cut."""
        return self._artifact.preprocess.base(image, camera or self.camera_of(image))
