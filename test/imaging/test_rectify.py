"""Warping an image into another camera."""

from __future__ import annotations

from dataclasses import replace

import cv2
from helpers import CAMERA, scene
import numpy as np
from posenet_ros.geometry.distortion import EQUIDISTANT
from posenet_ros.imaging.rectify import remap_maps, warp_image

FISHEYE = replace(
    CAMERA, fx=25.0, fy=25.0, distortion=(-0.02, 0.01, 0.0, 0.0), distortion_model=EQUIDISTANT)
FOLDING = replace(CAMERA, fx=30.0, fy=30.0, distortion=(-0.4, 0.0, 0.0, 0.0))  # up to 42 degrees


def test_a_fisheye_is_undistorted_as_opencv_does_it() -> None:
    maps = cv2.fisheye.initUndistortRectifyMap(
        FISHEYE.matrix, np.array(FISHEYE.distortion), np.eye(3), CAMERA.matrix, CAMERA.size,
        cv2.CV_16SC2)
    image = scene(size=FISHEYE.size)
    expected = cv2.remap(image, *maps, cv2.INTER_LINEAR).astype(int)
    assert np.abs(warp_image(image, FISHEYE, CAMERA) - expected).max() <= 8


def test_where_the_lens_does_not_see_it_is_black() -> None:
    wide = replace(CAMERA, fx=20.0, fy=20.0)
    white = np.full((CAMERA.height, CAMERA.width, 3), 255, np.uint8)
    seen = warp_image(white, FOLDING, wide)
    angles = np.arctan(np.hypot(*np.meshgrid(
        (np.arange(64) - CAMERA.cx) / 20, (np.arange(48) - CAMERA.cy) / 20)))
    assert (seen[angles < np.radians(35)] == 255).all()
    assert (seen[angles > np.radians(45)] == 0).all()


def test_the_maps_of_a_frame_are_made_once() -> None:
    assert remap_maps(FISHEYE, CAMERA) is remap_maps(FISHEYE, CAMERA)
