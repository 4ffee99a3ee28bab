"""Choose the one camera of all walks: the given one, EXIF's, or a first guess."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.imaging.files import image_size
from posenet_ros.training.data.walk import Walk
from posenet_ros.training.sfm.cameras import CameraSource, InitialCamera
from posenet_ros.training.sfm.images.exif import Exif
from posenet_ros.training.sfm.options import MappingOptions

APART = 'one camera at a time: map its images apart'


def choose_camera(walks: Sequence[Walk], exif: dict[Path, Exif],
                  options: MappingOptions) -> InitialCamera:
    """
    Choose the camera of all images.

    :param exif: of each image's file.
    :raises InputError: when images have several sizes, or cameras differ.
    """
    size = _common_size(walks)
    given = _given_camera(walks)
    if given is not None:
        if given.size != size:
            raise InputError(f'the images have to be {given.width}x{given.height}, as their '
                             f'camera. Received: {size[0]}x{size[1]}')
        return InitialCamera(given, CameraSource.GIVEN)
    focal = _exif_focal(walks, exif, size, options)
    source = CameraSource.EXIF if focal else CameraSource.ESTIMATED
    focal = focal or options.focal_by_size * max(size)
    width, height = size
    return InitialCamera(
        Camera(width, height, focal, focal, (width - 1) / 2, (height - 1) / 2), source)


def _common_size(walks: Sequence[Walk]) -> tuple[int, int]:
    first, size = '', (0, 0)
    for walk in walks:
        for image in walk.images:
            found = image_size(image.path)
            if first and found != size:
                raise InputError(
                    f'all images have to be of one size: {first} is {size[0]}x{size[1]}. '
                    f'Received: {image.name}, {found[0]}x{found[1]}; {APART}')
            first, size = first or image.name, found
    return size


def _given_camera(walks: Sequence[Walk]) -> Camera | None:
    given = [walk for walk in walks if walk.camera is not None]
    for walk in given[1:]:
        if walk.camera != given[0].camera:
            raise InputError(
                f'all walks have to have one camera: {given[0].name} has {given[0].camera}. '
                f'Received: {walk.name} with {walk.camera}; {APART}')
    return given[0].camera if given else None


def _exif_focal(walks: Sequence[Walk], exif: dict[Path, Exif], size: tuple[int, int],
                options: MappingOptions) -> float | None:
    """Return the focal length that most images say, pixels; None where most say nothing."""
    said = [(image.name, focal) for walk in walks for image in walk.images
            if (focal := exif[image.path].focal_px(*size))]
    if 2 * len(said) < sum(len(walk.images) for walk in walks):
        return None
    focal = float(np.median([value for _, value in said]))
    for name, value in said:
        if abs(value / focal - 1) > options.max_focal_difference:
            raise InputError(
                f'all images have to have one focal length: by EXIF most have {focal:.0f} px. '
                f'Received: {name} with {value:.0f} px; {APART}, and do not zoom')
    return focal
