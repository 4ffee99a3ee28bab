"""Trees and shrubs, drawn leaf by leaf as billboards."""

from __future__ import annotations

import cv2
import numpy as np
from posenet_ros.arrays import BgrImage
from posenet_ros.training.scene.parts.sprites import blank, Pen
from posenet_ros.training.scene.rendering.textures import (
    bgr,
    Color,
    scale_color,
)


def tree(rng: np.random.Generator, width_m: float, height_m: float, code: str,
         scale: float = 40, crown: float = 0.24) -> BgrImage:
    """
    Return a tree of leaves in many tones, BGRA.

    :param crown: fraction of the height below the crown.
    """
    color = bgr(code)
    image = blank(width_m, height_m, scale, scale_color(color, 0.45))
    pen = Pen(image, scale)
    trunk = bgr('4b3d30')
    pen.polygon([(-0.035 * width_m, 0), (-0.02 * width_m, 0.6 * height_m),
                 (0.02 * width_m, 0.6 * height_m), (0.04 * width_m, 0)], trunk)
    for _ in range(9):
        x, z = rng.uniform(-0.3, 0.3) * width_m, rng.uniform(0.4, 0.75) * height_m
        pen.limb([(0, rng.uniform(0.2, 0.45) * height_m), (x, z)], 0.012 * width_m,
                 scale_color(trunk, 0.8))
    middle, reach = (1 + crown) / 2 * height_m, (1 - crown) / 2 * height_m
    outline = np.linspace(0, 2 * np.pi, 40)
    pen.polygon([(0.4 * width_m * np.cos(t), middle + 0.82 * reach * np.sin(t) +
                  0.02 * height_m * np.cos(7 * t)) for t in outline], scale_color(color, 0.42))
    clumps = round(90 * max(1.0, 0.45 * height_m / width_m))
    for i in range(clumps):
        angle, radius = rng.uniform(0, 2 * np.pi), np.sqrt(rng.uniform(0, 1)) * 0.84
        x, z = 0.5 * width_m * radius * np.cos(angle), middle + reach * radius * np.sin(angle)
        _clump(pen, rng, x, z, 0.11 * width_m, color, (z - middle) / reach, i / clumps)
    return image


def _clump(pen: Pen, rng: np.random.Generator, x: float, z: float, size: float, color: Color,
           height: float, order: float) -> None:
    """Draw a clump of leaves, lighter on top and in front."""
    leaves = np.clip(rng.normal(0, 1, (26, 3)), -1.6, 1.6) * (0.5 * size, 0.5 * size, 0.09)
    radii = np.maximum(size * pen.scale * rng.uniform(0.05, 0.17, (26, 2)), 1).astype(int)
    for (dx, dz, jitter), radius in zip(leaves, radii, strict=True):
        tone = 0.5 + 0.3 * order + 0.18 * height + 0.25 * dz / size + jitter
        shade = scale_color(color, min(max(float(tone), 0.2), 1.4))
        px, pz = pen.point(x + dx, z + dz)
        cv2.ellipse(pen.image, (px, pz), (int(radius[0]) * 16, int(radius[1]) * 16), 0, 0, 360,
                    (*shade, 255), -1, cv2.LINE_AA, 4)


def shrub(rng: np.random.Generator, flower: str, scale: float = 110) -> BgrImage:
    """Return a low shrub of 1.4 m x 0.77 m with flowers of a colour, BGRA."""
    leaf, bloom = bgr('4c6b35'), bgr(flower)
    image = blank(1.4, 0.77, scale, scale_color(leaf, 0.5))
    pen = Pen(image, scale)
    for i in range(46):
        x = rng.uniform(-0.58, 0.58)
        z = rng.uniform(0.03, 0.62) * np.sqrt(max(1 - (x / 0.62) ** 2, 0.1))
        _clump(pen, rng, x, z, 0.16, leaf, z / 0.6 - 0.5, i / 46)
    for _ in range(150):
        x = rng.uniform(-0.6, 0.6)
        z = (0.1 + 0.58 * rng.uniform() ** 0.6) * np.sqrt(max(1 - (x / 0.64) ** 2, 0.05))
        pen.ellipse(x, z, 0.018, 0.016, scale_color(bloom, rng.uniform(0.75, 1.1)))
    return image
