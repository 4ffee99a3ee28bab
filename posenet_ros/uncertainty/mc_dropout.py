"""Monte-Carlo dropout (Kendall and Cipolla 2016)."""

from __future__ import annotations

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.errors import InputError
from posenet_ros.geometry.lie import rotation_vectors_rad
from posenet_ros.inference.artifact import Artifact
from posenet_ros.inference.prediction import HasHead, Head, Prediction


class Dropout:
    """
    Monte-Carlo dropout (Kendall and Cipolla 2016): how much the pose hangs on single activations.

    The backbone runs once; the head runs on all samples in one batch. The masks are drawn once,
    so that an image always gets the same covariance.

    :param head: from `fc` to poses.
    :param rate: share of the activations that are dropped.
    :param width: how many there are.
    :param samples: how many poses are drawn, at least 2.
    """

    def __init__(self, head: Head, rate: float, width: int, samples: int, seed: int = 0) -> None:
        if samples < 2:
            raise InputError(f'mc_samples has to be 0 (off) or at least 2. Received: {samples}')
        kept = np.random.default_rng(seed).random((samples, width)) >= rate
        self._head, self._masks = head, kept.astype(np.float32) / np.float32(1 - rate)

    def covariance(self, prediction: Prediction) -> Floats:
        """
        Return the mean square (6, 6) of the samples' differences to the answer without dropout.

        :param prediction: of one image, with `fc`.
        """
        if prediction.fc is None:
            raise InputError('Monte-Carlo dropout needs a network that gives its activations. '
                             'Received: one that gives poses only')
        found = self._head(self._masks * prediction.fc.astype(np.float32))
        moved = found.position_m - prediction.position_m
        turned = rotation_vectors_rad(
            found.quat_xyzw, np.tile(prediction.quat_xyzw, (len(moved), 1)))
        errors = np.hstack([moved, turned])
        return np.asarray(errors.T @ errors / len(errors), np.float64)


def dropout_of(artifact: Artifact, network: HasHead, samples: int) -> Dropout | None:
    """
    Return a model's Monte-Carlo dropout.

    :param network: an engine.
    :param samples: of each image; 0 gives None.
    :raises InputError: when the model was not taught how sure it is.
    """
    if not samples:
        return None
    calibration = artifact.calibration
    if not calibration.mc_scale:
        raise InputError('mc_samples needs a model folder with calibrated dropout: make one of '
                         'this by python -m training.uncertainty. Received: one without')
    return Dropout(network.head, calibration.mc_rate, artifact.network.fc_width, samples)
