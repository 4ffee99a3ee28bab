"""Turn images upright that a phone stored turned, as their EXIF orientation says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from posenet_ros.arrays import AnyArray
from posenet_ros.imaging.files import image_size, read_image
from posenet_ros.training.data.exif import UPRIGHT
from posenet_ros.training.data.walk import Walk, WalkImage
from posenet_ros.training.sfm.images.exif import Exif
from posenet_ros.training.sfm.work_folder import write_whole
from posenet_ros.utils.parallel import ordered_map
from posenet_ros.utils.progress import progress

JPEG_QUALITY = 95
# of each orientation: number of quarter turns to the left, and whether to mirror afterwards
TURNS = {1: (0, False), 2: (0, True), 3: (2, False), 4: (2, True),
         5: (3, True), 6: (3, False), 7: (1, True), 8: (1, False)}


def turn_upright(image: AnyArray, orientation: int) -> AnyArray:
    """Turn the pixels (H, W, 3) of an image as its EXIF orientation says."""
    turns, mirrored = TURNS[orientation]
    turned = np.rot90(image, turns)
    return np.ascontiguousarray(turned[:, ::-1] if mirrored else turned)


def turn_images(walks: Sequence[Walk], exif: dict[Path, Exif], folder: Path,
                threads: int) -> tuple[dict[str, Path], str]:
    """
    Write upright copies of the images whose EXIF says that they were stored turned.

    Images stay as they are stored where the walk's camera has their stored size, or where the
    copies would differ in their turn: a camera that was turned on the way is one camera still.

    :param folder: where to write the copies.
    :returns: the copy of each image that was turned, and a line that says it; '' for none.
    """
    turned = [image for walk in walks for image in walk.images
              if exif[image.path].orientation != UPRIGHT]
    if not turned:
        return {}, ''
    kinds = {exif[image.path].orientation for walk in walks for image in walk.images}
    stored = image_size(turned[0].path)
    if len(kinds) > 1 or any(walk.camera and walk.camera.size == stored for walk in walks):
        return {}, (f'{len(turned)} images are turned by EXIF: used as they are stored, for the '
                    'camera is that of the stored pixels')
    copies = {image.name: folder / f'{i:06}.jpg' for i, image in enumerate(turned)}

    def write(image: WalkImage) -> None:
        _write_upright(image.path, exif[image.path].orientation, copies[image.name])

    for _ in progress(ordered_map(write, turned, threads), len(turned), 'image', 'turn upright'):
        pass
    return copies, f'{len(turned)} images were turned upright, as EXIF says'


def _write_upright(path: Path, orientation: int, copy: Path) -> None:
    """
    Write a copy of an image, unless an earlier run has.

    :raises OSError: when the disk is full.
    """
    if copy.exists():
        return
    pixels = turn_upright(read_image(path), orientation)[:, :, ::-1]
    done, file = cv2.imencode('.jpg', pixels, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    assert done
    with write_whole(copy) as new:
        new.write_bytes(file.tobytes())


def with_copies(walk: Walk, copies: dict[str, Path]) -> Walk:
    """Return a walk whose images are the copies, where there are any."""
    return replace(walk, images=tuple(
        replace(image, path=copies.get(image.name, image.path)) for image in walk.images))
