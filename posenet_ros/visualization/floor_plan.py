"""A place from above: where the training images were taken, and the poses of cameras."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats, RgbImage
from posenet_ros.geometry.pose import Pose
from posenet_ros.visualization.text import draw_lines, Rgb, TextLine, TextStyle

GROUND: Rgb = (24, 28, 36)
TRAINING: Rgb = (96, 110, 132)
INK: Rgb = (235, 238, 242)
MARGIN = 0.12  # of the shorter side, all around
ARROW = 0.18  # its length, of the shorter side
SUPERSAMPLING = 3  # of the dots, whose number knows no bound
MIN_SCALE_BAR_WIDTH = 90  # narrower plans have no room for one, pixels
SUBPIXEL_BITS = 4  # of OpenCV's fixed-point coordinates
MIN_EXTENT_M = 0.1  # a single position has none


@dataclass(frozen=True, eq=False)
class FloorPlan:
    """
    A view of the map from above, its x to the right and its y up.

    :param centre_m: (2,) x and y of the map at the centre of the plan, metres.
    :param pixels_per_m: scale, the same along both axes.
    :param width: of the plan, pixels.
    :param height: of the plan, pixels.
    """

    centre_m: Floats
    pixels_per_m: float
    width: int
    height: int

    @classmethod
    def around(cls, points_m: Floats, width: int, height: int) -> FloorPlan:
        """Return the view that shows all points (N, 3 or 2), metres, with a margin."""
        flat = np.asarray(points_m, np.float64)[:, :2] if len(points_m) else np.zeros((1, 2))
        low, high = flat.min(axis=0), flat.max(axis=0)
        room = np.array([width, height]) - 2 * MARGIN * min(width, height)
        scale = float((room / np.maximum(high - low, MIN_EXTENT_M)).min())
        return cls((low + high) / 2, scale, width, height)

    def pixels(self, points_m: Floats) -> Floats:
        """Return where points (N, 3 or 2) of the map lie, (N, 2) pixels."""
        offset = (np.asarray(points_m, np.float64)[:, :2] - self.centre_m) * self.pixels_per_m
        return offset * (1, -1) + np.array([self.width - 1, self.height - 1]) / 2


@dataclass(frozen=True, eq=False)
class PlanPose:
    """
    A camera on a floor plan.

    :param map_from_camera: its pose.
    :param colour: RGB.
    :param covariance: (6, 6) as of a PoseEstimate, for the ellipse; None draws none.
    """

    map_from_camera: Pose
    colour: Rgb
    covariance: Floats | None = None


def draw_floor_plan(training_m: Floats, poses: Sequence[PlanPose] = (), width: int = 320,
                    height: int = 320, path_m: Floats | None = None) -> RgbImage:
    """
    Draw a place from above: dots where it was trained, an arrow where each camera looks.

    Each arrow starts at the camera, in an ellipse of two standard deviations. A camera beyond
    the plan is a ring at its edge.

    :param training_m: (N, 3) positions of the training images, metres; they set the scale.
    :param poses: the last is on top.
    :param path_m: (M, 3) positions to join by a line, such as a camera's way; metres.
    :returns: (height, width, 3) RGB.
    """
    known = training_m if len(training_m) else np.reshape(
        [pose.map_from_camera.translation_m for pose in poses], (-1, 3))
    plan = FloorPlan.around(known, width, height)
    picture = _draw_dots(plan, training_m)
    if path_m is not None and len(path_m):
        cv2.polylines(picture, [_fixed_point(plan.pixels(path_m))], False, INK, _line_px(plan),
                      cv2.LINE_AA, SUBPIXEL_BITS)
    for pose in poses:
        _draw_pose(picture, plan, pose)
    if width >= MIN_SCALE_BAR_WIDTH:
        _draw_scale_bar(picture, plan)
    return picture


def _draw_dots(plan: FloorPlan, points_m: Floats) -> RgbImage:
    """Paint the ground and a dot at each point; the time does not grow with their number."""
    height, width = plan.height * SUPERSAMPLING, plan.width * SUPERSAMPLING
    cover = np.zeros((height, width), np.uint8)
    if len(points_m):
        x, y = (((plan.pixels(points_m) + 0.5) * SUPERSAMPLING).astype(np.intp)).T
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        cover[y[inside], x[inside]] = 255
        size = max(3, round(0.012 * min(width, height))) | 1
        cover = np.asarray(cv2.dilate(cover, cv2.getStructuringElement(
            cv2.MORPH_ELLIPSE, (size, size))), np.uint8)
    part = cv2.resize(cover, (plan.width, plan.height), interpolation=cv2.INTER_AREA) / 255.0
    ground, dots = np.array(GROUND, np.float64), np.array(TRAINING, np.float64)
    return np.ascontiguousarray(ground + part[..., None] * (dots - ground), dtype=np.uint8)


def _draw_pose(picture: RgbImage, plan: FloorPlan, pose: PlanPose) -> None:
    reach = ARROW * min(plan.width, plan.height)
    exact = plan.pixels(pose.map_from_camera.translation_m[None])[0]
    size = np.array([plan.width, plan.height])
    at = np.clip(exact, reach, size - 1 - reach)
    beyond = bool(np.abs(exact - np.clip(exact, 0, size - 1)).max() > 0)
    at = at if beyond else exact
    line = _line_px(plan)
    if pose.covariance is not None and not beyond:
        _draw_ellipse(picture, plan, at, pose.covariance[:2, :2], pose.colour)
    direction = pose.map_from_camera.rotation[:2, 2] * (1, -1)  # along the optical axis
    start, end = _fixed_point(np.array([at, at + 0.9 * reach * direction]))
    cv2.line(picture, _pair(start), _pair(end), pose.colour, line, cv2.LINE_AA, SUBPIXEL_BITS)
    if np.linalg.norm(direction) > 0.3:  # else it looks up or down
        _draw_tip(picture, at, reach, direction, pose.colour)
    radius = round((1.2 * line + 1) * (2 if beyond else 1) * 2 ** SUBPIXEL_BITS)
    cv2.circle(picture, _pair(start), radius, pose.colour, line if beyond else -1, cv2.LINE_AA,
               SUBPIXEL_BITS)


def _draw_tip(picture: RgbImage, at: Floats, reach: float, direction: Floats,
              colour: Rgb) -> None:
    """Draw the tip of an arrow, in proportion to its length."""
    end = at + reach * direction
    back, side = 0.4 * reach * direction, 0.22 * reach * direction[::-1] * (-1, 1)
    triangle = _fixed_point(np.array([end, end - back + side, end - back - side]))
    cv2.fillPoly(picture, [triangle], colour, cv2.LINE_AA, SUBPIXEL_BITS)


def _draw_ellipse(picture: RgbImage, plan: FloorPlan, at: Floats, covariance: Floats,
                  colour: Rgb) -> None:
    """Draw the ellipse of two standard deviations of a position's (2, 2) covariance, m^2."""
    variances, axes = np.linalg.eigh(covariance)
    radii_px = 2 * np.sqrt(np.maximum(variances, 0)) * plan.pixels_per_m
    radii_px = np.minimum(radii_px, 4 * max(plan.width, plan.height))  # OpenCV has 16 bits
    turn = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    circle = np.stack([np.cos(turn), np.sin(turn)])  # (2, 64)
    outline = (axes @ (radii_px[:, None] * circle)).T * (1, -1) + at
    cv2.polylines(picture, [_fixed_point(outline)], True, colour, max(1, _line_px(plan) // 2),
                  cv2.LINE_AA, SUBPIXEL_BITS)


def _draw_scale_bar(picture: RgbImage, plan: FloorPlan) -> None:
    longest_m = 0.3 * plan.width / plan.pixels_per_m
    power = 10 ** np.floor(np.log10(longest_m))
    length_m = max(step * power for step in (1, 2, 5) if step * power <= longest_m)
    style = TextStyle.for_picture(2 * plan.width, 2 * plan.height)
    pad = max(3, round(0.03 * plan.width))
    bottom = plan.height - pad
    end = pad + round(length_m * plan.pixels_per_m)
    cv2.line(picture, (pad, bottom), (end, bottom), INK, max(1, _line_px(plan) // 2))
    text = f'{length_m:g} m' if length_m >= 1 else f'{length_m * 100:g} cm'
    draw_lines(picture, [TextLine(text, INK)], pad, bottom - style.line_height, style)


def _line_px(plan: FloorPlan) -> int:
    return max(1, round(0.012 * min(plan.width, plan.height)))


def _fixed_point(pixels: Floats) -> NDArray[np.int32]:
    """Return (N, 2) pixels as OpenCV draws them between pixels."""
    limited = np.clip(pixels, -2.0 ** 15, 2.0 ** 15)
    return np.asarray(np.round(limited * 2 ** SUBPIXEL_BITS), np.int32)


def _pair(point: NDArray[np.int32]) -> tuple[int, int]:
    return int(point[0]), int(point[1])
