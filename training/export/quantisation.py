"""An int8 network, offered where it is as good and faster."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
import time
from typing import Any, Protocol

import keras
import numpy as np
from numpy.typing import NDArray
from posenet_ros.inference.artifact import Artifact, INT8_FILE, LITERT_FILE, WEIGHTS_FILE
from posenet_ros.inference.litert_engine import LiteRtEngine
from posenet_ros.networks.config import NetworkConfig
from posenet_ros.networks.network import layers_of
from posenet_ros.training.data.datasets import Dataset
from posenet_ros.training.export.litert import write_litert
from posenet_ros.training.fitting.cross_validation import held_out, splits_of
from posenet_ros.training.fitting.model_folder import check_dataset, medians
from posenet_ros.training.fitting.presets import preset_of

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


def validation_set(artifact: Artifact, dataset: Dataset) -> Dataset:
    """
    Return the images that were held out when the model was trained.

    :raises InputError: when it was trained on another dataset.
    """
    check_dataset(artifact, dataset)
    return dataset.subset(held_out(splits_of(dataset, preset_of(artifact.provenance))))
