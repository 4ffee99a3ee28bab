"""Recognise walks from which nothing can be reconstructed, and say why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.errors import InputError
from posenet_ros.training.data.walk import Walk
from posenet_ros.training.sfm.cameras import InitialCamera
from posenet_ros.training.sfm.correspondences.features import FeatureFiles
from posenet_ros.training.sfm.correspondences.matching import REFERENCE_WIDTH, VerifiedPairs
from posenet_ros.training.sfm.options import MappingOptions
from posenet_ros.training.sfm.reconstruction import Component

MIN_IMAGES = 3
MIN_FEATURES = 50  # of an image that has any texture
ROTATION_ERROR_PX = 1.0  # of images 640 wide: median error of keypoints that only rotated
ROTATING_PAIRS = 0.9  # ratio of pairs: in a walk more of them show a translation
ROTATION_STEPS = 5  # of the reweighted fit of a rotation
PLANAR = 4, 5, 6  # COLMAP's configurations of a pair that a homography explains
FOCAL_LENGTHS = np.geomspace(0.5, 2.0, 13)  # by the longer side, tried for an unknown camera


class NotJoinedError(InputError):
    """
    Walks share no view, so their poses have no common frame.

    :param components: the parts, the largest first.
    """

    def __init__(self, message: str, components: tuple[Component, ...]) -> None:
        super().__init__(message)
        self.components = components


def check_count(names: Sequence[str]) -> None:
    """
    Check that there are enough images.

    :raises InputError: when there are not, or two have one name.
    """
    if len(names) < MIN_IMAGES:
        raise InputError(f'structure from motion needs at least {MIN_IMAGES} images that the '
                         f'camera moved between, better 30. Received: {len(names)}')
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f'the names of images have to differ. Received: {twice} twice')


def check_features(features: FeatureFiles) -> None:
    """
    Check that the images have texture.

    :raises InputError: when most have hardly a feature.
    """
    counts = features.counts()
    poor = int((counts < MIN_FEATURES).sum())
    if 2 * poor > len(counts):
        raise InputError(
            f'the images have to show texture, at least {MIN_FEATURES} features each. Received: '
            f'{poor} of {len(counts)} images with fewer, as of a blank wall or in the dark: walk '
            'further from the walls, with more light')


def check_overlap(verified: VerifiedPairs, count: int) -> None:
    """
    Check that images show the same things.

    :raises InputError: when hardly any two do.
    """
    matched = len(np.unique(verified.pairs))
    if matched < MIN_IMAGES:
        raise InputError(
            f'images that follow each other have to overlap. Received: {count} images, {matched} '
            'of which match any other: record more slowly, two images or more a second')


def rotation_errors(rays: Sequence[tuple[Floats, Floats]]) -> Floats:
    """
    Return how far matches are from a pure rotation, the best one of each pair of images.

    The rotation is that of Kabsch 1976, reweighted for the least sum of distances.

    :param rays: of each of P pairs, (M, 2) normalised image coordinates in either image.
    :returns: (P,) median errors, radians.
    """
    errors = []
    for first, second in rays:
        a, b = (np.column_stack([points, np.ones(len(points))]) for points in (first, second))
        a, b = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (a, b))
        error = np.ones(len(a))
        for _ in range(ROTATION_STEPS):
            u, _, vt = np.linalg.svd((b / np.maximum(error, 1e-9)[:, np.newaxis]).T @ a)
            rotation = u @ np.diag([1.0, 1.0, np.linalg.det(u @ vt)]) @ vt
            error = np.linalg.norm(b - a @ rotation.T, axis=1)
        errors.append(float(np.median(error)))
    return np.array(errors)


def check_translation(verified: VerifiedPairs, features: FeatureFiles,
                      initial: InitialCamera) -> None:
    """
    Check that the camera moved, and did not only turn.

    :raises InputError: when rotations explain the matches of nearly all pairs.
    """
    if not len(verified.pairs):
        return
    chosen = np.unique(np.linspace(0, len(verified.pairs) - 1, 200).astype(int))
    width = initial.camera.width
    limit_px = ROTATION_ERROR_PX * width / REFERENCE_WIDTH
    for focal in _focal_lengths(initial):
        rays = [_rays(verified, int(i), features, initial, focal) for i in chosen]
        errors_px = rotation_errors(rays) * focal
        if np.quantile(errors_px, ROTATING_PAIRS) < limit_px:
            raise InputError(
                'the camera has to move through the place. Received: images between which it '
                'only turned, or stood still: walk, as nothing else shows how far things are')


def _focal_lengths(initial: InitialCamera) -> list[float]:
    if initial.is_known:
        return [initial.camera.fx]
    return [float(ratio * max(initial.camera.size)) for ratio in FOCAL_LENGTHS]


def _rays(verified: VerifiedPairs, index: int, features: FeatureFiles, initial: InitialCamera,
          focal: float) -> tuple[Floats, Floats]:
    camera = initial.camera
    first, second = (
        features.keypoints(int(image))[keypoints].astype(np.float64) for image, keypoints in zip(
            verified.pairs[index], verified.inliers[index].T, strict=True))
    if initial.is_known:
        return camera.undistort_points(first), camera.undistort_points(second)
    centre = camera.cx, camera.cy
    return (first - centre) / focal, (second - centre) / focal


def explain_failure(verified: VerifiedPairs, initial: InitialCamera) -> NoReturn:
    """
    Say why no mapper found two images to start with.

    :raises InputError: always.
    """
    flat = float(np.isin(verified.configurations, PLANAR).mean())
    if flat > 0.5 and not initial.is_known:
        raise InputError(
            'without --camera the images have to show more than one flat surface. Received: '
            f'{flat:.0%} of the pairs of images with a plane: give --camera, or record the room')
    raise InputError(
        'the camera has to move sideways between images that overlap. Received: '
        f'{len(verified.pairs)} pairs that match, none of which determines distances: record a '
        'longer walk' + ('' if initial.is_known else ', or give --camera'))


def check_joined(components: tuple[Component, ...], walks: Sequence[Walk],
                 kept: NDArray[np.intp], options: MappingOptions) -> None:
    """
    Check that all walks are in the largest component.

    :param components: the largest first.
    :param kept: number of keyframes of each walk.
    :raises NotJoinedError: when a walk has most of its images elsewhere.
    """
    largest = components[0]
    main = max(largest.walks, key=lambda name: largest.walks[name])
    for walk, count in zip(walks, kept, strict=True):
        if largest.walks.get(walk.name, 0) >= options.min_joined * count:
            continue
        apart = [c for c in components[1:] if walk.name in c.walks
                 and len(c.names) >= options.min_component]
        if not apart:
            continue
        _check_focal_lengths(largest, apart[0], walk.name, main, options, components)
        where = f'{walk.name} shares no view with {main}'
        if walk.name in largest.walks:
            where = f'{walk.name} falls apart into parts that share no view'
        raise NotJoinedError(
            f'the walks have to join. Received: {where} ({len(largest.names)} and '
            f'{len(apart[0].names)} images): record ten seconds of overlap, or --largest keeps '
            'the largest part', components)


def _check_focal_lengths(largest: Component, apart: Component, walk: str, main: str,
                         options: MappingOptions, components: tuple[Component, ...]) -> None:
    ratio = apart.camera.fx / largest.camera.fx
    if abs(ratio - 1) > options.max_focal_difference:
        raise NotJoinedError(
            f'all walks have to have one camera: {main} has a focal length of '
            f'{largest.camera.fx:.0f} px. Received: {walk} with {apart.camera.fx:.0f} px; map '
            'its images apart, and do not zoom', components)
