"""Shadow maps: the shadows of surfaces on each other, projected along the sun's direction."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.training.scene.rendering.renderer import clip_polygon, Surface

Field = NDArray[np.float32]

SHADOW_PIXELS_PER_M = 10
_CLEARANCE_M = 0.03  # a caster that touches the receiver casts nothing


def shadow_maps(surfaces: Sequence[Surface], direction: Floats) -> list[Field | None]:
    """
    Return the shadow of all surfaces on each, 1 where the sun is hidden.

    :param direction: (3,) unit vector towards the sun.
    :returns: for each surface an (h, w) map over its texture, or None where the sun does not
        reach it or nothing shades it.
    """
    corners = np.array([s.corners for s in surfaces])
    masks = [_silhouette(s) for s in surfaces]
    return [_shadow(s, corners, masks, direction) for s in surfaces]


def _silhouette(surface: Surface) -> NDArray[np.uint8]:
    alpha = np.ascontiguousarray(surface.albedo[..., 3])
    size = (max(round(surface.width_m * SHADOW_PIXELS_PER_M), 2),
            max(round(surface.height_m * SHADOW_PIXELS_PER_M), 2))
    return np.asarray(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA), np.uint8)


def _shadow(
        receiver: Surface, corners: Floats, masks: list[NDArray[np.uint8]],
        direction: Floats) -> Field | None:
    normal = receiver.front
    slope = float(normal @ direction)
    if slope <= 0.02:
        return None
    heights = (corners - receiver.origin_m) @ normal - _CLEARANCE_M  # (N, 4)
    on_plane = corners - receiver.origin_m - heights[..., None] * direction / slope
    axes = np.column_stack([receiver.across, receiver.down])
    uv = on_plane @ np.linalg.pinv(axes).T  # (N, 4, 2) metres on the receiver
    size = (max(round(receiver.width_m * SHADOW_PIXELS_PER_M), 2),
            max(round(receiver.height_m * SHADOW_PIXELS_PER_M), 2))
    total = np.zeros(size[::-1], np.uint8)
    scale = np.array(size) / (receiver.width_m, receiver.height_m)
    pixels = uv * scale - 0.5
    hit = (heights.max(1) > 0) & (pixels.max(1) > 0).all(1) & (pixels.min(1) < size).all(1)
    for i in np.flatnonzero(hit):
        np.maximum(total, _cast(masks[i], pixels[i], heights[i], size), out=total)
    if not total.any():
        return None
    return cv2.GaussianBlur(total, (0, 0), 0.7).astype(np.float32) / np.float32(255)


def _cast(
        mask: NDArray[np.uint8], pixels: Floats, heights: Floats,
        size: tuple[int, int]) -> NDArray[np.uint8]:
    """Warp a caster's silhouette, without the part behind the receiver, onto the receiver."""
    height, width = mask.shape
    outline = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float64) - 0.5
    if heights.min() <= 0:
        part = np.zeros_like(mask)
        polygon = clip_polygon(outline, heights)
        cv2.fillPoly(part, [np.round(polygon * 16).astype(np.int32)], 255, cv2.LINE_8, 4)
        mask = np.minimum(mask, part)
    matrix = cv2.getAffineTransform(outline[:3].astype(np.float32), pixels[:3].astype(np.float32))
    return np.asarray(cv2.warpAffine(mask, matrix, size, flags=cv2.INTER_LINEAR), np.uint8)
