"""
Plane-sweep depth of training images (Collins 1996), to render views beside the walked path.

For each of a range of inverse depths the neighbours are warped onto an image by the homography of
that plane; the plane where they agree best gives the depth. It needs nothing but posed images.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats, Floats32, RgbImage
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.pose import Pose
from posenet_ros.training.data.view_pairs import BASELINES, median_step_m, neighbours

PLANES = 48
NEAREST_DISPARITY = 0.2  # of the image width, at the mean baseline
WINDOW = 5  # pixels, of the cost aggregation
COST_LIMIT = 40.0  # larger differences are truncated: occlusion or motion
NEAR_PENALTY = 4.0  # prefers far planes where all fit alike (sky)
THREADS = 2


def inverse_depths(camera: Camera, step_m: float) -> Floats:
    """Return the inverse depths of the sweep's planes, far to near, 1/m."""
    baseline_m = step_m * float(np.mean(BASELINES))
    nearest = NEAREST_DISPARITY * camera.width / (camera.fx * baseline_m)
    return np.asarray(np.linspace(0, nearest, PLANES))


def _normalised(base: NDArray[np.uint8]) -> Floats32:
    """Normalise the local mean and contrast of grey values, against changes of illumination."""
    grey = cv2.cvtColor(base, cv2.COLOR_RGB2GRAY).astype(np.float32)
    centred = grey - cv2.blur(grey, (11, 11))
    return np.asarray(centred / (np.sqrt(cv2.blur(centred * centred, (11, 11))) + 8) * 40,
                      np.float32)


def _cost(reference: Floats32, other: Floats32, homography: Floats) -> Floats32:
    size = (reference.shape[1], reference.shape[0])
    warped = cv2.warpPerspective(other, homography, size, borderValue=1e6,
                                 flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    cost = np.minimum(np.abs(warped - reference), COST_LIMIT)
    return np.asarray(cv2.blur(cost, (WINDOW, WINDOW)), np.float32)


def sweep(index: int, others: Sequence[int], prepared: Sequence[Floats32], poses: Sequence[Pose],
          camera: Camera, planes: Floats) -> Floats32:
    """
    Estimate the inverse depths of an image by a plane sweep.

    :param others: indices of its neighbours.
    :param prepared: locally normalised grey images of `camera`.
    :param planes: candidate inverse depths, 1/m.
    :returns: (height, width), 1/m; 0 where it is far or unknown.
    """
    reference, k = prepared[index], camera.matrix
    costs = np.empty((len(planes), *reference.shape), np.float32)
    moves = [poses[j].inverse() @ poses[index] for j in others]  # other_from_reference
    for n, rho in enumerate(planes):
        # a plane z = 1/rho, facing the camera: x' = K (R + rho t e_z') K^-1 x
        each = [_cost(reference, prepared[j], k @ (
            move.rotation + rho * np.outer(move.translation_m, (0, 0, 1))) @ np.linalg.inv(k))
            for j, move in zip(others, moves, strict=True)]
        best = np.sort(each, axis=0)[:max(len(each) // 2, 1)]  # others: occluded
        costs[n] = best.mean(axis=0) + NEAR_PENALTY * n / len(planes)
    nearest = planes[costs.argmin(axis=0)].astype(np.float32)
    return np.asarray(cv2.blur(cv2.medianBlur(cv2.medianBlur(nearest, 5), 5), (3, 3)))


def estimate_inverse_depths(
        bases: NDArray[np.uint8], poses: Sequence[Pose], sequences: Sequence[str], camera: Camera,
        progress: Callable[[int], object] = lambda done: None) -> Floats32:
    """
    Estimate the inverse depths of all images.

    :param bases: (N, height, width, 3) of `camera`, in the order of the walk.
    :param progress: called with the number done.
    :returns: (N, height, width), 1/m; estimated at half that size, which takes a quarter.
    """
    step_m = median_step_m(poses, sequences)
    result = np.zeros(bases.shape[:3], np.float32)
    if step_m == 0:
        return result
    small = camera.scaled(camera.width // 2, camera.height // 2)
    planes = inverse_depths(camera, step_m)
    prepared = [_normalised(cv2.resize(base, small.size, interpolation=cv2.INTER_AREA))
                for base in bases]

    def one(index: int) -> None:
        others = neighbours(index, poses, sequences, step_m)
        if others:
            rho = sweep(index, others, prepared, poses, small, planes)
            result[index] = cv2.resize(rho, camera.size, interpolation=cv2.INTER_LINEAR)

    with ThreadPoolExecutor(THREADS) as pool:
        for done, _ in enumerate(pool.map(one, range(len(bases))), 1):
            progress(done)
    return result


def warp_view(base: RgbImage, rho: Floats32, camera: Camera, target: Camera,
              source_from_target: Pose, border: Sequence[int] = (0, 0, 0)) -> RgbImage:
    """
    Warp an image to the view of a slightly moved camera.

    The inverse depth in the new view is found by fixed-point iteration: exact on smooth surfaces,
    stretched at disocclusions.

    :param base: (height, width, 3) of `camera`; `rho` (height, width) its inverse depths, 1/m.
    :param target: camera of the new view.
    :param border: colour beyond the image.
    """
    k_inverse = np.linalg.inv(target.matrix)
    turn = camera.matrix @ source_from_target.rotation @ k_inverse
    shift = (camera.matrix @ source_from_target.translation_m).astype(np.float32)
    x = np.arange(0, target.width, 1, dtype=np.float32)[np.newaxis, :]
    y = np.arange(0, target.height, 1, dtype=np.float32)[:, np.newaxis]
    rays = [np.float32(r[0]) * x + np.float32(r[1]) * y + np.float32(r[2]) for r in turn]
    u, v = rays[0] / rays[2], rays[1] / rays[2]
    for _ in range(3):
        near = cv2.remap(rho, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        # rho in the target is rho in the source times the ratio of the depths
        near = near * rays[2] / np.maximum(1 - near * shift[2], 0.2)
        depth = rays[2] + near * shift[2]
        u, v = (rays[0] + near * shift[0]) / depth, (rays[1] + near * shift[1]) / depth
    return np.asarray(cv2.remap(base, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT,
                                borderValue=tuple(int(c) for c in border)), np.uint8)
