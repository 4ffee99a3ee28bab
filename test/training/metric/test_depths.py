"""The scale by a stereo pair and by depth images, on drawn walls with pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
from helpers import scene
import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.pose import Pose
from posenet_ros.training.data.datasets import Dataset, Sample
from posenet_ros.training.data.walk import Walk, WalkImage
from posenet_ros.training.metric.keyframes import Keyframes, keyframes_of
from posenet_ros.training.metric.options import DepthOptions, scale_request, ScaleSource
from posenet_ros.training.metric.scale import choose_scale
from posenet_ros.training.metric.sources.depth import scale_from_depth, scale_from_stereo
from posenet_ros.training.scene.rendering.renderer import (
    Canvas,
    draw_surfaces,
    Surface,
    Texture,
    View,
)
from posenet_ros.training.scene.sensors.options import SensorOptions
from posenet_ros.training.scene.sensors.pictures import depth_image
from posenet_ros.training.scene.walks import optical_rotation
import pytest

from .tracks import any_similarity, START_NS, UNITS_PER_M

CAMERA = Camera(320, 240, 230.0, 230.0, 159.5, 119.5)
BASELINE_M = 0.2
OPTIONS = DepthOptions(images=6)


def wall(x: float, y: float, seed: int, width_m: float = 4.0) -> Surface:
    """Return a wall with a picture that faces south."""
    picture = np.dstack([scene(seed, (400, 300)), np.full((300, 400), 255, np.uint8)])
    return Surface(np.array([x, y, 3.0]), np.array([1.0, 0, 0]), np.array([0, 0, -1.0]),
                   width_m, width_m * 0.75, picture)


WALLS = [wall(-6, 9, 1, 6), wall(-1, 6, 2), wall(3, 12, 3, 8)]
TEXTURES = [Texture(w, lambda albedo: albedo) for w in WALLS]


def draw(pose: Pose) -> Canvas:
    canvas = Canvas(View(CAMERA, pose), np.full((240, 320, 3), 128, np.uint8))
    draw_surfaces(canvas, WALLS, TEXTURES)
    return canvas


@pytest.fixture(scope='module')
def walk(tmp_path_factory: pytest.TempPathFactory) -> tuple[Dataset, Walk]:
    """Return eight images along the walls, right ones and depth, and their reconstruction."""
    folder = tmp_path_factory.mktemp('walls')
    random = np.random.default_rng(0)
    samples, images = [], []
    for index in range(8):
        pose = Pose.from_rotation(optical_rotation(90 + 4 * np.sin(index), 0, 1),
                                  (0.5 * index - 2, 0.1 * index, 1.6))
        left, right = draw(pose), draw(pose @ Pose(np.array([BASELINE_M, 0, 0])))
        image = WalkImage(folder / f'{index}.png', f'walk1/{index}.png', START_NS + index * 10**8,
                          None, folder / f'right{index}.png', folder / f'depth{index}.png')
        depth = depth_image(left.inverse_depth, SensorOptions(), random)
        for file, pixels in ((image.path, left.image), (image.right, right.image),
                             (image.depth, depth)):
            cv2.imwrite(str(file), pixels)
        samples.append(Sample(image.path, image.name, any_similarity(0).apply_to_pose(pose),
                              'walk1'))
        images.append(image)
    return (Dataset('walls', tuple(samples), CAMERA),
            Walk('walk1', tuple(images), CAMERA, stereo_baseline_m=BASELINE_M))


def keyframes(walk: tuple[Dataset, Walk]) -> list[Keyframes]:
    return keyframes_of(walk[0], [walk[1]])


def test_a_stereo_pair(walk: tuple[Dataset, Walk]) -> None:
    found = scale_from_stereo(keyframes(walk), CAMERA, OPTIONS)
    error = found.factor * UNITS_PER_M - 1
    assert abs(error) < 0.01
    assert abs(error) < 4 * found.relative_sigma
    doubled = [replace(k, walk=replace(k.walk, stereo_baseline_m=2 * BASELINE_M))
               for k in keyframes(walk)]
    assert scale_from_stereo(doubled, CAMERA, OPTIONS).factor == pytest.approx(2 * found.factor)


def test_right_images_that_are_not_rectified_match_nothing(
        walk: tuple[Dataset, Walk], tmp_path: Path) -> None:
    dataset, whole = walk
    images = []
    for image in whole.images:
        shifted = tmp_path / image.path.name
        cv2.imwrite(str(shifted), np.roll(cv2.imread(str(image.right)), 12, axis=0))
        images.append(replace(image, right=shifted))
    with pytest.raises(InputError, match='50 landmarks'):
        scale_from_stereo(keyframes_of(dataset, [replace(whole, images=tuple(images))]), CAMERA,
                          OPTIONS)


def test_depth_images(walk: tuple[Dataset, Walk]) -> None:
    found = scale_from_depth(keyframes(walk), CAMERA, OPTIONS)
    error = found.factor * UNITS_PER_M - 1
    assert abs(error) < 0.01
    assert abs(error) < 4 * found.relative_sigma


def test_stereo_is_taken_where_it_is_all_there_is(walk: tuple[Dataset, Walk]) -> None:
    dataset, whole = walk
    choice = choose_scale(dataset, [whole])
    assert choice.chosen is not None
    assert choice.chosen.source == ScaleSource.STEREO
    without = replace(whole, stereo_baseline_m=None)
    choice = choose_scale(dataset, [without])
    assert choice.chosen is not None
    assert choice.chosen.source == ScaleSource.DEPTH


def test_depth_images_that_are_none(walk: tuple[Dataset, Walk], tmp_path: Path) -> None:
    dataset, whole = walk
    colour = tmp_path / 'colour.png'
    cv2.imwrite(str(colour), np.zeros((8, 8, 3), np.uint8))
    spoilt = replace(whole, images=tuple(replace(i, depth=colour) for i in whole.images))
    with pytest.raises(InputError, match='16-bit millimetres'):
        choose_scale(dataset, [spoilt], scale_request(['depth']))
    black = tmp_path / 'black.png'
    cv2.imwrite(str(black), np.zeros((240, 320), np.uint16))
    dark = replace(whole, images=tuple(replace(i, depth=black) for i in whole.images))
    with pytest.raises(InputError, match='50 landmarks'):
        choose_scale(dataset, [dark], scale_request(['depth']))
