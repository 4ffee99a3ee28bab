"""
Alignment of templates onto an image: inverse-compositional Lucas-Kanade with gain and bias.

Baker and Matthews 2004: the gradients are those of the template, so that their products are
computed once; the image is only sampled. All templates are aligned together.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import AnyArray, Floats, Floats32
from posenet_ros.landmarks.landmark_map import PATCH_SIZE
from posenet_ros.landmarks.patches.options import PatchOptions

BLUR_SIGMA_PX = 0.6  # of stored patches and of images: noise falls, and linear sampling suffices
CHUNK = 1024  # patches that are sampled at a time: cv2.remap takes less than 2^15 rows
TINY = 1e-6


def smooth_image(grey: NDArray[np.uint8] | Floats32) -> Floats32:
    """Blur a grey image (H, W), uint8, slightly; what is float32 was blurred before."""
    if grey.dtype != np.uint8:
        return np.asarray(grey, np.float32)
    return np.asarray(
        cv2.GaussianBlur(grey.astype(np.float32), (0, 0), BLUR_SIGMA_PX), np.float32)


class Templates(NamedTuple):
    """
    Templates of K landmarks as an image would show them, with P pixels each.

    :param basis: (K, 4, P) weights w; w times the normalised grey values, and times the gradients
        along x and y without their means. The weights of a template have the sum 1.
    :param deviation: (K,) weighted standard deviation of the grey values.
    :param slopes: (K, 2) weighted covariance of the grey values with the gradients.
    :param inverse: (K, 2, 2) of the structure tensor, the weighted products of the gradients.
    :param usable: (K,) whether there is texture enough, and enough of it is covered.
    """

    basis: Floats32
    deviation: Floats32
    slopes: Floats32
    inverse: Floats32
    usable: NDArray[np.bool_]


def make_templates(patches: NDArray[np.uint8], centres: Floats, affine: Floats,
                   options: PatchOptions) -> Templates:
    """
    Warp stored patches.

    :param patches: (K, PATCH_SIZE, PATCH_SIZE).
    :param centres: (K, 2) column and row of the landmark within its patch.
    :param affine: (K, 2, 2) pixels of the patch by a pixel of the image.
    """
    grey, covered = _warp(patches, centres, affine, options.half_width + 1)
    weights = _gauss(options) * covered
    total = weights.sum(axis=1, keepdims=True)
    weights /= np.maximum(total, TINY)
    value = _centred(grey[:, 1:-1, 1:-1], weights)
    across = _centred((grey[:, 1:-1, 2:] - grey[:, 1:-1, :-2]) / 2, weights)
    down = _centred((grey[:, 2:, 1:-1] - grey[:, :-2, 1:-1]) / 2, weights)
    deviation = np.sqrt(np.maximum(_dot(weights, value * value), TINY))
    tensor = (_dot(weights, across * across), _dot(weights, across * down),
              _dot(weights, down * down))
    inverse, smallest = _inverse(*tensor)
    basis = np.stack([weights, weights * value / deviation[:, np.newaxis], weights * across,
                      weights * down], axis=1)
    slopes = np.einsum('kbp,kp->kb', basis[:, 2:], value)
    usable = (total[:, 0] >= options.min_covered) & (smallest >= options.min_texture)
    return Templates(basis, deviation, slopes, inverse, usable)


def align(image: Floats32, templates: Templates, start: Floats,
          options: PatchOptions) -> tuple[Floats, Floats32]:
    """
    Shift templates to where an image shows them.

    :param image: (H, W) of :func:`smooth_image`.
    :param start: (K, 2) where they are expected, pixels.
    :returns: (K, 2) where they are, and (K,) the zero-mean normalised cross-correlation there.
    """
    found = start.astype(np.float32)
    for _ in range(options.steps):
        spread, along, slopes = _moments(image, templates, found, options)
        gain = along * templates.deviation / np.maximum(spread, TINY)  # from image to template
        error = gain[:, np.newaxis] * slopes - templates.slopes
        step = np.einsum('kij,kj->ki', templates.inverse, error)
        found -= np.clip(step, -options.max_step_px, options.max_step_px)
    spread, along, _ = _moments(image, templates, found, options)
    correlation = along / np.sqrt(np.maximum(spread, TINY))
    return found.astype(np.float64), np.asarray(correlation, np.float32)


def _moments(image: Floats32, templates: Templates, places: Floats32,
             options: PatchOptions) -> tuple[Floats32, Floats32, Floats32]:
    """
    Compare the image with the templates at some places.

    :returns: (K,) its variance there, (K,) its covariance with the normalised template, and
        (K, 2) with the template's gradients.
    """
    columns, rows = _grid(options.half_width)
    there = _sample(image, places[:, :1] + columns, places[:, 1:] + rows)
    moments = np.einsum('kbp,kp->kb', templates.basis, there)
    spread = _dot(templates.basis[:, 0], there * there) - moments[:, 0] ** 2
    return spread, moments[:, 1], moments[:, 2:]


def _warp(patches: NDArray[np.uint8], centres: Floats, affine: Floats,
          half_width: int) -> tuple[Floats32, Floats32]:
    """
    Sample stored patches on a grid of the image's pixels.

    :returns: (K, S, S) grey values, S = 2 half_width + 1, and (K, (S - 2)^2) whether each pixel
        of the inner grid is covered by the patch, with its four neighbours.
    """
    side, last = 2 * half_width + 1, PATCH_SIZE - 1
    grid, maps = np.stack(_grid(half_width)), affine.astype(np.float32)
    x, y = (centres[:, axis, np.newaxis].astype(np.float32) + maps[:, axis] @ grid
            for axis in (0, 1))  # (K, S * S)
    inside = ((x >= 0) & (x <= last) & (y >= 0) & (y <= last)).reshape(-1, side, side)
    covered = (inside[:, 1:-1, 1:-1] & inside[:, :-2, 1:-1] & inside[:, 2:, 1:-1]
               & inside[:, 1:-1, :-2] & inside[:, 1:-1, 2:])
    x, y = np.clip(x, 0, last), np.clip(y, 0, last)
    grey = np.empty((len(patches), side * side), np.float32)
    for first in range(0, len(patches), CHUNK):
        rows = slice(first, first + CHUNK)
        stack = patches[rows].reshape(-1, PATCH_SIZE).astype(np.float32)
        tops = PATCH_SIZE * np.arange(len(x[rows]), dtype=np.float32)[:, np.newaxis]
        grey[rows] = _sample(stack, x[rows], y[rows] + tops)
    return (grey.reshape(-1, side, side),
            covered.reshape(len(covered), -1).astype(np.float32))


def _sample(image: Floats32, x: AnyArray, y: AnyArray) -> Floats32:
    """Sample an image at columns and rows (K, P), K below 2^15, linearly."""
    return np.asarray(cv2.remap(
        image, np.ascontiguousarray(x, np.float32), np.ascontiguousarray(y, np.float32),
        cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101), np.float32)


def _grid(half_width: int) -> tuple[Floats32, Floats32]:
    """Return the columns and rows (P,) of a square of pixels round its centre."""
    line = np.arange(-half_width, half_width + 1, dtype=np.float32)
    return np.tile(line, len(line)), np.repeat(line, len(line))


def _gauss(options: PatchOptions) -> Floats32:
    columns, rows = _grid(options.half_width)
    sigma = options.weight_sigma * options.half_width
    weights = np.exp(-(np.square(columns) + np.square(rows)) / (2 * sigma ** 2))
    return np.asarray(weights / weights.sum(), np.float32)


def _centred(values: AnyArray, weights: Floats32) -> Floats32:
    """Return (K, P) values of the pixels (K, S, S) without their weighted means."""
    rows = np.asarray(values, np.float32).reshape(weights.shape)
    return np.asarray(rows - _dot(weights, rows)[:, np.newaxis], np.float32)


def _dot(left: Floats32, right: Floats32) -> Floats32:
    return np.asarray(np.einsum('kp,kp->k', left, right), np.float32)


def _inverse(xx: Floats32, xy: Floats32, yy: Floats32) -> tuple[Floats32, Floats32]:
    """Invert symmetric (K, 2, 2) matrices; also return their smallest eigenvalues (K,)."""
    smallest = (xx + yy) / 2 - np.sqrt(np.square((xx - yy) / 2) + np.square(xy))
    determinant = np.maximum(xx * yy - xy * xy, TINY)
    inverse = np.moveaxis(np.array([[yy, -xy], [-xy, xx]]) / determinant, -1, 0)
    return inverse.astype(np.float32), smallest
