"""
Quantise a network to 8-bit weights, where it is as accurate as in float32 and faster.

Training does this at its end; this command does it to an existing model folder.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
import shutil
import sys

import numpy as np
from posenet_ros.errors import run_cli
from posenet_ros.imaging.files import read_image
from posenet_ros.inference.artifact import Artifact, load, save
from posenet_ros.training.data.datasets import read_dataset
from posenet_ros.training.export.quantisation import offer_int8, summary_line, validation_set
from posenet_ros.utils.atomic_folder import new_folder


def parser() -> argparse.ArgumentParser:
    """Return the command line's description."""
    result = argparse.ArgumentParser(prog='python -m training.int8', description=__doc__)
    result.add_argument('--model', type=Path, required=True, help='model folder; replaced when '
                        'all is done')
    result.add_argument('--data', type=Path, required=True, help='dataset that it was trained on')
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    options = parser().parse_args(argv)
    loaded = load(options.model)
    held = validation_set(loaded, read_dataset(options.data, 'train', loaded.camera))
    inputs = np.stack([loaded.preprocess(read_image(sample.path), held.camera)
                       for sample in held.samples])
    about = dict(loaded.provenance)
    artifact = Artifact(**{f.name: getattr(loaded, f.name) for f in fields(Artifact)
                           if f.name != 'provenance'}, provenance=about)

    def write(folder: Path) -> None:
        for file in options.model.iterdir():
            shutil.copy(file, folder)
        about['int8'] = offer_int8(loaded.network, folder, inputs, held)

    with new_folder(options.model, force=True) as folder:
        save(artifact, folder, write)
    print(summary_line(about['int8']))
    return 0


if __name__ == '__main__':
    sys.exit(run_cli(main))
