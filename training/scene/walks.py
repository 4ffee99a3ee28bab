"""Camera paths: people who walk about an area and look at what stands around it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike
from posenet_ros.arrays import Floats
from posenet_ros.geometry.pose import Pose
from posenet_ros.training.scene.area import Area
from posenet_ros.training.scene.court.area import COURT
from posenet_ros.training.scene.settings import test_images, TEST_RATE_HZ, TRAIN_RATE_HZ

SPEED_M_S = 1.35
SHORT_RATE_HZ = 1.25  # of the walk that training holds out: neighbours would err alike
SHORT_FRACTION = 1 / 15  # of the images to train on, in that walk


@dataclass(frozen=True)
class Walk:
    """
    One sequence of images.

    :param name: the sequence's folder.
    :param split: `train` or `test`.
    :param frames: number of images.
    :param rate_hz: images a second.
    :param extent: fraction of the walked area that the path reaches, 0..1.
    :param ratio: frequencies of the Lissajous curve along x and y.
    :param phase: its phases, turns.
    :param gaze_s: periods of the gaze's slow and fast swings, seconds.
    :param seed: of the phases of the head's motion.
    :param area: that is walked.
    """

    name: str
    split: str
    frames: int
    rate_hz: float
    extent: float
    ratio: tuple[float, float]
    phase: tuple[float, float]
    gaze_s: tuple[float, float]
    seed: int
    area: Area = COURT

    @property
    def number(self) -> int:
        """Return the number of the sequence, from 1."""
        return int(self.name.removeprefix('seq'))

    def time_s(self, index: int) -> float:
        """Return when an image is taken, seconds since the walk's start."""
        return index / self.rate_hz

    @cached_property
    def _phases(self) -> Floats:
        return np.random.default_rng((self.seed, 3)).uniform(0, 2 * np.pi, 8)

    def _curve(self, turns: Floats) -> Floats:
        """Return the (N, 2) path, metres."""
        angles = 2 * np.pi * (turns[:, None] * self.ratio + np.array(self.phase))
        return np.asarray(
            np.array(self.area.centre_m)
            + self.extent * np.array(self.area.half_size_m) * np.sin(angles))

    @cached_property
    def lap_m(self) -> float:
        """Return the length of one turn of the curve."""
        steps = np.diff(self._curve(np.linspace(0, 1, 2001)), axis=0)
        return float(np.linalg.norm(steps, axis=1).sum())

    @cached_property
    def _track(self) -> tuple[Floats, Floats]:
        """Return the length walked and the (N, 2) path."""
        turns = np.arange(0, 1 + 0.02 * self.time_s(self.frames), 0.0005)
        points = self._curve(turns)
        return lengths_of(points), points

    def _facing_deg(self, _length_m: float) -> float:
        """Return the direction that the gaze wanders about, after a length that was walked."""
        return self.area.facing_deg

    def pose(self, time_s: float) -> Pose:
        """Return map_from_camera at a time since the walk's start."""
        p = self._phases
        lengths, points = self._track
        hurry = np.sin(0.5 * time_s + p[0]) - np.sin(p[0])
        length = 1.0 + SPEED_M_S * time_s + 0.12 * hurry
        x, y = (np.interp(length, lengths, points[:, i]) for i in (0, 1))
        step = 2 * np.pi * 0.95 * time_s  # the head sways once in two steps
        z = 1.65 + 0.025 * np.sin(2 * step + p[1]) + 0.03 * np.sin(0.3 * time_s + p[2])
        slow, fast = 2 * np.pi * time_s / np.array(self.gaze_s)
        yaw = self._facing_deg(length) + self.area.swing_deg * np.sin(slow + p[3])
        yaw += 15 * np.sin(fast + p[4])
        pitch = 6.5 + 3.0 * np.sin(0.9 * time_s + p[5]) + 0.5 * np.sin(2 * step + p[6])
        roll = 1.0 * np.sin(step + p[7]) + 0.8 * np.sin(0.7 * time_s + p[2])
        yaw += 0.7 * np.sin(step + p[6])
        side = 0.02 * np.sin(step + p[1])
        return Pose.from_rotation(optical_rotation(yaw, pitch, roll), (x + side, y, z))


def lengths_of(points: Floats) -> Floats:
    """Return the length of a path (N, 2) up to each of its points, (N,)."""
    return np.append(0, np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1)))


def optical_rotation(yaw_deg: float, pitch_deg: float, roll_deg: float) -> Floats:
    """
    Return the (3, 3) rotation map_from_camera of an optical frame (x right, y down, z forward).

    :param yaw_deg: heading, counter-clockwise from world x.
    :param pitch_deg: upwards.
    :param roll_deg: clockwise as the camera sees it: the right side goes down.
    """
    yaw, pitch, roll = np.radians((yaw_deg, pitch_deg, roll_deg))
    forward = np.array([np.cos(pitch) * np.cos(yaw), np.cos(pitch) * np.sin(yaw), np.sin(pitch)])
    right = np.array([np.sin(yaw), -np.cos(yaw), 0.0])
    down = np.cross(forward, right)
    right, down = (np.cos(roll) * right + np.sin(roll) * down,
                   np.cos(roll) * down - np.sin(roll) * right)
    return np.column_stack([right, down, forward])


# extent, ratio, phase, gaze periods
_TRAIN: tuple[tuple[float, ArrayLike, ArrayLike, ArrayLike], ...] = (
    (1.00, (1.0, 3.07), (0.75, 0.00), (13.0, 5.1)),
    (1.00, (2.93, 1.0), (0.00, 0.75), (11.0, 4.3)),
    (0.92, (1.0, 1.62), (0.30, 0.10), (12.0, 5.7)),
    (0.97, (3.13, 2.0), (0.60, 0.25), (10.5, 4.7)),
    (0.80, (1.0, 2.41), (0.10, 0.40), (11.7, 3.9)),
)
_SHORT = (0.88, (1.0, 1.41), (0.05, 0.62), (12.3, 4.5))
_TEST = (0.78, (1.31, 1.87), (0.42, 0.93), (11.3, 4.9))


def walks(frames: int, seed: int, test_frames: int = 0) -> tuple[Walk, ...]:
    """
    Return the court's sequences: five training walks, a short one to calibrate on, a test walk.

    :param frames: images of all sequences together.
    :param seed: another seed is another set of walks in the same area.
    :param test_frames: images for the test among them; 0: a quarter.
    """
    test = test_frames or test_images(frames)
    short = round(SHORT_FRACTION * (frames - test))
    counts = [len(part) for part in np.array_split(np.arange(frames - test - short), len(_TRAIN))]
    offset = 0.0 if seed == 0 else np.random.default_rng((seed, 5)).uniform(-0.02, 0.02)

    def walk(number: int, split: str, count: int, rate_hz: float,
             spec: tuple) -> Walk:  # type: ignore[type-arg]
        extent, ratio, phase, gaze = spec
        shifted = (phase[0] + offset, phase[1] + 0.618 * offset)
        return Walk(f'seq{number}', split, count, rate_hz, extent, ratio, shifted, gaze,
                    1000 * seed + number)

    train = [walk(i + 1, 'train', counts[i], TRAIN_RATE_HZ, spec) for i, spec in enumerate(_TRAIN)]
    return (*train, walk(len(train) + 2, 'train', short, SHORT_RATE_HZ, _SHORT),
            walk(len(train) + 1, 'test', test, TEST_RATE_HZ, _TEST))
