"""How the evaluation of a fleet grows with its bags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
import shutil
from typing import Any

from posenet_ros.training.bench.mapping.build import size_mb
from posenet_ros.training.bench.scale.process import run_measured
from posenet_ros.training.bench.scale.subsets import write_subset
from posenet_ros.training.data.datasets import Dataset

FRAMES = 12  # of a bag
ROBOTS = 10


def measure_bags(place: Path, queries: Dataset, numbers: Sequence[int],
                 work: Path) -> list[dict[str, Any]]:
    """
    Evaluate so many bags by the command, each a copy of one small bag, of ten robots.

    :param place: model folder.
    :param queries: their first images are in the bag.
    :param work: folder for bags and reports.
    """
    bag = write_bag(queries, work)
    frames = min(FRAMES, len(queries.samples))
    return [{'frames': frames * count, **_measure(place, bag, count, work / f'bags_{count}')}
            for count in sorted(numbers)]


def write_bag(queries: Dataset, work: Path) -> Path:
    """Write a bag of the first images of the queries."""
    part = queries.subset(list(range(min(FRAMES, len(queries.samples)))))
    data, bag = write_subset(part, work / 'bag_data', 'test'), work / 'bag'
    run_measured('posenet_ros.training.make_bag', '--data', data, '--out', bag)
    return bag


def _measure(place: Path, bag: Path, count: int, folder: Path) -> dict[str, Any]:
    for number in range(count):
        shutil.copytree(bag, folder / f'robot_{number % ROBOTS}' / f'bag_{number}')
    report = folder.with_name(f'{folder.name}_report')
    cost = run_measured('posenet_ros.evaluate', '--model', place, '--bags', folder, '--out',
                        report)
    return {'bags': count, **asdict(cost), 'report_mb': size_mb(report)}
