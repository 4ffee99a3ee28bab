"""Batches of augmented images, or of the cached features of such images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from posenet_ros.geometry.pose import Pose
from posenet_ros.training.data.augment import Augmenter
from posenet_ros.training.data.images import Images
from posenet_ros.utils.progress import ProgressBar

FEATURE_BATCH = 54


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """
    Batches of augmented images, prepared in threads; the same seed and `epoch` give the same.

    Keras counts no epochs for a dataset: the training sets `epoch` before each.
    """

    def __init__(self, images: Images, augmenter: Augmenter, batch: int, seed: int) -> None:
        super().__init__(workers=2, max_queue_size=8)
        self.images, self.augmenter, self.seed, self.epoch = images, augmenter, seed, 0
        self.batch = min(batch, len(images.poses))

    def __len__(self) -> int:
        return len(self.images.poses) // self.batch

    def __getitem__(self, index: int) -> tuple[Any, dict[str, Any]]:
        order = np.random.default_rng([self.seed, self.epoch]).permutation(len(self.images.poses))
        return self.augmented(order[index * self.batch:(index + 1) * self.batch], self.epoch)

    def augmented(self, chosen: NDArray[np.intp], epoch: int) -> tuple[Any, dict[str, Any]]:
        """Augment the chosen images as in an epoch; return inputs and targets."""
        rhos = self.images.rhos
        pairs = [self.augmenter(self.images.bases[i], self.images.poses[i], epoch, int(i),
                                None if rhos is None else rhos[i]) for i in chosen]
        return np.stack([image for image, _ in pairs]), targets([pose for _, pose in pairs])


class CachedFeatureBatches(keras.utils.PyDataset):  # type: ignore[misc]
    """
    Batches of cached features, each of a random version of an image.

    :param features: (versions, N, h, w, channels) float16.
    :param y: targets, (versions, N, ...) each.
    """

    def __init__(self, features: NDArray[np.float16], y: dict[str, NDArray[np.float32]],
                 batch: int, seed: int) -> None:
        super().__init__()
        self.features, self.y, self.seed, self.epoch = features, y, seed, 0
        self.batch = min(batch, features.shape[1])

    def __len__(self) -> int:
        return int(self.features.shape[1] // self.batch)

    def __getitem__(self, index: int) -> tuple[Any, dict[str, Any]]:
        versions, count = self.features.shape[:2]
        rng = np.random.default_rng([self.seed, self.epoch])
        order: NDArray[np.intp] = rng.permutation(count)
        version = np.asarray(rng.integers(versions, size=count))
        i = order[index * self.batch:(index + 1) * self.batch]
        return (self.features[version[i], i].astype(np.float32),
                {key: value[version[i], i] for key, value in self.y.items()})


def cache_features(frozen: keras.Model, batches: Batches, versions: int) -> CachedFeatureBatches:
    """
    Cache the features of augmented versions of all images, with a progress bar.

    :param frozen: the frozen layers, from images to features.
    """
    count = len(batches.images.poses)
    features = np.empty((versions, count, *frozen.output.shape[1:]), np.float16)
    y: dict[str, Any] = {'position': np.empty((versions, count, 3), np.float32),
                         'quat_xyzw': np.empty((versions, count, 4), np.float32)}
    with ProgressBar(versions * count, 'image', 'cached features') as shown:
        for version, start in np.ndindex(versions, -(-count // FEATURE_BATCH)):
            part = np.arange(start * FEATURE_BATCH, min((start + 1) * FEATURE_BATCH, count))
            images, poses = batches.augmented(part, version)
            features[version, part] = frozen.predict_on_batch(images)
            for key, values in poses.items():
                y[key][version, part] = values
            shown.advance(len(part))
    return CachedFeatureBatches(features, y, batches.batch, batches.seed)


def targets(poses: Sequence[Pose]) -> dict[str, NDArray[np.float32]]:
    """Return the training targets of poses: position, metres, and quaternion."""
    return {'position': np.array([p.translation_m for p in poses], np.float32),
            'quat_xyzw': np.array([p.quat_xyzw for p in poses], np.float32)}
