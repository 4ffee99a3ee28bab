"""
Augmentation of viewpoint and appearance (uint8, NumPy and OpenCV).

A sample depends on nothing but (seed, epoch, index), so that runs can be resumed.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats, RgbImage
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.lie import so3_exp
from posenet_ros.geometry.pose import Pose
from posenet_ros.imaging.preprocess import centred
from posenet_ros.training.data.plane_sweep import warp_view

LIGHT_GRID = (3, 4)  # cells of the smooth light field
NOISE_BANK = 1 << 20


@dataclass(frozen=True)
class Augmentation:
    """Strength of each augmentation; zero switches it off."""

    random_crop: bool = False  # anywhere in the base image (Kendall 2015); else in the middle
    yaw_deg: float = 0.0  # largest rotation of the camera about its y axis (down)
    pitch_deg: float = 0.0  # about its x axis (right)
    roll_deg: float = 0.0  # about its z axis (forward)
    shift: float = 0.0  # largest translation, in median scene depths (data.plane_sweep)
    colour: float = 0.0  # 0..1: brightness, contrast, gamma, white balance, saturation
    light: float = 0.0  # 0..1: a smooth random illumination field
    blur_px: float = 0.0  # largest sigma of a Gaussian blur
    noise: float = 0.0  # largest standard deviation of Gaussian noise, grey levels
    occlusions: int = 0  # largest number of occluding rectangles

    def __post_init__(self) -> None:
        checks = {'yaw_deg': 45, 'pitch_deg': 45, 'roll_deg': 180, 'shift': 0.3, 'colour': 1,
                  'light': 1, 'blur_px': 10, 'noise': 100, 'occlusions': 20}
        for name, highest in checks.items():
            if not 0 <= getattr(self, name) <= highest:
                raise InputError(f'{name} has to be within 0 and {highest}. '
                                 f'Received: {getattr(self, name)!r}')


def rotation_homography(camera: Camera, target: Camera, target_from_camera: Floats) -> Floats:
    """
    Return the homography between two cameras with the same centre.

    K' R K^-1 maps pixels of `camera` to pixels of `target`; it is exact for any scene
    (Hartley and Zisserman 2003, section 8.4).

    :param target_from_camera: (3, 3) rotation.
    """
    return target.matrix @ target_from_camera @ np.linalg.inv(camera.matrix)


class Augmenter:
    """
    Augments base images to network inputs.

    :param camera: of the base images.
    :param target: of the network's input.
    :param reach_m: (3,) largest translation along the axes of the map, metres; None for any.
    """

    def __init__(self, settings: Augmentation, camera: Camera, target: Camera,
                 seed: int = 0, reach_m: Floats | None = None) -> None:
        self.settings, self.camera, self.target, self.seed = settings, camera, target, seed
        self._reach_m = reach_m
        bank = np.random.default_rng(seed).standard_normal(NOISE_BANK)
        self._noise = np.clip(np.round(bank * 32), -127, 127).astype(np.int16)

    def __call__(self, base: RgbImage, map_from_camera: Pose, epoch: int, index: int,
                 rho: NDArray[np.float32] | None = None) -> tuple[RgbImage, Pose]:
        """
        Augment viewpoint and appearance; return the input image and its pose.

        :param base: (camera.height, camera.width, 3).
        :param rho: inverse depths (camera.height, camera.width), 1/m, to translate the camera.
        :returns: (target.height, target.width, 3) and map_from_target.
        """
        rng = np.random.default_rng([self.seed, epoch, index])
        image, pose = self.view(base, map_from_camera, rng, rho)
        return self.appearance(image, rng), pose

    def view(self, base: RgbImage, map_from_camera: Pose, rng: np.random.Generator,
             rho: NDArray[np.float32] | None = None) -> tuple[RgbImage, Pose]:
        """Render the view of a rotated, translated or cropped camera; return it and its pose."""
        settings = self.settings
        limits = np.array([settings.pitch_deg, settings.yaw_deg, settings.roll_deg])
        left, top = self._window(rng)
        if not limits.any() and rho is None:
            return base[top:top + self.target.height, left:left + self.target.width], \
                map_from_camera
        rotation = so3_exp(np.radians(rng.uniform(-limits, limits)))
        window = self.camera.cropped(left, top, *self.target.size)
        border = rng.integers(0, 256, 3).tolist()
        if rho is not None and rho.any():
            moved_m = self._within_reach(self._shift(rho, rng), map_from_camera.rotation)
            step = Pose.from_rotation(rotation.T, moved_m)
            image = warp_view(base, rho, self.camera, window, step, border)
            return image, map_from_camera @ step
        rotated = cv2.warpPerspective(
            base, rotation_homography(self.camera, window, rotation), window.size,
            flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=border)
        return np.asarray(rotated, np.uint8), map_from_camera @ Pose.from_rotation(rotation.T)

    def _window(self, rng: np.random.Generator) -> tuple[int, int]:
        """Draw the left and top of the crop, pixels."""
        spare = self.camera.width - self.target.width, self.camera.height - self.target.height
        if self.settings.random_crop:
            return int(rng.integers(spare[0] + 1)), int(rng.integers(spare[1] + 1))
        return centred(self.camera.width, self.target.width), \
            centred(self.camera.height, self.target.height)

    def _shift(self, rho: NDArray[np.float32], rng: np.random.Generator) -> Floats:
        """Draw the translation of the camera: right, down, forward, metres."""
        depth_m = 1 / float(np.median(rho[::8, ::8][rho[::8, ::8] > 0]))
        return self.settings.shift * depth_m * rng.uniform(-1, 1, 3) * (1, 0.5, 1)

    def _within_reach(self, moved_m: Floats, rotation: Floats) -> Floats:
        if self._reach_m is None:
            return moved_m
        return np.asarray(rotation.T @ np.clip(rotation @ moved_m, -self._reach_m, self._reach_m))

    def appearance(self, image: RgbImage, rng: np.random.Generator) -> RgbImage:
        """Augment the appearance: blur, colour, illumination, occlusion and noise."""
        settings = self.settings
        image = np.ascontiguousarray(image)
        if settings.blur_px and rng.random() < 0.5:
            sigma = rng.uniform(0.1, settings.blur_px)
            image = cv2.GaussianBlur(image, (0, 0), sigma)  # type: ignore[assignment]
        if settings.colour:
            image = jitter_colour(image, settings.colour, rng)
        if settings.light:
            image = vary_illumination(image, settings.light, rng)
        if settings.occlusions:
            image = add_occlusions(image, settings.occlusions, rng)
        if settings.noise:
            image = self._noisy(image, rng)
        return image

    def _noisy(self, image: RgbImage, rng: np.random.Generator) -> RgbImage:
        """Add a random window of the noise bank: drawing new numbers would cost 1 ms."""
        start = int(rng.integers(NOISE_BANK - image.size))
        noise = self._noise[start:start + image.size].reshape(image.shape)
        sigma = rng.uniform(0, self.settings.noise)
        return np.asarray(cv2.addWeighted(image, 1, noise, sigma / 32, 0, dtype=cv2.CV_8U),
                          np.uint8)


def jitter_colour(image: RgbImage, strength: float, rng: np.random.Generator) -> RgbImage:
    """Change saturation, then brightness, contrast, gamma and white balance by one table."""
    saturation = 1 + 0.6 * strength * rng.uniform(-1, 1)
    grey = np.full((3, 3), (1 - saturation) / 3)
    image = cv2.transform(image, grey + saturation * np.eye(3))  # type: ignore[assignment]
    exponent = np.exp(0.7 * strength * rng.uniform(-1, 1))
    gain = np.exp(strength * (0.4 * rng.uniform(-1, 1) + 0.2 * rng.uniform(-1, 1, 3)))
    contrast = np.exp(0.4 * strength * rng.uniform(-1, 1))
    levels = (np.arange(256) / 255)[:, np.newaxis] ** exponent * gain  # (256, 3)
    levels = (levels - 0.5) * contrast + 0.5 + 0.15 * strength * rng.uniform(-1, 1)
    table = np.clip(np.round(levels * 255), 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(image, table[np.newaxis]), np.uint8)


def vary_illumination(image: RgbImage, strength: float, rng: np.random.Generator) -> RgbImage:
    """Multiply by a smooth illumination field, as of sun, shade and clouds."""
    field = np.exp(0.6 * strength * rng.uniform(-1, 1, LIGHT_GRID)).astype(np.float32)
    size = image.shape[1], image.shape[0]
    smooth = cv2.resize(field, size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.multiply(image, cv2.merge([smooth] * 3), dtype=cv2.CV_8U), np.uint8)


def add_occlusions(image: RgbImage, max_count: int, rng: np.random.Generator) -> RgbImage:
    """Occlude up to `max_count` rectangles, each at most a third of the image wide and high."""
    height, width = image.shape[:2]
    for _ in range(int(rng.integers(max_count + 1))):
        w, h = int(rng.integers(1, width // 3)), int(rng.integers(1, height // 3))
        left, top = int(rng.integers(width - w)), int(rng.integers(height - h))
        image[top:top + h, left:left + w] = rng.integers(0, 256, 3)
    return image
