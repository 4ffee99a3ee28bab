"""Track images of walks that a map does not know, to calibrate the covariance of tracked poses."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.geometry.lie import pose_difference
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.localiser import LandmarkLocaliser
from posenet_ros.training.landmarks.feature_cache import with_image
from posenet_ros.training.landmarks.mapping import MappedDataset
from posenet_ros.training.landmarks.options import TrackingValidationOptions

Indices = NDArray[np.intp]


class TrackedRows(NamedTuple):
    """
    Errors of tracked poses.

    :param views: (T,) index of each image; `folds` (T,) of the map that did not know it.
    :param rows: (T, 2, 6) errors and sigmas, metres and radians.
    """

    views: Indices
    folds: Indices
    rows: Floats


NO_TRACKED = TrackedRows(np.empty(0, np.intp), np.empty(0, np.intp), np.empty((0, 2, 6)))


def track_held_out(localiser: LandmarkLocaliser, mapped: MappedDataset, held: Indices,
                   options: TrackingValidationOptions) -> tuple[Indices, Floats]:
    """
    Track images from localised ones, each time a few.

    A walk whose images are too far apart to be tracked has few such poses, or none.

    :param localiser: of a map that knows none of the images.
    :param held: indices of the images, in the order of the walk.
    :returns: (T,) images, and (T, 2, 6) errors and sigmas of their tracked poses.
    """
    views, rows = [np.empty(0, np.intp)], [np.empty((0, 2, 6))]
    last = max(len(held) - options.images, 0)
    failed = 0
    for start in np.unique(np.linspace(0, last, options.starts).astype(np.intp)):
        part = held[start:start + options.images + 1]
        found = _track(localiser, mapped, part)
        failed = 0 if found else failed + 1
        if found:
            views.append(part[1:1 + len(found)])
            rows.append(np.stack(found))
        elif failed >= options.max_failed:  # too far apart
            break
    return np.concatenate(views), np.concatenate(rows)


def _track(localiser: LandmarkLocaliser, mapped: MappedDataset, part: Indices) -> list[Floats]:
    """Localise the first image, and track those that follow; return their errors and sigmas."""
    rows: list[Floats] = []
    tracker = localiser.make_tracker()
    poses: list[Pose] = []
    for view in part:
        features = with_image(mapped.features[view], localiser.features)
        if features.grey is None or features.camera is None:
            break
        if not poses:
            first = localiser.localise(features)
            if first is None:
                break
            tracker.start(tracker.make_keyframe(
                first.map_from_camera, first.covariance, features.grey, features.camera))
            poses.append(first.map_from_camera)
            continue
        tracked = tracker.track(features.grey, features.camera, _predicted(poses))
        if tracked is None:
            break
        poses.append(tracked.map_from_camera)
        truth = mapped.dataset.samples[view].map_from_camera
        rows.append(np.stack([pose_difference(tracked.map_from_camera, truth),
                              np.sqrt(np.diag(tracked.covariance))]))
    return rows


def _predicted(poses: list[Pose]) -> Pose:
    """Return the pose after the last one at a constant velocity."""
    if len(poses) < 2:
        return poses[-1]
    return poses[-1] @ (poses[-2].inverse() @ poses[-1])
