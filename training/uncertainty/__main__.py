"""
Teach a finished network how sure it is, and what its place looks like.

Training does this at its end; this command does it to a model folder that has none.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
import sys
import tempfile

from posenet_ros.errors import run_cli
from posenet_ros.inference.artifact import LANDMARKS_FILE, load, WEIGHTS_FILE
from posenet_ros.training.data.datasets import read_dataset
from posenet_ros.training.export.litert import load_network
from posenet_ros.training.fitting.model_folder import check_dataset
from posenet_ros.training.landmarks import mapping
from posenet_ros.training.uncertainty.rewrite import material_of, rewrite
from posenet_ros.training.uncertainty.teach import sentence, teach
from posenet_ros.utils.atomic_folder import check_new, new_folder


def parser() -> argparse.ArgumentParser:
    """Return the command line's description."""
    result = argparse.ArgumentParser(prog='python -m training.uncertainty', description=__doc__)
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
    with tempfile.TemporaryDirectory() as work:
        material = material_of(loaded, dataset, Path(work))
        plain = replace(loaded.network, sigma_width=0, descriptor_size=0)
        network = load_network(loaded.network, loaded.folder / WEIGHTS_FILE)
        taught = teach(network, plain, material, loaded.calibration)
    with new_folder(options.out, force=options.force) as folder:
        rewrite(loaded, taught, material, folder)
        if (loaded.folder / LANDMARKS_FILE).is_file():  # they are asked for with other descriptors
            mapping.add(load(folder), dataset, folder)
    print(sentence(taught.about))
    return 0


if __name__ == '__main__':
    sys.exit(run_cli(main))
