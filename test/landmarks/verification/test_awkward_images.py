"""Images that no camera model describes: moving things, a mirror, a rolling shutter."""

from __future__ import annotations

import numpy as np
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.features import Features
from posenet_ros.landmarks.localisation import Localisation, Outcome
from posenet_ros.landmarks.localiser import LandmarkLocaliser
import pytest

from .world import CAMERA, Facade

PLACE = Facade([0, 1, 2, 3, 4])
AT = Pose((9.4, 0.1, 0.4))
LOCALISER = LandmarkLocaliser(PLACE.make_map(np.arange(-1.0, 25.5, 1.0).tolist()))


def moved(features: Features, pixels: np.ndarray) -> Features:
    """Return the features (N,) at other places, moved by (N, 2) pixels."""
    return features._replace(points_normalized=features.points_normalized + pixels / CAMERA.fx)


def off_m(found: Localisation) -> float:
    assert found.pose, found.refusal
    return float(np.linalg.norm(found.pose.map_from_camera.translation_m - AT.translation_m))


def test_what_moves_in_half_of_the_image_moves_no_pose() -> None:
    image = PLACE.photograph(AT)
    right_half = image.points_normalized[:, :1] > 0
    lorry = moved(image, np.where(right_half, (60.0, 0.0), (0.0, 0.0)))
    found = LOCALISER.search(lorry)
    assert found.outcome is Outcome.LOCALISED
    assert off_m(found) < 0.05
    assert 0.3 < found.hypotheses[0].inlier_ratio < 0.7


def test_a_mirror_image_is_never_localised() -> None:
    image = PLACE.photograph(AT)
    mirrored = image._replace(points_normalized=image.points_normalized * (-1, 1))
    assert LOCALISER.search(mirrored).outcome is not Outcome.LOCALISED
    assert LOCALISER.search(image).outcome is Outcome.LOCALISED


@pytest.mark.parametrize(('skew_px', 'most_m'), [(0.0, 0.01), (1.0, 0.02), (3.0, 0.05)])
def test_a_rolling_shutter_costs_accuracy_and_no_answer(skew_px: float, most_m: float) -> None:
    image = PLACE.photograph(AT)
    rows = image.points_normalized[:, 1] * CAMERA.fx / (CAMERA.height / 2)  # -1 to 1
    found = LOCALISER.search(moved(image, np.outer(rows, (skew_px, 0.0))))
    assert off_m(found) < most_m
