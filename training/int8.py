"""
Offer a network with 8-bit weights, where it is as accurate as in float32 and faster.

Training does this at its end; this command does it to a model folder that has none.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
import shutil
import sys
import time
from typing import Any, Protocol

import keras
import numpy as np
from numpy.typing import NDArray
from posenet_ros.artifact import Artifact, INT8_FILE, LITERT_FILE, load, save, WEIGHTS_FILE
from posenet_ros.config import NetworkConfig
from posenet_ros.engine import LiteRtEngine
from posenet_ros.errors import InputError, run_cli
from posenet_ros.image_files import read_image
from posenet_ros.network import layers_of
from posenet_ros.output import new_folder
from training.datasets import Dataset, read_dataset
from training.export import write_litert
from training.folds import held_out, splits_of
from training.presets import preset_of
from training.result import medians

MOST_WORSE = 1.02  # of the median error in float32
MOST_TIME = 0.9  # of the time in float32
TIMED_RUNS = 20


class Truth(Protocol):
    """The true poses of validation images: a Dataset, or Images."""

    @property
    def positions_m(self) -> NDArray[Any]:
        """(N, 3), metres."""
        ...

    @property
    def quats_xyzw(self) -> NDArray[Any]:
        """(N, 4)."""
        ...


def may_be_faster(model: keras.Model) -> bool:
    """Tell whether int8 is worth a try: LiteRT's depthwise convolutions are slower in it."""
    return not any(isinstance(layer, keras.layers.DepthwiseConv2D) for layer in layers_of(model))


def time_share(engine: LiteRtEngine, reference: LiteRtEngine, image: NDArray[np.uint8]) -> float:
    """
    Return the time of an engine as a share of the other's: CPU time, by turns.

    :param engine: and `reference`: with one thread each.
    :param image: (1, height, width, 3).
    """
    best = [np.inf, np.inf]
    for _ in range(TIMED_RUNS):
        for i, one in enumerate((engine, reference)):
            start = time.thread_time()
            one.predict(image)
            best[i] = min(best[i], time.thread_time() - start)
    return float(best[0] / best[1])


def offer_int8(config: NetworkConfig, folder: Path, inputs: NDArray[np.uint8],
               truth: Truth) -> dict[str, Any]:
    """
    Add INT8_FILE to a folder that has WEIGHTS_FILE and LITERT_FILE, if it is worth having.

    It is when both medians on the validation images stay within 2 % of those in float32, and it
    takes at most 90 % of the time on this machine.

    :param inputs: (N, height, width, 3) validation images.
    :returns: what was measured, for the provenance: medians, share of the time, whether offered.
    """
    file = folder / INT8_FILE
    write_litert(config, folder / WEIGHTS_FILE, file, int8=True)
    int8, float32 = (LiteRtEngine(path, threads=1) for path in (file, folder / LITERT_FILE))
    answers = (engine.predict(inputs) for engine in (int8, float32))
    found, expected = (medians({'position': a.position_m, 'quat_xyzw': a.quat_xyzw}, truth)
                       for a in answers)
    share = time_share(int8, float32, inputs[:1])
    offered = share <= MOST_TIME and all(
        found[key] <= MOST_WORSE * expected[key] for key in expected)
    if not offered:
        file.unlink()
    return {'offered': offered, **found, 'float32': expected, 'time_share': round(share, 3)}


def sentence(measured: Mapping[str, Any]) -> str:
    """Return what was measured, for the terminal."""
    reference = measured['float32']
    return (f'int8 {"offered" if measured["offered"] else "not offered"}: validation medians '
            f'{measured["position_m"]:.3f} m, {measured["rotation_deg"]:.3f} deg (float32: '
            f'{reference["position_m"]:.3f} m, {reference["rotation_deg"]:.3f} deg), '
            f'{measured["time_share"]:.0%} of the time')


def check_dataset(artifact: Artifact, dataset: Dataset) -> None:
    """
    Check that a model was trained on this dataset.

    :raises InputError: when it was trained on another.
    """
    about = artifact.provenance
    if about.get('dataset_sha256') != dataset.digest():
        raise InputError('--data has to be the dataset that the model was trained on, whose '
                         f'digest is {about.get("dataset_sha256")}. Received: {dataset.digest()}')


def validation_set(artifact: Artifact, dataset: Dataset) -> Dataset:
    """
    Return the images that were held out when the model was trained.

    :raises InputError: when it was trained on another dataset.
    """
    check_dataset(artifact, dataset)
    return dataset.subset(held_out(splits_of(dataset, preset_of(artifact.provenance))))


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
    print(sentence(about['int8']))
    return 0


if __name__ == '__main__':
    sys.exit(run_cli(main))
