"""Corruptions of images at five severities (ImageNet-C)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import RgbImage
from posenet_ros.errors import InputError
from posenet_ros.training.data.noise import fractal
from posenet_ros.utils.choices import SEVERITIES

Field = NDArray[np.float32]
Corruption = Callable[[Field, int, np.random.Generator], Field]
WIDTH = 224  # pixels, of the images in which lengths are given


def _pixels(image: Field, length: float) -> float:
    """Scale a length to this image, pixels."""
    return float(length * image.shape[1] / WIDTH)


def _gaussian_noise(image: Field, level: int, rng: np.random.Generator) -> Field:
    sigma = (0.08, 0.12, 0.18, 0.26, 0.38)[level]
    return image + sigma * rng.standard_normal(image.shape, np.float32)


def _shot_noise(image: Field, level: int, rng: np.random.Generator) -> Field:
    photons = (60, 25, 12, 5, 3)[level]
    return (rng.poisson(image * photons) / photons).astype(np.float32)


def _defocus_blur(image: Field, level: int, _: np.random.Generator) -> Field:
    radius = _pixels(image, (3, 4, 6, 8, 10)[level])
    size = 2 * int(np.ceil(radius)) + 1
    disc = np.zeros((size, size), np.float32)
    cv2.circle(disc, (size // 2, size // 2), round(radius), 1.0, -1)
    return _filtered(image, disc)


def _motion_blur(image: Field, level: int, rng: np.random.Generator) -> Field:
    length = _pixels(image, (10, 15, 20, 28, 40)[level])
    size = 2 * int(np.ceil(length / 2)) + 1
    line = np.zeros((size, size), np.float32)
    angle = rng.uniform(-np.pi / 4, np.pi / 4)
    half = length / 2 * np.array([np.cos(angle), np.sin(angle)])
    ends = [tuple(int(v) for v in np.round(size // 2 + side * half)) for side in (-1, 1)]
    cv2.line(line, ends[0], ends[1], 1.0)
    return _filtered(image, line)


def _filtered(image: Field, kernel: Field) -> Field:
    return np.asarray(cv2.filter2D(image, -1, kernel / kernel.sum(),
                                   borderType=cv2.BORDER_REFLECT), np.float32)


def _smooth(image: Field, rng: np.random.Generator, cell: float) -> Field:
    """Generate smooth noise (height, width, 1) within 0 and 1."""
    height, width = image.shape[:2]
    field = fractal(height, width, rng, _pixels(image, cell), 5)
    return np.asarray((field - field.min()) / (np.ptp(field) + 1e-6), np.float32)[..., None]


def _fog(image: Field, level: int, rng: np.random.Generator) -> Field:
    density = (1.5, 2.0, 2.5, 2.75, 3.0)[level]
    thick = image + density * _smooth(image, rng, 120)
    return np.asarray(thick * (image.max() / (image.max() + density)), np.float32)


def _streaks(image: Field, rng: np.random.Generator, density: float, length: float,
             width: float) -> Field:
    """Draw falling drops or flakes (height, width, 1), 0 to 1."""
    height, wide = image.shape[:2]
    layer = np.zeros((height, wide), np.float32)
    slant = rng.uniform(-0.4, 0.4)
    step = np.array([slant, 1.0]) * _pixels(image, length)
    thickness = max(round(_pixels(image, width)), 1)
    for start in rng.uniform((-20, -20), (wide, height), (round(density * 1000), 2)):
        end = start + step * rng.uniform(0.5, 1.5)
        cv2.line(layer, (int(start[0]), int(start[1])), (int(end[0]), int(end[1])),
                 float(rng.uniform(0.5, 1)), thickness, cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(layer, (0, 0), 0.5 * thickness), np.float32)[..., None]


def _rain(image: Field, level: int, rng: np.random.Generator) -> Field:
    density, dim = ((0.1, 0.9), (0.2, 0.8), (0.35, 0.7), (0.55, 0.6), (0.8, 0.5))[level]
    grey = image.mean(axis=2, keepdims=True)
    wet = dim * (0.6 * image + 0.4 * grey)  # clouds take light and colour
    veil = _streaks(image, rng, density, 18, 1)
    return np.asarray(wet + veil * (0.75 - wet) * 0.8, np.float32)


def _snow(image: Field, level: int, rng: np.random.Generator) -> Field:
    density, white = ((0.2, 0.15), (0.35, 0.3), (0.5, 0.4), (0.7, 0.5), (0.9, 0.6))[level]
    grey = image.mean(axis=2, keepdims=True) * 1.5 + 0.5
    lying = (1 - white) * image + white * np.maximum(image, grey)
    flakes = _streaks(image, rng, density, 3, 3)
    return np.asarray(lying + flakes * (1 - lying), np.float32)


def _occlusion(image: Field, level: int, rng: np.random.Generator) -> Field:
    """Occlude a proportion of the image by upright boxes, as people and vans do."""
    proportion = (0.1, 0.2, 0.35, 0.5, 0.7)[level]
    result, hidden = image.copy(), np.zeros(image.shape[:2], bool)
    height, width = image.shape[:2]
    while hidden.mean() < proportion:
        w = int(width * rng.uniform(0.1, 0.35)) + 1
        h = int(1.8 * height * rng.uniform(0.1, 0.35)) + 1
        left, top = int(rng.integers(-w // 2, width - w // 2)), int(rng.integers(0, height))
        box = np.s_[max(top - h // 2, 0):top + h // 2 + 1, max(left, 0):left + w]
        shade = rng.uniform(0.05, 0.9, 3) + 0.03 * rng.standard_normal((*result[box].shape[:2], 1))
        result[box], hidden[box] = shade, True
    return result


def _dark(image: Field, level: int, rng: np.random.Generator) -> Field:
    light = (0.5, 0.3, 0.18, 0.1, 0.05)[level]
    return np.asarray(light * image + 0.015 * rng.standard_normal(image.shape), np.float32)


def _overexposed(image: Field, level: int, _: np.random.Generator) -> Field:
    return np.asarray(image * (1.5, 2.2, 3.2, 5.0, 8.0)[level], np.float32)


def _contrast(image: Field, level: int, _: np.random.Generator) -> Field:
    mean = image.mean(axis=(0, 1), keepdims=True)
    return np.asarray((image - mean) * (0.4, 0.3, 0.2, 0.1, 0.05)[level] + mean, np.float32)


CORRUPTIONS: Mapping[str, Corruption] = {
    'gaussian_noise': _gaussian_noise, 'shot_noise': _shot_noise, 'defocus_blur': _defocus_blur,
    'motion_blur': _motion_blur, 'fog': _fog, 'rain': _rain, 'snow': _snow,
    'occlusion': _occlusion, 'dark': _dark, 'overexposed': _overexposed, 'contrast': _contrast}


def corrupted(image: RgbImage, name: str, severity: int,
              seed: int | Sequence[int] = 0) -> RgbImage:
    """
    Return a corrupted copy of an image; a seed draws the same at every severity.

    :param image: (height, width, 3) RGB, 8 bits.
    :param name: a key of CORRUPTIONS.
    :param severity: 1 to 5.
    :raises InputError: on another name or severity.
    """
    if name not in CORRUPTIONS:
        raise InputError(f'the corruption has to be one of {", ".join(CORRUPTIONS)}. '
                         f'Received: {name!r}')
    if severity not in SEVERITIES:
        raise InputError(f'the severity has to be 1 to 5. Received: {severity}')
    numbers = [seed] if isinstance(seed, int) else list(seed)
    rng = np.random.default_rng([*numbers, sorted(CORRUPTIONS).index(name)])
    result = CORRUPTIONS[name](np.asarray(image.astype(np.float32) / 255, np.float32),
                               severity - 1, rng)
    return np.asarray(np.clip(np.round(result * 255), 0, 255), np.uint8)
