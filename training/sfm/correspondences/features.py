"""Detect SIFT features at full size, an image a file, so that an interrupted run goes on."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats32, RgbImage
from posenet_ros.geometry.camera import Camera
from posenet_ros.imaging.files import read_image
from posenet_ros.landmarks.features import detect
from posenet_ros.landmarks.matching import unit_rows
from posenet_ros.landmarks.options import FeatureOptions
from posenet_ros.training.sfm.options import SiftOptions
from posenet_ros.training.sfm.work_folder import write_whole
from posenet_ros.utils.files.npz import read_arrays
from posenet_ros.utils.parallel import ordered_map
from posenet_ros.utils.progress import progress

CACHED = 64  # images whose descriptors stay in memory, 1 MB each


class FeatureFiles:
    """
    The features of images, by their index.

    :param folder: a file an image.
    """

    def __init__(self, folder: Path, count: int) -> None:
        self.folder, self.count = folder, count
        self.descriptors = lru_cache(CACHED)(self._descriptors)

    def file(self, index: int) -> Path:
        """Return the file of an image."""
        return self.folder / f'{index:06}.npz'

    def keypoints(self, index: int) -> Floats32:
        """Return (K, 2) keypoints, pixels, pixel centres at integers."""
        return np.asarray(read_arrays(self.file(index))['keypoints'], np.float32)

    def raw_descriptors(self, index: int) -> NDArray[np.uint8]:
        """Return (K, 128) RootSIFT."""
        return np.asarray(read_arrays(self.file(index))['descriptors'], np.uint8)

    def _descriptors(self, index: int) -> Floats32:
        """Return (K, 128) RootSIFT of length 1."""
        return unit_rows(self.raw_descriptors(index))

    def counts(self) -> NDArray[np.intp]:
        """Return the number of features of each image."""
        return np.array([len(self.keypoints(i)) for i in range(self.count)], np.intp)


def detect_in_pixels(image: RgbImage, options: SiftOptions
                     ) -> tuple[Floats32, NDArray[np.uint8]]:
    """
    Detect SIFT keypoints, in pixels of the image as it is.

    :returns: keypoints (K, 2) and RootSIFT descriptors (K, 128).
    """
    height, width = image.shape[:2]
    pixels = Camera(width, height, 1.0, 1.0, 0.0, 0.0)  # whose normalised coordinates are pixels
    reduced = min(1.0, options.max_size / max(width, height))
    found = detect(image, pixels, FeatureOptions(
        max(round(width * reduced), 1), options.max_keypoints, options.contrast_threshold))
    return found.points_normalized.astype(np.float32), found.descriptors


def detect_features(paths: Sequence[Path], folder: Path, options: SiftOptions,
                    threads: int) -> FeatureFiles:
    """
    Detect the features of images; those that an earlier run has done are taken from the folder.

    :param paths: of the N images.
    :param folder: where to keep them.
    """
    files = FeatureFiles(folder, len(paths))
    missing = [i for i in range(len(paths)) if not files.file(i).exists()]

    def detect_one(index: int) -> None:
        keypoints, descriptors = detect_in_pixels(read_image(paths[index]), options)
        with write_whole(files.file(index)) as new:
            np.savez(new, keypoints=keypoints, descriptors=descriptors)

    done = ordered_map(detect_one, missing, threads)
    for _ in progress(done, len(paths), 'image', 'features', len(paths) - len(missing)):
        pass
    return files
