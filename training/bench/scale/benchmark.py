"""Benchmark how a map grows: time, memory and accuracy at several numbers of images."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
import tempfile
from typing import Any

import cv2
from posenet_ros.errors import InputError
from posenet_ros.inference.artifact import LANDMARKS_FILE
from posenet_ros.landmarks import landmark_file
from posenet_ros.training.bench.mapping.build import size_mb
from posenet_ros.training.bench.mapping.queries import localiser_of, measure_queries
from posenet_ros.training.bench.scale.growth import fit_growth
from posenet_ros.training.bench.scale.process import run_measured
from posenet_ros.training.bench.scale.subsets import first_images, queries_of, write_subset
from posenet_ros.training.bench.suite import describe_machine
from posenet_ros.training.data.datasets import Dataset, read_dataset
from posenet_ros.training.scene.dataset import write_scene
from posenet_ros.training.scene.settings import Settings

GROWING = 'cpu_s', 'peak_mb', 'map_mb', 'pose_ms'
QUICK_SIZES = 24, 36
TEST_FRACTION = 0.1


def benchmark(options: argparse.Namespace) -> dict[str, Any]:
    """Benchmark maps of several sizes by the options of the command line."""
    cv2.setNumThreads(1)
    sizes = sorted(set(QUICK_SIZES if options.quick and not options.data else options.sizes))
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        data = options.data or campus_folder(work / 'campus', sizes[-1], quick=options.quick)
        train = read_dataset(data, 'train', options.camera)
        queries = read_dataset(data, 'test', train.camera)
        check_sizes(sizes, len(train.samples))
        asked = queries_of(queries, sizes[0] / len(train.samples), options.max_queries)
        rows = [_measure(first_images(train, size), asked, work / str(size), options)
                for size in sizes]
    return {'machine': describe_machine(), 'data': train.name, 'rows': rows,
            'queries_on': f'the ground of the {rows[0]["images"]} images',
            'growth': growth_of(rows)}


def campus_folder(folder: Path, images: int, *, quick: bool) -> Path:
    """Render a campus with so many images to map, and a tenth as many for the test."""
    test = max(round(TEST_FRACTION * images), 12)
    size = (160, 120) if quick else (320, 240)
    write_scene(folder, Settings(images + test, *size, place='campus', test_frames=test))
    return folder


def check_sizes(sizes: Sequence[int], images: int) -> None:
    """
    Check the numbers of images.

    :raises InputError: when there are fewer images, or one size alone.
    """
    if len(sizes) < 2 or sizes[-1] > images:
        raise InputError(f'--sizes has to be two numbers or more, up to the {images} images of '
                         f'the training split. Received: {" ".join(map(str, sizes))}')


def _measure(train: Dataset, queries: Dataset, folder: Path,
             options: argparse.Namespace) -> dict[str, Any]:
    """Map images by the command, and localise the queries in the map."""
    place = folder / 'place'
    cost = run_measured(
        'posenet_ros.training.map', '--data', write_subset(train, folder / 'data'), '--out', place,
        '--parts', options.parts, '--jobs', options.jobs, '--feature-width',
        options.feature_width or train.camera.width)
    landmark_map = landmark_file.load(place / LANDMARKS_FILE)
    found = measure_queries(queries, landmark_map.features, localiser_of(landmark_map))
    return {'images': len(train.samples), 'landmarks': len(landmark_map.points_m),
            **asdict(cost), 'map_mb': size_mb(place), **found}


def growth_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Fit the growth of each figure with the images, as JSON."""
    sizes = [row['images'] for row in rows]
    found = {name: fit_growth(sizes, [row[name] for row in rows]) for name in GROWING}
    return {name: asdict(growth) for name, growth in found.items() if growth}
