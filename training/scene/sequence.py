"""Render the frames of a sequence: the place in its light, people, lens, shutter and sensor."""

from __future__ import annotations

from functools import cached_property, partial

import cv2
import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import BgrImage, Floats
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.pose import Pose
from posenet_ros.training.scene.parts.people import make_clutter, make_people, Person
from posenet_ros.training.scene.parts.sprites import PERSON_SIZE_M
from posenet_ros.training.scene.parts.structure import Billboard, Court
from posenet_ros.training.scene.rendering.renderer import (
    Canvas,
    draw_surfaces,
    lit_texture,
    Surface,
    Texture,
    View,
)
from posenet_ros.training.scene.rendering.shadows import shadow_maps
from posenet_ros.training.scene.walks import Walk

NEAREST_PERSON_M = 2.5


def shadow_image(strength: float, outline: BgrImage) -> BgrImage:
    """Return the shadow of an outline, to be laid over the ground, BGRA."""
    image = np.empty_like(outline)
    image[..., :3] = (40, 34, 26)
    image[..., 3] = outline[..., 3] * strength
    return image


class SequenceRenderer:
    """
    Render a sequence: holds all that does not depend on the frame, and draws frames.

    :param court: what stands still in view of the walk.
    :param walk: the sequence.
    :param camera: of the images.
    :param seed: of the scene.
    """

    def __init__(self, court: Court, walk: Walk, camera: Camera, seed: int) -> None:
        number = walk.number
        self.court, self.walk, self.camera = court, walk, camera
        self.seed = seed, number
        self.light = walk.area.light(number)
        self.people = make_people(walk.area, np.random.default_rng((seed, number, 1)))
        self.boards = [*court.billboards,
                       *make_clutter(walk.area, np.random.default_rng((seed, number, 4)))]
        far = 1000 * self.light.direction
        casters = [b.facing(far) for b in self.boards if not b.haze]
        shadows = shadow_maps([*court.surfaces, *casters], self.light.direction)
        self.floors = [(surface, shadow) for surface, shadow in
                       zip(court.surfaces, shadows, strict=False) if surface.floor]
        self.textures = [lit_texture(s, self.light, m)
                         for s, m in zip(court.surfaces, shadows, strict=False)]
        self.billboards = [self._sprite(b.facing(far)) for b in self.boards]
        self._strides: dict[tuple[int, int, bool, bool], Texture] = {}

    def _sprite(self, board: Surface, strength: float = 0.62) -> Texture:
        light, normal = self.light, strength * self.light.direction + (0, 0, 0.15)
        return Texture(board, lambda albedo: light.lit(albedo, normal, None, board.haze))

    def image(self, index: int) -> BgrImage:
        """Render the (height, width, 3) BGR frame at an index."""
        return self.photograph(self.draw(index), index)

    def draw(self, index: int, baseline_m: float = 0.0) -> Canvas:
        """
        Draw the frame at an index, with its inverse depths.

        :param baseline_m: by which the camera stands to the right; flat things face the left one.
        """
        time_s = self.walk.time_s(index)
        left = self.walk.pose(time_s)
        eye = left.translation_m
        view = View(self.camera, left @ Pose(np.array([baseline_m, 0, 0])) if baseline_m else left)
        canvas = Canvas(view, self.light.sky(self.camera, view.map_from_camera))
        surfaces, textures = list(self.court.surfaces), list(self.textures)
        for billboard, texture in zip(self.boards, self.billboards, strict=True):
            surfaces.append(billboard.facing(eye))
            textures.append(texture)
        for number, somebody in enumerate(self.people):
            for surface, texture in self._person(number, somebody, time_s, eye):
                surfaces.append(surface)
                textures.append(texture)
        draw_surfaces(canvas, surfaces, textures)
        return canvas

    def _person(
            self, number: int, somebody: Person, time_s: float,
            eye: Floats) -> list[tuple[Surface, Texture]]:
        """Return a walker's billboard and shadow; nothing when too near to the camera."""
        position, direction, phase = somebody.at(time_s)
        away = position - eye[:2]
        if np.linalg.norm(away) < NEAREST_PERSON_M:
            return []
        mirrored = bool(away[1] * direction[0] - away[0] * direction[1] < 0)
        board = Billboard((position[0], position[1], 0.0), *PERSON_SIZE_M,
                          somebody.strides[phase])
        shaded = self._shaded(position)
        key = number, phase, mirrored, shaded
        surface = board.facing(eye, mirrored=mirrored)
        if key not in self._strides:
            self._strides[key] = self._sprite(surface, 0.0 if shaded else 0.62)
        parts = [(surface, self._strides[key]), self._blob(position)]
        if not shaded and self.light.sun > 0.3:
            parts.append(self._shadow(board, number, phase))
        return parts

    def _shaded(self, position: Floats) -> bool:
        """Return whether the ground at (x, y) lies in the shadow of what stands still."""
        for ground, shade in self.floors:
            u, v = (position - ground.origin_m[:2]) * (1, -1)
            if shade is None or not (0 <= u < ground.width_m and 0 <= v < ground.height_m):
                continue
            rows, columns = shade.shape
            row, column = int(v / ground.height_m * rows), int(u / ground.width_m * columns)
            return bool(shade[row, column] > 0.5)
        return False

    @cached_property
    def _spot(self) -> BgrImage:
        y, x = np.mgrid[-1:1:32j, -1:1:32j]
        image = np.zeros((32, 32, 4), np.uint8)
        image[..., 3] = 150 * np.clip(1.05 - np.hypot(x, y), 0, 1) ** 0.8
        return image

    def _blob(self, position: Floats) -> tuple[Surface, Texture]:
        """Return the dark spot where feet meet the ground."""
        size = 0.9
        corner = np.array([position[0] - size / 2, position[1] + size / 2, 0.012])
        surface = Surface(corner, np.array([1.0, 0, 0]), np.array([0, -1.0, 0]), size, size,
                          self._spot)
        return surface, Texture(surface, lambda albedo: albedo)

    def _shadow(self, board: Billboard, number: int, phase: int) -> tuple[Surface, Texture]:
        """Return the shadow of a walker's outline on the ground."""
        sun = self.light.direction
        down = np.array([sun[0], sun[1], 0]) / sun[2]  # along the ground, from the head's shadow
        across = np.array([-sun[1], sun[0], 0]) / np.hypot(sun[0], sun[1])
        across = -across if np.cross(down, across)[2] < 0 else across
        x, y, _ = board.position_m
        corner = np.array([x, y, 0.02]) - board.width_m / 2 * across - board.height_m * down
        surface = Surface(corner, across, down, board.width_m, board.height_m, board.image)
        key = -1 - number, phase, False, False
        if key not in self._strides:
            strength = min(0.55 * self.light.sun, 0.6)
            self._strides[key] = Texture(surface, partial(shadow_image, strength))
        return surface, self._strides[key]

    def photograph(self, canvas: Canvas, index: int, camera: int = 0) -> BgrImage:
        """
        Add motion blur, exposure, vignetting and sensor noise.

        :param camera: 0 is the left one; another has noise of its own.
        """
        image = canvas.image
        kernel = self._motion_kernel(index)
        if kernel is not None:
            image = np.asarray(
                cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_REPLICATE), np.uint8)
        time_s = self.walk.time_s(index)
        gain = 1 + 0.05 * np.sin(0.35 * time_s + self.seed[1])
        image = np.asarray(cv2.multiply(image, self._vignette, scale=gain / 255), np.uint8)
        rng = np.random.default_rng((*self.seed, 2, index, camera) if camera else (
            *self.seed, 2, index))
        row, column = rng.integers(0, _NOISE_MARGIN, 2)
        height, width = image.shape[:2]
        noise = self._noise[row:row + height, column:column + width]
        sign = int(rng.choice((-1, 1)))
        return np.asarray(cv2.add(image, noise * sign, dtype=cv2.CV_8U), np.uint8)

    @cached_property
    def _vignette(self) -> BgrImage:
        width, height = self.camera.size
        y, x = np.mgrid[-1:1:height * 1j, -1:1:width * 1j]
        shade = 255 * (1 - 0.10 * (x * x + y * y))
        return np.repeat(shade.astype(np.uint8)[..., None], 3, axis=2)

    @cached_property
    def _noise(self) -> NDArray[np.int16]:
        width, height = self.camera.size
        shape = height + _NOISE_MARGIN, width + _NOISE_MARGIN, 3
        noise = np.random.default_rng((*self.seed, 3)).standard_normal(shape, np.float32)
        return np.round(noise * self.light.noise).astype(np.int16)

    def _motion_kernel(self, index: int) -> NDArray[np.float32] | None:
        """Return the symmetric motion-blur kernel: the image's shift while the shutter is open."""
        time_s, half = self.walk.time_s(index), self.light.shutter_s / 2
        before, after = self.walk.pose(time_s - half), self.walk.pose(time_s + half)
        ahead = after.rotation.T @ before.rotation[:, 2]
        shift = np.array([self.camera.fx, self.camera.fy]) * ahead[:2] / ahead[2]
        reach = int(np.ceil(np.abs(shift).max() / 2))
        if np.linalg.norm(shift) < 0.5:
            return None
        kernel = np.zeros((2 * reach + 3, 2 * reach + 3), np.float32)
        for part in np.linspace(-0.5, 0.5, 16):
            x, y = shift * part + reach + 1
            column, row = int(x), int(y)
            x, y = x - column, y - row
            kernel[row:row + 2, column:column + 2] += np.outer((1 - y, y), (1 - x, x))
        return np.asarray(kernel / kernel.sum())


_NOISE_MARGIN = 64
