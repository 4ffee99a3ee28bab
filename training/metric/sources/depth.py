"""Scale by depths in metres: of a stereo pair, or of depth images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.imaging.files import read_depth, read_image
from posenet_ros.landmarks.matching import match_mutual, unit_rows
from posenet_ros.training.metric.keyframes import Keyframes
from posenet_ros.training.metric.options import DEFAULT_DEPTH, DepthOptions, ScaleSource
from posenet_ros.training.metric.results import ScaleEstimate
from posenet_ros.training.metric.robust import huber_weights, robust_mean, sigma_of
from posenet_ros.training.metric.sources.keypoint_depths import (
    features_of,
    keypoint_depths,
    KeypointDepths,
)

MILLIMETRES = 1000.0
ITERATIONS = 20


def scale_from_stereo(keyframes: Sequence[Keyframes], camera: Camera,
                      options: DepthOptions = DEFAULT_DEPTH) -> ScaleEstimate:
    """
    Compare the disparities of a stereo pair with depths of the reconstruction.

    A disparity is baseline / depth, in normalised image coordinates, with an error that is alike
    near and far: so units per metre is the slope of a line through zero, and far landmarks do
    not bias it. The right camera stands along x of the left one and looks the same way.

    :raises InputError: when no walk has right images and a baseline, or too few landmarks match.
    """
    walks = [k for k in keyframes if k.walk.stereo_baseline_m]
    if not walks:
        raise InputError('--scale-from stereo needs right images and their baseline (P of the '
                         f'right camera_info). Received: {len(keyframes)} walks without')
    parts = []
    for k in walks:
        baseline_m = k.walk.stereo_baseline_m or 0.0
        for found in keypoint_depths([k], camera, 'right', options):
            disparities, depths = _disparities(found, camera, options)
            parts.append(np.column_stack([baseline_m / depths, disparities]))
    rows = _enough(parts, ScaleSource.STEREO, options)
    slope, sigma = _slope(parts)
    return ScaleEstimate(
        1 / slope, sigma, ScaleSource.STEREO,
        f'{len(rows)} landmarks in {len(parts)} pairs; an error of the baseline cannot be seen')


def _disparities(found: KeypointDepths, camera: Camera,
                 options: DepthOptions) -> tuple[Floats, Floats]:
    """Return disparities (K,), normalised, of keypoints matched right, and their depths, units."""
    assert found.image.right is not None
    right = features_of(read_image(found.image.right), camera)
    left = unit_rows(found.features.descriptors[found.indices])
    here, there = match_mutual(left, unit_rows(right.descriptors), options.max_ratio)
    shift = found.points_normalized[here] - right.points_normalized[there]
    good = np.abs(shift[:, 1]) * camera.fy < options.max_epipolar_px
    good &= shift[:, 0] * camera.fx > options.min_disparity_px
    return shift[good, 0], found.depths[here[good]]


def _slope(parts: Sequence[Floats]) -> tuple[float, float]:
    """
    Fit y = slope x robustly to the rows (x, y) of each image.

    :returns: slope, and its relative standard error, of images that err each as a whole.
    """
    x, y = np.concatenate(parts).T
    slope = float(np.median(y / x))
    weights = np.ones(len(x))
    for _ in range(ITERATIONS):
        residuals = y - slope * x
        weights = huber_weights(residuals, sigma_of(residuals))
        slope = float((weights * x) @ y / ((weights * x) @ x))
    total = float((weights * x) @ x)
    scores, start = [], 0
    for part in parts:
        chosen = slice(start, start := start + len(part))
        scores.append(float((weights * x)[chosen] @ (y - slope * x)[chosen]))
    return slope, float(np.sqrt(np.sum(np.square(scores)))) / total / slope


def scale_from_depth(keyframes: Sequence[Keyframes], camera: Camera,
                     options: DepthOptions = DEFAULT_DEPTH) -> ScaleEstimate:
    """
    Compare depth images with depths of the reconstruction, at keypoints.

    :raises InputError: when no walk has depth images, or too few keypoints have a depth.
    """
    if not any(image.depth for k in keyframes for image in k.images):
        raise InputError('--scale-from depth needs depth images. Received: '
                         f'{len(keyframes)} walks without')
    parts = [_log_ratios(found, camera, options)
             for found in keypoint_depths(keyframes, camera, 'depth', options)]
    rows = _enough(parts, ScaleSource.DEPTH, options)
    usable = [part for part in parts if len(part) >= 3]
    medians = np.array([np.median(part) for part in usable])
    counts = np.array([len(part) for part in usable], np.float64)
    if len(usable) < 2:
        raise InputError('--scale-from depth needs keypoints with a depth in two images. '
                         f'Received: {len(usable)}')
    mean, sigma = robust_mean(medians, counts)
    return ScaleEstimate(float(np.exp(mean)), sigma, ScaleSource.DEPTH,
                         f'{len(rows)} keypoints in {len(usable)} images; a constant error of the '
                         'depth camera cannot be seen')


def _log_ratios(found: KeypointDepths, camera: Camera, options: DepthOptions) -> Floats:
    """Return log(metres / units) of the keypoints (K,) of an image that have a metric depth."""
    assert found.image.depth is not None
    depth = read_depth(found.image.depth)
    height, width = depth.shape
    points = found.points_normalized
    pixels = camera.scaled(width, height).project(np.column_stack([points, np.ones(len(points))]))
    columns, rows = np.round(np.nan_to_num(pixels, nan=-1)).astype(int).T
    inside = (columns >= 1) & (rows >= 1) & (columns < width - 1) & (rows < height - 1)
    columns, rows = columns[inside], rows[inside]
    around = np.stack([depth[rows + y, columns + x] for y in (-1, 0, 1) for x in (-1, 0, 1)])
    metres = np.median(around, axis=0) / MILLIMETRES  # of edges the one side, not between
    good = (around.min(0) > 0) & (metres > options.min_depth_m) & (metres < options.max_depth_m)
    good &= around.max(0) < 1.1 * around.min(0)  # at an edge the keypoint may be of either side
    return np.asarray(np.log(metres[good] / found.depths[inside][good]))


def _enough(parts: Sequence[Floats], source: ScaleSource, options: DepthOptions) -> Floats:
    """Return all rows; raise InputError where they are too few."""
    rows = np.concatenate(parts) if parts else np.empty(0)
    if len(rows) < options.min_landmarks:
        raise InputError(f'--scale-from {source.value} needs {options.min_landmarks} landmarks '
                         f'with a depth. Received: {len(rows)}, in {len(parts)} images')
    return rows
