"""What to do with images whose camera_info is not the model's camera (`camera_info_policy`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.localisation.relocaliser import Relocaliser
from posenet_ros.ros_data.camera_info import camera_from_message
from sensor_msgs.msg import CameraInfo


@dataclass(frozen=True)
class CameraChoice:
    """
    The camera of the images from now on.

    :param camera: of the images; None means the model's.
    :param warp_into: the camera to warp them into; None does not warp.
    :param refusal: why they cannot be used; empty when they can.
    """

    camera: Camera | None = None
    warp_into: Camera | None = None
    refusal: str = ''


class CameraPolicy:
    """
    Apply `camera_info_policy`: refuse, rectify or ignore.

    `choice` holds the camera of the images.

    :param warn: called with (what, why) when camera_info cannot be used as it is.
    """

    def __init__(self, policy: str, relocaliser: Relocaliser,
                 warn: Callable[[str, str], None]) -> None:
        self._policy, self._relocaliser, self._warn = policy, relocaliser, warn
        self.choice = CameraChoice()

    def on_camera_info(self, message: CameraInfo) -> None:
        """Take the camera of the images from camera_info."""
        if self._policy == 'ignore':
            return
        try:
            calibration = camera_from_message(message)
            camera = calibration.camera
        except InputError as error:
            self._warn('camera_info', f"{error}. The model's camera is assumed")
            return
        if camera is None:
            self._warn('camera_info', f"{calibration.notes[0]}. The model's camera is assumed")
            return
        if camera != self.choice.camera or self.choice.refusal:
            self.choice = self._choose(camera)

    def _choose(self, camera: Camera) -> CameraChoice:
        try:
            self._relocaliser.check_camera(camera)
        except InputError as error:
            if self._policy != 'rectify':
                return CameraChoice(camera, refusal=str(error))
            self._warn('camera_info', f'images are warped: {error}')
            return CameraChoice(camera, self._relocaliser.camera.undistorted())
        return CameraChoice(camera)
