"""Make a map of images with poses, stage by stage, and measure what each takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from posenet_ros.inference import artifact as artifacts
from posenet_ros.inference.map_artifact import make_map_artifact
from posenet_ros.landmarks import landmark_file
from posenet_ros.landmarks.landmark_map import LandmarkMap
from posenet_ros.training.bench.mapping.cpu import timed
from posenet_ros.training.data.datasets import Dataset
from posenet_ros.training.landmarks.calibration import calibrate_map
from posenet_ros.training.landmarks.feature_cache import detect_dataset
from posenet_ros.training.landmarks.left_out_coverage import (
    AxisCoverage,
    left_out_coverage,
    tracked_coverage,
)
from posenet_ros.training.landmarks.mapping import map_matches
from posenet_ros.training.landmarks.options import MappingOptions
from posenet_ros.training.landmarks.reconstruction.pairs import cameras_of, select_pairs
from posenet_ros.training.landmarks.reconstruction.verified_matches import match_pairs

FEATURES, MATCHES, TRACKS, CALIBRATION = 'features', 'matches', 'tracks', 'calibration'
MEGABYTE = 1e6


@dataclass(frozen=True, eq=False)
class MeasuredMap:
    """
    A map, and what it took to make it.

    :param cpu_s: of each stage.
    :param megabytes: of all its files.
    :param residual: what the tracks say about the poses, a line.
    :param coverage: of refined and of tracked poses on walks left out, where it is known.
    """

    landmark_map: LandmarkMap
    cpu_s: dict[str, float]
    megabytes: float
    residual: str
    coverage: Mapping[str, Sequence[AxisCoverage]] = field(default_factory=dict)


def measure_build(dataset: Dataset, options: MappingOptions, folder: Path) -> MeasuredMap:
    """
    Make the map of a dataset in a model folder.

    :param folder: that does not exist.
    """
    cpu_s: dict[str, float] = {}
    with timed(cpu_s, FEATURES):
        features = detect_dataset(dataset, options.features)
    with timed(cpu_s, MATCHES):
        wide = replace(options.matches, max_epipolar_error=options.wide_tolerance)
        matches = match_pairs([one.features for one in features], cameras_of(dataset),
                              select_pairs(dataset, options.pairs), wide)
    with timed(cpu_s, TRACKS):
        mapped = map_matches(dataset, features, matches, options)
    with timed(cpu_s, CALIBRATION):
        calibrated = calibrate_map(mapped, options)
    views = calibrated.landmark_map.views
    folder.mkdir(parents=True)
    landmark_file.save(calibrated.landmark_map, folder / artifacts.LANDMARKS_FILE)
    artifacts.save(make_map_artifact(
        dataset.camera, views.names, views.positions_m, views.quats_xyzw,
        **calibrated.calibration, held_out=calibrated.held_out.names), folder)
    return MeasuredMap(
        calibrated.landmark_map, cpu_s, size_mb(folder), mapped.check.describe(),
        {'refined': left_out_coverage(calibrated.held_out, calibrated.landmark_map),
         'tracked': tracked_coverage(calibrated.held_out)})


def size_mb(folder: Path) -> float:
    """Return the size of all files of a folder, MB."""
    return sum(file.stat().st_size for file in folder.rglob('*') if file.is_file()) / MEGABYTE


def figures(measured: MeasuredMap) -> dict[str, Any]:
    """Return the figures of a map's making."""
    return {'cpu_s': measured.cpu_s,
            'all_cpu_s': sum(value for stage, value in measured.cpu_s.items()
                             if stage != CALIBRATION),
            'megabytes': measured.megabytes, 'landmarks': len(measured.landmark_map.points_m),
            'residual': measured.residual, 'coverage': {
                name: [asdict(one) for one in axes] for name, axes in measured.coverage.items()}}
