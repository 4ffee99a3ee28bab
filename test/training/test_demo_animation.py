"""README's moving picture: when the lens is covered, what is drawn, and the picture itself."""

from __future__ import annotations

from helpers import ROOT
import numpy as np
from PIL import Image
from posenet_ros.training.pipelines.pictures.animation import choose_spots, cover, covered_part
from posenet_ros.visualization.annotate import BAD, GOOD


def test_the_lens_is_covered_and_uncovered_step_by_step() -> None:
    parts = [covered_part(i, 100) for i in range(100)]
    assert parts[:50] == [0] * 50
    assert parts[72:] == [0] * 28
    assert parts[50:54] == [0.25, 0.5, 0.75, 1]
    assert parts[68:72] == [1, 0.75, 0.5, 0.25]
    image = np.full((4, 8, 3), 200, np.uint8)
    assert (cover(image, 0.25)[:, 2:] == 200).all()
    assert (cover(image, 0.25)[:, :2] < 50).all()
    assert (image == 200).all()


def test_landmarks_far_outside_are_not_drawn() -> None:
    points = np.random.default_rng(0).uniform(-1, 1, (1000, 3))
    points[0] = 500
    chosen = choose_spots(points, 100)
    assert 80 <= len(chosen) <= 100
    assert np.abs(chosen).max() <= 1


def test_the_picture_shows_poses_then_none_then_poses_again() -> None:
    accepted = []
    with Image.open(ROOT / 'doc' / 'relocalise.webp') as picture:
        for index in range(picture.n_frames):
            picture.seek(index)
            border = np.array(picture.convert('RGB'))[1:3, -100:-20].reshape(-1, 3).mean(axis=0)
            good, bad = (np.abs(border - colour).sum() for colour in (GOOD, BAD))
            accepted.append(good < bad)
    first, last = accepted.index(False), len(accepted) - accepted[::-1].index(False)
    assert first > 20
    assert not any(accepted[first:last])
    assert len(accepted) - last > 10
