"""Sets of corrupted images, localised as tasks: by processes, or by a cluster."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from posenet_ros.evaluation.results import FrameResult
from posenet_ros.evaluation.runner import Localised
from posenet_ros.inference.artifact import load
from posenet_ros.training.data.corruptions import corrupted
from posenet_ros.training.pipelines.robustness.bench import RobustnessBench
from posenet_ros.utils.choices import SEVERITIES
from posenet_ros.utils.progress import progress
from posenet_ros.utils.tasks.run import run_tasks
from posenet_ros.utils.tasks.worker import SharedPaths

CORRUPTED_FRACTION = 0.2  # of the images of a walk, chosen at random
CORRUPTED_RUNS = 5  # such walks


def _corrupt(image: Localised, name: str, severity: int, seed: tuple[int, ...]) -> Localised:
    query, prepared = image
    return image if prepared.network_input is None else (query, replace(
        prepared, network_input=corrupted(prepared.network_input, name, severity, seed)))


def corrupt_images(
        images: Sequence[Localised], name: str, severity: int, seed: int) -> list[Localised]:
    """Corrupt all images in one way."""
    return [_corrupt(image, name, severity, (seed, i)) for i, image in enumerate(images)]


def corrupt_some(images: Sequence[Localised], names: Sequence[str], seed: int) -> list[Localised]:
    """Corrupt some images; which, how and how severely is drawn at random."""
    rng = np.random.default_rng(seed)
    count = len(images)
    chosen, corruptions = rng.random(count) < CORRUPTED_FRACTION, rng.choice(names, count)
    severities = rng.choice(SEVERITIES, count)
    return [_corrupt(image, corruptions[i], severities[i], (seed, i)) if chosen[i] else image
            for i, image in enumerate(images)]


@dataclass(frozen=True)
class Setting:
    """A model, how it is judged, and the images that it gets, as of the command line."""

    model: Path
    engine: str
    gate: tuple[str, ...]
    limit_m: float
    data: Path
    split: str

    @classmethod
    def from_options(cls, options: argparse.Namespace) -> Setting:
        """Take the setting from the options; paths are whole, for other computers."""
        return cls(options.model.resolve(), options.engine, tuple(options.gate),
                   options.false_pose, options.data.resolve(), options.split)


@lru_cache(maxsize=1)
def open_bench(setting: Setting) -> tuple[RobustnessBench, list[Localised]]:
    """Load the model and the images, once in each process."""
    bench = RobustnessBench(load(setting.model), setting.engine, setting.gate, setting.limit_m)
    return bench, bench.load_images(setting.data, setting.split)


@dataclass(frozen=True)
class CorruptedSet:
    """
    The images, corrupted.

    :param names: of corruptions; of several one is drawn for each of some images.
    :param severity: of a single corruption.
    :param seed: of the randomness.
    """

    setting: Setting
    names: tuple[str, ...]
    severity: int | None
    seed: int


def localise_set(task: CorruptedSet) -> list[FrameResult]:
    """Corrupt the images and localise them."""
    bench, images = open_bench(task.setting)
    if task.severity is None:
        return bench.localise(corrupt_some(images, task.names, task.seed))
    return bench.localise(corrupt_images(images, task.names[0], task.severity, task.seed))


def localise_sets(options: argparse.Namespace) -> list[list[FrameResult]]:
    """
    Localise the images of each corruption at each severity, then some corrupted by any of them.

    :returns: the results of CORRUPTED_RUNS sets are the last.
    :raises InputError: as :func:`run_tasks`.
    """
    setting, names = Setting.from_options(options), tuple(options.corruptions)
    tasks = [CorruptedSet(setting, (name,), severity, options.seed)
             for name in names for severity in SEVERITIES]
    if names:
        tasks += [CorruptedSet(setting, names, None, options.seed + run)
                  for run in range(CORRUPTED_RUNS)]
    found = run_tasks(localise_set, tasks, options.jobs, options.scheduler,
                      SharedPaths([setting.model, setting.data]))
    return list(progress(found, len(tasks), 'set', 'corrupted'))
