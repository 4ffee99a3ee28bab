"""
Map the landmarks of a place, by which poses are refined.

Training does this at its end where the preset says so; this command adds them to a finished model
folder. Features of each image are matched with those of its neighbours and triangulated; the
camera poses are those of the dataset.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
import shutil
import sys

from posenet_ros.errors import run_cli
from posenet_ros.inference.artifact import load
from posenet_ros.training.data.datasets import read_dataset
from posenet_ros.training.fitting.model_folder import check_dataset
from posenet_ros.training.landmarks.mapping import add_landmarks, summary_line
from posenet_ros.utils.atomic_folder import check_new, new_folder


def parser() -> argparse.ArgumentParser:
    """Return the argument parser."""
    result = argparse.ArgumentParser(prog='python -m training.landmarks', description=__doc__)
    result.add_argument('--model', type=Path, required=True, help='model folder')
    result.add_argument('--data', type=Path, required=True, help='dataset that it was trained on')
    result.add_argument('--out', type=Path, required=True, help='model folder to write')
    result.add_argument('--force', action='store_true', help='replace an existing model folder')
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    options = parser().parse_args(argv)
    check_new(options.out, force=options.force)
    loaded = load(options.model)
    dataset = read_dataset(options.data, 'train', loaded.camera)
    check_dataset(loaded, dataset)
    with new_folder(options.out, force=options.force) as folder:
        shutil.copytree(options.model, folder, dirs_exist_ok=True)
        about = add_landmarks(loaded, dataset, folder)
    print(f'{summary_line(about)}; model in {options.out}')
    return 0


if __name__ == '__main__':
    sys.exit(run_cli(main))
