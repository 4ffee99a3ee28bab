"""Lighting: sun, sky, exposure and white balance, from albedo to recorded colour."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import BgrImage, Floats
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.pose import Pose
from posenet_ros.training.data.noise import fractal

Field = NDArray[np.float32]

GAMMA = 2.2
_SKY_REDUCTION = 4  # the sky is smooth: it is computed at a quarter of the size


@dataclass(frozen=True)
class Light:
    """
    The light of a sequence and its camera's exposure.

    :param azimuth_deg: direction of the sun, counter-clockwise from world x.
    :param elevation_deg: height of the sun.
    :param sun: strength of the direct light, linear.
    :param ambient: strength of the light from the sky, linear.
    :param warmth: white balance, -1 (blue) .. 1 (yellow).
    :param clouds: cloud cover, 0..1.
    :param exposure: gain of the camera, linear.
    :param noise: deviation of the noise, grey levels.
    :param shutter_s: exposure time, for the motion blur.
    """

    azimuth_deg: float
    elevation_deg: float
    sun: float
    ambient: float
    warmth: float
    clouds: float
    exposure: float
    noise: float
    shutter_s: float

    @cached_property
    def direction(self) -> Floats:
        """(3,) unit vector towards the sun."""
        azimuth, elevation = np.radians((self.azimuth_deg, self.elevation_deg))
        return np.array([np.cos(elevation) * np.cos(azimuth),
                         np.cos(elevation) * np.sin(azimuth), np.sin(elevation)])

    @cached_property
    def balance(self) -> Floats:
        """(3,) BGR gains of the white balance."""
        return np.array([1 - 0.13 * self.warmth, 1, 1 + 0.10 * self.warmth])

    def _tables(self, gain: Floats, haze: float) -> BgrImage:
        """Return the (1, 256, 4) look-up table of a BGR gain with a soft shoulder."""
        value = np.arange(256)[:, None] * (gain * self.exposure) ** (1 / GAMMA) * self.balance
        bright = 170 + 85 * (1 - np.exp(-(value - 170) / 85))
        value = np.where(value > 170, bright, value)
        value = value * (1 - haze) + haze * self.horizon
        table = np.column_stack([value, np.arange(256)])
        return np.clip(np.round(table), 0, 255).astype(np.uint8)[None]

    def lit(self, albedo: BgrImage, normal: Floats, shadow: Field | None,
            haze: float = 0) -> BgrImage:
        """
        Light a texture.

        :param albedo: (H, W, 4) BGRA.
        :param normal: (3,) unit normal of the surface.
        :param shadow: (h, w) 1 where no sun comes, stretched over the texture; None is no shadow.
        """
        sky = self.ambient * (0.78 + 0.22 * normal[2]) * np.array([1.13, 1.0, 0.92])
        away = self.direction * (1, 1, 0)
        sky = sky * (1 + 0.16 * float(normal @ away)) + 0.07 * self.sun
        direct = self.sun * max(float(normal @ self.direction), 0) * np.array([0.80, 0.97, 1.08])
        dark = np.asarray(cv2.LUT(albedo, self._tables(sky, haze)), np.uint8)
        if direct.max() <= 0:
            return dark
        bright = np.asarray(cv2.LUT(albedo, self._tables(sky + direct, haze)), np.uint8)
        if shadow is None:
            return bright
        weight = cv2.resize(shadow, albedo.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        return np.asarray(cv2.blendLinear(dark, bright, weight, 1 - weight), np.uint8)

    @cached_property
    def horizon(self) -> Floats:
        """(3,) BGR of the sky near the horizon."""
        clear, grey = np.array([232, 216, 196]), np.array([214, 210, 206])
        color = clear + (grey - clear) * self.clouds
        return np.asarray(np.clip(color * self.balance * self.exposure ** 0.3, 0, 250))

    @cached_property
    def _clouds(self) -> Field:
        rng = np.random.default_rng((round(self.azimuth_deg), 77))
        return fractal(512, 512, rng, 120, 6)

    def sky(self, camera: Camera, map_from_camera: Pose) -> BgrImage:
        """Return the (height, width, 3) BGR background of a view."""
        small = camera.scaled(-(-camera.width // _SKY_REDUCTION),
                              -(-camera.height // _SKY_REDUCTION))
        x, y = np.meshgrid(np.arange(small.width), np.arange(small.height))
        directions = np.dstack(
            [(x - small.cx) / small.fx, (y - small.cy) / small.fy, np.ones(x.shape)])
        directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
        directions = (directions @ map_from_camera.rotation.T).astype(np.float32)
        image = self._sky_color(directions)
        return np.asarray(cv2.resize(image, camera.size, interpolation=cv2.INTER_CUBIC), np.uint8)

    def _sky_color(self, directions: Field) -> BgrImage:
        up = np.maximum(directions[..., 2], 0.0)
        zenith = np.array([188, 128, 78]) * self.balance * self.exposure ** 0.3
        fade = np.clip(up * 1.9, 0, 1)[..., None] ** 0.75
        color = self.horizon + (zenith - self.horizon) * fade * (1 - 0.75 * self.clouds)
        glow = np.clip(directions @ self.direction.astype(np.float32), 0, 1)[..., None] ** 24
        color = color + 70 * glow * min(self.sun, 1)
        # a layer of clouds on a plane above the world
        scale = (110 / (up + 0.09)).astype(np.float32)
        density = cv2.remap(self._clouds, directions[..., 0] * scale, directions[..., 1] * scale,
                            cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        cover = np.clip((density - 1.6 + 2.6 * self.clouds) * 0.9, 0, 1)[..., None]
        tone = 244 - 46 * self.clouds - 26 * np.clip(density, 0, 2)[..., None] * self.clouds
        cloud = tone * np.array([1.0, 0.985, 0.975]) * self.balance
        color = color * (1 - 0.85 * cover) + 0.85 * cover * cloud * min(self.exposure ** 0.2, 1.1)
        return np.asarray(np.clip(color, 0, 252), np.uint8)
