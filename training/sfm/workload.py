"""Time, memory and disk space that structure from motion will take, before it starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
import shutil

from posenet_ros.errors import InputError
from posenet_ros.training.sfm.options import SfmOptions
from posenet_ros.utils.progress import describe_duration

# CPU seconds on one core of 2020: an image of 640 x 480, a pair of 2,000 features each, an image
# of 300 in either mapper
FEATURES_S, PAIR_S, GLOBAL_S, INCREMENTAL_S = 0.1, 0.05, 0.3, 0.8
REFERENCE_PIXELS, REFERENCE_IMAGES = 640 * 480, 300
# of mapping by number of images: bundle adjustment grows faster than its images
GROWTH = 1.2
NEW = 0.5  # of the similar images, what others have not paired yet
MEMORY_BYTES, IMAGE_BYTES = 300e6, 0.8e6
DISK_BYTES = 0.45e6  # of an image: its features, and its part of the database and the models


@dataclass(frozen=True)
class Workload:
    """
    What structure from motion is expected to take.

    :param images: number of keyframes.
    :param pairs: number of pairs to match.
    :param seconds: with all threads.
    :param memory_bytes: at its peak.
    :param disk_bytes: of intermediate results.
    """

    images: int
    pairs: int
    seconds: float
    memory_bytes: float
    disk_bytes: float

    def __str__(self) -> str:
        return (f'{self.images} images, some {self.pairs} pairs: about '
                f'{describe_duration(self.seconds)}, {self.memory_bytes / 1e9:.1f} GB of memory, '
                f'{self.disk_bytes / 1e9:.1f} GB on disk')


def estimate_workload(images: int, size: tuple[int, int], options: SfmOptions, *,
                      camera_known: bool) -> Workload:
    """
    Estimate time and memory from the number of images.

    :param size: (width, height) of the images, pixels.
    """
    scale = min(1.0, options.sift.max_size / max(size)) ** 2
    pixels = size[0] * size[1] * scale / REFERENCE_PIXELS
    pairs = min(round(images * (options.pairs.following + NEW * options.pairs.similar)),
                images * (images - 1) // 2)
    pair_s = PAIR_S * (options.sift.max_keypoints / 2048) ** 2
    parts = options.parts.count_of(images)
    mapping_s = GLOBAL_S if camera_known and parts == 1 else INCREMENTAL_S
    parallel_s = images * FEATURES_S * pixels + pairs * pair_s
    seconds = parallel_s / options.threads + parts * mapping_s * REFERENCE_IMAGES * (
        images / parts / REFERENCE_IMAGES) ** GROWTH
    return Workload(images, pairs, seconds, MEMORY_BYTES + images * IMAGE_BYTES,
                    images * DISK_BYTES)


def check_disk(workload: Workload, work: Path) -> None:
    """
    Check that there is room for the intermediate results.

    :raises InputError: when there is not.
    """
    free = shutil.disk_usage(work).free
    if free < workload.disk_bytes:
        raise InputError(f'{work} has to have {workload.disk_bytes / 1e9:.2f} GB of free space. '
                         f'Received: {free / 1e9:.2f} GB')
