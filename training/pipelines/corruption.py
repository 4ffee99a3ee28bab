"""
Write datasets with corrupted images.

After ImageNet-C (Hendrycks and Dietterich, "Benchmarking neural network robustness to common
corruptions and perturbations", ICLR 2019): where it has a corruption of the same name, its
severities are used. Lengths are of an image 224 pixels wide and grow with the image.
"""

from __future__ import annotations

from pathlib import Path

from posenet_ros.datasets.cameras import write_camera
from posenet_ros.datasets.pose_files import write_cambridge
from posenet_ros.datasets.tolerance import tell_rejected
from posenet_ros.imaging.files import read_image
from posenet_ros.training.data.corruptions import corrupted
from posenet_ros.training.data.datasets import read_dataset
from posenet_ros.training.sources.saved_images import write_image
from posenet_ros.utils.atomic_folder import new_folder
from posenet_ros.utils.files.kinds import DATASET, write_mark
from posenet_ros.utils.progress import progress


def write_corrupted(data: Path, split: str, name: str, severity: int, out: Path, *,
                    camera: str | None = None, seed: int = 0, force: bool = False) -> int:
    """
    Write a split of a dataset with corrupted images (PNG), in Cambridge layout.

    :returns: the number of images.
    :raises InputError: as :func:`corrupted` and
        :func:`posenet_ros.training.data.datasets.read_dataset`.
    """
    dataset = read_dataset(data, split, camera)
    tell_rejected(dataset.rejected)
    with new_folder(out, force=force) as new:
        rows = []
        for i, sample in enumerate(progress(
                dataset.samples, len(dataset.samples), 'image', f'{name} {severity}')):
            image = corrupted(read_image(sample.path), name, severity, (seed, i))
            target = (new / sample.name).with_suffix('.png')
            target.parent.mkdir(parents=True, exist_ok=True)
            write_image(target, image[..., ::-1])
            rows.append((str(Path(sample.name).with_suffix('.png')), sample.map_from_camera))
        write_cambridge(new / f'dataset_{split}.txt', rows)
        write_camera(new, dataset.camera)
        write_mark(new, DATASET)
    return len(rows)
