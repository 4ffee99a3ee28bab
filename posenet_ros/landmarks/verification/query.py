"""An image's features as verification uses them: once a query, in pixels of a usual image."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.landmarks.features import Features
from posenet_ros.landmarks.matching import unit_rows
from posenet_ros.landmarks.options import VerificationOptions
from posenet_ros.landmarks.verification.point_grid import PointGrid

# Widths of windows and of cells are pixels of an image that is 480 wide, whatever the width at
# which its features are detected; of features without a camera, of a focal length of 400 pixels.
REFERENCE_WIDTH = 480.0
REFERENCE_FOCAL_LENGTH = 400.0
CELL_STRIDE = 1 << 20


class Query:
    """
    The features of an image to be localised.

    :param features: N keypoints with their descriptors.
    """

    def __init__(self, features: Features, options: VerificationOptions) -> None:
        self.features = features
        camera = features.camera
        # normalised image coordinates by pixel
        self.pixel = 1 / REFERENCE_FOCAL_LENGTH if camera is None else (
            max(camera.size) / REFERENCE_WIDTH / camera.fx)
        self.rays: Floats = features.points_normalized
        self.points = self.to_pixels(self.rays)
        self.descriptors = unit_rows(features.descriptors)
        self.grid = PointGrid(self.points, max(*options.windows_px, options.density_px))
        self.cells = image_cells(self.points, options.cell_px)
        self._margin = options.margin_px * self.pixel

    def __len__(self) -> int:
        """Return N."""
        return len(self.points)

    def to_pixels(self, normalized: Floats) -> NDArray[np.float32]:
        """Convert normalised image coordinates (K, 2) to pixels with the axis at (0, 0)."""
        return (normalized * (1 / self.pixel)).astype(np.float32)

    @cached_property
    def _bounds(self) -> tuple[Floats, Floats]:
        """Lower and upper bound of what the image shows, normalised image coordinates."""
        camera = self.features.camera
        if camera is None or camera.distortion:
            if not len(self):
                return np.zeros(2), np.zeros(2)
            return self.rays.min(axis=0), self.rays.max(axis=0)
        return camera.undistort_points([(0, 0)])[0], camera.undistort_points(
            [(camera.width - 1, camera.height - 1)])[0]

    def is_inside(self, normalized: NDArray[np.floating]) -> NDArray[np.bool_]:
        """
        Mark points (K, 2), normalised image coordinates, that the image shows.

        Of a lens with distortion it is the rectangle of its keypoints: no keypoint is elsewhere.
        """
        low, high = self._bounds
        x, y = normalized[:, 0], normalized[:, 1]
        margin = self._margin
        return np.asarray((x >= low[0] + margin) & (x <= high[0] - margin)
                          & (y >= low[1] + margin) & (y <= high[1] - margin))


def image_cells(points: NDArray[np.float32], side: float) -> NDArray[np.int64]:
    """Return a number of the image cell that each point (N, 2) lies in."""
    cells = np.floor(points / np.float32(side)).astype(np.int64)
    return np.asarray(cells[:, 0] * CELL_STRIDE + cells[:, 1])


def count_blocks(cells: NDArray[np.int64], side: int) -> int:
    """Return over how many blocks of side x side cells some image cells (N,) are spread."""
    columns = np.rint(cells / CELL_STRIDE).astype(np.int64)
    rows = cells - columns * CELL_STRIDE
    return len(np.unique(columns // side * CELL_STRIDE + rows // side))
