"""A small place for the tests of the viewer: a wall with landmarks, its dataset and reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from unittest import mock

from helpers import tiny_artifact, write_stand_in_network
import numpy as np
from posenet_ros.evaluation.report import folder as report_files
from posenet_ros.evaluation.report.build import build_report, Evaluation
from posenet_ros.evaluation.results import FrameResult, positions, quaternions
from posenet_ros.geometry.pose import Pose
from posenet_ros.inference import artifact as artifacts
from posenet_ros.inference.train_index import TrainIndex
from posenet_ros.landmarks import landmark_file
from posenet_ros.landmarks.features import DESCRIPTOR_SIZE
from posenet_ros.landmarks.landmark_map import per_view_map
from posenet_ros.localisation.gate import Verdict
from training_helpers import CAMERA, PIXELS_PER_M, WALL_M, wall_texture, write_wall_dataset

SEQUENCES, COUNT, EACH = 2, 6, 40  # walks, images of each, landmarks of an image


def landmarks_of(pose: Pose, seed: int) -> np.ndarray:
    """Return points (EACH, 3) of the wall that an image shows."""
    pixels = np.random.default_rng(seed).uniform((2, 2), (CAMERA.width - 3, CAMERA.height - 3),
                                                 (EACH, 2))
    rays = np.column_stack([(pixels - (CAMERA.cx, CAMERA.cy)) / (CAMERA.fx, CAMERA.fy),
                            np.ones(EACH)]) @ pose.rotation.T
    return pose.translation_m + rays * ((WALL_M - pose.translation_m[1]) / rays[:, 1:2])


def wall_colours(points_m: np.ndarray) -> np.ndarray:
    """Return the colours (N, 3) RGB of the wall at points of it."""
    texture = wall_texture()
    columns = np.rint((points_m[:, 0] + 12) * PIXELS_PER_M).astype(int)
    rows = np.rint((6 - points_m[:, 2]) * PIXELS_PER_M).astype(int)
    return texture[np.clip(rows, 0, texture.shape[0] - 1),
                   np.clip(columns, 0, texture.shape[1] - 1)]


def write_place(folder: Path, *, landmarks: bool = True) -> dict[str, Pose]:
    """
    Write `data`, a dataset, and `model`, a model folder of it whose network is a stand-in.

    :returns: the pose of each image of the dataset by its name.
    """
    poses = write_wall_dataset(folder / 'data', SEQUENCES, COUNT)
    train = {name: pose for name, pose in poses.items()
             if not name.startswith(f'seq{SEQUENCES + 1}/')}
    places = positions(list(train.values())), quaternions(list(train.values()))
    index = TrainIndex(tuple(train), *places, np.empty((len(train), 0), np.float16))
    model = folder / 'model'
    model.mkdir()
    if landmarks:
        points = [landmarks_of(pose, i) for i, pose in enumerate(train.values())]
        landmark_file.save(per_view_map(
            *places, np.concatenate(points).astype(np.float32),
            np.zeros((EACH * len(train), DESCRIPTOR_SIZE), np.uint8),
            np.arange(0, EACH * len(train) + 1, EACH, dtype=np.int32),
            np.ones(len(train), np.float32)), model / artifacts.LANDMARKS_FILE)
    artifacts.save(replace(tiny_artifact(), camera=CAMERA, train=index), model,
                   write_stand_in_network)
    return poses


def report_frames(poses: dict[str, Pose], error_m: Sequence[float] = (0.3, 0.0, 0.4),
                  ) -> list[FrameResult]:
    """Return frames of the test split: refined and not, one rejected, one without an estimate."""
    names = sorted(name for name in poses if name.startswith(f'seq{SEQUENCES + 1}/'))
    covariance = np.diag([0.04, 0.09, 0.01, 1e-4, 1e-4, 1e-4])
    frames = []
    for i, name in enumerate(names):
        truth = poses[name]
        estimate = Pose(truth.translation_m + error_m, truth.quat_xyzw)
        frames.append(FrameResult(
            name, (i + 1) * 10**9, truth, estimate, covariance, sequence='seq3',
            landmarks=10 * (i % 2)))
    frames[-2] = replace(frames[-2], verdict=Verdict.JUMP, reasons=('too far', 'blurred'),
                         landmarks=10)
    frames[-1] = FrameResult(names[-1], frames[-1].stamp_ns, frames[-1].truth, sequence='seq3',
                             reasons=('no image',))
    return frames


def write_frames(folder: Path, frames: list[FrameResult]) -> Path:
    """Write the report of frames, its page empty."""
    evaluation = Evaluation(frames)
    with mock.patch.object(report_files, 'html_page', return_value='<html>'):
        report_files.write_report(folder, build_report(evaluation), evaluation)
    return folder
