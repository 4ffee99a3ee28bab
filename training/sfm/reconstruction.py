"""What structure from motion found: poses up to a similarity, and what it could not place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, unique
from pathlib import Path

from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.pose import Pose
from posenet_ros.training.data.datasets import Dataset, Sample
from posenet_ros.training.data.walk import Walk
from posenet_ros.training.sfm.cameras import CameraSource


@unique
class Mapper(Enum):
    """COLMAP's mappers; the value is the printed word."""

    GLOBAL = 'global'
    INCREMENTAL = 'incremental'
    HIERARCHICAL = 'hierarchical'


@dataclass(frozen=True, eq=False)
class Component:
    """
    Images whose poses are known relative to each other.

    :param names: of the registered images, in the order of the walks.
    :param map_from_camera: their poses, in a frame and a scale of their own.
    :param walks: number of images of each walk that has any.
    :param points: number of triangulated points.
    :param reprojection_error_px: mean over all observations.
    :param camera: of the images, as refined here.
    """

    names: tuple[str, ...]
    map_from_camera: tuple[Pose, ...]
    walks: dict[str, int]
    points: int
    reprojection_error_px: float
    camera: Camera


@dataclass(frozen=True)
class ConflictingPair:
    """Two images with many matches whose poses contradict them: they only look alike."""

    first: str
    second: str
    matches: int


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """
    The result of structure from motion.

    :param components: parts that do not join, the largest first; at least one.
    :param camera_source: where the camera comes from; it is refined unless it was given.
    :param mapper: that found the poses.
    :param unregistered: of each keyframe that the largest component lacks, the reason.
    :param conflicting_pairs: verified pairs that contradict the poses, the surest first.
    :param verified_pairs: number of pairs of images of the largest component that have matches.
    :param notes: lines for the user: images left out, images turned, the camera.
    :param upright: of images that were turned by EXIF, the file of the upright copy.
    """

    components: tuple[Component, ...]
    camera_source: CameraSource
    mapper: Mapper
    unregistered: dict[str, str] = field(default_factory=dict)
    conflicting_pairs: tuple[ConflictingPair, ...] = ()
    verified_pairs: int = 0
    notes: tuple[str, ...] = ()
    upright: dict[str, Path] = field(default_factory=dict)

    @property
    def largest(self) -> Component:
        """Component with the most images."""
        return self.components[0]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the images of the largest component."""
        return self.largest.names

    @property
    def map_from_camera(self) -> tuple[Pose, ...]:
        """Poses of the images of the largest component."""
        return self.largest.map_from_camera

    @property
    def camera(self) -> Camera:
        """Camera of the images of the largest component."""
        return self.largest.camera

    def summary(self) -> list[str]:
        """Summarise what was found, for people."""
        best, count = self.largest, len(self.names)
        lines = [*self.notes,
                 f'registered: {count} of {count + len(self.unregistered)} images '
                 f'({self.mapper.value} mapper), {best.points} points, reprojection error '
                 f'{best.reprojection_error_px:.2f} px']
        for other in self.components[1:]:
            lines.append(f'apart: {len(other.names)} images of {", ".join(other.walks)}, '
                         f'{other.names[0]} to {other.names[-1]}')
        lines += [f'not registered: {count} images: {reason}'
                  for reason, count in Counter(self.unregistered.values()).most_common()]
        if self.conflicting_pairs:
            worst = self.conflicting_pairs[0]
            lines.append(
                f'{len(self.conflicting_pairs)} of {self.verified_pairs} pairs match and '
                f'contradict the poses, such as {worst.first} and {worst.second}: they '
                'look alike')
        return lines


def reconstruction_dataset(reconstruction: Reconstruction, walks: Sequence[Walk]) -> Dataset:
    """
    Make a dataset of the largest component, for mapping.

    :param walks: those that were reconstructed; the files of their images are taken.
    """
    images = {image.name: (image.path, walk.name) for walk in walks for image in walk.images}
    samples = []
    for name, pose in zip(reconstruction.names, reconstruction.map_from_camera, strict=True):
        path, walk = images[name]
        samples.append(Sample(reconstruction.upright.get(name, path), name, pose, walk))
    return Dataset('structure from motion', tuple(samples), reconstruction.camera)
