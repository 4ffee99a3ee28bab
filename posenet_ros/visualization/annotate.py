"""An image with its estimate: landmarks, pose, verdict, and a map from above."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from posenet_ros.arrays import Floats, RgbImage
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.estimate import PoseEstimate
from posenet_ros.geometry.matches import LandmarkMatches
from posenet_ros.localisation.gate import Decision
from posenet_ros.visualization.floor_plan import draw_floor_plan, INK, PlanPose
from posenet_ros.visualization.text import (
    draw_lines,
    NO_BREAK,
    Rgb,
    TextLine,
    TextStyle,
    unit_px,
    wrap_lines,
)

GOOD: Rgb = (80, 230, 110)
BAD: Rgb = (255, 95, 85)
BANNER_BRIGHTNESS = 0.3  # of the image below the text
PADDING = 7  # pixels of a picture of 640x360
INLIER_RADIUS, OUTLIER_RADIUS = 2.6, 1.4  # pixels of a picture of 640x360
PLAN_SIDE, MIN_PLAN_SIDE = 0.34, 28  # part of the shorter side; pixels


def annotate(image: RgbImage, estimate: PoseEstimate, decision: Decision,
             camera: Camera | None = None, training_m: Floats | None = None) -> RgbImage:
    """
    Draw an estimate on a copy of its image.

    Landmarks that agree with the pose are green, the other matches red and smaller. The text
    has the verdict with its reason, the position, and two standard deviations along the worst
    direction of position and rotation. The map in the corner has the pose and its ellipse.

    :param image: (H, W, 3) RGB; 160x90 is the smallest on which all of it can be read.
    :param camera: of the image, at any size; None draws no landmarks.
    :param training_m: (N, 3) positions of the training images in the map, metres; None draws no
        map.
    :returns: (H, W, 3) RGB.
    """
    picture = np.ascontiguousarray(image.copy(), dtype=np.uint8)
    height, width = picture.shape[:2]
    if camera and estimate.matches:
        _draw_matches(picture, estimate.matches, camera.scaled(width, height))
    colour = GOOD if decision.accepted else BAD
    _draw_banner(picture, describe(estimate, decision), _plan_side(picture, training_m))
    if training_m is not None:
        pose = PlanPose(estimate.map_from_camera, colour, estimate.covariance)
        _draw_plan(picture, training_m, [pose])
    return picture


def annotate_no_pose(image: RgbImage, reason: str, training_m: Floats | None = None) -> RgbImage:
    """
    Draw on a copy of an image why there is no pose of it.

    :param image: (H, W, 3) RGB.
    :param training_m: as of :func:`annotate`; the map has no pose.
    """
    picture = np.ascontiguousarray(image.copy(), dtype=np.uint8)
    lines = [TextLine('no pose', BAD), TextLine(reason, INK)]
    _draw_banner(picture, lines, _plan_side(picture, training_m))
    if training_m is not None:
        _draw_plan(picture, training_m, [])
    return picture


def describe(estimate: PoseEstimate, decision: Decision) -> list[TextLine]:
    """Describe an estimate in lines: the verdict, its reasons, then position and sigma."""
    source = (f'refined by {estimate.landmarks} landmarks' if estimate.landmarks
              else 'network alone')
    verdict = decision.verdict.value.replace('_', NO_BREAK)
    first = (TextLine(f'{verdict}, {source}', GOOD) if decision.accepted
             else TextLine(f'no pose: {verdict}', BAD))
    x, y, z = estimate.map_from_camera.translation_m
    sigma_m, sigma_rad = estimate.max_sigmas()
    numbers = [f'x {x:.2f}', f'y {y:.2f}', f'z {z:.2f} m,',
               f'2 sigma {format_length(2 * sigma_m)},', f'{np.degrees(2 * sigma_rad):.2f} deg']
    text = ' '.join(number.replace(' ', NO_BREAK) for number in numbers)
    return [first, *(TextLine(reason, INK) for reason in decision.reasons),
            TextLine(text if decision.accepted else f'withheld: {text}', INK)]


def format_length(length_m: float) -> str:
    """Write a length with the unit that suits it: 1.23 m, 1.5 cm or 0.8 mm."""
    for unit_m, unit, digits in ((1.0, 'm', 2), (0.01, 'cm', 1)):
        if round(length_m / unit_m, digits) >= 1:
            return f'{length_m / unit_m:.{digits}f} {unit}'
    return f'{length_m * 1000:.1f} mm'


def _draw_matches(picture: RgbImage, matches: LandmarkMatches, camera: Camera) -> None:
    unit = unit_px(camera.width, camera.height)
    pixels = np.round(matches.pixels(camera))
    for inlier, colour, size, least in (
            (False, BAD, OUTLIER_RADIUS, 1), (True, GOOD, INLIER_RADIUS, 2)):
        radius, edge = max(least, round(size * unit)), max(1, round(0.6 * unit))
        # several views know the same landmark
        for x, y in np.unique(pixels[matches.inlier == inlier], axis=0):
            if 0 <= x < camera.width and 0 <= y < camera.height:
                at = int(x), int(y)
                cv2.circle(picture, at, radius + edge, (0, 0, 0), -1, cv2.LINE_AA)
                cv2.circle(picture, at, radius, colour, -1, cv2.LINE_AA)


def _draw_banner(picture: RgbImage, lines: Sequence[TextLine], plan_side: int) -> None:
    """Draw text on a darkened band along the top that leaves the room for the map."""
    height, width = picture.shape[:2]
    style = TextStyle.for_picture(width, height)
    pad = max(2, round(PADDING * unit_px(width, height)))
    room = height - plan_side - 3 * pad if plan_side else height - 2 * pad
    wrapped = wrap_lines(lines, style, width - 2 * pad, room // style.line_height)
    bottom = 2 * pad + len(wrapped) * style.line_height
    picture[:bottom] = picture[:bottom] * BANNER_BRIGHTNESS
    draw_lines(picture, wrapped, pad, pad, style)


def _plan_side(picture: RgbImage, training_m: Floats | None) -> int:
    """Return the side of the map in the corner, pixels; 0 without one."""
    if training_m is None:
        return 0
    height, width = picture.shape[:2]
    return max(MIN_PLAN_SIDE, round(PLAN_SIDE * float(min(height, width))))


def _draw_plan(picture: RgbImage, training_m: Floats, poses: Sequence[PlanPose]) -> None:
    """Draw the map into the lower right corner."""
    side = _plan_side(picture, training_m)
    gap = max(1, round(0.03 * side))
    plan = draw_floor_plan(training_m, poses, side, side)
    corner = picture[-side - gap:-gap, -side - gap:-gap]
    corner[:] = plan[:corner.shape[0], :corner.shape[1]]
