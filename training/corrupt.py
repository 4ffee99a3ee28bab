"""
Corrupt the images of a dataset: weather, light and camera faults at five severities.

After ImageNet-C (Hendrycks and Dietterich, "Benchmarking neural network robustness to common
corruptions and perturbations", ICLR 2019): where it has a corruption of the same name, its
severities are used. Lengths are of an image 224 pixels wide and grow with the image.

    python -m training.corrupt --data DIR --split test --corruption fog --severity 3 --out FOGGY
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
import json
from pathlib import Path
import sys

import cv2
from posenet_ros.datasets.layouts import CAMERA_FILE
from posenet_ros.datasets.pose_files import write_cambridge
from posenet_ros.errors import run_cli
from posenet_ros.imaging.files import read_image
from posenet_ros.training.data.corruptions import corrupted, CORRUPTIONS, SEVERITIES
from posenet_ros.training.data.datasets import read_dataset, SPLITS
from posenet_ros.utils.atomic_folder import new_folder
from tqdm import tqdm


def write_corrupted(data: Path, split: str, name: str, severity: int, out: Path, *,
                    camera: str | None = None, seed: int = 0, force: bool = False) -> int:
    """
    Write a split of a dataset with corrupted images (PNG), in Cambridge layout.

    :returns: the number of images.
    :raises InputError: as :func:`corrupted` and
        :func:`posenet_ros.training.data.datasets.read_dataset`.
    """
    dataset = read_dataset(data, split, camera)
    with new_folder(out, force=force) as new:
        rows = []
        for i, sample in enumerate(tqdm(dataset.samples, desc=f'{name} {severity}', unit='image',
                                        disable=None, dynamic_ncols=True)):
            image = corrupted(read_image(sample.path), name, severity, (seed, i))
            target = (new / sample.name).with_suffix('.png')
            target.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(target), image[..., ::-1])
            rows.append((str(Path(sample.name).with_suffix('.png')), sample.map_from_camera))
        write_cambridge(new / f'dataset_{split}.txt', rows)
        (new / CAMERA_FILE).write_text(json.dumps(dataset.camera.to_mapping()))
    return len(rows)


def main(argv: Sequence[str] | None = None) -> int:
    """Write a corrupted copy of a dataset."""
    parser = argparse.ArgumentParser(
        prog='python -m training.corrupt', description='Write a copy of a dataset whose images '
        'are corrupted as in ImageNet-C.')
    parser.add_argument('--data', type=Path, required=True, metavar='DIR', help='dataset folder')
    parser.add_argument('--split', choices=SPLITS, default='test', help='default %(default)s')
    parser.add_argument('--corruption', choices=list(CORRUPTIONS), required=True, metavar='NAME',
                        help=', '.join(CORRUPTIONS))
    parser.add_argument('--severity', '--strength', type=int, choices=list(SEVERITIES),
                        required=True, help='1 (weak) to 5')
    parser.add_argument('--camera', metavar='FX[,FY,CX,CY]',
                        help='of the images, pixels; default: as the dataset says')
    parser.add_argument('--seed', type=int, default=0, help='of the randomness (default 0)')
    parser.add_argument('--out', type=Path, required=True, metavar='DIR', help='made new')
    parser.add_argument('--force', action='store_true', help='replace an existing folder')
    options = parser.parse_args(argv)
    count = write_corrupted(
        options.data, options.split, options.corruption, options.severity, options.out,
        camera=options.camera, seed=options.seed, force=options.force)
    print(f'{count} images in {options.out}')
    return 0


if __name__ == '__main__':
    sys.exit(run_cli(main))
