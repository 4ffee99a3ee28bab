"""What may be wrong with a dataset: one table of hypotheses, each with what undoes the mistake."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, unique
from functools import partial
from itertools import permutations

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.lie import so3_exp, so3_log
from posenet_ros.training.checks.epipolar import Poses, shifted
from posenet_ros.training.checks.matched_pairs import Indices
from posenet_ros.training.checks.options import CheckOptions


@unique
class Mistake(Enum):
    """What was mistaken; the value is the printed word."""

    INVERSE = 'inverse poses'
    QUATERNION = 'order of the quaternion'
    AXES = 'another convention of axes'
    FRAME = 'poses of another frame'
    STAMPS = 'shifted stamps'
    FOCAL_LENGTH = 'wrong focal length'
    MIRRORED = 'mirrored images'
    ROTATED = 'rotated images'
    MIXED = 'mixed cameras'
    SCALE = 'jumps of scale'
    UNKNOWN = 'poses, images and camera do not fit'


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """
    A mistake that the dataset may have.

    :param detail: which one of its kind it is.
    :param advice: what to do.
    :param poses: undoes it in the poses.
    :param points: undoes it in keypoints (M, 2), normalised.
    :param focal_factor: true by given focal length.
    """

    mistake: Mistake
    detail: str
    advice: str
    poses: Callable[[Poses], Poses] = lambda poses: poses
    points: Callable[[Floats], Floats] | None = None
    focal_factor: float = 1.0


TURNED_FROM_IMAGE = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])  # a quarter clockwise
OPENGL = np.diag([1.0, -1, -1])
BODY = np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]])  # of the optical axes, REP 103
EXPECTED = 'expected map_from_camera, x right, y down, z forward'


def hypotheses(camera: Camera, walks: Indices, options: CheckOptions) -> Iterator[Hypothesis]:
    """Yield all hypotheses that need no search, the simple ones first."""
    yield from _inverses()
    yield from _quaternion_orders()
    yield from _images(camera)
    for detail, rotation in camera_axes().items():
        yield _axes(detail, rotation)
    for name, undo in INVERSES.items():
        for detail, rotation in camera_axes().items():
            yield Hypothesis(
                Mistake.INVERSE, f'{name}, in axes {detail}',
                f'{EXPECTED}: invert them, then turn the axes',
                partial(_undo_and_turn, undo, rotation))
    for images in (sign * shift for shift in options.shifts for sign in (1, -1)):
        yield Hypothesis(
            Mistake.STAMPS, f'each image fits the pose of {abs(images):g} images '
            f'{"later" if images > 0 else "earlier"}',
            'give images and poses the stamps of one clock, without delay',
            partial(shifted, walks=walks, images=images))
    for factor in options.focal_factors:
        yield focal_length(factor, camera)


def _undo_and_turn(undo: Callable[[Poses], Poses], rotation: Floats, poses: Poses) -> Poses:
    return undo(poses).compose(rotation)


def _roll_within(around: Callable[[Poses], Poses], places: int, poses: Poses) -> Poses:
    return around(roll_quaternions(around(poses), places))


def _unchanged(poses: Poses) -> Poses:
    return poses


def _turned(turn: Floats, points: Floats) -> Floats:
    return np.asarray(points @ turn.T, np.float64)


def _rotation_inverse(poses: Poses) -> Poses:
    return Poses(poses.inverse().rotations, poses.positions_m)


def _position_inverse(poses: Poses) -> Poses:
    """Take the translation for that of camera_from_map, whose rotation is inverted already."""
    return Poses(poses.rotations, -np.einsum('nij,nj->ni', poses.rotations, poses.positions_m))


INVERSES: dict[str, Callable[[Poses], Poses]] = {
    'camera_from_map is given': Poses.inverse,
    'the rotations are those of camera_from_map, the positions those of the cameras':
        _rotation_inverse,
    'the positions are the translations of camera_from_map, not the centres of the cameras':
        _position_inverse}


def _inverses() -> Iterator[Hypothesis]:
    for name, undo in INVERSES.items():
        yield Hypothesis(Mistake.INVERSE, name, f'{EXPECTED}: invert them', undo)


def _quaternion_orders() -> Iterator[Hypothesis]:
    """Yield other orders of the quaternions, as they stand in files of each layout."""
    for places, detail in ((1, 'w stands last and was read first'),
                           (-1, 'w stands first and was read last')):
        for around in (_unchanged, _rotation_inverse, Poses.inverse):
            yield Hypothesis(
                Mistake.QUATERNION, detail, 'write the quaternions in the order of the layout',
                partial(_roll_within, around, places))


def roll_quaternions(poses: Poses, places: int) -> Poses:
    """Return poses whose quaternions w x y z are rolled by some places."""
    quats = np.roll(quats_wxyz(poses.rotations), places, axis=1)
    return Poses(rotations_of(quats), poses.positions_m)


def quats_wxyz(rotations: Floats) -> Floats:
    """Return the unit quaternions (N, 4) of rotations (N, 3, 3)."""
    vectors = so3_log(rotations)
    half = np.linalg.norm(vectors, axis=1, keepdims=True) / 2
    return np.hstack([np.cos(half), vectors / 2 * np.sinc(half / np.pi)])


def rotations_of(quats: Floats) -> Floats:
    """Return the rotations (N, 3, 3) of unit quaternions w x y z (N, 4)."""
    length = np.linalg.norm(quats[:, 1:], axis=1, keepdims=True)
    angle = 2 * np.arctan2(length, quats[:, :1])
    return so3_exp(quats[:, 1:] / np.maximum(length, 1e-12) * angle)


def camera_axes() -> dict[str, Floats]:
    """
    Return the conventions of a camera's axes, named by where x, y and z point.

    :returns: for each the rotation (3, 3) from the optical axes: given @ rotation is optical.
    """
    names = {'right': (1, 0, 0), 'left': (-1, 0, 0), 'down': (0, 1, 0), 'up': (0, -1, 0),
             'forward': (0, 0, 1), 'back': (0, 0, -1)}
    found: dict[str, Floats] = {}
    for words in permutations(names, 3):
        rotation = np.array([names[word] for word in words], np.float64)
        if np.linalg.det(rotation) > 0.5 and not np.array_equal(rotation, np.eye(3)):
            found[f'x {words[0]}, y {words[1]}, z {words[2]}'] = rotation
    return found


def _axes(detail: str, rotation: Floats) -> Hypothesis:
    def undo(poses: Poses) -> Poses:
        return poses.compose(rotation)

    if np.array_equal(rotation, BODY):
        return Hypothesis(
            Mistake.FRAME, f"base_link's or another body frame's axes ({detail})",
            "give the poses of the camera's optical frame: x right, y down, z forward", undo)
    if rotation[2, 2] > 0:  # a turn about the optical axis
        return Hypothesis(Mistake.ROTATED, f'against their poses ({detail})', ROTATE_ADVICE, undo)
    known = ' of OpenGL and Blender' if np.array_equal(rotation, OPENGL) else ''
    return Hypothesis(Mistake.AXES, f'camera axes{known}: {detail}',
                      f'{EXPECTED}: turn the axes', undo)


def _images(camera: Camera) -> Iterator[Hypothesis]:
    """Yield mirrored and rotated images."""
    right, bottom = _far_corner(camera)
    for detail, matrix, offset in (
            ('left and right are exchanged', (-1, 1), (right, 0)),
            ('upside down', (1, -1), (0, bottom))):
        yield Hypothesis(
            Mistake.MIRRORED, detail, 'mirror them back; or else the poses are in a left-handed '
            'frame, as of Unity', points=_flip(matrix, offset))
    yield Hypothesis(Mistake.ROTATED, 'by 180 degrees', ROTATE_ADVICE,
                     points=_flip((-1, -1), (right, bottom)))
    for detail, turn in (('by 90 degrees clockwise', TURNED_FROM_IMAGE[:2, :2].T),
                         ('by 90 degrees anticlockwise', TURNED_FROM_IMAGE[:2, :2])):
        yield Hypothesis(Mistake.ROTATED, detail, ROTATE_ADVICE,
                         points=partial(_turned, turn))


ROTATE_ADVICE = 'turn the images, or the poses about the optical axis'


def _far_corner(camera: Camera) -> tuple[float, float]:
    """Return the sums of opposite pixels' normalised coordinates."""
    return ((camera.width - 1 - 2 * camera.cx) / camera.fx,
            (camera.height - 1 - 2 * camera.cy) / camera.fy)


def _flip(signs: tuple[int, int], offset: tuple[float, float]) -> Callable[[Floats], Floats]:
    return lambda points: points * signs + np.array(offset)


def focal_length(factor: float, camera: Camera) -> Hypothesis:
    """Make the hypothesis of a focal length that is the given one times a factor."""
    return Hypothesis(
        Mistake.FOCAL_LENGTH, f'{factor * camera.fx:.0f} px fit better than {camera.fx:.0f} px '
        f'(factor {factor:.2f})', 'calibrate the camera, or give --camera',
        points=lambda points: points / factor, focal_factor=factor)
