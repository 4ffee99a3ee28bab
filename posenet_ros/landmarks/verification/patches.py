"""What the stored patches say: which of two rivals they fit, and where exactly the camera is."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.geometry.camera import Camera
from posenet_ros.landmarks.landmark_map import LandmarkMap
from posenet_ros.landmarks.options import LandmarkLocaliserOptions
from posenet_ros.landmarks.patches.alignment import smooth_image
from posenet_ros.landmarks.patches.patch_pose import refine_by_patches
from posenet_ros.landmarks.pnp.absolute_pose import AbsolutePose
from posenet_ros.landmarks.pnp.matrix_pose import inlier_mask
from posenet_ros.landmarks.verification.query import image_cells, Query
from posenet_ros.landmarks.verification.verify import VerifiedPose, Verifier
from posenet_ros.landmarks.verification.visibility import MapGeometry


class PatchComparison:
    """
    Compare the patches of a map with one image.

    :param grey: (H, W) image of the query, `camera` its camera.
    """

    def __init__(self, landmark_map: LandmarkMap, geometry: MapGeometry, query: Query,
                 verifier: Verifier, options: LandmarkLocaliserOptions,
                 grey: NDArray[np.uint8], camera: Camera) -> None:
        self._map, self._geometry, self._query = landmark_map, geometry, query
        self._verifier, self._options = verifier, options
        self._grey, self._camera = grey, camera
        self._known: dict[int, VerifiedPose] = {}

    @classmethod
    def of(cls, landmark_map: LandmarkMap, geometry: MapGeometry, query: Query,
           verifier: Verifier, options: LandmarkLocaliserOptions) -> PatchComparison | None:
        """Return the comparison; None where the map has no patches, or the query no image."""
        grey, camera = query.features.grey, query.features.camera
        if not len(landmark_map.patches) or grey is None or camera is None:
            return None
        return cls(landmark_map, geometry, query, verifier, options, grey, camera)

    @cached_property
    def _image(self) -> NDArray[np.float32]:
        """Return the smoothed image, (H, W)."""
        return smooth_image(self._grey)

    def with_cells(self, one: VerifiedPose) -> VerifiedPose:
        """Return a pose with the image cells whose patches agree with it."""
        if id(one) not in self._known:
            visible = self._geometry.visible(one.seen, one.pose, self._query)
            few = replace(self._options.patches,
                          max_landmarks=self._options.verification.patch_landmarks)
            _, agree = refine_by_patches(
                self._map, visible.landmarks, one.pose.to_pose(), self._image, self._camera, few)
            rows = np.searchsorted(visible.landmarks, agree)
            cells = image_cells(visible.expected_px[rows], self._options.verification.cell_px)
            self._known[id(one)] = one._replace(patch_cells=np.unique(cells))
        return self._known[id(one)]

    def refine(self, one: VerifiedPose, by_keypoints: AbsolutePose) -> AbsolutePose:
        """Return the pose by patches and keypoints, where the votes agree with it as before."""
        views = self._verifier.near(one.pose, self._options.verification.patch_views)
        seen = self._verifier.observations(views)
        landmarks = self._geometry.visible(
            seen, by_keypoints.map_from_camera, self._query).landmarks
        found, _ = refine_by_patches(
            self._map, landmarks, by_keypoints.map_from_camera, self._image, self._camera,
            self._options.patches, by_keypoints=by_keypoints,
            absolute_pose=self._options.absolute_pose)
        kept = self._options.verification.kept_votes * self._support(one, by_keypoints)
        return by_keypoints if found is None or self._support(one, found) < kept else found

    def _support(self, one: VerifiedPose, found: AbsolutePose) -> int:
        """Return how many votes agree with a pose."""
        points: Floats = self._map.points_m[one.votes.landmarks].astype(np.float64)
        max_error = self._options.verification.vote_px * self._query.pixel
        return int(inlier_mask(points, self._query.rays[one.votes.features],
                               found.map_from_camera, max_error).sum())
