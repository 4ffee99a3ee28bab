"""Map the landmarks of images with poses: tracks over all walks, triangulated and described."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from posenet_ros.errors import InputError
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.features import Features, patch_camera
from posenet_ros.landmarks.landmark_map import LandmarkMap, Views, Vocabulary
from posenet_ros.training.data.datasets import Dataset
from posenet_ros.training.landmarks.feature_cache import detect_dataset, ViewFeatures
from posenet_ros.training.landmarks.options import MappingOptions
from posenet_ros.training.landmarks.patch_cutting import with_patches
from posenet_ros.training.landmarks.reconstruction.bundle_adjustment import (
    describe_change,
    pose_change,
    PoseChange,
    refine_poses,
)
from posenet_ros.training.landmarks.reconstruction.pairs import Cameras, cameras_of, select_pairs
from posenet_ros.training.landmarks.reconstruction.projection import observed_points
from posenet_ros.training.landmarks.reconstruction.tracks import make_tracks
from posenet_ros.training.landmarks.reconstruction.triangulation import triangulate, Triangulated
from posenet_ros.training.landmarks.reconstruction.verified_matches import (
    match_pairs,
    PairMatches,
    verify,
)
from posenet_ros.training.landmarks.selection import (
    mean_colors,
    mean_descriptors,
    seen_by_view,
    select_landmarks,
)
from posenet_ros.training.landmarks.vocabulary import describe_images, Retrieval


@dataclass(frozen=True)
class PoseCheck:
    """
    What the tracks say about the poses that were given.

    :param residual_px: median reprojection error of the tracks within the wide tolerance, pixels
        of the images.
    :param consistent: whether it is small enough for poses without error.
    :param change: how far the poses were moved; None where they were left as they are.
    """

    residual_px: float
    consistent: bool
    change: PoseChange | None = None

    @property
    def wide(self) -> bool:
        """Whether the map is made within the wide tolerance: the poses err and are not moved."""
        return not self.consistent and self.change is None

    def describe(self) -> str:
        """Describe it in one line for the terminal."""
        text = f'residual of the tracks {self.residual_px:.1f} px'
        if not self.consistent:
            text += ': the poses err'
            if self.change is None:
                text += '; the tolerance is wider, and --refine-poses would move them'
        return text if self.change is None else f'{text}; {describe_change(self.change)}'


@dataclass(frozen=True, eq=False)
class MappedDataset:
    """
    A landmark map, and what was found while it was made.

    :param features: of the images; `matches` of pairs of them, within the wide tolerance.
    :param dataset: the images, with the poses moved where they were refined.
    """

    landmark_map: LandmarkMap
    features: Sequence[ViewFeatures]
    matches: Sequence[PairMatches]
    dataset: Dataset
    check: PoseCheck


def map_dataset(dataset: Dataset, options: MappingOptions | None = None,
                features: Sequence[ViewFeatures] | None = None,
                work: Path | None = None) -> MappedDataset:
    """
    Make the landmark map of images with poses, with progress bars.

    :param features: of the images, by `options.features`; None detects them.
    :param work: folder that keeps the features, so that a run that was interrupted goes on.
    :raises InputError: on an image that cannot be read, or too few landmarks.
    """
    options = options or MappingOptions()
    if features is None:
        features = detect_dataset(dataset, options.features, work)
    matches = match_dataset(dataset, [one.features for one in features], options)
    return map_matches(dataset, features, matches, options)


def match_dataset(dataset: Dataset, features: Sequence[Features],
                  options: MappingOptions) -> list[PairMatches]:
    """Match the features of near images, within the wide tolerance of their poses."""
    return match_pairs(
        features, cameras_of(dataset), select_pairs(dataset, options.pairs),
        replace(options.matches, max_epipolar_error=options.wide_tolerance))


def map_matches(dataset: Dataset, features: Sequence[ViewFeatures],
                matches: Sequence[PairMatches], options: MappingOptions) -> MappedDataset:
    """
    Make the landmark map of images with poses and matches.

    :param matches: within the wide tolerance of the poses.
    """
    local = [one.features for one in features]
    found, dataset, check = triangulate_dataset(dataset, local, matches, options)
    landmark_map = make_map(dataset, features, found, options)
    return MappedDataset(landmark_map, features, matches, dataset, check)


def triangulate_dataset(dataset: Dataset, features: Sequence[Features],
                        matches: Sequence[PairMatches], options: MappingOptions,
                        ) -> tuple[Triangulated, Dataset, PoseCheck]:
    """
    Triangulate the tracks of images; poses that err are moved first, where that is asked for.

    :param matches: within the wide tolerance of the poses.
    :returns: the tracks, the images with their poses, and what the tracks say about these.
    """
    check = check_poses(dataset, features, matches, options)
    given = cameras_of(dataset)
    if check.consistent or not options.refine_poses:
        return triangulate_matches(
            features, matches, given, options, wide=not check.consistent), dataset, check
    found, cameras = _refine(features, matches, given, options)
    return found, with_cameras(dataset, cameras), replace(
        check, change=pose_change(given, cameras))


def check_poses(dataset: Dataset, features: Sequence[Features], matches: Sequence[PairMatches],
                options: MappingOptions) -> PoseCheck:
    """Measure the residual of a sample of tracks within the wide tolerance."""
    tracks = make_tracks([len(one.descriptors) for one in features], matches)
    rng = np.random.default_rng(options.triangulation.seed)
    sample = tracks.subset(np.sort(rng.permutation(len(tracks))[:options.sampled_tracks]))
    wide = replace(options.triangulation, max_error=options.wide_tolerance)
    errors = triangulate(sample, features, cameras_of(dataset), wide).errors
    residual = float(np.median(errors)) if len(errors) else 0.0
    return PoseCheck(residual * dataset.camera.fx, residual <= options.max_residual)


def make_map(dataset: Dataset, features: Sequence[ViewFeatures], found: Triangulated,
             options: MappingOptions, vocabulary: Vocabulary | None = None) -> LandmarkMap:
    """
    Make a landmark map of triangulated tracks, within the budget.

    :param vocabulary: of the global descriptors; None fits one to the images.
    :raises InputError: on too few landmarks.
    """
    found = found.subset(budget(dataset, found, options))
    retrieval = describe_images([one.features for one in features], options.vocabulary,
                                vocabulary)
    return assemble_map(dataset, [one.path for one in features], found,
                        Appearance(mean_descriptors(found.tracks, features),
                                   mean_colors(found.tracks, features)),
                        options, retrieval)


def budget(dataset: Dataset, found: Triangulated, options: MappingOptions) -> NDArray[np.intp]:
    """
    Return the indices (K,) of the tracks that become landmarks, rising.

    :raises InputError: on too few landmarks.
    """
    if len(found.points_m) < options.min_landmarks:
        raise InputError(
            f'{dataset.name}: the images have to see {options.min_landmarks} landmarks in '
            f'common. Received: {len(found.points_m)}')
    count = len(dataset.samples)
    return select_landmarks(found, count, landmark_budget(count, options))


def landmark_budget(views: int, options: MappingOptions) -> int:
    """Return how many landmarks the map of some views may have."""
    return max(options.landmarks_of_view * views, options.kept_landmarks)


class Appearance(NamedTuple):
    """What tracks look like: mean descriptors (L, DESCRIPTOR_SIZE) and colours (L, 3), uint8."""

    descriptors: NDArray[np.uint8]
    colors: NDArray[np.uint8]

    def subset(self, chosen: NDArray[np.intp]) -> Appearance:
        """Return those of some of the tracks (K,)."""
        return Appearance(self.descriptors[chosen], self.colors[chosen])


def assemble_map(dataset: Dataset, paths: Sequence[Path | None], found: Triangulated,
                 appearance: Appearance, options: MappingOptions,
                 retrieval: Retrieval) -> LandmarkMap:
    """
    Put a landmark map together, of tracks that are described.

    :param paths: of the images' files; `retrieval` of the images.
    """
    count = len(dataset.samples)
    views = Views(tuple(s.name for s in dataset.samples),
                  tuple(s.sequence for s in dataset.samples), dataset.positions_m,
                  dataset.quats_xyzw, retrieval.descriptors,
                  np.full(count, np.nan, np.float32),
                  (patch_camera(dataset.camera, options.features),),
                  np.zeros(count, np.int32))
    starts, seen = seen_by_view(found.tracks, count)
    landmark_map = LandmarkMap(
        views, found.points_m.astype(np.float32), appearance.descriptors, appearance.colors,
        starts, seen, retrieval.vocabulary, features=options.features)
    return with_patches(landmark_map, paths)


def triangulate_matches(features: Sequence[Features], matches: Sequence[PairMatches],
                        cameras: Cameras, options: MappingOptions, *,
                        wide: bool) -> Triangulated:
    """
    Triangulate the tracks of matches.

    :param features: of the views, `cameras` their poses.
    :param matches: within the wide tolerance of the poses.
    :param wide: within the wide tolerance, for poses that err; False: within the usual one.
    """
    settings = options.triangulation
    if wide:
        settings = replace(settings, max_error=options.wide_tolerance)
    else:
        matches = verify(matches, features, cameras, options.matches)
    tracks = make_tracks([len(one.descriptors) for one in features], matches)
    return triangulate(tracks, features, cameras, settings)


def _refine(features: Sequence[Features], matches: Sequence[PairMatches], cameras: Cameras,
            options: MappingOptions) -> tuple[Triangulated, Cameras]:
    """Refine the poses by tracks within the wide tolerance, then by those that they admit."""
    given = cameras
    for wide in (True, False):
        found = triangulate_matches(features, matches, cameras, options, wide=wide)
        observed = observed_points(found.tracks, features)
        found, cameras = refine_poses(found, observed, cameras, given, options.adjustment)
    return triangulate_matches(features, matches, cameras, options, wide=False), cameras


def with_cameras(dataset: Dataset, cameras: Cameras) -> Dataset:
    """Return a dataset with other poses of its images."""
    samples = tuple(
        replace(sample, map_from_camera=Pose.from_rotation(rotation, position))
        for sample, rotation, position in zip(
            dataset.samples, cameras.rotations, cameras.positions_m, strict=True))
    return replace(dataset, samples=samples)
