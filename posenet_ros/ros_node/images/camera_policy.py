"""Which camera the images are of, by camera_info and `camera_info_policy`."""

from __future__ import annotations

from collections.abc import Callable

from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.localisation.camera_info_policy import CameraInfoPolicy, read_policy
from posenet_ros.localisation.query_camera import choose_query_camera, QueryCamera
from posenet_ros.localisation.relocaliser import Relocaliser
from posenet_ros.ros_data.camera_info import camera_from_message
from sensor_msgs.msg import CameraInfo

MISSING_S = 2.0  # of images without camera_info


class CameraPolicy:
    """
    Choose the camera of the images: the first calibrated one, and each that comes after it.

    `choice` is that of the images from now on; `description` says it, empty while nothing is
    known; `image_size` is what camera_info says, (0, 0) before it came.

    :param policy: word of the parameter.
    :param image_topic: of the images; a rectified one has the camera P.
    :param info_topic: of camera_info.
    :param warn: called with (what, why).
    """

    def __init__(self, policy: str, relocaliser: Relocaliser, image_topic: str, info_topic: str,
                 warn: Callable[[str, str], None]) -> None:
        self._policy, warning = read_policy(policy)
        self._relocaliser, self._warn = relocaliser, warn
        self._image_topic, self.info_topic = image_topic, info_topic
        self.choice = QueryCamera()
        self.image_size = 0, 0
        self.description, self._fault = '', ''
        if warning:
            warn('camera_info_policy', warning)
        if self._policy is CameraInfoPolicy.IGNORE:
            self.description = "the model's camera, as camera_info_policy is ignore"

    def on_camera_info(self, message: CameraInfo) -> None:
        """Take the camera of the images from camera_info."""
        self.image_size = message.width, message.height
        if self._policy is CameraInfoPolicy.IGNORE:
            return
        try:
            calibration = camera_from_message(message, self._image_topic)
        except InputError as error:
            self._refuse(str(error))
            return
        if calibration.camera is None:
            self._assume(f'{self.info_topic}: {calibration.notes[0]}')
        else:
            self._take(calibration.camera, message.distortion_model, calibration.notes)

    def examine(self, images_s: float, publishers: int) -> None:
        """
        Warn of what is wrong as long as it is so.

        :param images_s: for how long images have come, seconds; 0 while none have.
        :param publishers: of camera_info.
        """
        if not self.description and images_s >= MISSING_S:
            self.description = (f"the model's camera, because {self.info_topic} is missing after "
                                f'{MISSING_S:g} s')
            self._fault = (
                f"nothing comes on {self.info_topic}, which has {publishers or 'no'} "
                f'publisher{"" if publishers == 1 else "s"}: remap camera_info to the topic of '
                'the calibration, or set camera_info_policy to ignore where it is the camera of '
                'the map')
        if self._fault:
            self._warn('camera_info', f"{self._fault}. The model's camera is assumed")

    def _assume(self, fault: str) -> None:
        """Go on with the model's camera, or with the one that was known before."""
        if self.choice.camera is None and not self.choice.refusal:
            self._fault = fault
            self.description = f"the model's camera, because {fault}"

    def _refuse(self, reason: str) -> None:
        """Answer no image, as its camera is not known."""
        self.choice, self._fault = QueryCamera(refusal=reason), ''
        self.description = f'none, because {reason}'

    def _take(self, camera: Camera, distortion: str, notes: tuple[str, ...]) -> None:
        if camera == self.choice.camera:
            return
        if self.choice.camera:
            self._warn('camera_info changed', f'the calibration on {self.info_topic} changed '
                       'while running: images are localised by the new one from now on')
        self.choice, self._fault = choose_query_camera(
            self._relocaliser, camera, self._policy), ''
        self.description = '; '.join((
            f'{camera.width}x{camera.height} from {self.info_topic} '
            f'({distortion or "no distortion"})', *notes, *self._difference()))

    def _difference(self) -> tuple[str, ...]:
        """Say how the camera differs from the model's, and what is done with its images."""
        if not self.choice.difference:
            return ()
        done = ('images are not answered' if self.choice.refusal
                else 'images are localised by landmarks')
        self._warn('camera differs', f'{done}: {self.choice.difference}')
        return f'{done}: {self.choice.difference}',
