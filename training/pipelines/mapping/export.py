"""Write a map in the formats of others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.datasets.colmap_export import PosedImage, SparsePoints, write_colmap
from posenet_ros.datasets.nerfstudio import TRANSFORMS_FILE, write_transforms
from posenet_ros.datasets.point_cloud import write_ply
from posenet_ros.datasets.pose_files import write_cambridge
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.pose import Pose
from posenet_ros.inference.artifact import LANDMARKS_FILE, load
from posenet_ros.landmarks import landmark_file
from posenet_ros.landmarks.landmark_map import LandmarkMap
from posenet_ros.utils.atomic_folder import check_new, new_file, new_folder
from posenet_ros.utils.files.kinds import EXPORT, Kind, POINT_CLOUD, POSES, write_mark

COLMAP_FOLDER, IMAGE_FOLDER = Path('sparse', '0'), 'images'
KINDS: dict[str, Kind] = {'ply': POINT_CLOUD, 'poses': POSES}
Export = tuple[str, Path]


def check_exports(exports: Sequence[Export], inputs: Sequence[Path], *, force: bool) -> None:
    """Refuse what must not be written, before long work starts."""
    for form, path in exports:
        check_new(path, KINDS.get(form, EXPORT), force=force, inputs=inputs)


def export_folder(model: Path, exports: Sequence[Export], *, force: bool) -> list[str]:
    """
    Export the map of a model folder.

    :returns: a line about each file or folder.
    :raises InputError: when it has no map.
    """
    artifact = load(model)
    file = artifact.file(LANDMARKS_FILE)
    if not file.is_file():
        raise InputError(f'{model} has to have a map (posenet map, or posenet landmarks). '
                         f'Received: no {LANDMARKS_FILE}')
    landmark_map = landmark_file.load(file)
    if not any(landmark_map.views.names):
        raise InputError(f'{model}: expected a map that names its images. Received: one of an '
                         'older version; make it anew by posenet landmarks')
    dataset_from_model = artifact.scene.dataset_from_model
    return [_export(form, path, landmark_map, dataset_from_model, artifact.camera, force=force)
            for form, path in exports]


def _export(form: str, path: Path, landmark_map: LandmarkMap, dataset_from_model: Pose,
            camera: Camera, *, force: bool) -> str:
    if form in KINDS:
        with new_file(path) as file:
            _write_file(form, file, landmark_map, dataset_from_model)
        return f'{path}: {form}'
    with new_folder(path, force=force) as folder:
        _write_folder(form, folder, landmark_map, dataset_from_model, camera)
        write_mark(folder, EXPORT)
    return f'{path}: {form}; the images belong into {path / IMAGE_FOLDER}'


def _write_file(form: str, file: Path, landmark_map: LandmarkMap,
                dataset_from_model: Pose) -> None:
    if form == 'ply':
        points_m = dataset_from_model.apply(landmark_map.points_m)
        write_ply(file, points_m, _colors(landmark_map))
        return
    write_cambridge(file, ((image.name, image.map_from_camera)
                           for image in _images(landmark_map, dataset_from_model)))


def _images(landmark_map: LandmarkMap, dataset_from_model: Pose) -> list[PosedImage]:
    """Return the views with their poses in the dataset's frame."""
    views = landmark_map.views
    return [PosedImage(name, dataset_from_model @ views.pose(i))
            for i, name in enumerate(views.names)]


def _colors(landmark_map: LandmarkMap) -> np.ndarray:
    """Return (L, 3) colours; grey where the map has none."""
    colors = landmark_map.colors
    return colors if len(colors) else np.full((len(landmark_map.points_m), 3), 128, np.uint8)


def _write_folder(form: str, folder: Path, landmark_map: LandmarkMap, dataset_from_model: Pose,
                  camera: Camera) -> None:
    images = _images(landmark_map, dataset_from_model)
    if form == 'nerfstudio':
        inside = [PosedImage(f'{IMAGE_FOLDER}/{image.name}', image.map_from_camera)
                  for image in images]
        write_transforms(folder / TRANSFORMS_FILE, camera, inside)
        return
    (folder / COLMAP_FOLDER).mkdir(parents=True)
    points = _sparse_points(landmark_map, camera)
    moved = replace(points, points_m=dataset_from_model.apply(points.points_m))
    write_colmap(folder / COLMAP_FOLDER, camera, images, moved, text=form == 'colmap-text')


def _sparse_points(landmark_map: LandmarkMap, camera: Camera) -> SparsePoints:
    """Return the landmarks, seen where they project: a map does not keep its keypoints."""
    pixels = np.full((len(landmark_map.seen), 2), np.nan)
    for view in range(len(landmark_map.views)):
        part = slice(*landmark_map.starts[view:view + 2].tolist())
        points: Floats = landmark_map.points_m[landmark_map.seen[part]].astype(np.float64)
        pixels[part] = camera.project(landmark_map.views.pose(view).inverse().apply(points))
    seen = np.isfinite(pixels).all(axis=1)
    before = np.concatenate([[0], np.cumsum(seen)])
    return SparsePoints(landmark_map.points_m.astype(np.float64), _colors(landmark_map),
                        before[landmark_map.starts], landmark_map.seen[seen], pixels[seen])
