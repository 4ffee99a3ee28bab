"""The camera of all walks: given, from EXIF or unknown; and as COLMAP has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, unique
from typing import Any

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.distortion import EQUIDISTANT
from posenet_ros.training.sfm.library import load_pycolmap

HALF = 0.5  # pixel: COLMAP's pixel centres are at .5, ours at integers
COEFFICIENTS = 8  # that FULL_OPENCV has; cameras with more are undistorted before


@unique
class CameraSource(Enum):
    """Where the camera comes from; the value is the printed word."""

    GIVEN = 'given'
    EXIF = 'EXIF'
    ESTIMATED = 'estimated'


@dataclass(frozen=True)
class InitialCamera:
    """A camera and where it comes from; one that is not given is refined."""

    camera: Camera
    source: CameraSource

    @property
    def is_known(self) -> bool:
        """Whether its intrinsics are kept as they are."""
        return self.source is CameraSource.GIVEN


def colmap_model(initial: InitialCamera) -> tuple[str, list[float]]:
    """Return COLMAP's name of the model of a camera, and its parameters."""
    camera = initial.camera
    centre = [camera.cx + HALF, camera.cy + HALF]
    if not initial.is_known:
        return 'SIMPLE_RADIAL', [camera.fx, *centre, *(camera.distortion[:1] or [0.0])]
    pinhole = [camera.fx, camera.fy, *centre]
    if camera.distortion_model == EQUIDISTANT:
        return 'OPENCV_FISHEYE', [*pinhole, *camera.distortion]
    if not camera.distortion or len(camera.distortion) > COEFFICIENTS:
        return 'PINHOLE', pinhole
    if len(camera.distortion) == 4:
        return 'OPENCV', [*pinhole, *camera.distortion]
    zeros = [0.0] * (COEFFICIENTS - len(camera.distortion))
    return 'FULL_OPENCV', [*pinhole, *camera.distortion, *zeros]


def colmap_camera(initial: InitialCamera, camera_id: int = 1) -> Any:  # noqa: ANN401 - pycolmap's
    """Make COLMAP's camera of ours."""
    model, parameters = colmap_model(initial)
    return load_pycolmap().Camera(
        camera_id=camera_id, model=model, width=initial.camera.width,
        height=initial.camera.height, params=parameters,
        has_prior_focal_length=initial.source is not CameraSource.ESTIMATED)


def refined_camera(initial: InitialCamera, parameters: Sequence[float]) -> Camera:
    """
    Return the camera after the reconstruction.

    :param parameters: of COLMAP's model.
    """
    if initial.is_known:
        return initial.camera
    focal, x, y, radial = map(float, parameters)
    distortion = (radial, 0.0, 0.0, 0.0) if radial else ()
    return Camera(initial.camera.width, initial.camera.height, focal, focal, x - HALF, y - HALF,
                  distortion)


def colmap_keypoints(initial: InitialCamera, keypoints: Floats) -> Floats:
    """
    Convert keypoints to COLMAP's pixels; undistort them where it lacks the distortion's model.

    :param keypoints: (K, 2) pixels.
    :returns: (K, 2) pixels; far outside the image where no ray arrives.
    """
    camera = initial.camera
    points = np.asarray(keypoints, np.float64)
    if initial.is_known and len(camera.distortion) > COEFFICIENTS:
        rays = camera.undistort_points(points)
        points = rays * (camera.fx, camera.fy) + (camera.cx, camera.cy)
        points = np.nan_to_num(points, nan=-1e6)
    return points + HALF
