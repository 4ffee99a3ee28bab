"""
Benchmark the map of a place: what it costs, and how exact the poses found in it are.

The map is made of the training images with their poses, and the test images are localised in it by
landmarks alone. Beside it stands hierarchical localisation by pycolmap, in the same run: times are
worth comparing as ratios.
"""

from __future__ import annotations

import argparse
from pathlib import Path
import tempfile
from typing import Any

import cv2
from posenet_ros.errors import PoseNetError
from posenet_ros.landmarks.options import FeatureOptions, features_of_width
from posenet_ros.training.bench.mapping.build import figures, measure_build
from posenet_ros.training.bench.mapping.peer import measure_peer, peer_features, PeerLocaliser
from posenet_ros.training.bench.mapping.queries import localiser_of, measure_queries
from posenet_ros.training.bench.mapping.splits import (
    disturb_poses,
    leave_walks_out,
    parse_noise,
)
from posenet_ros.training.bench.suite import describe_machine
from posenet_ros.training.data.datasets import Dataset, read_dataset
from posenet_ros.training.landmarks.options import MappingOptions
from posenet_ros.training.scene.dataset import write_scene
from posenet_ros.training.scene.settings import Settings

COURT, QUICK_COURT = Settings(frames=400), Settings(frames=48, width=320, height=240)
SHOWN = 'data', 'camera', 'every', 'held_out', 'pose_noise', 'refine_poses', 'unposed'


def benchmark(options: argparse.Namespace) -> dict[str, Any]:
    """Benchmark a map by the options of the command line."""
    noise = parse_noise(options.pose_noise) if options.pose_noise else None
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        data = options.data or court_folder(work / 'court', quick=options.quick)
        train, queries = (
            dataset.subset(range(0, len(dataset.samples), options.every))
            for dataset in _splits(data, options.camera, held_out=options.held_out or noise))
        features = features_of_width(options.feature_width or train.camera.width)
        about = {**_describe(options, features), 'data': train.name, 'images': len(train.samples)}
        if options.unposed:
            from posenet_ros.training.bench.mapping.unposed import measure_unposed
            return about | measure_unposed(
                train, queries, features, work, camera_known=options.unposed == 'known',
                with_peer=options.peer)
        posed = disturb_poses(train, *noise) if noise else train
        settings = MappingOptions(features=features, refine_poses=options.refine_poses)
        about['map'] = _measure(posed, queries, settings, work)
        if options.peer:
            about['peer'] = _measure_peer(posed, queries, work)
        return about


def _describe(options: argparse.Namespace, features: FeatureOptions) -> dict[str, Any]:
    """Describe the machine and what was asked."""
    given = {name: str(value) for name in SHOWN
             if (value := getattr(options, name)) not in (None, False)}
    return {'machine': describe_machine(),
            'options': {**given, 'feature_width': str(features.width)}}


def court_folder(folder: Path, *, quick: bool) -> Path:
    """Render the demo's court."""
    write_scene(folder, QUICK_COURT if quick else COURT)
    return folder


def _splits(data: Path, camera: str | None, *, held_out: object) -> tuple[Dataset, Dataset]:
    train = read_dataset(data, 'train', camera).near_origin()
    if held_out:
        return leave_walks_out(train)
    return train, read_dataset(data, 'test', train.camera).relative_to(train.origin_m)


def _measure(train: Dataset, queries: Dataset, settings: MappingOptions,
             work: Path) -> dict[str, Any]:
    found = measure_build(train, settings, work / 'place')
    return {**figures(found), **measure_queries(
        queries, settings.features, localiser_of(found.landmark_map))}


def _measure_peer(train: Dataset, queries: Dataset, work: Path) -> dict[str, Any]:
    """Measure the peer; without pycolmap, say why not."""
    try:
        found = measure_peer(train, work / 'peer')
    except PoseNetError as error:
        return {'missing': str(error)}
    return {**figures(found), **measure_queries(
        queries, peer_features(train), PeerLocaliser(found.landmark_map).localise)}
