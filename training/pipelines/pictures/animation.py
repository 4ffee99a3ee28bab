"""
Animate a walk of the demo: left each image with its landmarks, right the map with its pose.

Halfway the lens is covered, as by a hand, and uncovered again. Every pose and every "no pose" is
what the node would publish: the images go through the same pipeline and its default gate.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
import time

import cv2
import numpy as np
from PIL import Image
from posenet_ros.arrays import Floats, RgbImage
from posenet_ros.datasets.pose_files import Format, read_poses
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.imaging.decoding import Frame
from posenet_ros.imaging.files import read_image
from posenet_ros.imaging.quality import FrozenImageDetector
from posenet_ros.inference.artifact import load, LoadedArtifact
from posenet_ros.landmarks.place_map import load_place_map
from posenet_ros.localisation.factory import make_relocaliser, RelocaliserOptions
from posenet_ros.localisation.gate import Gate
from posenet_ros.localisation.gate_config import NODE_DEFAULTS
from posenet_ros.localisation.pipeline import judge, localise
from posenet_ros.visualization.annotate import (
    annotate,
    annotate_no_pose,
    BAD,
    format_length,
    GOOD,
)
from posenet_ros.visualization.floor_plan import draw_floor_plan, PlanPose
from posenet_ros.visualization.text import draw_lines, TextLine, TextStyle

HEIGHT = 320  # of the picture, pixels
FRAME_MS, PERIOD_NS = 100, 200_000_000
COVERED = (0.50, 0.72)  # the part of the walk in which the lens is covered
SLIDE = 4  # images until it is covered
CLOTH_RGB = (38, 34, 32)
MAX_SPOTS = 6000  # of the map
SHOWN_PERCENTILES = (2, 98)  # of the landmarks, along each axis
QUALITY = 55
TITLE = TextStyle.for_picture(900, 900)


def cover(image: RgbImage, part: float) -> RgbImage:
    """Cover a part of an image (H, W, 3) from the left, 0 to 1, with dark cloth."""
    covered = np.array(image)
    covered[:, :round(part * image.shape[1])] = CLOTH_RGB
    return covered


def covered_part(index: int, count: int) -> float:
    """Return how much of the lens is covered at an image of a walk, 0 to 1."""
    first, last = (round(share * count) for share in COVERED)
    return float(np.clip(min(index - first + 1, last - index) / SLIDE, 0, 1))


class Animator:
    """
    Localise images one after the other and draw each with its pose.

    :param artifact: the model, with landmarks.
    """

    def __init__(self, artifact: LoadedArtifact) -> None:
        self._camera: Camera = artifact.camera
        self._relocaliser = make_relocaliser(artifact, RelocaliserOptions(refine=True)).relocaliser
        self._gate = Gate(NODE_DEFAULTS, artifact.scene)
        self._frozen = FrozenImageDetector()
        self._spots = choose_spots(load_place_map(artifact).points_m, MAX_SPOTS)
        self._path: list[Floats] = []

    def draw(self, image: RgbImage, stamp_ns: int) -> RgbImage:
        """Return the picture of one image, HEIGHT pixels high."""
        result = localise(self._relocaliser, lambda _: Frame(image, stamp_ns, 'camera'),
                          self._camera, time.monotonic)
        judgement = judge(result, self._gate, self._frozen, stamp_ns)
        width = round(image.shape[1] * HEIGHT / image.shape[0])
        shown = np.asarray(cv2.resize(image, (width, HEIGHT), interpolation=cv2.INTER_AREA),
                           np.uint8)
        if judgement is None or result.estimate is None:
            return self._beside(annotate_no_pose(shown, result.image_error), 'no pose', [])
        estimate, accepted = result.estimate, judgement.decision.accepted
        if accepted:
            self._path.append(estimate.map_from_camera.translation_m)
        left = annotate(shown, estimate, judgement.decision, self._camera)
        if not accepted:
            return self._beside(left, f'no pose: {judgement.decision.verdict.value}', [])
        pose = PlanPose(estimate.map_from_camera, GOOD, estimate.covariance)
        sigma = format_length(2 * estimate.max_sigmas()[0])
        return self._beside(left, f'pose, 2 sigma {sigma}', [pose])

    def _beside(self, left: RgbImage, title: str, poses: Sequence[PlanPose]) -> RgbImage:
        plan = draw_floor_plan(self._spots, poses, HEIGHT, HEIGHT,
                               np.array(self._path) if self._path else None)
        colour = GOOD if poses else BAD
        draw_lines(plan, [TextLine(title, colour)], 8, 8, TITLE)
        cv2.rectangle(plan, (1, 1), (HEIGHT - 2, HEIGHT - 2), colour, 2)
        return np.hstack([left, plan])


def choose_spots(points_m: Floats, count: int) -> Floats:
    """Return at most `count` of the points (N, 3), evenly chosen, without those far outside."""
    low, high = np.percentile(points_m, SHOWN_PERCENTILES, axis=0)
    inside = points_m[((points_m >= low) & (points_m <= high)).all(axis=1)]
    return np.asarray(inside[::max(1, -(-len(inside) // count))])


def draw_walk(demo: Path, indices: range) -> Iterator[RgbImage]:
    """
    Draw images of the demo's test walk.

    :raises InputError: when the walk has fewer images.
    """
    rows = read_poses(demo / 'court' / 'dataset_test.txt', Format.CAMBRIDGE)
    if not 0 <= indices.start < indices.stop <= len(rows):
        raise InputError(f'the images have to be among the {len(rows)} of the test walk. '
                         f'Received: {indices.start} to {indices.stop - 1}')
    animator = Animator(load(demo / 'model'))
    for i, index in enumerate(indices):
        image = read_image(demo / 'court' / rows[index].name)
        yield animator.draw(cover(image, covered_part(i, len(indices))), (i + 1) * PERIOD_NS)


def animate(demo: Path, out: Path, indices: range) -> None:
    """
    Write the moving picture.

    :param demo: folder of `make demo`.
    :param out: .webp or .gif.
    :param indices: of the images in the test walk.
    """
    frames = [Image.fromarray(picture) for picture in draw_walk(demo, indices)]
    out.parent.mkdir(parents=True, exist_ok=True)
    frames[0].save(out, save_all=True, append_images=frames[1:], duration=FRAME_MS, loop=0,
                   quality=QUALITY, method=4)
