"""What a method has to beat: answers that need no learning."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from posenet_ros.arrays import Floats
from posenet_ros.evaluation.metrics.pose_errors import rotation_errors_deg, translation_errors_m
from posenet_ros.inference.train_index import TrainIndex
from posenet_ros.landmarks.matching import unit_rows

MOST_CANDIDATES = 500
BLOCK = 256


def constant_pose(train: TrainIndex) -> tuple[Floats, Floats]:
    """
    Return the one pose that is least far from the training poses.

    :returns: (3,) median position, metres; (4,) the training rotation (the best of at most 500,
        evenly spread) with the smallest median angle to all of them.
    """
    step = -(-len(train.quats_xyzw) // MOST_CANDIDATES)
    candidates = train.quats_xyzw[::step]
    # the angle falls with |q.q'|, so the smallest median angle has the largest median of that
    nearness = [np.median(np.abs(train.quats_xyzw @ quat)) for quat in candidates]
    return np.median(train.positions_m, axis=0), candidates[int(np.argmax(nearness))]


def nearest_positions(train: TrainIndex, positions_m: ArrayLike) -> NDArray[np.intp]:
    """
    Return the index of the nearest training position of each position.

    :param positions_m: (N, 3) in the dataset's frame, metres.
    """
    rows = np.asarray(positions_m, dtype=np.float64).reshape(-1, 3)
    nearest = [np.argmin(np.linalg.norm(train.positions_m - row, axis=1)) for row in rows]
    return np.array(nearest, dtype=np.intp)


def nearest_images(train: TrainIndex, descriptors: ArrayLike) -> NDArray[np.intp]:
    """
    Return the index of the most similar training image of each image.

    :param descriptors: (N, D) the same features as `train.descriptors`.
    """
    known, asked = unit_rows(train.descriptors), unit_rows(descriptors)
    blocks = [np.argmax(asked[i:i + BLOCK] @ known.T, axis=1)
              for i in range(0, len(asked), BLOCK)]
    return np.concatenate(blocks).astype(np.intp) if blocks else np.empty(0, np.intp)


def errors_of_training_poses(
        train: TrainIndex, index: NDArray[np.intp], truths_m: ArrayLike,
        truths_xyzw: ArrayLike) -> tuple[Floats, Floats]:
    """
    Score training poses given as answers.

    :param index: (N,) the training pose given for each frame.
    :returns: (N,) metres and (N,) degrees.
    """
    return (translation_errors_m(train.positions_m[index], truths_m),
            rotation_errors_deg(train.quats_xyzw[index], truths_xyzw))
