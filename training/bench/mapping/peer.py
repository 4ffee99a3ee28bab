"""
The peer of a map: hierarchical localisation as hloc does it (Sarlin et al. 2019), by pycolmap.

SIFT at the images' own size, triangulated by pycolmap with the given poses; each view keeps its
own descriptors, and a query is matched with ten views in turn. Pairs, retrieval and solver are
ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.geometry.pose import Pose
from posenet_ros.inference.artifact import LANDMARKS_FILE
from posenet_ros.landmarks import landmark_file
from posenet_ros.landmarks.features import Features
from posenet_ros.landmarks.landmark_map import Indices, LandmarkMap, per_view_map, Vocabulary
from posenet_ros.landmarks.localisation import Localisation, Outcome
from posenet_ros.landmarks.matching import match_by_view, match_mutual, unit_rows
from posenet_ros.landmarks.options import DEFAULT_LOCALISER, FeatureOptions
from posenet_ros.landmarks.pnp.absolute_pose import estimate_absolute_pose
from posenet_ros.landmarks.retrieval.view_index import ViewIndex
from posenet_ros.training.bench.mapping.build import (
    FEATURES,
    MATCHES,
    MeasuredMap,
    size_mb,
    TRACKS,
)
from posenet_ros.training.bench.mapping.cpu import timed
from posenet_ros.training.data.datasets import Dataset
from posenet_ros.training.landmarks.feature_cache import detect_dataset
from posenet_ros.training.landmarks.options import MappingOptions
from posenet_ros.training.landmarks.reconstruction.pairs import cameras_of, select_pairs
from posenet_ros.training.landmarks.reconstruction.verified_matches import PairMatches, verify
from posenet_ros.training.landmarks.vocabulary import fit_vocabulary, global_descriptors
from posenet_ros.training.sfm.cameras import CameraSource, colmap_camera, HALF, InitialCamera
from posenet_ros.training.sfm.library import load_pycolmap
from posenet_ros.utils.files.npz import read_arrays
from posenet_ros.utils.parallel import ordered_map
from posenet_ros.utils.progress import progress

KEYPOINTS = 2048
MAP_FOLDER, RETRIEVAL_FILE = 'map', 'retrieval.npz'
RANKS = 0, 1, 2, 3, 5, 7, 9, 12, 16, 20  # of the nearest views
DESCRIPTOR_SIZE = 256  # of the global descriptors
VIEWS = 10  # that a query is matched with
MAX_RATIO, MIN_INLIERS = 0.8, 12
TWO_VIEW_CALIBRATED = 2  # COLMAP's kind of a geometry
RETRIEVAL, POSE = 'retrieval', 'pnp'


def peer_features(dataset: Dataset) -> FeatureOptions:
    """Return the settings of the peer's features: all that the whole image has."""
    return FeatureOptions(dataset.camera.width, KEYPOINTS)


def measure_peer(dataset: Dataset, folder: Path) -> MeasuredMap:
    """
    Make the peer's map of a dataset.

    :param folder: that does not exist, for COLMAP's files and the map.
    :raises PoseNetError: without pycolmap.
    """
    load_pycolmap()
    options, cpu_s = MappingOptions(features=peer_features(dataset)), dict[str, float]()
    with timed(cpu_s, FEATURES):
        features = [one.features for one in detect_dataset(dataset, options.features)]
    with timed(cpu_s, MATCHES):
        matches = list(_match(dataset, features, options))
    (folder / 'model').mkdir(parents=True)
    with timed(cpu_s, TRACKS):
        points_m, owners = _triangulate(dataset, features, matches, folder)
    landmark_map = _per_view_map(dataset, features, points_m, owners)
    with timed(cpu_s, RETRIEVAL):
        words = fit_vocabulary(features, replace(options.vocabulary, size=DESCRIPTOR_SIZE))
        descriptors = global_descriptors(features, words)
    out = folder / MAP_FOLDER
    out.mkdir()
    landmark_file.save(landmark_map, out / LANDMARKS_FILE)
    with (folder / RETRIEVAL_FILE).open('wb') as file:
        np.savez(file, descriptors=descriptors, **vars(words))
    return MeasuredMap(load_peer_map(folder), cpu_s, size_mb(out), '')


def load_peer_map(folder: Path) -> LandmarkMap:
    """Read the peer's map from the folder that it was made in."""
    landmark_map = landmark_file.load(folder / MAP_FOLDER / LANDMARKS_FILE)
    arrays = read_arrays(folder / RETRIEVAL_FILE)
    views = replace(landmark_map.views, global_descriptors=arrays.pop('descriptors'))
    return replace(landmark_map, vocabulary=Vocabulary(**arrays), views=views)


class PeerLocaliser:
    """
    Localise images in the peer's map.

    :param landmark_map: in which each view has its own descriptors.
    """

    def __init__(self, landmark_map: LandmarkMap) -> None:
        self._map, self._index = landmark_map, ViewIndex(landmark_map)
        self._options = replace(DEFAULT_LOCALISER, max_ratio=MAX_RATIO)

    def search(self, features: Features, exclude: Indices = (),
               cpu_s: dict[str, float] | None = None) -> Localisation:
        """
        Localise an image.

        :param exclude: views that are not used.
        :param cpu_s: takes the CPU time of each stage, seconds.
        """
        cpu_s = {} if cpu_s is None else cpu_s
        with timed(cpu_s, RETRIEVAL):
            views = self._index.by_features(features, exclude)[:VIEWS]
        with timed(cpu_s, MATCHES):
            matches = match_by_view(features, self._map, views, self._options)
        with timed(cpu_s, POSE):
            found = estimate_absolute_pose(matches.points_m, matches.points_normalized)
        landmarks = len(found.inliers) if found else 0
        if landmarks < MIN_INLIERS:
            return Localisation(Outcome.NOT_LOCALISED, None, landmarks, len(matches))
        return Localisation(Outcome.LOCALISED, found, landmarks, len(matches))

    def localise(self, features: Features) -> Pose | None:
        """Return the pose of an image, None without one."""
        found = self.search(features).pose
        return found.map_from_camera if found else None


def _match(dataset: Dataset, features: Sequence[Features],
           options: MappingOptions) -> Iterator[PairMatches]:
    """Match all pairs in turn, as verified by the poses."""
    cameras = cameras_of(dataset)
    pairs = select_pairs(dataset, replace(options.pairs, ranks=RANKS, ranks_of_other_walks=()))
    units = [unit_rows(one.descriptors) for one in features]

    def match_one(pair: NDArray[np.intp]) -> list[PairMatches]:
        first, second = map(int, pair)
        found = match_mutual(units[first], units[second], options.matches.max_ratio)
        return verify([PairMatches(first, second, np.column_stack(found))], features, cameras,
                      options.matches)

    results = ordered_map(match_one, pairs)
    for found in progress(results, len(pairs), 'pair', 'matches of the peer'):
        yield from found


def _triangulate(dataset: Dataset, features: Sequence[Features], matches: Sequence[PairMatches],
                 folder: Path) -> tuple[Floats, list[NDArray[np.intp]]]:
    """Triangulate; return the points, and of each view (K, 2) keypoint and point."""
    library = load_pycolmap()
    database = folder / 'database.db'
    reconstruction = _write_database(library, dataset, features, matches, database)
    options = library.IncrementalPipelineOptions()
    options.num_threads, options.extract_colors = 1, False
    found = library.triangulate_points(reconstruction, database, dataset.samples[0].path.parent,
                                       folder / 'model', True, options)
    numbers = {number: i for i, number in enumerate(found.points3D)}
    points = np.array([found.points3D[number].xyz for number in numbers])
    images = {image.name: image for image in found.images.values()}
    owners = [np.reshape([(i, numbers[point.point3D_id])
                          for i, point in enumerate(images[sample.name].points2D)
                          if point.has_point3D()], (-1, 2)).astype(np.intp)
              for sample in dataset.samples]
    return points, owners


def _write_database(library: Any, dataset: Dataset,  # noqa: ANN401 - pycolmap's
                    features: Sequence[Features], matches: Sequence[PairMatches],
                    file: Path) -> Any:  # noqa: ANN401 - pycolmap's
    """Write COLMAP's database; return the reconstruction of the poses alone."""
    camera = dataset.camera
    ideal = replace(camera, distortion=())  # keypoints are undistorted
    reconstruction = library.Reconstruction()
    with library.Database.open(file) as database, library.DatabaseTransaction(database):
        device = colmap_camera(InitialCamera(ideal, CameraSource.GIVEN))
        database.write_camera(device, use_camera_id=True)
        reconstruction.add_camera_with_trivial_rig(device)
        database.write_rig(next(iter(reconstruction.rigs.values())), use_rig_id=True)
        for i, (sample, one) in enumerate(zip(dataset.samples, features, strict=True), 1):
            pixels = one.points_normalized * (camera.fx, camera.fy) + (
                camera.cx + HALF, camera.cy + HALF)
            pose = library.Rigid3d(sample.map_from_camera.inverse().matrix[:3])
            reconstruction.add_image_with_trivial_frame(
                library.Image(sample.name, pixels, 1, i), pose)
            image = reconstruction.image(i)
            database.write_image(
                library.Image(name=sample.name, camera_id=1, image_id=i), use_image_id=True)
            known = reconstruction.frame(image.frame_id)
            frame = library.Frame(frame_id=known.frame_id, rig_id=known.rig_id)
            frame.add_data_id(image.data_id)
            database.write_frame(frame, use_frame_id=True)
            database.write_keypoints(i, pixels.astype(np.float32))
        for match in matches:
            geometry = library.TwoViewGeometry()
            geometry.inlier_matches = match.keypoints.astype(np.uint32)
            geometry.config = TWO_VIEW_CALIBRATED
            pair = match.first + 1, match.second + 1
            database.write_matches(*pair, geometry.inlier_matches)
            database.write_two_view_geometry(*pair, geometry)
    return reconstruction


def _per_view_map(dataset: Dataset, features: Sequence[Features], points_m: Floats,
                  owners: Sequence[NDArray[np.intp]]) -> LandmarkMap:
    """Make a map in which each view keeps its own descriptors of its landmarks."""
    counts = [len(one) for one in owners]
    keypoints = [one.descriptors[own[:, 0]] for one, own in zip(features, owners, strict=True)]
    return per_view_map(
        dataset.positions_m, dataset.quats_xyzw,
        points_m[np.concatenate(owners)[:, 1]].astype(np.float32), np.concatenate(keypoints),
        np.cumsum([0, *counts]).astype(np.int32), np.full(len(counts), np.nan, np.float32))
