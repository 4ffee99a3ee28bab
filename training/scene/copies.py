"""Find the other poses of a place from which its still parts look the same, and write them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from posenet_ros.arrays import BgrImage
from posenet_ros.datasets.pose_files import cambridge_row
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.pose import Pose
from posenet_ros.training.scene.parts.structure import Court
from posenet_ros.training.scene.place import Place
from posenet_ros.training.scene.rendering.renderer import (
    Canvas,
    draw_surfaces,
    Surface,
    Texture,
    View,
)
from posenet_ros.training.scene.walks import Walk

COPIES_FILE = 'copies.txt'
HEADER = ('# Poses from which the place looks the same as from the pose of a test image, people, '
          'pots and light apart.\n'
          '# image, camera centre X Y Z [m], camera_from_map W P Q R, distance [m], '
          'fraction of the pixels that differ\n')


_AWAY = np.array([0.0, -1e4, 0.0])  # the textures of what turns to the eye are the same


@dataclass(frozen=True)
class CopyOptions:
    """When two views look the same."""

    # width at which views are compared, pixels: what is smaller is no landmark of its own
    width: int = 152
    # mean difference of a pixel's channels that counts, grey levels: resampling makes 2
    difference: float = 8.0
    # fraction of pixels that may differ: a banner's corner in the image's tells no place
    differing: float = 0.004
    # by which a copy may stand outside the walked ground, metres
    margin_m: float = 1.0


@dataclass(frozen=True)
class Copy:
    """
    Another pose with the same view.

    :param distance_m: from the pose that it is a copy of.
    :param differing: fraction of the pixels that differ.
    """

    pose: Pose
    distance_m: float
    differing: float


class CopyFinder:
    """
    Compare views of a place's still parts, in no light.

    :param sites: of the place, built.
    :param camera: of the images.
    """

    def __init__(self, place: Place, sites: Mapping[str, Court], camera: Camera,
                 options: CopyOptions = CopyOptions()) -> None:
        self._place, self._sites, self._options = place, sites, options
        height = max(round(camera.height * options.width / camera.width), 1)
        self._camera = camera.scaled(options.width, height)
        self._textures = cache(self._painted)

    def copies(self, walk: Walk, pose: Pose) -> tuple[Copy, ...]:
        """Return the copies of a pose of a walk, the nearest first."""
        wanted = self._view(walk.area.site, pose)
        found = []
        for motion in self._place.motions(walk.area):
            other = motion @ pose
            if self._is_walked(walk.area.site, other):
                differing = self._differing(wanted, self._view(walk.area.site, other))
                if differing <= self._options.differing:
                    apart = float(np.linalg.norm(other.translation_m - pose.translation_m))
                    found.append(Copy(other, apart, differing))
        return tuple(sorted(found, key=lambda copy: copy.distance_m))

    def _is_walked(self, site: str, pose: Pose) -> bool:
        x, y, _ = pose.translation_m
        return any(area.holds(x, y, self._options.margin_m)
                   for area in self._place.areas if area.site == site)

    def _differing(self, one: BgrImage, other: BgrImage) -> float:
        apart = np.abs(one.astype(np.int16) - other).mean(2)
        return float((apart > self._options.difference).mean())

    def _painted(self, site: str) -> tuple[Texture, ...]:
        """Return textures in their own colours: no light, which a turn would change."""
        court = self._sites[site]
        surfaces = [*court.surfaces, *(board.facing(_AWAY) for board in court.billboards)]
        return tuple(Texture(surface, lambda albedo: albedo) for surface in surfaces)

    def _view(self, site: str, pose: Pose) -> BgrImage:
        """Draw what stands still, under an empty sky."""
        court = self._sites[site]
        surfaces: list[Surface] = [*court.surfaces, *(
            board.facing(pose.translation_m) for board in court.billboards)]
        width, height = self._camera.size
        canvas = Canvas(View(self._camera, pose), np.zeros((height, width, 3), np.uint8))
        draw_surfaces(canvas, surfaces, self._textures(site))
        return canvas.image


def copy_rows(name: str, copies: Iterable[Copy]) -> str:
    """Return the lines of an image's copies."""
    return ''.join(f'{cambridge_row(name, copy.pose).strip()} {copy.distance_m:.3f} '
                   f'{copy.differing:.4f}\n' for copy in copies)


def write_copies(folder: Path, rows: Iterable[str]) -> None:
    """Write the copies of all test images; those that have none have no line."""
    (folder / COPIES_FILE).write_text(HEADER + ''.join(rows))
