"""Training images in memory."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from posenet_ros.geometry.pose import Pose
from posenet_ros.imaging.files import read_image
from posenet_ros.imaging.preprocess import Preprocess
from posenet_ros.training.data import plane_sweep as depth
from posenet_ros.training.data.datasets import Dataset, Sample
from posenet_ros.utils.progress import progress, ProgressBar

THREADS = 4
MAX_IMAGES = 4000  # of a kind; more are subsampled


def subsample(count: int) -> NDArray[np.intp]:
    """Return the indices of at most MAX_IMAGES of `count` images."""
    return np.unique(np.linspace(0, count - 1, min(count, MAX_IMAGES)).round().astype(np.intp))


@dataclass(frozen=True, eq=False)
class Images:
    """
    Base images with their poses.

    :param bases: (N, base height, base width, 3) RGB uint8.
    :param poses: N poses map_from_camera; `positions_m` (N, 3), metres, `quats_xyzw` (N, 4).
    :param rows: (N,) indices of their samples in the dataset.
    :param rhos: (N, base height, base width) inverse depths, 1/m, or None.
    """

    bases: NDArray[np.uint8]
    poses: tuple[Pose, ...]
    positions_m: NDArray[np.float32]
    quats_xyzw: NDArray[np.float32]
    rows: NDArray[np.intp]
    rhos: NDArray[np.float32] | None = None

    def take(self, indices: NDArray[np.intp]) -> Images:
        """Select images by their indices."""
        return Images(self.bases[indices], tuple(self.poses[i] for i in indices),
                      self.positions_m[indices], self.quats_xyzw[indices], self.rows[indices],
                      None if self.rhos is None else self.rhos[indices])


def load_images(dataset: Dataset, preprocess: Preprocess) -> Images:
    """Read all images of a dataset once, resized to base images."""
    def base(sample: Sample) -> NDArray[np.uint8]:
        return preprocess.base(read_image(sample.path), dataset.camera)

    camera = preprocess.base_camera(dataset.camera)
    bases = np.empty((len(dataset.samples), camera.height, camera.width, 3), np.uint8)
    with ThreadPoolExecutor(THREADS) as pool:
        found = pool.map(base, dataset.samples)
        for i, image in enumerate(progress(found, len(bases), 'image', 'images')):
            bases[i] = image
    poses = tuple(sample.map_from_camera for sample in dataset.samples)
    return Images(bases, poses, dataset.positions_m.astype(np.float32),
                  dataset.quats_xyzw.astype(np.float32), np.arange(len(poses)))


def with_depths(images: Images, dataset: Dataset, preprocess: Preprocess, file: Path) -> Images:
    """
    Add the inverse depths of all images, estimated once and cached.

    :param file: cache, for a resumed training.
    """
    rhos = _cached_depths(file, images.bases.shape[:3])
    if rhos is not None:
        return replace(images, rhos=rhos)
    with ProgressBar(len(images.bases), 'image', 'depth') as shown:
        rhos = depth.estimate_inverse_depths(
            images.bases, images.poses, [s.sequence for s in dataset.samples],
            preprocess.base_camera(dataset.camera), shown.update)
    part = file.with_name(f'.{file.name}')
    with part.open('wb') as stream:
        np.save(stream, rhos)
    part.replace(file)
    return replace(images, rhos=rhos)


def _cached_depths(file: Path, shape: tuple[int, ...]) -> NDArray[np.float32] | None:
    """Read the cache; None where there is none, or it is damaged."""
    try:
        rhos = np.load(file, allow_pickle=False, mmap_mode='r')  # checks the size first
    except (OSError, ValueError, EOFError):
        return None
    return np.array(rhos) if rhos.shape == shape and rhos.dtype == np.float32 else None


def network_inputs(images: Images, preprocess: Preprocess) -> NDArray[np.uint8]:
    """Crop base images to network inputs as the node does, (N, height, width, 3) uint8."""
    return np.stack([preprocess.crop(base) for base in images.bases])
