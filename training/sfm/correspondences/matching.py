"""Match pairs of images and verify the matches by two-view geometry, into COLMAP's database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.landmarks.matching import match_mutual
from posenet_ros.training.sfm.cameras import colmap_camera, colmap_keypoints, InitialCamera
from posenet_ros.training.sfm.correspondences.features import FeatureFiles
from posenet_ros.training.sfm.library import load_pycolmap
from posenet_ros.training.sfm.options import SfmOptions
from posenet_ros.utils.parallel import ordered_map
from posenet_ros.utils.progress import progress

REFERENCE_WIDTH = 640  # pixels, of which errors are given


class VerifiedPairs(NamedTuple):
    """
    The pairs of images whose matches agree with one geometry.

    :param pairs: (P, 2) indices of images.
    :param inliers: of each pair, (M, 2) indices of keypoints.
    :param configurations: (P,) COLMAP's kind of each pair's geometry.
    """

    pairs: NDArray[np.intp]
    inliers: tuple[NDArray[np.uint32], ...]
    configurations: NDArray[np.intp]


def two_view_options(options: SfmOptions, width: int) -> Any:  # noqa: ANN401 - pycolmap's
    """Make COLMAP's options of the geometric verification, for images of that width."""
    result = load_pycolmap().TwoViewGeometryOptions()
    result.min_num_inliers = options.matches.min_inliers
    result.compute_relative_pose = True
    result.detect_watermark = False
    result.ransac.max_error = options.matches.max_error_px * width / REFERENCE_WIDTH
    result.ransac.random_seed = options.seed
    result.ransac.max_num_trials = options.matches.max_trials
    result.ransac.num_threads = 1
    return result


def create_database(file: Path, names: Sequence[str], features: FeatureFiles,
                    initial: InitialCamera) -> None:
    """Write the camera, the images and their keypoints, each image by its index + 1."""
    library = load_pycolmap()
    with library.Database.open(file) as database, library.DatabaseTransaction(database):
        camera = colmap_camera(initial)
        database.write_camera(camera, use_camera_id=True)
        rig = library.Rig(rig_id=1)
        rig.add_ref_sensor(camera.sensor_id)
        database.write_rig(rig, use_rig_id=True)
        for i, name in enumerate(names):
            image = library.Image(name=name, camera_id=1, image_id=i + 1)
            database.write_image(image, use_image_id=True)
            frame = library.Frame(frame_id=i + 1, rig_id=1)
            frame.add_data_id(image.data_id)
            database.write_frame(frame, use_frame_id=True)
            points = colmap_keypoints(initial, features.keypoints(i).astype(np.float64))
            database.write_keypoints(i + 1, points.astype(np.float32))


def match_pairs(file: Path, pairs: NDArray[np.intp], features: FeatureFiles,
                initial: InitialCamera, options: SfmOptions) -> None:
    """
    Match and verify pairs of images; those that the database has are not matched again.

    :param file: the database of :func:`create_database`.
    :param pairs: (P, 2) indices.
    """
    library = load_pycolmap()
    camera = colmap_camera(initial)
    settings = two_view_options(options, initial.camera.width)
    with library.Database.open(file) as database:
        missing = [(int(a), int(b)) for a, b in pairs
                   if not database.exists_two_view_geometry(a + 1, b + 1)]
        points = {i: colmap_keypoints(initial, features.keypoints(i).astype(np.float64))
                  for i in {index for pair in missing for index in pair}}

        def verify(pair: tuple[int, int]) -> Any:  # noqa: ANN401 - pycolmap's
            return _verify(library, camera, settings, points, features, pair,
                           options.matches.max_ratio)

        done = ordered_map(verify, missing, options.threads)
        shown = progress(done, len(pairs), 'pair', 'matches', len(pairs) - len(missing))
        for (a, b), geometry in zip(missing, shown, strict=True):
            database.write_two_view_geometry(a + 1, b + 1, geometry)


def _verify(library: Any, camera: Any, settings: Any,  # noqa: ANN401 - pycolmap's
            points: dict[int, Floats], features: FeatureFiles, pair: tuple[int, int],
            max_ratio: float) -> Any:  # noqa: ANN401 - pycolmap's
    first, second = pair
    matches = np.column_stack(match_mutual(
        features.descriptors(first), features.descriptors(second), max_ratio)).astype(np.uint32)
    if len(matches) < settings.min_num_inliers:
        return library.TwoViewGeometry()
    return library.estimate_two_view_geometry(
        camera, points[first], camera, points[second], matches, settings)


def read_verified(file: Path) -> VerifiedPairs:
    """Read the pairs with verified matches out of a database."""
    with load_pycolmap().Database.open(file) as database:
        return _verified_pairs(_geometries(database))


def _geometries(database: Any) -> Iterator[tuple[tuple[int, int], Any]]:  # noqa: ANN401
    library = load_pycolmap()
    for number, geometry in zip(*database.read_two_view_geometries(), strict=True):
        if len(geometry.inlier_matches):
            first, second = library.pair_id_to_image_pair(number)
            yield (first - 1, second - 1), geometry


def _verified_pairs(found: Iterator[tuple[tuple[int, int], Any]]) -> VerifiedPairs:
    rows = sorted(found, key=lambda row: row[0])
    return VerifiedPairs(
        np.array([pair for pair, _ in rows], np.intp).reshape(-1, 2),
        tuple(np.asarray(geometry.inlier_matches) for _, geometry in rows),
        np.array([int(geometry.config) for _, geometry in rows], np.intp))
