"""Quantise a network to int8, where it is as accurate as float32 and faster."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
import time
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from posenet_ros.inference.artifact import Artifact, INT8_FILE, LITERT_FILE, WEIGHTS_FILE
from posenet_ros.inference.litert_engine import LiteRtEngine
from posenet_ros.networks.config import NetworkConfig
from posenet_ros.networks.network import flatten_layers
from posenet_ros.training.data.datasets import Dataset
from posenet_ros.training.export.litert import write_litert
from posenet_ros.training.fitting.cross_validation import make_splits, validation_indices
from posenet_ros.training.fitting.model_folder import check_dataset, median_errors, TruePoses
from posenet_ros.training.fitting.presets import preset_of

MAX_ERROR_RATIO = 1.02  # of the median errors, int8 to float32
MAX_TIME_RATIO = 0.9  # of the inference times, int8 to float32
TIMED_RUNS = 20


def may_be_faster(model: keras.Model) -> bool:
    """Tell whether int8 may pay: LiteRT's depthwise convolutions are slower in it."""
    return not any(isinstance(layer, keras.layers.DepthwiseConv2D)
                   for layer in flatten_layers(model))


def time_ratio(engine: LiteRtEngine, reference: LiteRtEngine, image: NDArray[np.uint8]) -> float:
    """
    Return the ratio of two engines' CPU times, the best of several alternating runs.

    :param engine: with one thread, as `reference`.
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
               truth: TruePoses) -> dict[str, Any]:
    """
    Add INT8_FILE to a folder that has WEIGHTS_FILE and LITERT_FILE, if it pays.

    It does when both median errors on the validation images are within 2 % of those in float32,
    and it takes at most 90 % of the time on this machine.

    :param inputs: (N, height, width, 3) validation images.
    :returns: for the provenance: median errors, time ratio, whether offered.
    """
    file = folder / INT8_FILE
    write_litert(config, folder / WEIGHTS_FILE, file, int8=True)
    int8, float32 = (LiteRtEngine(path, threads=1) for path in (file, folder / LITERT_FILE))
    predictions = (engine.predict(inputs) for engine in (int8, float32))
    found, expected = (median_errors({'position': p.position_m, 'quat_xyzw': p.quat_xyzw}, truth)
                       for p in predictions)
    ratio = time_ratio(int8, float32, inputs[:1])
    offered = ratio <= MAX_TIME_RATIO and all(
        found[key] <= MAX_ERROR_RATIO * expected[key] for key in expected)
    if not offered:
        file.unlink()
    return {'offered': offered, **found, 'float32': expected, 'time_share': round(ratio, 3)}


def summary_line(measured: Mapping[str, Any]) -> str:
    """Summarise the measurement in one line for the terminal."""
    reference = measured['float32']
    return (f'int8 {"offered" if measured["offered"] else "not offered"}: validation medians '
            f'{measured["position_m"]:.3f} m, {measured["rotation_deg"]:.3f} deg (float32: '
            f'{reference["position_m"]:.3f} m, {reference["rotation_deg"]:.3f} deg), '
            f'{measured["time_share"]:.0%} of the time')


def validation_set(artifact: Artifact, dataset: Dataset) -> Dataset:
    """
    Return the validation images of a model's training.

    :raises InputError: when it was trained on another dataset.
    """
    check_dataset(artifact, dataset)
    return dataset.subset(validation_indices(make_splits(dataset, preset_of(artifact.provenance))))
