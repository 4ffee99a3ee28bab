"""
Fit the uncertainty of a trained network: covariance and place score.

Training does this at its end; this command adds them to a model folder that lacks them.
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
from posenet_ros.training.uncertainty.fit import fit_uncertainty, summary_line
from posenet_ros.training.uncertainty.rewrite import load_calibration_data, rewrite_model_folder
from posenet_ros.utils.atomic_folder import check_new, new_folder


def parser() -> argparse.ArgumentParser:
    """Return the argument parser."""
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
        data = load_calibration_data(loaded, dataset, Path(work))
        plain = replace(loaded.network, sigma_width=0, descriptor_size=0)
        network = load_network(loaded.network, loaded.folder / WEIGHTS_FILE)
        fitted = fit_uncertainty(network, plain, data, loaded.calibration)
    with new_folder(options.out, force=options.force) as folder:
        rewrite_model_folder(loaded, fitted, data, folder)
        if (loaded.folder / LANDMARKS_FILE).is_file():  # retrieval uses the new descriptors
            mapping.add_landmarks(load(folder), dataset, folder)
    print(summary_line(fitted.about))
    return 0


if __name__ == '__main__':
    sys.exit(run_cli(main))
