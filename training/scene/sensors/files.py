"""
The files of a scene's sensors, for each walk in `sensors/NAME`, and a walk read from them.

`images.csv` (the stamp of each image), `imu.csv` (both in EuRoC's columns), `odometry.txt` (TUM
form, odom_from_camera), `gnss.csv`; `right/` and `depth/` hold a file for each image, of its name.
Stamps are nanoseconds since the walk's start, axes those of the camera.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from posenet_ros.arrays import Floats
from posenet_ros.datasets.cameras import camera_in_file
from posenet_ros.datasets.pose_files import Format, read_poses, write_tum
from posenet_ros.errors import InputError
from posenet_ros.geometry.trajectory import Trajectory
from posenet_ros.training.data.walk import GnssFixes, ImuSamples, Walk, WalkImage
from posenet_ros.training.scene.sensors.options import SensorOptions
from posenet_ros.training.scene.sensors.simulation import (
    Motion,
    simulate_gnss,
    simulate_imu,
    simulate_odometry,
)
from posenet_ros.training.scene.walks import Walk as ScenePath
from posenet_ros.utils.files.typed_json import read_typed

FOLDER = 'sensors'
SCENE_FILE = 'scene.json'
AFTER_S = 0.1  # that the sensors go on after the last image
IMU_COLUMNS = ('#timestamp [ns],w_RS_S_x [rad s^-1],w_RS_S_y [rad s^-1],w_RS_S_z [rad s^-1],'
               'a_RS_S_x [m s^-2],a_RS_S_y [m s^-2],a_RS_S_z [m s^-2]')
GNSS_COLUMNS = ('#timestamp [ns],east [m],north [m],up [m],sigma_east [m],sigma_north [m],'
                'sigma_up [m]')


@dataclass(frozen=True)
class SensorFiles:
    """
    Where the sensors of a walk stand.

    :param scene: folder of the dataset.
    :param walk: name of the walk.
    """

    scene: Path
    walk: str

    @property
    def folder(self) -> Path:
        """Return the folder of the walk's sensors."""
        return self.scene / FOLDER / self.walk

    def right(self, image: str) -> Path:
        """Return the right image of an image, by the file's name."""
        return self.folder / 'right' / image

    def depth(self, image: str) -> Path:
        """Return the depth image of an image, by the file's name."""
        return self.folder / 'depth' / Path(image).with_suffix('.png').name


def write_sensors(files: SensorFiles, path: ScenePath, names: Sequence[str],
                  options: SensorOptions, seed: int) -> None:
    """
    Simulate the sensors of a walk and write them; equal settings give equal files.

    :param names: of the images' files, in order.
    :param seed: of the scene.
    """
    files.folder.mkdir(parents=True, exist_ok=True)
    number = int(path.name.removeprefix('seq'))
    random = np.random.default_rng((seed, number, 7, options.seed))
    duration_s = path.time_s(path.frames - 1) + AFTER_S
    motion = Motion.from_poses(path.pose, duration_s, options.imu.rate_hz)
    stamps = [round(path.time_s(i) * 1e9) for i in range(path.frames)]
    lines = ''.join(f'{stamp},{name}\n' for stamp, name in zip(stamps, names, strict=True))
    (files.folder / 'images.csv').write_text(f'#timestamp [ns],filename\n{lines}')
    odometry = simulate_odometry(motion, options.odometry, random)
    write_tum(files.folder / 'odometry.txt',
              ((int(s), odometry.pose(i)) for i, s in enumerate(odometry.stamps_ns)))
    imu = simulate_imu(motion, options.imu, random)
    _write_rows(files.folder / 'imu.csv', IMU_COLUMNS, imu.stamps_ns,
                np.hstack([imu.turn_rates, imu.accelerations]))
    gnss = simulate_gnss(motion, options.gnss, random)
    _write_rows(files.folder / 'gnss.csv', GNSS_COLUMNS, gnss.stamps_ns,
                np.hstack([gnss.positions_m, gnss.sigmas_m]))


def _write_rows(file: Path, columns: str, stamps_ns: NDArray[np.int64], values: Floats) -> None:
    rows = (f'{stamp},' + ','.join(f'{v:.9g}' for v in row)
            for stamp, row in zip(stamps_ns.tolist(), values.tolist(), strict=True))
    file.write_text('\n'.join([columns, *rows]) + '\n')


@dataclass(frozen=True)
class _Scene:
    """What is read of a scene's settings."""

    sensors: SensorOptions


def read_walk(files: SensorFiles) -> Walk:
    """
    Read a walk of a scene with its sensors and without its poses.

    :raises InputError: when the scene was made without sensors.
    """
    if not (files.folder / 'images.csv').is_file():
        raise InputError(f'{files.folder}: expected the sensors of a walk. Received: nothing; '
                         'render the scene with posenet scene --sensors')
    sensors = read_typed(_Scene, files.scene / SCENE_FILE, ignore_unknown=True).sensors
    images = []
    for line in (files.folder / 'images.csv').read_text().splitlines()[1:]:
        stamp, _, name = line.partition(',')
        right, depth = files.right(name), files.depth(name)
        images.append(WalkImage(
            files.scene / files.walk / name, f'{files.walk}/{name}', int(stamp), None,
            right if right.is_file() else None, depth if depth.is_file() else None))
    rows = read_poses(files.folder / 'odometry.txt', Format.TUM)
    odometry = Trajectory.from_poses(
        ((row.stamp_ns or 0, row.pose) for row in rows if row.pose), 'odom')
    stamps, values = _read_rows(files.folder / 'imu.csv')
    fixed, fixes = _read_rows(files.folder / 'gnss.csv')
    return Walk(files.walk, tuple(images), camera_in_file(files.scene), odometry,
                imu=ImuSamples(stamps, values[:, 3:], values[:, :3]),
                gnss=GnssFixes(fixed, fixes[:, :3], fixes[:, 3:]),
                stereo_baseline_m=sensors.stereo_baseline_m or None)


def _read_rows(file: Path) -> tuple[NDArray[np.int64], Floats]:
    """Return stamps (N,), exact, and values (N, 6)."""
    rows = [line.split(',') for line in file.read_text().splitlines()[1:]]
    values: ArrayLike = [row[1:] for row in rows]
    return (np.array([int(row[0]) for row in rows], np.int64),
            np.asarray(values, np.float64).reshape(-1, 6))
