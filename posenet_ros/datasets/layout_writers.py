"""
Write data sets in the layouts of others.

Forms without splits get a folder for each split, where there are several.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
import os
from pathlib import Path
import shutil

import cv2
import numpy as np
from posenet_ros.datasets.cameras import write_camera
from posenet_ros.datasets.colmap_export import (
    model_of_camera,
    PosedImage,
    SparsePoints,
    write_colmap,
)
from posenet_ros.datasets.nerfstudio import TRANSFORMS_FILE, write_transforms
from posenet_ros.datasets.poses.forms import Format
from posenet_ros.datasets.poses.writers import (
    format_seconds,
    NamedPose,
    required_stamp_ns,
    write_poses,
)
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.distortion import EQUIDISTANT

IDENTITY = ('T_BS:\n  cols: 4\n  rows: 4\n'
            '  data: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]\n')


@dataclass(frozen=True, eq=False)
class SourceImage:
    """
    An image to write.

    :param path: of its file.
    :param sequence: name of its walk.
    """

    path: Path
    sequence: str
    row: NamedPose


Images = Sequence[SourceImage]


def link_image(source: Path, target: Path) -> None:
    """Link an image to another place, or copy it where that is not possible."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source.resolve(), target)
    except OSError:
        shutil.copyfile(source, target)


def _as_png(source: Path, target: Path) -> None:
    """Link an image that is PNG, and convert another."""
    if source.suffix.lower() == '.png':
        link_image(source, target)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    pixels = cv2.imread(str(source), cv2.IMREAD_COLOR)
    if pixels is None or not cv2.imwrite(str(target), pixels):
        raise InputError(f'{source}: expected an image that can be converted to PNG')


def _cambridge(folder: Path, splits: dict[str, Images], camera: Camera) -> None:
    for split, images in splits.items():
        for image in images:
            link_image(image.path, folder / image.row.name)
        write_poses(folder / f'dataset_{split}.txt', Format.CAMBRIDGE,
                    [image.row for image in images])
    write_camera(folder, camera)


def _seven_scenes(folder: Path, splits: dict[str, Images], camera: Camera) -> None:
    """Write a sequence for each walk of each split, numbered from 1."""
    number = 0
    for split, images in splits.items():
        walks: dict[str, list[SourceImage]] = {}
        for image in images:
            walks.setdefault(image.sequence, []).append(image)
        lines = []
        for walk in walks.values():
            number += 1
            lines.append(f'sequence{number}\n')
            for index, image in enumerate(walk):
                stem = f'seq-{number:02d}/frame-{index:06d}'
                _as_png(image.path, folder / f'{stem}.color.png')
                np.savetxt(folder / f'{stem}.pose.txt', image.row.pose.matrix, '%.17g',
                           delimiter='\t')
        (folder / f'{split.capitalize()}Split.txt').write_text(''.join(lines))
    write_camera(folder, camera)


def _hloc(folder: Path, splits: dict[str, Images], camera: Camera) -> None:
    """Write hloc's results and lists of queries with intrinsics beside the images."""
    model, parameters = model_of_camera(camera)
    intrinsics = ' '.join(map(str, (model, camera.width, camera.height, *parameters)))
    for split, images in splits.items():
        for image in images:
            link_image(image.path, folder / 'images' / image.row.name)
        write_poses(folder / f'poses_{split}.txt', Format.HLOC, [image.row for image in images])
        (folder / f'queries_{split}_with_intrinsics.txt').write_text(''.join(
            f'{image.row.name} {intrinsics}\n' for image in images), encoding='utf-8')


def _tum(folder: Path, images: Images, camera: Camera) -> None:
    lines = ['# timestamp filename\n']
    for image in images:
        stamp = format_seconds(required_stamp_ns(image.row))
        name = f'rgb/{stamp}{image.path.suffix.lower()}'
        link_image(image.path, folder / name)
        lines.append(f'{stamp} {name}\n')
    (folder / 'rgb.txt').write_text(''.join(lines))
    write_poses(folder / 'groundtruth.txt', Format.TUM, [image.row for image in images])
    write_camera(folder, camera)


def _kitti(folder: Path, images: Images, camera: Camera) -> None:
    if camera.distortion:
        raise InputError('the images of KITTI are rectified. Received: a camera with distortion; '
                         'rectify the images, or give another --to-format')
    sequence = folder / 'sequences' / '00'
    for index, image in enumerate(images):
        _as_png(image.path, sequence / 'image_2' / f'{index:06d}.png')
    row = f'{camera.fx!r} 0 {camera.cx!r} 0 0 {camera.fy!r} {camera.cy!r} 0 0 0 1 0\n'
    (sequence / 'calib.txt').write_text(''.join(f'P{number}: {row}' for number in range(4)))
    start_ns = images[0].row.stamp_ns or 0
    (sequence / 'times.txt').write_text(''.join(
        f'{((image.row.stamp_ns or 0) - start_ns) / 1e9:.6e}\n' for image in images))
    (folder / 'poses').mkdir()
    write_poses(folder / 'poses' / '00.txt', Format.KITTI, [image.row for image in images])


def _euroc(folder: Path, images: Images, camera: Camera) -> None:
    cam0, truth = (folder / 'mav0' / name for name in ('cam0', 'state_groundtruth_estimate0'))
    for image in images:
        _as_png(image.path, cam0 / 'data' / f'{required_stamp_ns(image.row)}.png')
    (cam0 / 'data.csv').write_text('#timestamp [ns],filename\n' + ''.join(
        f'{image.row.stamp_ns},{image.row.stamp_ns}.png\n' for image in images))
    model = 'equidistant' if camera.distortion_model == EQUIDISTANT else 'radial-tangential'
    k = [*camera.distortion, *(0.0,) * 4][:max(4, len(camera.distortion))]
    (cam0 / 'sensor.yaml').write_text(
        f'sensor_type: camera\n{IDENTITY}resolution: [{camera.width}, {camera.height}]\n'
        f'camera_model: pinhole\nintrinsics: {[camera.fx, camera.fy, camera.cx, camera.cy]}\n'
        f'distortion_model: {model}\ndistortion_coefficients: {k}\n')
    truth.mkdir()
    write_poses(truth / 'data.csv', Format.EUROC, [image.row for image in images])
    (truth / 'sensor.yaml').write_text(f'sensor_type: visual-inertial\n{IDENTITY}')


def _posed_images(images: Images) -> list[PosedImage]:
    return [PosedImage(image.row.name, image.row.pose) for image in images]


def _colmap(folder: Path, images: Images, camera: Camera) -> None:
    for image in images:
        link_image(image.path, folder / 'images' / image.row.name)
    model = folder / 'sparse' / '0'
    model.mkdir(parents=True)
    none = SparsePoints(np.empty((0, 3)), np.empty((0, 3), np.uint8),
                        np.zeros(len(images) + 1, int), np.empty(0, int), np.empty((0, 2)))
    write_colmap(model, camera, _posed_images(images), none, text=True)


def _nerfstudio(folder: Path, images: Images, camera: Camera) -> None:
    for image in images:
        link_image(image.path, folder / 'images' / image.row.name)
    write_transforms(folder / TRANSFORMS_FILE, camera, [
        PosedImage(f'images/{image.name}', image.map_from_camera)
        for image in _posed_images(images)])


WITH_SPLITS: dict[Format, Callable[[Path, dict[str, Images], Camera], None]] = {
    Format.CAMBRIDGE: _cambridge, Format.SEVEN_SCENES: _seven_scenes, Format.HLOC: _hloc}
WITHOUT_SPLITS: dict[Format, Callable[[Path, Images, Camera], None]] = {
    Format.TUM: _tum, Format.KITTI: _kitti, Format.EUROC: _euroc, Format.COLMAP: _colmap,
    Format.NERFSTUDIO: _nerfstudio}


def write_layout(folder: Path, form: Format, splits: dict[str, Images], camera: Camera) -> None:
    """
    Write a data set.

    :param folder: empty.
    :param splits: the images of each split, none of them empty.
    :raises InputError: when the form is none of a data set, or cannot hold the camera.
    """
    if form in WITH_SPLITS:
        WITH_SPLITS[form](folder, splits, camera)
        return
    if form not in WITHOUT_SPLITS:
        known = ', '.join(one.value for one in (*WITH_SPLITS, *WITHOUT_SPLITS))
        raise InputError(f'a data set has to be written as one of {known}. Received: {form.value}')
    for split, images in splits.items():
        inner = folder if len(splits) == 1 else folder / split
        inner.mkdir(exist_ok=True)
        WITHOUT_SPLITS[form](inner, images, camera)
