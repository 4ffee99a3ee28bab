"""Benchmark how cost and accuracy grow with the images and views of a map, and with bags."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
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
from posenet_ros.training.bench.scale.bags import measure_bags
from posenet_ros.training.bench.scale.growth import growth_of
from posenet_ros.training.bench.scale.process import run_measured
from posenet_ros.training.bench.scale.rows import GROWING
from posenet_ros.training.bench.scale.subsets import first_images, queries_of, write_subset
from posenet_ros.training.bench.scale.views import measure_views
from posenet_ros.training.bench.suite import describe_machine
from posenet_ros.training.data.datasets import Dataset, read_dataset
from posenet_ros.training.scene.dataset import write_scene
from posenet_ros.training.scene.settings import Settings

QUICK_SIZES, QUICK_VIEWS, QUICK_BAGS = (24, 36), (500, 2_000), (1, 2)
TEST_FRACTION = 0.1
PLACE = 'place'  # the folder of a map


def benchmark(options: argparse.Namespace) -> dict[str, Any]:
    """
    Benchmark growth by the options of the command line.

    :returns: tables by :data:`posenet_ros.training.bench.scale.rows.GROWING`; the views and the
        bags are of the largest map.
    """
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as scratch:
        work, sizes = Path(scratch), sizes_of(options)
        data = options.data or campus_folder(work / 'campus', sizes[-1], quick=options.quick)
        train = read_dataset(data, 'train', options.camera)
        check_sizes(sizes, len(train.samples))
        asked = queries_of(read_dataset(data, 'test', train.camera),
                           sizes[0] / len(train.samples), options.max_queries)
        rows = [_measure(first_images(train, size), asked, work / str(size), options)
                for size in sizes]
        place = work / str(sizes[-1]) / PLACE
        tables = {'images': rows} | {
            name: measure(place, asked, numbers, work) for name, measure, numbers in (
                ('views', measure_views, QUICK_VIEWS if options.quick else options.views),
                ('bags', measure_bags, QUICK_BAGS if options.quick else options.bags))
            if name in options.against}
    return {'machine': describe_machine(), 'data': train.name,
            'queries_on': f'the ground of the {rows[0]["images"]} images', 'tables': tables,
            'growth': {
                name: growth_of(name, GROWING[name], found) for name, found in tables.items()}}


def sizes_of(options: argparse.Namespace) -> list[int]:
    """Return the numbers of images, rising."""
    return sorted(set(QUICK_SIZES if options.quick and not options.data else options.sizes))


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
    place = folder / PLACE
    cost = run_measured(
        'posenet_ros.training.map', '--data', write_subset(train, folder / 'data'), '--out', place,
        '--parts', options.parts, '--jobs', options.jobs, '--feature-width',
        options.feature_width or train.camera.width)
    landmark_map = landmark_file.load(place / LANDMARKS_FILE)
    found = measure_queries(queries, landmark_map.features, localiser_of(landmark_map))
    return {'images': len(train.samples), 'landmarks': len(landmark_map.points_m),
            **asdict(cost), 'map_mb': size_mb(place), **found}
