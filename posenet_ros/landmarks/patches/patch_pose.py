"""The exact pose of an image: stored patches of the visible landmarks are aligned onto it."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats, Floats32
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.lie import angle_between_rad
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.landmark_map import LandmarkMap, NO_PATCH
from posenet_ros.landmarks.options import AbsolutePoseOptions, DEFAULT_ABSOLUTE_POSE
from posenet_ros.landmarks.patches.alignment import align, make_templates, smooth_image
from posenet_ros.landmarks.patches.fusion import fuse_poses
from posenet_ros.landmarks.patches.options import DEFAULT_PATCHES, PatchOptions
from posenet_ros.landmarks.patches.projection import Appearance, appearances
from posenet_ros.landmarks.pnp.absolute_pose import AbsolutePose, refine_absolute_pose

Landmarks = NDArray[np.integer]


class AlignedPatches(NamedTuple):
    """
    Where K landmarks are in an image, by their patches.

    :param landmarks: (K,) indices of the landmarks.
    :param expected: (K, 2) their projection by the pose that was given, pixels.
    :param found: (K, 2) where their patches fit, pixels; as expected where they were not aligned.
    :param correlation: (K,) zero-mean normalised cross-correlation there, 0 likewise.
    :param ok: (K,) whether the patch is found.
    """

    landmarks: NDArray[np.intp]
    expected: Floats
    found: Floats
    correlation: Floats32
    ok: NDArray[np.bool_]


def align_patches(landmark_map: LandmarkMap, landmarks: Landmarks, pose: Pose,
                  grey: NDArray[np.uint8] | Floats32, camera: Camera,
                  options: PatchOptions = DEFAULT_PATCHES) -> AlignedPatches:
    """
    Align the stored patches of landmarks onto an image.

    :param landmarks: (K,) indices of those that should be visible.
    :param pose: map_from_camera, exact to some two pixels.
    :param grey: (H, W) image, of detection size; or what
        :func:`.alignment.smooth_image` made of it, to align more than once.
    :param camera: of that image.
    """
    rows = np.asarray(landmarks, np.intp)
    count = len(rows)
    result = AlignedPatches(rows, np.full((count, 2), np.nan), np.full((count, 2), np.nan),
                            np.zeros(count, np.float32), np.zeros(count, np.bool_))
    if not len(landmark_map.patches):
        return result
    with_patch = np.flatnonzero(landmark_map.patch_views[rows] != NO_PATCH)
    chosen = rows[with_patch]
    views = landmark_map.patch_views[chosen]
    seen = appearances(landmark_map.views, views, landmark_map.points_m[chosen].astype(np.float64),
                       pose, camera)
    result.expected[with_patch] = result.found[with_patch] = seen.expected
    usable = _usable(seen, grey.shape, options)
    rows, chosen = with_patch[usable], chosen[usable]
    if not len(rows):
        return result
    templates = make_templates(
        landmark_map.patches[chosen], seen.reference[usable] - landmark_map.patch_corners[chosen],
        seen.affine[usable], options)
    result.found[rows], result.correlation[rows] = align(
        smooth_image(grey), templates, seen.expected[usable], options)
    shifts = np.linalg.norm(result.found[rows] - result.expected[rows], axis=1)
    result.ok[rows] = (templates.usable & (shifts < options.max_shift_px)
                       & (result.correlation[rows] > options.min_correlation))
    return result


def _usable(seen: Appearance, shape: tuple[int, ...], options: PatchOptions) -> NDArray[np.intp]:
    """Return the rows of the landmarks that are wholly in the image, and not too oblique."""
    margin = options.half_width
    limit = np.array(shape[1::-1]) - 1 - margin
    finite = np.isfinite(seen.affine).all(axis=(1, 2))
    with np.errstate(invalid='ignore'):  # NaN is never inside
        inside = ((seen.expected >= margin) & (seen.expected <= limit)).all(axis=1)
    return np.flatnonzero(finite & inside & (seen.facing >= options.min_facing))


def refine_by_patches(
        landmark_map: LandmarkMap, landmarks: Landmarks, pose: Pose,
        grey: NDArray[np.uint8] | Floats32, camera: Camera,
        options: PatchOptions = DEFAULT_PATCHES, *, by_keypoints: AbsolutePose | None = None,
        absolute_pose: AbsolutePoseOptions = DEFAULT_ABSOLUTE_POSE,
        ) -> tuple[AbsolutePose | None, NDArray[np.intp]]:
    """
    Refine the pose of an image by the patches of the landmarks that should be visible.

    :param landmarks: (K,) indices; of more than `max_landmarks` the longest tracks of each part
        of the image are taken.
    :param pose: and `grey`, `camera`: as of :func:`align_patches`.
    :param by_keypoints: the pose by the image's keypoints, with which that by the patches is
        averaged: each weighs by its covariance, in both of which is the inlier ratio of this one.
    :returns: the pose, None where too few patches are found, with the inliers and the matches of
        `by_keypoints`, or else with `inliers` among the landmarks that were found; and the
        landmarks (M,) that agree with it, or with the given pose where it is None.
    """
    visible = spread_landmarks(landmark_map, landmarks, pose, camera, options)
    aligned = align_patches(landmark_map, visible, pose, grey, camera, options)
    chosen, found = aligned.landmarks[aligned.ok], aligned.found[aligned.ok]
    points = landmark_map.points_m[chosen].astype(np.float64)
    refined = None
    if len(chosen) >= options.min_found:
        limits = replace(absolute_pose, max_error=options.max_shift_px / camera.fx,
                         loss_scale=options.loss_scale_px / camera.fx)
        refined = refine_absolute_pose(
            points, camera.undistort_points(found), pose,
            by_keypoints.inlier_ratio if by_keypoints else 1.0, limits)
    if refined and by_keypoints:
        refined = fuse_poses(by_keypoints, replace(
            refined, covariance=refined.covariance * options.sigma_scale ** 2))
    last = refined.map_from_camera if refined else pose
    residuals = np.linalg.norm(camera.project(
        (points - last.translation_m) @ last.rotation) - found, axis=1)
    return refined, chosen[residuals < options.max_residual_px]


def spread_landmarks(landmark_map: LandmarkMap, landmarks: Landmarks, pose: Pose, camera: Camera,
                     options: PatchOptions = DEFAULT_PATCHES) -> NDArray[np.intp]:
    """
    Choose landmarks with patches that are spread over an image, the likeliest to be found first.

    :returns: (N,) of them, at most `max_landmarks`: those in the image, in rounds one of each
        square of `cell_px`.
    """
    rows = np.asarray(landmarks, np.intp)
    if not len(landmark_map.patches):
        return rows[:0]
    rows = rows[landmark_map.patch_views[rows] != NO_PATCH]
    points = landmark_map.points_m[rows].astype(np.float64)
    pixels = camera.project((points - pose.translation_m) @ pose.rotation)
    with np.errstate(invalid='ignore'):
        inside = ((pixels >= 0) & (pixels < camera.size)).all(axis=1)
    chosen: NDArray[np.intp] = rows[inside]
    points, pixels = points[inside], pixels[inside]
    if len(chosen) <= options.max_landmarks:
        return chosen
    columns, lines = (pixels // options.cell_px).astype(np.intp).T
    cells = lines * (camera.width // options.cell_px + 1) + columns
    order = np.lexsort((_unlikeness(landmark_map, chosen, points, pose, options), cells))
    starts = np.flatnonzero(np.diff(cells[order], prepend=-1))
    rank = np.arange(len(order)) - np.repeat(starts, np.diff(np.append(starts, len(order))))
    best = order[np.argsort(rank, kind='stable')[:options.max_landmarks]]
    return np.asarray(chosen[np.sort(best)], np.intp)


def _unlikeness(landmark_map: LandmarkMap, landmarks: NDArray[np.intp], points_m: Floats,
                pose: Pose, options: PatchOptions) -> Floats:
    """Return how unlike an image the patches are, by angle and distance; less for long tracks."""
    ours = pose.translation_m - points_m
    theirs = landmark_map.views.positions_m[landmark_map.patch_views[landmarks]] - points_m
    lengths, others = (np.linalg.norm(rays, axis=1) for rays in (ours, theirs))
    angles = np.degrees(angle_between_rad(ours, theirs))
    scales = np.abs(np.log2(np.maximum(lengths, 1e-12) / np.maximum(others, 1e-12)))
    tracks = np.log2(np.maximum(landmark_map.track_lengths[landmarks], 1))
    return np.asarray(angles / options.angle_scale_deg + scales
                      - options.track_length_weight * tracks, np.float64)
