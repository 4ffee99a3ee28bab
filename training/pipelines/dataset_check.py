"""Check a dataset's images, poses and camera against each other, and tell what is wrong."""

from __future__ import annotations

from pathlib import Path

from posenet_ros.datasets.tolerance import tell_rejected
from posenet_ros.training.checks.consistency import check_dataset
from posenet_ros.training.data.datasets import Dataset, read_dataset


def check_folder(folder: Path, camera: str | None) -> int:
    """
    Check the training images of a dataset folder, and print what was found.

    :param camera: text of `--camera`; None looks for it.
    :returns: the exit code: 1 where there is a mistake.
    :raises InputError: when the dataset cannot be read.
    """
    dataset = read_dataset(folder, 'train', camera)
    tell_rejected(dataset.rejected)
    print('\n'.join(dataset.summary()), flush=True)
    check = check_dataset(dataset)
    print(check.describe(), flush=True)
    return int(check.finding is not None)


def warn_of_mistakes(dataset: Dataset) -> str:
    """
    Check a dataset before it is used, and say what was found.

    :returns: the mistake in some words; '' for none.
    """
    check = check_dataset(dataset)
    found = check.finding
    print(f'warning: {check.describe()}' if found else check.describe(), flush=True)
    return f'{found.mistake.value}: {found.detail}' if found else ''
