"""Scale by what was measured outside: surveyed points, known poses, one distance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.datasets.pose_files import is_number, PoseRow, read_poses
from posenet_ros.errors import InputError
from posenet_ros.geometry.pose import Pose
from posenet_ros.geometry.trajectory import Trajectory
from posenet_ros.training.data.datasets import Dataset, Sample
from posenet_ros.training.data.walk import Walk
from posenet_ros.training.metric.options import DEFAULT_SCALE, ScaleOptions, ScaleSource
from posenet_ros.training.metric.results import ScaleEstimate
from posenet_ros.training.metric.robust import robust_umeyama
from posenet_ros.utils.files.text import read_text

POINTS_FORM = 'X Y Z U V IMAGE (metres, pixels), an observation a row'
KEYPOINT_SIGMA_PX = 1.0  # of a point that somebody has clicked
MIN_ANGLE_DEG = 1.0  # between the outermost rays of a point


def scale_from_distance(dataset: Dataset, images: tuple[str, str], distance_m: float,
                        options: ScaleOptions = DEFAULT_SCALE) -> ScaleEstimate:
    """
    Take the scale of one distance between the centres of two cameras.

    :param images: names of their images, or the end of the names.
    :raises InputError: when an image is not in the reconstruction, or both stand at one place.
    """
    first, second = (_sample(dataset, name).map_from_camera.translation_m for name in images)
    units = float(np.linalg.norm(first - second))
    if not units > 0:
        raise InputError('--scale-from distance needs two images of different places. Received: '
                         f'{images[0]} and {images[1]}, of one')
    sigma = 2 ** 0.5 * options.position_sigma_m / distance_m
    return ScaleEstimate(distance_m / units, sigma, ScaleSource.DISTANCE,
                         f'between the cameras of {images[0]} and {images[1]}, as photographed; '
                         'a wrong measurement cannot be seen')


def _sample(dataset: Dataset, name: str) -> Sample:
    """Find an image by its name, or by the end of its name where only one has it."""
    found = [s for s in dataset.samples if s.name == name] or [
        s for s in dataset.samples if s.name.endswith(f'/{name}')]
    if len(found) != 1:
        raise InputError(f'--scale-from distance needs images with a pose, such as '
                         f'{dataset.samples[0].name}. Received: {name!r}, '
                         + ('of which there are several' if found else 'which has none'))
    return found[0]


def common_poses(dataset: Dataset, walks: Sequence[Walk], file: Path,
                 options: ScaleOptions = DEFAULT_SCALE) -> list[tuple[Pose, Pose]]:
    """
    Pair the poses of a reconstruction with those of a file, by name, else by stamp.

    :param file: in Cambridge form (names) or TUM form (stamps), map_from_camera.
    :returns: (reconstruction_from_camera, frame_from_camera) of each common image.
    :raises InputError: when two are not common.
    """
    rows = read_poses(file, normalise=True)
    ours = {s.name: s.map_from_camera for s in dataset.samples}
    if rows[0].name:
        pairs = _by_name(ours, rows)
    elif rows[0].stamp_ns is not None:
        pairs = _by_stamp(ours, walks, rows, options)
    else:
        raise InputError(f'{file}: the poses have to have names (Cambridge form) or stamps (TUM '
                         'form). Received: rows without')
    if len(pairs) < 2:
        raise InputError(f'{file}: two images have to be common with the reconstruction, such as '
                         f'{dataset.samples[0].name}. Received: {len(rows)} poses, {len(pairs)} '
                         'of them common')
    return pairs


def _by_name(ours: Mapping[str, Pose], rows: Sequence[PoseRow]) -> list[tuple[Pose, Pose]]:
    """Pair by the whole names, else where one ends with the other: of another folder's root."""
    theirs = {row.name: row.pose for row in rows if row.pose}
    if ours.keys() & theirs.keys():
        return [(ours[name], theirs[name]) for name in ours if name in theirs]
    by_file = _unique_files(theirs)
    pairs = [(name, by_file.get(file)) for file, name in _unique_files(ours).items()]
    return [(ours[name], theirs[other]) for name, other in pairs if other and (
        name.endswith(f'/{other}') or other.endswith(f'/{name}'))]


def _unique_files(names: Iterable[str]) -> dict[str, str]:
    """Return the names by their last part, where it is unique."""
    by_file: dict[str, list[str]] = {}
    for name in names:
        by_file.setdefault(name.rpartition('/')[2], []).append(name)
    return {file: found[0] for file, found in by_file.items() if len(found) == 1}


def _by_stamp(ours: Mapping[str, Pose], walks: Sequence[Walk], rows: Sequence[PoseRow],
              options: ScaleOptions) -> list[tuple[Pose, Pose]]:
    """Pair by the time of each image, between two poses of the file."""
    trajectory = Trajectory.from_poses(
        (row.stamp_ns, row.pose) for row in rows if row.pose and row.stamp_ns is not None)
    stamps = {image.name: image.stamp_ns for walk in walks for image in walk.images}
    found = [(pose, trajectory.at(stamp, options.max_gap_s)) for name, pose in ours.items()
             if (stamp := stamps.get(name)) is not None]
    return [(pose, other) for pose, other in found if other]


def scale_from_poses(dataset: Dataset, walks: Sequence[Walk], file: Path,
                     options: ScaleOptions = DEFAULT_SCALE) -> ScaleEstimate:
    """
    Align the positions of the images whose poses are known.

    :param file: see :func:`common_poses`.
    """
    pairs = common_poses(dataset, walks, file, options)
    source, target = (np.array([pose.translation_m for pose in side])
                      for side in zip(*pairs, strict=True))
    return scale_of_points(source, target, ScaleSource.POSES, f'{len(pairs)} common images',
                           options.position_sigma_m)


def scale_of_points(source: Floats, target: Floats, kind: ScaleSource, note: str,
                    sigma_m: float) -> ScaleEstimate:
    """
    Take the scale of the similarity between points (N, 3), units and metres.

    :param sigma_m: standard deviation of a coordinate, at least; the residuals may say more.
    """
    similarity, weights = robust_umeyama(source, target)
    mean = np.average(source, axis=0, weights=weights)
    squares = weights @ np.sum((similarity.apply(source) - target) ** 2, axis=1)
    freedom = max(3 * len(source) - 7, 1) * weights.sum() / len(source)
    error_m = max(float(np.sqrt(squares / freedom)), sigma_m)
    spread_m = similarity.scale * float(np.sqrt(weights @ np.sum((source - mean) ** 2, axis=1)))
    return ScaleEstimate(similarity.scale, error_m / spread_m, kind,
                         f'{note}, residual {np.sqrt(squares / weights.sum()):.2g} m')


@dataclass
class _SurveyedPoint:
    """A point with known coordinates, metres, and where images show it, pixels."""

    position_m: Floats
    images: list[str] = field(default_factory=list)
    pixels: list[tuple[float, float]] = field(default_factory=list)


def read_points(file: Path) -> list[_SurveyedPoint]:
    """
    Read surveyed points in the form of OpenDroneMap's gcp_list.txt, in a metric frame.

    :param file: rows of POINTS_FORM; rows of equal X Y Z are one point. A first line that is no
        row, the projection, is skipped.
    :raises InputError: naming a bad row.
    """
    found: dict[tuple[str, ...], _SurveyedPoint] = {}
    for number, line in enumerate(read_text(file, 'surveyed points').splitlines(), 1):
        words = line.split()
        if not words or line.startswith('#') or (number == 1 and not is_number(words[0])):
            continue
        if len(words) < 6 or not all(map(is_number, words[:5])):
            raise InputError(f'{file}:{number}: expected {POINTS_FORM}. Received: {line[:80]!r}')
        numbers = [float(word) for word in words[:5]]
        point = found.setdefault(tuple(words[:3]), _SurveyedPoint(np.array(numbers[:3])))
        point.pixels.append((numbers[3], numbers[4]))
        point.images.append(words[5])
    return list(found.values())


def scale_from_points(dataset: Dataset, file: Path,
                      options: ScaleOptions = DEFAULT_SCALE) -> ScaleEstimate:
    """
    Triangulate surveyed points in the reconstruction, and align them with their coordinates.

    :param file: see :func:`read_points`.
    :raises InputError: when fewer than two points are seen by two posed images.
    """
    poses = {s.name: s.map_from_camera for s in dataset.samples}
    points = read_points(file)
    placed = [(spot, p.position_m) for p in points if (spot := _triangulate(dataset, poses, p))]
    if len(placed) < 2:
        raise InputError(f'{file}: two points have to be seen by two images with poses each, from '
                         f'different sides. Received: {len(points)} points, {len(placed)} of them '
                         f'so; the images have names such as {dataset.samples[0].name}')
    source = np.array([spot.position for spot, _ in placed])
    target = np.array([position for _, position in placed])
    scale = float(np.linalg.norm(target[0] - target[1]) / np.linalg.norm(source[0] - source[1]))
    sigma_m = scale * float(np.median([spot.sigma for spot, _ in placed]))
    return scale_of_points(source, target, ScaleSource.POINTS, f'{len(placed)} points', sigma_m)


@dataclass(frozen=True, eq=False)
class _Spot:
    position: Floats
    sigma: float


def _triangulate(dataset: Dataset, poses: Mapping[str, Pose],
                 point: _SurveyedPoint) -> _Spot | None:
    """Intersect the rays of a point by least squares; None where they are too parallel."""
    seen = [i for i, name in enumerate(point.images) if name in poses]
    if len(seen) < 2:
        return None
    normalized = dataset.camera.undistort_points(np.array(point.pixels)[seen])
    chosen = [poses[point.images[i]] for i in seen]
    rays = np.array([pose.rotation @ (*xy, 1.0) for pose, xy
                     in zip(chosen, normalized, strict=True)])
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    if not (rays @ rays.T).min() < np.cos(np.radians(MIN_ANGLE_DEG)):
        return None
    across = np.eye(3) - rays[:, :, None] * rays[:, None, :]  # (K, 3, 3)
    centres = np.array([pose.translation_m for pose in chosen])
    weights, position = np.ones(len(seen)), np.zeros(3)
    for _ in range(3):  # an error of the pixel is one of the angle: far rays weigh less
        information = np.einsum('k,kij->ij', weights, across)
        right = np.einsum('k,kij,kj->i', weights, across, centres)
        position = np.linalg.solve(information, right)
        weights = 1 / np.sum((position - centres) ** 2, axis=1)
    angle = KEYPOINT_SIGMA_PX / dataset.camera.fx
    variance = np.linalg.eigvalsh(np.linalg.inv(np.einsum('k,kij->ij', weights, across)))[-1]
    return _Spot(position, float(angle * np.sqrt(variance)))
