"""Images to localise, as they are, corrupted, or as another camera would see them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
import math
from pathlib import Path
import zlib

import cv2
import numpy as np
from posenet_ros.arrays import RgbImage
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.pose import Pose
from posenet_ros.imaging.files import read_image
from posenet_ros.training.data.corruptions import corrupted
from posenet_ros.training.data.datasets import Dataset
from posenet_ros.training.scene.copies import COPIES_FILE

WIDESCREEN = 16 / 9
COPY_DISTANCE = 8  # column of a line of copies
Read = Callable[[], RgbImage]


@dataclass(frozen=True, eq=False)
class Query:
    """
    An image to localise.

    :param name: within its dataset.
    :param read: returns the image, (H, W, 3) RGB of 8 bits; can be pickled.
    :param camera: of the image.
    :param truth: map_from_camera; None for an image of another place.
    :param copy_m: distance to the nearest other pose that looks the same, metres, as far as the
        dataset tells; infinite where there is none.
    """

    name: str
    read: Read
    camera: Camera
    truth: Pose | None
    copy_m: float = math.inf

    def rng(self, seed: int) -> np.random.Generator:
        """Return random numbers of this image alone."""
        return np.random.default_rng([seed, zlib.crc32(self.name.encode())])


def dataset_queries(dataset: Dataset, *, known: bool = True,
                    copies_m: Mapping[str, float] | None = None) -> list[Query]:
    """
    Return the images of a dataset.

    :param known: False for a dataset of another place.
    :param copies_m: of images that have copies, the distance to the nearest.
    """
    copies_m = copies_m or {}
    return [Query(sample.name, partial(read_image, sample.path), dataset.camera,
                  sample.map_from_camera if known else None,
                  copies_m.get(sample.name, math.inf)) for sample in dataset.samples]


def read_copies(data: Path) -> dict[str, float]:
    """Return the distance of each image's nearest copy, metres, where a dataset tells of any."""
    file = data / COPIES_FILE
    found: dict[str, float] = {}
    for line in file.read_text().splitlines() if file.is_file() else ():
        if line and not line.startswith('#'):
            fields = line.split()
            found[fields[0]] = min(float(fields[COPY_DISTANCE]), found.get(fields[0], math.inf))
    return found


def choose_evenly(queries: Sequence[Query], most: int | None) -> list[Query]:
    """Choose at most so many queries, evenly; None keeps all."""
    count = min(most or len(queries), len(queries))
    return [queries[i] for i in np.linspace(0, len(queries) - 1, count).round().astype(int)]


def corrupted_query(query: Query, name: str, severity: int) -> Query:
    """Return a query whose image is corrupted (ImageNet-C), always in the same way."""
    seed = zlib.crc32(query.name.encode())
    return replace(query, read=partial(_read_corrupted, query.read, name, severity, seed))


def _read_corrupted(read: Read, name: str, severity: int, seed: int) -> RgbImage:
    return corrupted(read(), name, severity, seed)


def turned_query(query: Query) -> Query:
    """Turn a query's image by 90 degrees, as of a camera that was turned clockwise."""
    old, truth = query.camera, query.truth
    camera = replace(old, width=old.height, height=old.width, fx=old.fy, fy=old.fx,
                     cx=old.cy, cy=old.width - 1 - old.cx)
    old_from_new = Pose.from_rotation(np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]), (0, 0, 0))
    return replace(query, camera=camera, truth=truth and truth @ old_from_new,
                   read=partial(_read_turned, query.read))


def _read_turned(read: Read) -> RgbImage:
    return np.ascontiguousarray(np.rot90(read()))


def widescreen_query(query: Query) -> Query:
    """Crop a query's image to 16:9, the middle of its height."""
    height = min(round(query.camera.width / WIDESCREEN), query.camera.height)
    top = (query.camera.height - height) // 2
    return replace(query, camera=query.camera.cropped(0, top, query.camera.width, height),
                   read=partial(_read_rows, query.read, top, top + height))


def _read_rows(read: Read, first: int, end: int) -> RgbImage:
    return read()[first:end]


def halved_query(query: Query) -> Query:
    """Reduce a query's image to half its size."""
    size = query.camera.width // 2, query.camera.height // 2
    return replace(query, camera=query.camera.scaled(*size),
                   read=partial(_read_resized, query.read, size))


def _read_resized(read: Read, size: tuple[int, int]) -> RgbImage:
    return np.asarray(cv2.resize(read(), size, interpolation=cv2.INTER_AREA), np.uint8)
