"""
The camera of camera_info: the rules for node, evaluator and dataset making, in one place.

They are those of ROS: an all-zero K is a camera that is not calibrated (sensor_msgs/CameraInfo);
coefficients that are all zero are no distortion (image_geometry); the camera of a rectified topic
is P (image_proc); camera_info is beside the image (image_transport).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from posenet_ros.arrays import Floats
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.distortion import EQUIDISTANT, RATIONAL
from posenet_ros.ros_data.messages import Message

# ROS name -> model, numbers of coefficients
DISTORTION_MODELS = {
    'plumb_bob': (RATIONAL, (4, 5)), 'rational_polynomial': (RATIONAL, (8, 12, 14)),
    'equidistant': (EQUIDISTANT, (4,)), 'fisheye': (EQUIDISTANT, (4,)),
    'kannala_brandt4': (EQUIDISTANT, (4,))}
NO_DISTORTION = ('', 'none')
RECTIFIED = 'image_rect'  # image_proc: image_rect, image_rect_color
TRANSPORTS = ('compressed', 'compressedDepth', 'theora', 'ffmpeg', 'zstd', 'foxglove')
UNCALIBRATED = (
    'the camera is not calibrated: K has a focal length of zero; calibrate it (ros2 run '
    'camera_calibration cameracalibrator) or load its calibration file in the driver')


@dataclass(frozen=True)
class CameraCalibration:
    """
    The camera of images.

    :param camera: None where nothing says it, or it is not calibrated.
    :param notes: what people should know of it, a line each.
    """

    camera: Camera | None = None
    notes: tuple[str, ...] = ()


def is_rectified(image_topic: str) -> bool:
    """Return whether the images of a topic, or of its transport, are rectified."""
    return any(part.startswith(RECTIFIED) for part in image_topic.split('/')[-2:])


def camera_info_topic_of(image_topic: str, transport: str = '') -> str:
    """
    Return the camera_info topic of an image topic, as image_transport does: beside it.

    :param image_topic: such as /front/image_raw, with or without its transport.
    :param transport: the last part, if it is one; empty recognises those that are known.
    """
    base, _, last = image_topic.rpartition('/')
    if last and base and (last == transport or (not transport and last in TRANSPORTS)):
        image_topic = base
    namespace, slash, _ = image_topic.rpartition('/')
    return f'{namespace}{slash}camera_info'


def camera_from_message(msg: Message, image_topic: str = '') -> CameraCalibration:
    """
    Read a sensor_msgs/CameraInfo: the camera of the images, region and binning applied.

    :param msg: the message; ROS 1's upper-case field names will do.
    :param image_topic: of the images; those of image_rect have the camera P, whose fourth column
        (where a right camera stands) says nothing of the image, and no distortion.
    :raises InputError: when it cannot be a camera, or its distortion model is not known.
    """
    k, d, p = (_field(msg, name) for name in 'kdp')
    if k[0] == 0 and not (is_rectified(image_topic) and len(p) and p[0]):
        return CameraCalibration(notes=(UNCALIBRATED,))
    if not is_rectified(image_topic):
        return CameraCalibration(_region(msg, Camera.from_matrix(
            k, msg.width, msg.height, *_distortion(msg.distortion_model, d))))
    matrix, source = (p.reshape(3, 4)[:, :3], 'P') if len(p) == 12 and p[0] else (k, 'K')
    camera = Camera.from_matrix(matrix, msg.width, msg.height)
    return CameraCalibration(_region(msg, camera), (
        f'{image_topic} is rectified: its camera is {source} of camera_info, without distortion',))


def _field(msg: Message, name: str) -> Floats:
    """Return an array of a message of ROS 2, or of ROS 1."""
    value = getattr(msg, name, None)
    value = getattr(msg, name.upper(), ()) if value is None else value
    return np.ravel(np.asarray(value, dtype=np.float64))


def _distortion(name: str, coefficients: Floats) -> tuple[ArrayLike, str]:
    """Return the coefficients and the model; no coefficients for no distortion."""
    known = name in DISTORTION_MODELS or name in NO_DISTORTION
    if known and not coefficients.any():
        return (), RATIONAL
    model, counts = DISTORTION_MODELS.get(name, (RATIONAL, ()))
    if len(coefficients) not in counts:
        raise InputError(f'camera_info has to have one of the distortion models {_supported()}, '
                         f'or none. Received: {name!r} with {len(coefficients)}; rectify the '
                         'images (image_proc) and use the topic image_rect')
    return coefficients, model


def _supported() -> str:
    """Return the distortion models with their numbers of coefficients, for a message."""
    return ', '.join(f'{name} ({" or ".join(map(str, counts))} coefficients)'
                     for name, (_, counts) in DISTORTION_MODELS.items())


def _region(msg: Message, camera: Camera) -> Camera:
    """Apply the region of interest and the binning to a camera."""
    roi = msg.roi
    if roi.width and roi.height:
        camera = camera.cropped(roi.x_offset, roi.y_offset, roi.width, roi.height)
    columns, rows = max(1, msg.binning_x), max(1, msg.binning_y)
    if (columns, rows) == (1, 1):
        return camera
    return camera.scaled(camera.width // columns, camera.height // rows)


class CalibrationHistory:
    """
    Take the first calibrated of many camera_info messages, and notice when they change.

    :param image_topic: of the images.
    """

    def __init__(self, image_topic: str) -> None:
        self._image_topic = image_topic
        self._first = CameraCalibration()
        self._last: Camera | None = None
        self._changes: list[float] = []

    def add(self, msg: Message, time_s: float) -> None:
        """
        Take a message.

        :param time_s: since the beginning of the recording.
        :raises InputError: as :func:`camera_from_message`, until one is calibrated.
        """
        try:
            calibration = camera_from_message(msg, self._image_topic)
        except InputError:
            if self._first.camera is None:
                raise
            calibration = CameraCalibration()
            self._changes.append(time_s)
        if self._first.camera is None:
            self._first = calibration
        if self._last and calibration.camera and calibration.camera != self._last:
            self._changes.append(time_s)
        self._last = calibration.camera or self._last

    def result(self, notes: Sequence[str] = ()) -> CameraCalibration:
        """Return the camera, with what was noticed."""
        changed = (f'the calibration changes {len(self._changes)} times in the recording, first '
                   f'after {self._changes[0]:.1f} s: the first one is used for all images',
                   ) if self._changes else ()
        return CameraCalibration(self._first.camera, (*notes, *self._first.notes, *changed))
