"""Map images without their poses: structure from motion against the truth, and what follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
import math
from pathlib import Path
from typing import Any

import numpy as np
from posenet_ros.errors import PoseNetError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.lie import rotation_angle_rad
from posenet_ros.geometry.pose import Pose
from posenet_ros.geometry.similarity import Similarity, umeyama
from posenet_ros.landmarks.options import FeatureOptions
from posenet_ros.training.bench.mapping.build import figures, measure_build
from posenet_ros.training.bench.mapping.cpu import timed
from posenet_ros.training.bench.mapping.queries import localiser_of, measure_queries
from posenet_ros.training.data.datasets import Dataset
from posenet_ros.training.data.walk import Walk, WalkImage
from posenet_ros.training.landmarks.options import MappingOptions
from posenet_ros.training.sfm.correspondences.matching import read_verified
from posenet_ros.training.sfm.library import load_pycolmap
from posenet_ros.training.sfm.mapper import global_options, incremental_options, MapperRequest
from posenet_ros.training.sfm.options import SfmOptions
from posenet_ros.training.sfm.pipeline import reconstruct
from posenet_ros.training.sfm.reconstruction import Mapper, reconstruction_dataset

SFM, DATABASE = 'structure_from_motion', 'database.db'


def measure_unposed(train: Dataset, queries: Dataset, features: FeatureOptions, work: Path, *,
                    camera_known: bool, with_peer: bool) -> dict[str, Any]:
    """
    Find the poses of the training images anew, and localise the queries in the map of these.

    The map is brought to the queries' frame and scale by the true positions of its images.

    :param train: images whose poses are the truth alone.
    :param work: folder for intermediate results.
    """
    walks = unposed_walks(train, camera_known=camera_known)
    cpu_s: dict[str, float] = {}
    with timed(cpu_s, SFM):
        found = reconstruct(walks, work / 'sfm', SfmOptions())
    dataset = reconstruction_dataset(found, walks)
    poses = {sample.name: sample.map_from_camera for sample in dataset.samples}
    truths = {sample.name: sample.map_from_camera for sample in train.samples}
    errors, similarity = compare_poses(poses, truths)
    measured = measure_build(
        moved(dataset, similarity), MappingOptions(features=features), work / 'place')
    built = figures(measured)
    built['cpu_s'] |= cpu_s
    built['all_cpu_s'] += cpu_s[SFM]
    result = {'map': {
        **errors, 'focal_error': focal_error(found.camera.fx, train.camera), **built,
        **measure_queries(queries, features, localiser_of(measured.landmark_map))}}
    if with_peer:
        result['peer'] = measure_plain(train, work, camera_known=camera_known)
    return result


def unposed_walks(dataset: Dataset, *, camera_known: bool) -> list[Walk]:
    """Return the walks of a dataset without poses, and without its camera unless it is known."""
    images: dict[str, list[WalkImage]] = {}
    for sample in dataset.samples:
        images.setdefault(sample.sequence, []).append(WalkImage(sample.path, sample.name))
    camera = dataset.camera if camera_known else None
    return [Walk(name, tuple(found), camera) for name, found in images.items()]


def compare_poses(poses: dict[str, Pose], truths: dict[str, Pose],
                  ) -> tuple[dict[str, Any], Similarity]:
    """
    Compare poses with the truth after a similarity (Umeyama 1991).

    :param poses: of the registered images by name, in a frame and a scale of their own.
    :returns: the errors, and truth_from_poses.
    """
    names = list(poses)
    true_m = np.array([truths[name].translation_m for name in names])
    similarity = umeyama([poses[name].translation_m for name in names], true_m)
    aligned = [similarity.apply_to_pose(poses[name]) for name in names]
    off_m = np.linalg.norm([pose.translation_m for pose in aligned] - true_m, axis=1)
    angles = rotation_angle_rad(np.array([pose.quat_xyzw for pose in aligned]),
                                np.array([truths[name].quat_xyzw for name in names]))
    return {'registered': len(names), 'rmse_m': float(np.sqrt(np.mean(off_m ** 2))),
            'rotation_deg': math.degrees(float(np.median(angles)))}, similarity


def focal_error(focal_length_px: float, truth: Camera) -> float:
    """Return the relative error of a focal length."""
    return focal_length_px / truth.fx - 1


def moved(dataset: Dataset, similarity: Similarity) -> Dataset:
    """Move and scale the poses of a dataset."""
    return replace(dataset, samples=tuple(
        replace(sample, map_from_camera=similarity.apply_to_pose(sample.map_from_camera))
        for sample in dataset.samples))


def measure_plain(train: Dataset, work: Path, *, camera_known: bool) -> dict[str, Any]:
    """
    Reconstruct by pycolmap alone: its SIFT, matching and mapper, its defaults.

    Its pairs are those that matched before, in `work`: it need not look for them.
    """
    library = load_pycolmap()
    folder, cpu_s = work / 'plain', dict[str, float]()
    (folder / 'models').mkdir(parents=True)
    root = _common_folder(train)
    reader = library.ImageReaderOptions()
    if camera_known:
        reader.camera_model = 'PINHOLE'
        camera = train.camera
        reader.camera_params = f'{camera.fx},{camera.fy},{camera.cx + 0.5},{camera.cy + 0.5}'
    database = folder / DATABASE
    names = [sample.name for sample in train.samples]
    with timed(cpu_s, SFM):
        library.extract_features(database, root, names, library.CameraMode.SINGLE, reader)
        pairing = library.ImportedPairingOptions()
        pairing.match_list_path = _write_pairs(work / 'sfm', names, folder / 'pairs.txt')
        library.match_image_pairs(database, pairing_options=pairing)
        found = _map(library, database, root, folder / 'models', camera_known=camera_known)
    if not found:
        return {'missing': 'pycolmap found nothing'}
    best = max(found.values(), key=lambda one: one.num_reg_images())
    poses = {image.name: _pose_of(image) for image in best.images.values() if image.has_pose}
    truths = {sample.name: sample.map_from_camera for sample in train.samples}
    focal = float(next(iter(best.cameras.values())).params[0])
    return {**compare_poses(poses, truths)[0], 'focal_error': focal_error(focal, train.camera),
            'cpu_s': cpu_s, 'all_cpu_s': cpu_s[SFM]}


def _common_folder(dataset: Dataset) -> Path:
    """Return the folder that the names of a dataset's images are relative to."""
    sample = dataset.samples[0]
    if not str(sample.path).endswith(sample.name):
        raise PoseNetError(f'pycolmap alone needs images named by their path. Received: '
                           f'{sample.name} of {sample.path}')
    return Path(str(sample.path).removesuffix(sample.name))


def _write_pairs(work: Path, names: Sequence[str], file: Path) -> Path:
    """Write the pairs of images with matches in the database of the work folder."""
    database = next(work.glob(f'matches-*/{DATABASE}'))
    file.write_text('\n'.join(f'{names[first]} {names[second]}'
                              for first, second in read_verified(database).pairs) + '\n')
    return file


def _map(library: Any, database: Path, root: Path, out: Path, *,  # noqa: ANN401 - pycolmap's
         camera_known: bool) -> Any:  # noqa: ANN401 - pycolmap's
    mapper = Mapper.GLOBAL if camera_known else Mapper.INCREMENTAL
    options = SfmOptions()
    request = MapperRequest(mapper.value, str(database), str(out), not camera_known,
                            options.seed, options.threads)
    if camera_known:
        return library.global_mapping(database, root, out, global_options(library, request))
    return library.incremental_mapping(database, root, out, incremental_options(library, request))


def _pose_of(image: Any) -> Pose:  # noqa: ANN401 - pycolmap's
    camera_from_world = np.vstack([image.cam_from_world().matrix(), [0, 0, 0, 1]])
    world_from_camera = np.linalg.inv(camera_from_world)
    return Pose.from_rotation(world_from_camera[:3, :3], world_from_camera[:3, 3])
