"""
TUM RGB-D: https://cvg.cit.tum.de/data/datasets/rgbd-dataset/file_formats.

`rgb.txt` lists stamps and images, `groundtruth.txt` holds the poses of the colour camera.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from posenet_ros.datasets.benchmarks.stamped import (
    numbered_blocks,
    read_image_list,
    read_stamped_poses,
    StampedImage,
    unmatched,
)
from posenet_ros.datasets.dataset_rows import DatasetRow, make_row
from posenet_ros.datasets.pose_files import Format
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.pose import Pose

FILES = 'rgb.txt', 'groundtruth.txt'
INTRINSICS = {  # fx fy cx cy at 640x480, from the dataset's page on file formats
    'freiburg1': (517.3, 516.5, 318.6, 255.3), 'freiburg2': (520.9, 521.0, 325.1, 249.7),
    'freiburg3': (535.4, 539.2, 320.1, 247.6)}
MAX_GAP_S = 0.02


def read_tum(folder: Path, split: str) -> list[DatasetRow]:
    """
    Read a sequence.

    It names no splits: every eighth block of 50 images is the test split. An image takes the
    pose nearest in time, at most 0.02 s away, as the benchmark's own tool does.
    """
    truth, rows = read_stamped_poses(folder / 'groundtruth.txt', Format.TUM)
    stamps_ns = np.array([stamp_ns for stamp_ns, _ in truth], np.int64)

    def row(image: StampedImage, block: str) -> DatasetRow:
        if image.stamp_ns is None:
            return DatasetRow(image.where, folder, image.name, block, error=image.error)
        gaps_ns = np.abs(stamps_ns - image.stamp_ns)
        gap_s = float(gaps_ns.min()) / 1e9
        if gap_s > MAX_GAP_S:
            return unmatched(folder, image, image.name, block, f'no pose within {MAX_GAP_S} s; '
                             f'the nearest is {gap_s:.3f} s away')
        pose: Pose = truth[int(gaps_ns.argmin())][1]
        return make_row(folder, image.where, image.name, block, pose)

    return rows + [row(image, block) for block, image in numbered_blocks(
        read_image_list(folder / 'rgb.txt'), split)]


def tum_camera(folder: Path, size: tuple[int, int]) -> Camera | None:
    """Return the camera of a public sequence, by its folder's name; None for others."""
    name = folder.resolve().name
    found = next((four for key, four in INTRINSICS.items() if key in name), None)
    return Camera(640, 480, *found).scaled(*size) if found else None
