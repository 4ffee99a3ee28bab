"""A room of textured panels, drawn by homographies: small walks for structure from motion."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
from helpers import scene
import numpy as np
from PIL import Image
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.pose import Pose
from posenet_ros.training.data.walk import Walk, WalkImage
from posenet_ros.training.sfm.options import KeyframeOptions, SfmOptions, SiftOptions

CAMERA = Camera(320, 240, 260.0, 260.0, 159.5, 119.5)
OPTIONS = SfmOptions(KeyframeOptions(min_motion=0), SiftOptions(max_keypoints=500), threads=1)
# centre (x, y, z), yaw in degrees, width and height, metres; the furthest first
WALL = (0.0, 0.0, 7.0), 0.0, 16.0, 8.0
PANELS = (WALL, ((-2.2, 0.4, 5.2), 35.0, 2.6, 2.4), ((1.6, -0.5, 4.8), -30.0, 2.4, 2.2),
          ((-0.2, 0.9, 4.0), 10.0, 1.4, 1.0), ((3.0, 0.6, 4.2), -45.0, 1.6, 1.8))
RESOLUTION = 60  # pixels a metre


def yaw(degrees: float) -> np.ndarray:
    """Return the rotation (3, 3) about y, which points down."""
    return cv2.Rodrigues(np.array([0.0, np.radians(degrees), 0.0]))[0]


def homography(panel: tuple, pose: Pose, camera: Camera) -> np.ndarray:
    """Compute the 3x3 homography from a panel's texture, pixels, to the image."""
    centre, turn, width, height = panel
    axes = yaw(turn)
    corner = np.array(centre) - axes @ (width / 2, height / 2, 0)
    plane = np.column_stack([axes[:, 0] / RESOLUTION, axes[:, 1] / RESOLUTION, corner])
    inverse = pose.inverse()
    return camera.matrix @ (inverse.rotation @ plane + np.outer(inverse.translation_m, (0, 0, 1)))


def draw(pose: Pose, camera: Camera = CAMERA, panels: Sequence[tuple] = PANELS,
         seed: int = 0) -> np.ndarray:
    """Draw the panels as a camera sees them, all of which have to be in front of it."""
    image = np.full((camera.height, camera.width, 3), 90, np.uint8)
    for i, panel in enumerate(panels):
        size = int(panel[2] * RESOLUTION), int(panel[3] * RESOLUTION)
        texture = scene(100 * seed + i, size)
        matrix = homography(panel, pose, camera)
        mask = cv2.warpPerspective(np.full(size[::-1], 255, np.uint8), matrix, camera.size)
        warped = cv2.warpPerspective(texture, matrix, camera.size, flags=cv2.INTER_AREA)
        image[mask > 127] = warped[mask > 127]
    return image


def sideways(count: int, start: float = -1.2, end: float = 1.2) -> list[Pose]:
    """Return poses of a walk along the panels, that looks at them, up and down a little."""
    xs = np.linspace(start, end, count)
    return [Pose.from_rotation(yaw(-4 * x), (x, 0.3 * np.sin(3 * x), 0.4 * np.cos(2 * x)))
            for x in xs]


def write_walk(folder: Path, name: str, images: Sequence[np.ndarray],
               camera: Camera | None = CAMERA, exif: dict[int, float] | None = None) -> Walk:
    """
    Write images of a walk as PNG, or as JPEG where they have EXIF.

    :param exif: values of tags; 0xA405 is put where it belongs.
    """
    (folder / name).mkdir(parents=True)
    found = []
    for i, image in enumerate(images):
        path = folder / name / f'{i:03}.{"jpg" if exif else "png"}'
        write_image(path, image, exif or {})
        found.append(WalkImage(path, f'{name}/{path.name}'))
    return Walk(name, tuple(found), camera)


def write_image(path: Path, image: np.ndarray, exif: dict[int, float]) -> None:
    """Write an RGB image, with tags of EXIF."""
    tags = Image.Exif()
    for tag, value in exif.items():
        if tag == 0xA405:
            tags.get_ifd(0x8769)[tag] = value
        else:
            tags[tag] = value
    Image.fromarray(image).save(path, quality=95, exif=tags)


def similarity_errors(found: Sequence[Pose], true: Sequence[Pose]) -> tuple[float, float]:
    """
    Align found poses with the true ones (Umeyama 1991).

    :returns: root mean square of the positions' errors, metres, and largest rotation, degrees.
    """
    a, b = (np.array([p.translation_m for p in poses]) for poses in (found, true))
    centred_a, centred_b = a - a.mean(0), b - b.mean(0)
    # by the rotations, for a walk along a line does not determine all of one by its positions
    u, _, vt = np.linalg.svd(sum(t.rotation @ f.rotation.T for f, t in zip(
        found, true, strict=True)))
    rotation = u @ np.diag([1, 1, np.linalg.det(u @ vt)]) @ vt
    turned = centred_a @ rotation.T
    scale = (turned * centred_b).sum() / (turned ** 2).sum()
    error_m = float(np.sqrt(((scale * turned - centred_b) ** 2).sum(1).mean()))
    angles = [np.linalg.norm(cv2.Rodrigues(t.rotation.T @ rotation @ f.rotation)[0])
              for f, t in zip(found, true, strict=True)]
    return error_m, float(np.degrees(max(angles)))
