"""A walk as a file, so that an interrupted command need not read its bag or video again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.pose import Pose
from posenet_ros.geometry.trajectory import Trajectory
from posenet_ros.training.data.walk import GnssFixes, ImuSamples, Walk, WalkImage
from posenet_ros.utils.files.npz import read_arrays
from posenet_ros.utils.files.typed_json import parse_typed

NO_STAMP = np.iinfo(np.int64).min
Arrays = dict[str, Any]


@dataclass(frozen=True)
class _About:
    """What a walk's file holds beside arrays."""

    name: str
    camera: Camera | None
    stereo_baseline_m: float | None
    notes: tuple[str, ...]


def save_walk(walk: Walk, file: Path) -> None:
    """Write a walk, whole or not at all; its images stay where they are."""
    images = walk.images
    arrays: Arrays = {
        'about': np.str_(json.dumps({
            'name': walk.name, 'camera': walk.camera and walk.camera.to_mapping(),
            'stereo_baseline_m': walk.stereo_baseline_m, 'notes': walk.notes})),
        'paths': np.array([str(image.path) for image in images], np.str_),
        'names': np.array([image.name for image in images], np.str_),
        'stamps_ns': np.array([NO_STAMP if image.stamp_ns is None else image.stamp_ns
                               for image in images], np.int64),
        'poses': np.array([_numbers(image.map_from_camera) for image in images]).reshape(-1, 7),
        'right': np.array([str(image.right or '') for image in images], np.str_),
        'depth': np.array([str(image.depth or '') for image in images], np.str_),
        **_trajectory_arrays('odometry', walk.odometry), **_trajectory_arrays('tf', walk.tf)}
    for name, samples in (('imu', walk.imu), ('gnss', walk.gnss)):
        arrays |= {f'{name}.{key}': value for key, value in vars(samples).items()
                   } if samples else {}
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix('.part')
    with part.open('wb') as stream:
        np.savez(stream, **arrays)
    part.rename(file)


def load_walk(file: Path) -> Walk | None:
    """Read a walk; None where the file is missing or damaged, or an image is gone."""
    try:
        walk = _from_arrays(read_arrays(file))
    except (OSError, LookupError, ValueError, TypeError):
        return None
    files = [path for image in walk.images for path in (image.path, image.right, image.depth)]
    return walk if all(path is None or path.is_file() for path in files) else None


def _numbers(pose: Pose | None) -> list[float]:
    return [*pose.translation_m, *pose.quat_xyzw] if pose else [np.nan] * 7


def _trajectory_arrays(name: str, trajectory: Trajectory | None) -> Arrays:
    if trajectory is None:
        return {}
    return {f'{name}.stamps_ns': trajectory.stamps_ns,
            f'{name}.poses': np.hstack([trajectory.positions_m, trajectory.quats_xyzw]),
            f'{name}.frames': np.array([trajectory.frame_id, trajectory.child_frame_id], np.str_)}


def _from_arrays(arrays: Mapping[str, NDArray[Any]]) -> Walk:
    about = parse_typed(_About, str(arrays['about']), "the array 'about'")
    columns = (arrays[name].tolist() for name in ('paths', 'names', 'stamps_ns', 'right', 'depth'))
    images = tuple(
        WalkImage(Path(path), name, None if stamp == NO_STAMP else stamp, _pose(pose),
                  Path(right) if right else None, Path(depth) if depth else None)
        for (path, name, stamp, right, depth), pose in zip(
            zip(*columns, strict=True), arrays['poses'], strict=True))
    imu, gnss = (
        {key.partition('.')[2]: value for key, value in arrays.items() if key.startswith(start)}
        for start in ('imu.', 'gnss.'))
    return Walk(about.name, images, about.camera, _trajectory('odometry', arrays),
                _trajectory('tf', arrays), ImuSamples(**imu) if imu else None,
                GnssFixes(**gnss) if gnss else None, about.stereo_baseline_m, about.notes)


def _pose(numbers: NDArray[np.float64]) -> Pose | None:
    return Pose(numbers[:3], numbers[3:]) if np.isfinite(numbers).all() else None


def _trajectory(name: str, arrays: Mapping[str, NDArray[Any]]) -> Trajectory | None:
    if f'{name}.poses' not in arrays:
        return None
    poses = arrays[f'{name}.poses']
    frame, child = arrays[f'{name}.frames'].tolist()
    return Trajectory(arrays[f'{name}.stamps_ns'], poses[:, :3], poses[:, 3:], frame, child)
