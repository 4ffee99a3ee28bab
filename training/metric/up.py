"""Which way is up in a reconstruction: by gravity, the path, or the way the images are held."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.errors import InputError
from posenet_ros.geometry.lie import angle_between_rad
from posenet_ros.training.metric.keyframes import Keyframes
from posenet_ros.training.metric.options import DEFAULT_UP, UpOptions
from posenet_ros.training.metric.results import UpEstimate
from posenet_ros.training.metric.robust import flatness
from posenet_ros.training.metric.sources.inertial import align_inertial


def estimate_up(keyframes: Sequence[Keyframes], options: UpOptions = DEFAULT_UP) -> UpEstimate:
    """
    Estimate up by the first that can tell: inertial unit, plane of the path, images.

    :returns: the estimate; its note says why those before it could not tell.
    :raises InputError: when there is no image.
    """
    reasons: list[str] = []
    ways: tuple[Callable[[], UpEstimate], ...] = (
        lambda: align_inertial(keyframes).up(), lambda: up_from_path(keyframes, options))
    if not any(k.walk.imu for k in keyframes):
        ways = ways[1:]
    for way in ways:
        try:
            found = way()
        except InputError as error:
            reasons.append(str(error))
            continue
        return _with_reasons(found, reasons)
    return _with_reasons(up_from_images(keyframes, options), reasons)


def _with_reasons(found: UpEstimate, reasons: Sequence[str]) -> UpEstimate:
    note = '; '.join(filter(None, (found.note, *reasons)))
    return UpEstimate(found.direction, found.sigma_deg, found.source, note)


def up_from_path(keyframes: Sequence[Keyframes], options: UpOptions = DEFAULT_UP) -> UpEstimate:
    """
    Take the normal of the plane through the cameras' positions: right on level ground.

    :raises InputError: when the path is a line, is not level in itself, or is steep as the images
        are held.
    """
    walks = [k.positions - k.positions.mean(0) for k in keyframes if len(k) > 2]
    if not walks:
        raise InputError('the plane of a path needs three images. Received: '
                         f'{sum(map(len, keyframes))}')
    positions = np.concatenate(walks)  # each about its mean: people hold cameras at any height
    second, third = flatness(positions)
    if second < options.min_flatness:
        raise InputError('the plane of a path needs a path that turns. Received: a line, '
                         f'{second:.2g} as wide as long')
    if third > options.max_thickness * second:
        raise InputError('the plane of a path needs level ground. Received: a path '
                         f'{third / second:.2g} as high as wide')
    held = _images_up(np.concatenate([k.rotations for k in keyframes if len(k)]))
    direction = _normal(positions, held)
    steep = float(np.degrees(angle_between_rad(direction, held)))
    if steep > options.max_steepness_deg:
        raise InputError('the plane of a path needs level ground. Received: a plane of '
                         f"{steep:.0f} deg to the images' horizon")
    sigma = _jackknife(positions, lambda part: _normal(part, held), options.blocks)
    return UpEstimate(direction, float(np.hypot(sigma, options.ground_sigma_deg)), 'path',
                      'the ground is taken to be level')


def _normal(positions: Floats, up: Floats) -> Floats:
    """Return the normal (3,) of the plane through positions (N, 3), on the side of `up`."""
    normal = np.linalg.svd(positions - positions.mean(0), full_matrices=False)[2][2]
    return np.asarray(normal if normal @ up > 0 else -normal)


def up_from_images(keyframes: Sequence[Keyframes], options: UpOptions = DEFAULT_UP) -> UpEstimate:
    """
    Take what is most upright for all images: their right axes are level on average.

    The axis to which the x axes of the cameras are most perpendicular (Brown and Lowe 2007,
    section 5): cameras may look up or down. Where all look one way, their mean up instead.

    :raises InputError: when there is no image.
    """
    rotations = np.concatenate([k.rotations for k in keyframes])
    if not len(rotations):
        raise InputError('up needs an image with a pose. Received: none')
    turning = np.linalg.eigvalsh(np.einsum('ni,nj->ij', *[rotations[:, :, 0]] * 2))
    if turning[1] < options.min_turning * turning[2]:
        return UpEstimate(_mean_up(rotations), options.pitch_sigma_deg, 'images',
                          'their mean up, as all look one way: a camera held at a slant tilts '
                          'the map')
    sigma = _jackknife(rotations, _images_up, options.blocks)
    return UpEstimate(_images_up(rotations), float(np.hypot(sigma, options.images_sigma_deg)),
                      'images', 'they are taken to be held upright on average')


def _mean_up(rotations: Floats) -> Floats:
    mean = -rotations[:, :, 1].mean(0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-12))


def _images_up(rotations: Floats) -> Floats:
    """Return the upright axis (3,) of images (N, 3, 3), or their mean up where it is unclear."""
    mean = _mean_up(rotations)
    across = rotations[:, :, 0]
    values, vectors = np.linalg.eigh(across.T @ across)
    if values[1] < DEFAULT_UP.min_turning * values[2]:
        return mean
    axis = vectors[:, 0]
    return np.asarray(axis if axis @ mean > 0 else -axis)


def _jackknife(rows: Floats, direction: Callable[[Floats], Floats], blocks: int) -> float:
    """
    Return the standard error of a direction, degrees: each block of the path left out once.

    Blocks, as neighbouring images err alike (Künsch 1989).
    """
    blocks = min(blocks, len(rows))
    label = np.arange(len(rows)) * blocks // len(rows)
    found = np.array([direction(rows[label != block]) for block in range(blocks)])
    spread = np.sum((found - found.mean(0)) ** 2) * (blocks - 1) / blocks
    return float(np.degrees(np.sqrt(spread)))
