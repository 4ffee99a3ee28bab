"""Measure tracking: how exact the poses of a walk at the camera's rate are, and what they cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
import time

import cv2
import numpy as np
from posenet_ros.arrays import RgbImage
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.lie import rotation_angle_rad
from posenet_ros.geometry.pose import Pose
from posenet_ros.imaging.decoding import Frame
from posenet_ros.inference.artifact import load
from posenet_ros.localisation.factory import make_relocaliser, RelocaliserOptions
from posenet_ros.localisation.relocaliser import Relocaliser
from posenet_ros.localisation.tracking.camera_tracker import CameraTracker, is_localised
from posenet_ros.localisation.tracking.sequential import SequentialTracking
from posenet_ros.training.bench.mapping.queries import FALSE_DEG, FALSE_M
from posenet_ros.training.scene.catalogue import make_place
from posenet_ros.training.scene.sequence import SequenceRenderer
from posenet_ros.training.scene.settings import Settings

RATE_HZ = 30.0
TimedImages = Iterable[tuple[RgbImage, Pose]]


@dataclass(frozen=True)
class TrackingFigures:
    """
    Figures of a walk; errors are those of the poses that were answered.

    :param images: of the walk.
    :param answered: of them, tracked or localised.
    :param tracked: of these, those that were tracked.
    :param median_m: position error of the tracked ones, and `p95_m`, `median_deg`.
    :param false: answered, and over 1 m or 10 degrees off.
    :param within: parts of the coordinates of the errors within one, two and three of the
        standard deviations that the tracked poses claim.
    :param tracking_cpu_ms: median of the images that are only tracked, decoded already.
    :param mean_cpu_ms: mean of all images, localisations included.
    :param localisations: number of images that were localised as well, or instead.
    """

    images: int
    answered: int
    tracked: int
    median_m: float
    p95_m: float
    median_deg: float
    false: int
    within: tuple[float, float, float]
    tracking_cpu_ms: float
    mean_cpu_ms: float
    localisations: int


def rendered_walk(frames: int, settings: Settings, rate_hz: float = RATE_HZ,
                  ) -> Iterator[tuple[RgbImage, Pose]]:
    """Render a synthetic place's test walk at a camera's rate, one image after another."""
    place = make_place(settings)
    walk = replace(next(walk for walk in place.walks if walk.split == 'test'),
                   rate_hz=rate_hz, frames=frames)
    renderer = SequenceRenderer(
        place.build()[walk.area.site], walk, settings.camera, settings.seed)
    for index in range(frames):
        image = cv2.cvtColor(renderer.image(index), cv2.COLOR_BGR2RGB)
        yield np.asarray(image, np.uint8), walk.pose(walk.time_s(index))


@dataclass(frozen=True)
class _TrackedImage:
    """What became of one image: errors by axis, divided by their sigmas, and the cost."""

    tracked: bool
    localised: bool
    cpu_ms: float
    error_m: float = np.inf
    error_deg: float = np.inf
    normalised: tuple[float, ...] = ()


def track_walk(folder: Path, settings: Settings, frames: int) -> TrackingFigures:
    """
    Track a camera along the test walk of a synthetic place.

    :param folder: model folder of the place.
    """
    relocaliser = make_relocaliser(load(folder), RelocaliserOptions(refine=True)).relocaliser
    return measure_tracking(relocaliser, rendered_walk(frames, settings), settings.camera)


def measure_tracking(relocaliser: Relocaliser, walk: TimedImages, camera: Camera,
                     rate_hz: float = RATE_HZ) -> TrackingFigures:
    """
    Track a camera along a walk, localised at the same stamps as the node would.

    :param relocaliser: with landmarks.
    :param walk: its images, decoded, with map_from_camera of each.
    :param camera: of the images.
    """
    tracker = relocaliser.make_tracker()
    assert tracker is not None
    tracking = SequentialTracking(relocaliser, CameraTracker(tracker), time.process_time)
    results = []
    for index, (image, truth) in enumerate(walk):
        frame = Frame(image, round((index + 1) * 1e9 / rate_hz), 'camera')
        results.append(_localise(tracking, frame, camera, truth))
    return _figures(results)


def _localise(tracking: SequentialTracking, frame: Frame, camera: Camera, truth: Pose,
              ) -> _TrackedImage:
    """Track or localise one image; every pose that landmarks confirm is accepted."""
    before, start_s = tracking.localisations, time.process_time()
    result = tracking.localise(lambda _: frame, camera)
    estimate = result.estimate
    accepted = estimate is not None and is_localised(estimate)
    tracking.judged(accepted=accepted)
    cpu_ms = 1e3 * (time.process_time() - start_s)
    tracked = 'infer' not in result.stages_s
    localised = tracking.localisations > before
    if estimate is None or not accepted:
        return _TrackedImage(tracked, localised, cpu_ms)
    error = estimate.map_from_camera.translation_m - truth.translation_m
    angle_rad = rotation_angle_rad(estimate.map_from_camera.quat_xyzw, truth.quat_xyzw)
    sigmas = np.sqrt(np.diag(estimate.covariance)[:3])
    return _TrackedImage(tracked, localised, cpu_ms, float(np.linalg.norm(error)),
                         float(np.degrees(angle_rad)), tuple(np.abs(error / sigmas)))


def _figures(results: list[_TrackedImage]) -> TrackingFigures:
    answered = [one for one in results if np.isfinite(one.error_m)]
    tracked = [one for one in answered if one.tracked]
    metres = [one.error_m for one in tracked] or [np.nan]
    normalised = np.array([one.normalised for one in tracked] or [(np.nan,)])
    within = [float(np.mean(normalised <= sigmas)) for sigmas in (1, 2, 3)]
    return TrackingFigures(
        len(results), len(answered), len(tracked), float(np.median(metres)),
        float(np.percentile(metres, 95)),
        float(np.median([one.error_deg for one in tracked] or [np.nan])),
        sum(one.error_m > FALSE_M or one.error_deg > FALSE_DEG for one in answered),
        (within[0], within[1], within[2]),
        float(np.median([one.cpu_ms for one in tracked if not one.localised] or [np.nan])),
        float(np.mean([one.cpu_ms for one in results])),
        sum(one.localised for one in results))
