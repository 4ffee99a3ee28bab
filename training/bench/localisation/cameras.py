"""A synthetic scene's test walk as other cameras see it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache, partial
import math
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import RgbImage
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.distortion import EQUIDISTANT
from posenet_ros.training.bench.localisation.queries import (
    choose_evenly,
    halved_query,
    Query,
    turned_query,
    widescreen_query,
)
from posenet_ros.training.scene.catalogue import make_place
from posenet_ros.training.scene.dataset import frame_name
from posenet_ros.training.scene.sensors.files import SCENE_FILE
from posenet_ros.training.scene.sequence import SequenceRenderer
from posenet_ros.training.scene.settings import Settings
from posenet_ros.utils.files.typed_json import read_mapping
from posenet_ros.utils.settings.schema import from_mapping

Map = NDArray[np.float32]
IMAGES = 40  # of each camera, evenly
FISHEYE_DEG = 110.0  # angle of view along the width
ZOOMS = 1.33, 2.0
SCENE_KEYS = 'frames', 'width', 'height', 'seed', 'place', 'test_frames'


def camera_queries(data: Path, queries: list[Query]) -> Iterator[tuple[str, list[Query]]]:
    """
    Yield names of cameras, each with some images as that camera sees them.

    :param data: folder of the dataset; a synthetic scene is rendered anew for further cameras.
    """
    some = choose_evenly(queries, IMAGES)
    yield 'turned by 90 deg', [turned_query(query) for query in some]
    yield 'cropped to 16:9', [widescreen_query(query) for query in some]
    yield 'half the size', [halved_query(query) for query in some]
    if (data / SCENE_FILE).is_file():
        yield from _rendered(data, some)


def read_settings(data: Path) -> Settings:
    """
    Read the settings of a synthetic scene.

    :raises InputError: when the folder is none.
    """
    file = data / SCENE_FILE
    if not file.is_file():
        raise InputError('--tracked needs a synthetic scene, whose walk is rendered at 30 Hz: '
                         f'render one by posenet scene. Received: {data} without {SCENE_FILE}')
    scene = read_mapping(file)
    return from_mapping(
        Settings, {name: scene[name] for name in SCENE_KEYS if name in scene}, str(file))


def _rendered(data: Path, queries: list[Query]) -> Iterator[tuple[str, list[Query]]]:
    settings = read_settings(data)
    for zoom in ZOOMS:
        camera = replace(settings.camera, fx=zoom * settings.camera.fx,
                         fy=zoom * settings.camera.fy)
        yield f'{zoom:g} x the focal length', rendered_queries(settings, queries, camera)
    yield f'fisheye, {FISHEYE_DEG:g} deg', rendered_queries(
        settings, queries, fisheye(settings.camera))


def fisheye(camera: Camera) -> Camera:
    """Return an equidistant fisheye camera for images of the same size."""
    focal = camera.width / math.radians(FISHEYE_DEG)
    return replace(camera, fx=focal, fy=focal, distortion=(0.0,) * 4,
                   distortion_model=EQUIDISTANT)


def rendered_queries(settings: Settings, queries: list[Query], camera: Camera) -> list[Query]:
    """
    Return images of the scene as another camera sees them, rendered when they are read.

    :param queries: images of the scene, of any of its walks.
    """
    return [replace(query, camera=camera, read=partial(_rendered_image, settings, camera,
                                                       query.name)) for query in queries]


def _rendered_image(settings: Settings, camera: Camera, name: str) -> RgbImage:
    return _renderer(settings, camera).image(name)


@lru_cache(maxsize=1)
def _renderer(settings: Settings, camera: Camera) -> _Renderer:
    """Return what renders images of a camera: of the last camera in each process."""
    return _Renderer(settings, camera)


class _Renderer:
    """Renders the images of a scene's walks as another camera sees them."""

    def __init__(self, settings: Settings, camera: Camera) -> None:
        self._pinhole, self._maps = pinhole_below(camera)
        place = make_place(settings)
        self._sites, self._seed = place.build(), settings.seed
        self._frames = {frame_name(walk, i): (walk, i)
                        for walk in place.walks for i in range(walk.frames)}
        self._renderers: dict[str, SequenceRenderer] = {}

    def image(self, name: str) -> RgbImage:
        """Render an image by its name."""
        walk, index = self._frames[name]
        if walk.name not in self._renderers:
            self._renderers[walk.name] = SequenceRenderer(
                self._sites[walk.area.site], walk, self._pinhole, self._seed)
        image = np.ascontiguousarray(self._renderers[walk.name].image(index)[..., ::-1])
        return image if self._maps is None else np.asarray(
            cv2.remap(image, *self._maps, cv2.INTER_LINEAR), np.uint8)


def pinhole_below(camera: Camera) -> tuple[Camera, tuple[Map, Map] | None]:
    """
    Return the pinhole camera that sees all that a camera does, as finely in the middle.

    :returns: the pinhole camera; and where each pixel of the camera is in its image, (H, W)
        columns and rows; None where the two cameras are the same.
    """
    if not camera.distortion:
        return camera, None
    y, x = np.indices((camera.height, camera.width)).reshape(2, -1)
    points = camera.undistort_points(np.column_stack([x, y]))
    reach = np.ceil(np.nanmax(np.abs(points), axis=0) * (camera.fx, camera.fy)).astype(int)
    width, height = (2 * reach + 1).tolist()
    pinhole = Camera(width, height, camera.fx, camera.fy, *reach.astype(float).tolist())
    pixels = points * (pinhole.fx, pinhole.fy) + (pinhole.cx, pinhole.cy)
    columns, rows = np.nan_to_num(pixels, nan=-10.0).astype(np.float32).T.reshape(
        2, camera.height, camera.width)  # outside of the image: black
    return pinhole, (columns, rows)
