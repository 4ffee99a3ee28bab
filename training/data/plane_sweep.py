"""
Depth of training images from their neighbours, to show a scene from beside the walked path.

A plane sweep (Collins 1996): for each of a range of inverse depths the neighbours are warped onto
an image by the homography of that plane; where they agree, the plane is right. No learning, no
other data than the posed training images.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.pose import Pose
from posenet_ros.training.data.view_pairs import BASELINES, neighbours, usual_step_m

Floats = NDArray[np.float32]
PLANES = 48
NEAREST_DISPARITY = 0.2  # of the image width, at the usual baseline
WINDOW = 5  # pixels that are compared together
COST_LIMIT = 40.0  # a larger difference says nothing more: something is hidden or moved
FAR_BIAS = 4.0  # where all planes agree alike (sky), take a far one
THREADS = 2


def inverse_depths(camera: Camera, step_m: float) -> Floats:
    """Return the planes of the sweep, far to near, 1/m."""
    baseline_m = step_m * float(np.mean(BASELINES))
    return np.linspace(0, NEAREST_DISPARITY * camera.width / (camera.fx * baseline_m), PLANES)


def _prepared(base: NDArray[np.uint8]) -> Floats:
    """Return grey values without their local mean and contrast, so that light matters less."""
    grey = cv2.cvtColor(base, cv2.COLOR_RGB2GRAY).astype(np.float32)
    centred = grey - cv2.blur(grey, (11, 11))
    return centred / (np.sqrt(cv2.blur(centred * centred, (11, 11))) + 8) * 40


def _cost(reference: Floats, other: Floats, homography: Floats) -> Floats:
    size = (reference.shape[1], reference.shape[0])
    warped = cv2.warpPerspective(other, homography, size, borderValue=1e6,
                                 flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    cost = np.minimum(np.abs(warped - reference), COST_LIMIT)
    return cv2.blur(cost, (WINDOW, WINDOW))


def sweep(index: int, others: Sequence[int], prepared: Sequence[Floats], poses: Sequence[Pose],
          camera: Camera, planes: Floats) -> Floats:
    """
    Return the inverse depth of an image.

    :param others: its neighbours.
    :param planes: inverse depths to try, 1/m.
    :returns: (height, width), 1/m; 0 where it is far, or nothing is known.
    """
    reference, k = prepared[index], camera.matrix
    costs = np.empty((len(planes), *reference.shape), np.float32)
    moves = [poses[j].inverse() @ poses[index] for j in others]  # other_from_reference
    for n, rho in enumerate(planes):
        # a plane z = 1/rho, facing the camera: x' = K (R + rho t e_z') K^-1 x
        each = [_cost(reference, prepared[j], k @ (
            move.rotation + rho * np.outer(move.translation_m, (0, 0, 1))) @ np.linalg.inv(k))
            for j, move in zip(others, moves, strict=True)]
        best = np.sort(each, axis=0)[:max(len(each) // 2, 1)]  # what hides it in some is ignored
        costs[n] = best.mean(axis=0) + FAR_BIAS * n / len(planes)
    nearest = planes[costs.argmin(axis=0)].astype(np.float32)
    return cv2.blur(cv2.medianBlur(cv2.medianBlur(nearest, 5), 5), (3, 3))


def estimate(bases: NDArray[np.uint8], poses: Sequence[Pose], sequences: Sequence[str],
             camera: Camera, progress: Callable[[int], object] = lambda done: None) -> Floats:
    """
    Return the inverse depths of all images.

    :param bases: (N, height, width, 3) of `camera`, in walking order.
    :param progress: is called with the number done.
    :returns: (N, height, width), 1/m; estimated at half that size, which takes a quarter.
    """
    step_m = usual_step_m(poses, sequences)
    result = np.zeros(bases.shape[:3], np.float32)
    if step_m == 0:
        return result
    small = camera.scaled(camera.width // 2, camera.height // 2)
    planes = inverse_depths(camera, step_m)
    prepared = [_prepared(cv2.resize(base, small.size, interpolation=cv2.INTER_AREA))
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


def moved_view(base: NDArray[np.uint8], rho: Floats, camera: Camera, target: Camera,
               source_from_target: Pose, border: Sequence[int] = (0, 0, 0)) -> NDArray[np.uint8]:
    """
    Return the view of a camera that is moved and turned a little.

    The inverse depth in the new view is found by fixed-point iteration: exact on smooth
    surfaces, stretched where something comes out from behind an edge.

    :param base: (height, width, 3) of `camera`; `rho` (height, width) its inverse depths, 1/m.
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
    return cv2.remap(base, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT,
                     borderValue=tuple(int(c) for c in border))
