"""Predictions of a network, and the protocols of a network and its head."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

POSE_OUTPUTS = ('position', 'quat_xyzw')
UNCERTAINTY_OUTPUTS = ('log_sigma', 'descriptor', 'fc')  # outputs that not every network has
NO_HEAD = ('Monte-Carlo dropout needs a model folder with a head of its own: make one of this by '
           'posenet uncertainty')


def make_prediction(outputs: Mapping[str, Any]) -> Prediction:
    """Make a prediction of a network's outputs: float64, the quaternions of exact unit length."""
    quats = np.asarray(outputs['quat_xyzw'], np.float64)
    more = {key: np.asarray(outputs[key], np.float64) for key in UNCERTAINTY_OUTPUTS
            if key in outputs}
    return Prediction(np.asarray(outputs['position'], np.float64),
                      quats / np.linalg.norm(quats, axis=-1, keepdims=True), **more)


class Prediction(NamedTuple):
    """
    The outputs of a network for a batch of images.

    Networks without uncertainty heads give the poses alone.

    :param position_m: (N, 3) camera positions in the dataset's frame, metres.
    :param quat_xyzw: (N, 4) unit quaternions, dataset from camera.
    :param log_sigma: (N, 6) logarithm of the predicted error, before calibration: along x y z of
        the dataset's frame in metres, then about its fixed x y z in radians.
    :param descriptor: (N, D) global descriptors, to be compared with those of the training images.
    :param fc: (N, W) activations before dropout, the input of the head.
    """

    position_m: NDArray[np.float64]
    quat_xyzw: NDArray[np.float64]
    log_sigma: NDArray[np.float64] | None = None
    descriptor: NDArray[np.float64] | None = None
    fc: NDArray[np.float64] | None = None


class Predict(Protocol):
    """A network: (N, height, width, 3) RGB of 8 bits to poses."""

    def __call__(self, batch: NDArray[np.uint8]) -> Prediction:
        """Return one pose an image."""
        ...


class Head(Protocol):
    """The last layers of a network: (N, W) activations `fc` to poses."""

    def __call__(self, fc: NDArray[np.float32]) -> Prediction:
        """Return one pose a row."""
        ...


class HasHead(Protocol):
    """An engine with a head of its own, for Monte-Carlo dropout."""

    def head(self, fc: NDArray[np.float32]) -> Prediction:
        """Return one pose a row; see :class:`Head`."""
        ...
