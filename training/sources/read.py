"""Read walks of any source; what an interrupted command has read is not read again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, unique
from functools import partial
from pathlib import Path
import shutil

from posenet_ros.datasets.cameras import camera_in_file
from posenet_ros.errors import InputError, PoseNetError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.camera_text import camera_from_text
from posenet_ros.imaging.files import image_size
from posenet_ros.training.data.walk import Walk
from posenet_ros.training.sources.bags.options import BagOptions
from posenet_ros.training.sources.bags.walk import read_bag
from posenet_ros.training.sources.image_folders import read_image_folders
from posenet_ros.training.sources.names import unique_names
from posenet_ros.training.sources.videos import read_video
from posenet_ros.training.sources.walk_files import load_walk, save_walk

IMAGES_FOLDER, WALKS_FOLDER = 'images', 'walks'


@unique
class SourceKind(Enum):
    """What walks are read from."""

    BAG = 'bag'
    IMAGES = 'images'
    VIDEO = 'video'


@dataclass(frozen=True)
class Source:
    """
    Walks to read.

    :param paths: bags, folders of images or videos: each is a walk at least.
    :param camera: text of `--camera`; None looks for it.
    :param bag: what to read of bags; its camera is `camera`.
    :param every: take each Nth image; None chooses by the kind.
    """

    kind: SourceKind
    paths: tuple[Path, ...]
    camera: str | None = None
    every: int | None = None
    bag: BagOptions = field(default_factory=BagOptions)


def read_walks(source: Source, work: Path) -> list[Walk]:
    """
    Read the walks of a source.

    :param work: folder for images that have no file yet, and for what is to be kept.
    :raises InputError: when a source cannot be used, or the walks have several cameras.
    """
    if source.kind is SourceKind.IMAGES:
        walks = read_image_folders(source.paths, source.every)
    else:
        walks = [_extracted(source, path, name, work)
                 for path, name in zip(source.paths, _names(source), strict=True)]
    return _with_one_camera(walks, source)


def read_each(source: Source, work: Path) -> Iterator[list[Walk] | PoseNetError]:
    """
    Yield the walks of each path of a source, of one camera, or why they cannot be read.

    They are named as by :func:`read_walks`.
    """
    for path, name in zip(source.paths, _names(source), strict=True):
        try:
            if source.kind is SourceKind.IMAGES:
                walks = read_image_folders(
                    [path], source.every, [name if len(source.paths) > 1 else ''])
            else:
                walks = [_extracted(source, path, name, work)]
            yield _with_one_camera(walks, replace(source, paths=(path,)))
        except PoseNetError as error:
            yield error


def _names(source: Source) -> list[str]:
    """Return a name for each path, which its walks begin with where there are several."""
    if source.kind is SourceKind.IMAGES:
        return unique_names(path.resolve().name for path in source.paths)
    return unique_names(path.resolve().stem for path in source.paths)


def _extracted(source: Source, path: Path, name: str, work: Path) -> Walk:
    """Return the walk of a bag or video, whose images are written into the work folder."""
    read: Callable[..., Walk] = partial(read_bag, options=source.bag) if (
        source.kind is SourceKind.BAG) else partial(read_video, every=source.every)
    file = work / WALKS_FOLDER / f'{name}.npz'
    walk = load_walk(file)
    if walk is None:
        shutil.rmtree(work / IMAGES_FOLDER / name, ignore_errors=True)
        walk = read(path, name, work / IMAGES_FOLDER)
        save_walk(walk, file)
    return walk


def _with_one_camera(walks: Sequence[Walk], source: Source) -> list[Walk]:
    """
    Give all walks the camera of the option, of a camera.json or of their own.

    :raises InputError: when cameras differ, or the camera's size is not that of the images.
    """
    sizes = {walk.name: image_size(walk.images[0].path) for walk in walks}
    if len(set(sizes.values())) > 1:
        listed = ', '.join(f'{name} {size[0]}x{size[1]}' for name, size in sizes.items())
        raise InputError(f'all walks have to have images of one size. Received: {listed}; map '
                         'each by itself')
    size = sizes[walks[0].name]
    cameras = {walk.camera for walk in walks if walk.camera}
    if len(cameras) > 1:
        listed = ', '.join(f'{walk.name} {_describe(walk.camera)}' for walk in walks)
        raise InputError(f'all walks have to have one camera. Received: {listed}; give '
                         '--camera, or map each by itself')
    camera = cameras.pop() if cameras else _camera(source, size)
    if camera and camera.size != size:
        raise InputError(f'the camera has to be of the size of the images, {size[0]}x{size[1]}. '
                         f'Received: {camera.width}x{camera.height}')
    return [replace(walk, camera=camera) for walk in walks]


def _camera(source: Source, size: tuple[int, int]) -> Camera | None:
    if source.camera is not None:
        return camera_from_text(source.camera, size)
    found = [camera_in_file(path) for path in source.paths if path.is_dir()]
    return next((camera for camera in found if camera), None)


def _describe(camera: Camera | None) -> str:
    return f'{camera.width}x{camera.height}, fx {camera.fx:.1f} px' if camera else 'unknown'
