"""Baselines: poses that a method without learning would give."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from posenet_ros.arrays import Floats
from posenet_ros.evaluation.metrics.pose_errors import (
    ByUnit,
    Errors,
    rotation_errors_deg,
    translation_errors_m,
)
from posenet_ros.evaluation.results import FrameTable
from posenet_ros.inference.train_index import TrainIndex
from posenet_ros.landmarks.matching import unit_rows

BASELINES = ('constant', 'nearest_train_position', 'nearest_train_image')
MAX_CANDIDATES = 500
BLOCK = 256


def constant_pose(train: TrainIndex) -> tuple[Floats, Floats]:
    """
    Find the one pose with the smallest median error on the training poses.

    :returns: (3,) median position, metres; (4,) the training rotation (the best of at most 500,
        evenly spread) with the smallest median angle to all of them.
    """
    step = -(-len(train.quats_xyzw) // MAX_CANDIDATES)
    candidates = train.quats_xyzw[::step]
    # the angle falls with |q.q'|, so the smallest median angle has the largest median of that
    similarities = [np.median(np.abs(train.quats_xyzw @ quat)) for quat in candidates]
    return np.median(train.positions_m, axis=0), candidates[int(np.argmax(similarities))]


def nearest_positions(train: TrainIndex, positions_m: ArrayLike) -> NDArray[np.intp]:
    """
    Find the index of the nearest training position to each position.

    :param positions_m: (N, 3) in the dataset's frame, metres.
    """
    rows = np.asarray(positions_m, dtype=np.float64).reshape(-1, 3)
    nearest = [np.argmin(np.linalg.norm(train.positions_m - row, axis=1)) for row in rows]
    return np.array(nearest, dtype=np.intp)


def nearest_images(train: TrainIndex, descriptors: ArrayLike) -> NDArray[np.intp]:
    """
    Find the index of the most similar training image to each image, by cosine similarity.

    :param descriptors: (N, D) global descriptors of the same network as `train.descriptors`.
    """
    database, queries = unit_rows(train.descriptors), unit_rows(descriptors)
    blocks = [np.argmax(queries[i:i + BLOCK] @ database.T, axis=1)
              for i in range(0, len(queries), BLOCK)]
    return np.concatenate(blocks).astype(np.intp) if blocks else np.empty(0, np.intp)


def errors_of_training_poses(
        train: TrainIndex, index: NDArray[np.intp], truths_m: ArrayLike,
        truths_xyzw: ArrayLike) -> Errors:
    """
    Compute the errors of training poses taken as estimates.

    :param index: (N,) the training pose taken for each frame.
    :param truths_m: (N, 3) metres.
    :param truths_xyzw: (N, 4) quaternions.
    """
    return ByUnit(translation_errors_m(train.positions_m[index], truths_m),
                  rotation_errors_deg(train.quats_xyzw[index], truths_xyzw))


def baseline_errors(table: FrameTable, train: TrainIndex) -> dict[str, Errors | None]:
    """
    Compute the errors of each baseline on all frames, metres and degrees; None where unknown.

    :param train: poses in the same frame as the truth.
    """
    truths_m, truths_xyzw = table.truths_m, table.truths_xyzw
    position, quat = constant_pose(train)
    constant = ByUnit(
        translation_errors_m(np.broadcast_to(position, truths_m.shape), truths_m),
        rotation_errors_deg(np.broadcast_to(quat, truths_xyzw.shape), truths_xyzw))
    nearest = errors_of_training_poses(
        train, nearest_positions(train, truths_m), truths_m, truths_xyzw)
    return dict(zip(BASELINES, (constant, nearest, _nearest_image_errors(table, train)),
                    strict=True))


def _nearest_image_errors(table: FrameTable, train: TrainIndex) -> Errors | None:
    """Compute the errors of image retrieval; infinite for an image that could not be decoded."""
    known = [i for i, frame in enumerate(table.frames) if frame.nearest_image is not None]
    if not known:
        return None
    index = np.array([table.frames[i].nearest_image for i in known], dtype=np.intp)
    metres, degrees = np.full((2, len(table)), np.inf)
    metres[known], degrees[known] = errors_of_training_poses(
        train, index, table.truths_m[known], table.truths_xyzw[known])
    return ByUnit(metres, degrees)
