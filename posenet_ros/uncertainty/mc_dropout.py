"""Monte-Carlo dropout (Kendall and Cipolla 2016)."""

from __future__ import annotations

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.errors import InputError
from posenet_ros.geometry.lie import rotation_vectors_rad
from posenet_ros.inference.artifact import Artifact
from posenet_ros.inference.prediction import HasHead, Head, Prediction


class McDropout:
    """
    Model uncertainty by Monte-Carlo dropout before the head (Kendall and Cipolla 2016).

    The backbone runs once, the head on all samples in one batch. The masks are drawn once, so
    the same image always gets the same covariance.

    :param head: maps activations `fc` (N, width) to poses.
    :param rate: dropout rate.
    :param width: number of activations.
    :param samples: number of masks, at least 2.
    :param seed: of the masks.
    """

    def __init__(self, head: Head, rate: float, width: int, samples: int, seed: int = 0) -> None:
        if samples < 2:
            raise InputError(f'mc_samples has to be 0 (off) or at least 2. Received: {samples}')
        kept = np.random.default_rng(seed).random((samples, width)) >= rate
        self._head, self._masks = head, kept.astype(np.float32) / np.float32(1 - rate)

    def covariance(self, prediction: Prediction) -> Floats:
        """
        Compute the samples' covariance about the pose without dropout.

        :param prediction: of one image, with `fc`.
        :returns: (6, 6) ordered as a PoseEstimate's.
        """
        if prediction.fc is None:
            raise InputError('Monte-Carlo dropout needs a network that gives its activations. '
                             'Received: one that gives poses only')
        samples = self._head(self._masks * prediction.fc.astype(np.float32))
        translations = samples.position_m - prediction.position_m
        rotations = rotation_vectors_rad(
            samples.quat_xyzw, np.tile(prediction.quat_xyzw, (len(translations), 1)))
        errors = np.hstack([translations, rotations])
        return np.asarray(errors.T @ errors / len(errors), np.float64)


def make_mc_dropout(artifact: Artifact, network: HasHead, samples: int) -> McDropout | None:
    """
    Make the Monte-Carlo dropout of a model folder.

    :param network: an engine.
    :param samples: poses per image; 0 gives None.
    :raises InputError: when the model folder has no calibrated dropout.
    """
    if not samples:
        return None
    calibration = artifact.calibration
    if not calibration.mc_scale:
        raise InputError('mc_samples needs a model folder with calibrated dropout: make one of '
                         'this by posenet uncertainty. Received: one without')
    width = artifact.require_network('mc_samples').fc_width
    return McDropout(network.head, calibration.mc_rate, width, samples)
