"""The figures of tracking: of poses with known errors, and of a walk that is rendered."""

from __future__ import annotations

from pathlib import Path

import cv2
from map_helpers import write_map_model
import numpy as np
from posenet_ros.geometry.lie import interpolate
from posenet_ros.inference.artifact import load
from posenet_ros.localisation.factory import make_relocaliser, RelocaliserOptions
from posenet_ros.training.bench.localisation.tracking import (
    _figures,
    _TrackedImage,
    measure_tracking,
    rendered_walk,
)
from posenet_ros.training.scene.settings import Settings
import pytest
from training_helpers import LARGE_CAMERA, wall_view


def test_a_walk_along_a_wall_is_tracked_and_its_errors_are_told(tmp_path: Path) -> None:
    model, poses = write_map_model(tmp_path / 'model', tmp_path / 'wall')
    relocaliser = make_relocaliser(load(model), RelocaliserOptions(refine=True)).relocaliser
    first, second = list(poses.values())[4:6]
    walk = [interpolate(first, second, index / 60) for index in range(40)]
    found = measure_tracking(
        relocaliser, ((wall_view(pose, LARGE_CAMERA), pose) for pose in walk), LARGE_CAMERA)
    assert (found.images, found.answered, found.tracked, found.false) == (40, 40, 39, 0)
    assert 2 <= found.localisations <= 5
    assert 0 < found.median_m < found.p95_m < 0.06
    assert 0 < found.tracking_cpu_ms < found.mean_cpu_ms
    shifted = measure_tracking(relocaliser, (
        (wall_view(pose, LARGE_CAMERA), first) for pose in walk), LARGE_CAMERA)
    assert shifted.median_m > found.median_m + 0.1  # the truth counts


def test_figures_have_known_images() -> None:
    images = [_TrackedImage(False, True, 100.0, 0.5, 1.0, (9.0, 9.0, 9.0)),
              _TrackedImage(True, False, 2.0, 0.01, 0.1, (0.5, 1.5, 2.5)),
              _TrackedImage(True, False, 4.0, 0.03, 0.3, (0.5, 0.5, 0.5)),
              _TrackedImage(True, True, 90.0, 1.5, 0.2, (5.0, 5.0, 0.5)),
              _TrackedImage(True, False, 3.0, 0.02, 11.0, (0.5, 0.5, 0.5)),
              _TrackedImage(False, True, 80.0)]
    found = _figures(images)
    assert (found.images, found.answered, found.tracked) == (6, 5, 4)
    assert found.median_m == pytest.approx(0.025)
    assert found.false == 2
    assert found.within == pytest.approx((8 / 12, 9 / 12, 10 / 12))
    assert found.tracking_cpu_ms == 3.0
    assert found.mean_cpu_ms == pytest.approx(279 / 6)
    assert found.localisations == 3


def test_nothing_answered_has_no_figures() -> None:
    found = _figures([_TrackedImage(False, True, 80.0)])
    assert np.isnan(found.median_m)
    assert (found.answered, found.false) == (0, 0)


def test_the_court_is_walked_at_the_rate_of_a_camera() -> None:
    (image, first), (_, second) = rendered_walk(2, Settings(frames=12, width=64, height=64))
    assert image.shape == (64, 64, 3)
    moved = np.linalg.norm(second.translation_m - first.translation_m)
    assert 0.02 < moved < 0.08  # in a thirtieth of a second
    assert cv2.mean(image)[0] > 20
