"""Say before a map is made how long it will take, and how much memory."""

from __future__ import annotations

from posenet_ros.landmarks.landmark_map import LandmarkMap
from posenet_ros.training.data.datasets import Dataset
from posenet_ros.utils.progress import describe_duration

# CPU seconds of an image 640 wide on a core of 2020, at features of 480 pixels: to read for
# features and patches, to detect, to match with its neighbours
READ_S, DETECT_S, MATCH_S = 0.04, 0.08, 0.1
DETECT_WIDTH = 480
# of the command; of an image whose features are in memory; of one whose tracks are joined
BASE_MEMORY_BYTES, IMAGE_MEMORY_BYTES, JOINED_MEMORY_BYTES = 300e6, 0.6e6, 0.5e6


def describe_workload(dataset: Dataset, feature_width: int, at_once: int | None = None) -> str:
    """
    Describe the time and the memory that the map of images with poses will take.

    :param at_once: images whose features are in memory at once, of a map in parts; None: all.
    """
    count, camera = len(dataset.samples), dataset.camera
    pixels = (min(feature_width, camera.width) / DETECT_WIDTH) ** 2
    reading = camera.width * camera.height / (640 * 480)
    seconds = count * (READ_S * reading + (DETECT_S + MATCH_S) * pixels)
    memory = BASE_MEMORY_BYTES + max((at_once or count) * IMAGE_MEMORY_BYTES,
                                     count * JOINED_MEMORY_BYTES)
    return (f'mapping {count} images: about {describe_duration(seconds)} and '
            f'{memory / 1e9:.1f} GB of memory')


def describe_size(size_bytes: int, landmark_map: LandmarkMap) -> str:
    """Describe what a map's file takes, and its patches of it."""
    return (f'landmarks.npz: {size_bytes / 1e6:.1f} MB, '
            f'{size_bytes / 1e3 / len(landmark_map.views):.1f} KB an image; '
            f'{landmark_map.patches.nbytes / 1e6:.1f} MB of it are patches')
