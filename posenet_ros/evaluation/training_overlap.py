"""Recognise an evaluation on the images that the model was trained on."""

from __future__ import annotations

from collections.abc import Sequence

from posenet_ros.evaluation.baselines import nearest_positions
from posenet_ros.evaluation.metrics.pose_errors import rotation_errors_deg, translation_errors_m
from posenet_ros.evaluation.results import FrameResult, positions, quaternions
from posenet_ros.inference.train_index import TrainIndex
from posenet_ros.utils.choices import FALSE_POSE_DEG, FALSE_POSE_M, SPLITS

MIN_PROPORTION = 0.1  # of the frames: a few equal poses may be chance
SAME_M, SAME_DEG = 1e-6, 1e-3  # of one pose that was written to two files


def _same_images(frames: Sequence[FrameResult], train: TrainIndex) -> int:
    """Count the frames of a training image's name whose true pose is about that image's."""
    rows = {name: row for row, name in enumerate(train.names)}
    known = [frame for frame in frames if frame.name in rows]
    index = [rows[frame.name] for frame in known]
    return _count_near(known, train, index, FALSE_POSE_M, FALSE_POSE_DEG)


def _same_poses(frames: Sequence[FrameResult], train: TrainIndex) -> int:
    """Count the frames whose true pose is exactly that of a training image."""
    index = nearest_positions(train, positions([frame.truth for frame in frames])).tolist()
    return _count_near(frames, train, index, SAME_M, SAME_DEG)


def _count_near(frames: Sequence[FrameResult], train: TrainIndex, index: Sequence[int],
                metres: float, degrees: float) -> int:
    truths = [frame.truth for frame in frames]
    near = (translation_errors_m(positions(truths), train.positions_m[index]) <= metres) & (
        rotation_errors_deg(quaternions(truths), train.quats_xyzw[index]) <= degrees)
    return int(near.sum())


def describe_overlap(frames: Sequence[FrameResult], train: TrainIndex | None, *,
                     named: bool, split: str = '') -> str:
    """
    Say that frames are images that the model was trained on.

    :param train: the training images; None where they are not known.
    :param named: whether the frames have the names of images; those of a bag have not.
    :param split: of the dataset that the frames are of; empty for other sources.
    :returns: a line for people; empty where there is nothing to say.
    """
    count = 0
    if train is not None and train.names and frames:
        count = (_same_images if named else _same_poses)(frames, train)
    if count > MIN_PROPORTION * len(frames):
        return (f'{count} of {len(frames)} frames are images that the model was trained on: '
                'their errors say nothing of its errors on new images')
    if split == SPLITS[0]:
        return (f'these are images of the split "{split}": a model that was trained on them errs '
                'less here than on new images')
    return ''
