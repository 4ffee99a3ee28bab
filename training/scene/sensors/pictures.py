"""The right image of a stereo pair, and depth images of the renderer's buffer of depths."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from posenet_ros.training.scene.rendering.renderer import Canvas
from posenet_ros.training.scene.sensors.files import SensorFiles
from posenet_ros.training.scene.sensors.options import SensorOptions
from posenet_ros.training.scene.sequence import SequenceRenderer

RIGHT_CAMERA = 1


def make_folders(files: SensorFiles, options: SensorOptions) -> None:
    """Make the folders that the images beside a walk's images need."""
    for wanted, file in ((options.stereo_baseline_m > 0, files.right('_')),
                         (options.depth, files.depth('_'))):
        if wanted:
            file.parent.mkdir(parents=True, exist_ok=True)


def images_beside(renderer: SequenceRenderer, canvas: Canvas, index: int, options: SensorOptions,
                  files: SensorFiles, name: str) -> Iterator[tuple[Path, NDArray[Any]]]:
    """
    Yield what is photographed beside an image, and its file.

    :param canvas: of the image.
    :param name: of the image's file.
    """
    if options.stereo_baseline_m:
        right = renderer.draw(index, options.stereo_baseline_m)
        yield files.right(name), renderer.photograph(right, index, RIGHT_CAMERA)
    if options.depth:
        random = np.random.default_rng((*renderer.seed, 8, options.seed, index))
        yield files.depth(name), depth_image(canvas.inverse_depth, options, random)


def depth_image(inverse_depth: NDArray[np.float32], options: SensorOptions,
                random: np.random.Generator) -> NDArray[np.uint16]:
    """
    Return a depth camera's image, millimetres, 0 where it sees nothing.

    :param inverse_depth: (H, W) per metre, along the optical axis; 0 is the sky.
    """
    with np.errstate(divide='ignore'):
        depth_m = 1 / inverse_depth.astype(np.float64)
    seen = depth_m < options.max_depth_m
    depth_m = np.where(seen, depth_m, 1.0)
    noise = random.standard_normal(depth_m.shape) * options.depth_sigma_m * depth_m ** 2
    return np.where(seen, np.round(1000 * (depth_m + noise)), 0).clip(0, 65535).astype(np.uint16)
