"""Say before a map is made how long it will take, and how much memory."""

from __future__ import annotations

from posenet_ros.training.data.datasets import Dataset
from posenet_ros.utils.progress import describe_duration

# CPU seconds of an image 640 wide on a core of 2020, at features of 320 pixels: to read and to
# detect, to match with its neighbours
READ_S, DETECT_S, MATCH_S = 0.01, 0.03, 0.03
DETECT_WIDTH = 320
BASE_MEMORY_BYTES, IMAGE_MEMORY_BYTES = 300e6, 0.6e6


def describe_workload(dataset: Dataset, feature_width: int) -> str:
    """Describe the time and the memory that the map of images with poses will take."""
    count, camera = len(dataset.samples), dataset.camera
    pixels = (min(feature_width, camera.width) / DETECT_WIDTH) ** 2
    reading = camera.width * camera.height / (640 * 480)
    seconds = count * (READ_S * reading + DETECT_S * pixels + MATCH_S)
    memory = BASE_MEMORY_BYTES + count * IMAGE_MEMORY_BYTES
    return (f'mapping {count} images: about {describe_duration(seconds)} and '
            f'{memory / 1e9:.1f} GB of memory')
