"""A map that was made without poses beside the true ones: its errors, and what is promised."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.errors import PoseNetError
from posenet_ros.evaluation.metrics.pose_errors import ByUnit
from posenet_ros.evaluation.report.build import build_report, Evaluation
from posenet_ros.evaluation.report.tables import length, text_table
from posenet_ros.geometry.lie import angle_between_rad, rotation_angle_rad
from posenet_ros.geometry.similarity import Similarity
from posenet_ros.inference.artifact import LANDMARKS_FILE
from posenet_ros.landmarks import landmark_file
from posenet_ros.training.data.datasets import Dataset
from posenet_ros.training.metric.robust import robust_umeyama
from posenet_ros.training.pipelines.demo.results import angle

MAX_MEDIAN = ByUnit(0.02, 0.1)  # of the live node's poses, metres and degrees
MAX_SCALE_ERROR = 0.01
MAX_UP_ERROR_DEG = 0.3


@dataclass(frozen=True, eq=False)
class MapTruth:
    """
    A map beside the truth that it was made without.

    :param map_from_court: the similarity between both; its scale is the map's error of scale.
    :param images: number of the images that the map has, `total` of all.
    :param rmse_m: of their positions after it, metres; `rotation_deg` the median of the angles.
    """

    map_from_court: Similarity
    images: int
    total: int
    rmse_m: float
    rotation_deg: float

    @property
    def scale_error(self) -> float:
        """Error of the map's scale, a fraction."""
        return self.map_from_court.scale - 1

    @property
    def up_error_deg(self) -> float:
        """Angle between the map's z and up, degrees."""
        return float(np.degrees(angle_between_rad(
            self.map_from_court.rigid.rotation[:, 2], (0, 0, 1))))

    def table(self) -> str:
        """Format the errors of the map."""
        return text_table([
            ('the map beside the truth', ''), ('images', f'{self.images} of {self.total}'),
            ('scale', f'{100 * self.scale_error:+.2f} %'), ('up', angle(self.up_error_deg)),
            ('camera positions, rmse', length(self.rmse_m)),
            ('camera orientations, median', angle(self.rotation_deg))])


def compare_with_truth(model: Path, court: Dataset) -> MapTruth:
    """
    Align the poses of a map's images with the true ones.

    The bags' images are numbered from 0 in each walk, those of the scene from 1.

    :raises PoseNetError: when the map has none of the images.
    """
    views = landmark_file.load(model / LANDMARKS_FILE).views
    true = {s.name: s.map_from_camera for s in court.samples}
    pairs = [(pose, views.pose(i)) for i, name in enumerate(views.names)
             if (pose := true.get(scene_name(name)))]
    if len(pairs) < 3:
        raise PoseNetError(f'{model}: expected a map of images of the court. Received: '
                           f'{len(pairs)} of {len(true)}')
    source, target = (np.array([p.translation_m for p in side])
                      for side in zip(*pairs, strict=True))
    found, _ = robust_umeyama(source, target)
    residuals = np.linalg.norm(found.apply(source) - target, axis=1)
    angles = np.degrees(rotation_angle_rad(*(np.array(quats) for quats in zip(*(
        (found.apply_to_pose(a).quat_xyzw, b.quat_xyzw) for a, b in pairs), strict=True))))
    return MapTruth(found, len(pairs), len(true), float(np.sqrt(np.mean(residuals ** 2))),
                    float(np.median(angles)))


def scene_name(name: str) -> str:
    """Return the scene's name of an image out of a bag: seq1/frame000000.jpg is its first."""
    walk, _, file = name.partition('/')
    number = int(Path(file).stem.removeprefix('frame')) + 1
    return f'{walk}/frame{number:05d}.jpg'


def check(truth: MapTruth, live: Evaluation) -> None:
    """
    Check scale, up and the live node's errors against what the demo promises.

    :raises PoseNetError: when one is larger.
    """
    if not abs(truth.scale_error) <= MAX_SCALE_ERROR:
        raise PoseNetError(f'expected a scale within {100 * MAX_SCALE_ERROR:g} %. Received: '
                           f'{100 * truth.scale_error:+.2f} %')
    if not truth.up_error_deg <= MAX_UP_ERROR_DEG:
        raise PoseNetError(f'expected up within {angle(MAX_UP_ERROR_DEG)}. Received: '
                           f'{angle(truth.up_error_deg)}')
    medians = ByUnit(*(_percentiles(errors)[0] for errors in live.table.accepted_errors))
    if not (medians.translation_m <= MAX_MEDIAN.translation_m
            and medians.rotation_deg <= MAX_MEDIAN.rotation_deg):
        raise PoseNetError(
            f'expected a median error of the map of at most {length(MAX_MEDIAN.translation_m)} '
            f'and {angle(MAX_MEDIAN.rotation_deg)}. Received: {length(medians.translation_m)} and '
            f'{angle(medians.rotation_deg)}')


def _percentiles(errors: Floats) -> list[float]:
    """Return median and 95th percentile of the frames that were answered; NaN without any."""
    known = errors[np.isfinite(errors)]
    return np.percentile(known, (50, 95)).tolist() if len(known) else [np.nan, np.nan]


def error_lines(live: Evaluation) -> str:
    """Format the errors of the live node, and how many frames it answered."""
    errors = live.table.accepted_errors
    rows: list[tuple[str, ...]] = [('error of the live node', 'median', 'p95')]
    for name, values, form in (('position', errors.translation_m, length),
                               ('orientation', errors.rotation_deg, angle)):
        rows.append((name, *map(form, _percentiles(values))))
    counts = build_report(live).frames
    return f'{text_table(rows)}\nlive node: {counts.estimated} of {counts.total} frames answered'
